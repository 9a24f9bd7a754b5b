"""The demo's public web, as it is served: what is visible when, and the traps laid in it."""

from __future__ import annotations

import csv
import http.client
import io
import re
import signal
import smtplib
import socket
import time
from collections.abc import Callable, Iterator
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from urllib.robotparser import RobotFileParser

import openpyxl
import pytest
from demo_process import DemoWeb, moment
from lxml import etree

END = moment(0, "23:00")


@pytest.fixture(scope="module")
def web(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DemoWeb]:
    """One server for the tests that only read; each test sets the clock it needs."""
    demo = DemoWeb(tmp_path_factory.mktemp("demo"))
    demo.move(END)
    demo.start()
    yield demo
    demo.stop()


def until(done: Callable[[], bool], seconds: float = 8) -> None:
    deadline = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)


def links(page: str, pattern: str) -> list[str]:
    return re.findall(rf'href="({pattern})"', page)


def test_nothing_is_shown_before_its_time(web: DemoWeb) -> None:
    web.move(moment(-7))
    assert web.get("news", "/2026/1117/c2208.html")[0] == 404
    assert "/wall/3001" not in web.text("wall", "/wall/")
    assert links(web.text("forum", "/forum/shequ"), r"/t/\d+") == []
    early = web.text("news", "/sitemap.xml").count("<loc>")
    web.move(moment(-5, "12:00"))
    assert links(web.text("forum", "/t/1001?page=2"), '/u/[^"]+')
    assert "晚报登出来了" not in web.text("forum", "/t/1001?page=2")
    web.move(moment(-4))
    assert "晚报登出来了" in web.text("forum", "/t/1001?page=2")
    assert web.get("news", "/2026/1117/c2208.html")[0] == 200
    assert web.text("news", "/sitemap.xml").count("<loc>") > early > 25


def test_archive_weeks_are_in_the_sitemap_and_the_feed_has_the_latest_fifteen(web: DemoWeb) -> None:
    web.move(END)
    sitemap = etree.fromstring(web.text("news", "/sitemap.xml").encode())
    locations = sitemap.xpath("//*[local-name()='loc']/text()")
    assert len(locations) == 63
    assert any("/2026/1019/" in x for x in locations)
    feed = etree.fromstring(web.text("news", "/rss.xml").encode())
    items = feed.findall(".//item")
    assert len(items) == 15
    assert all(len(i.findtext("description") or "") <= 61 for i in items)
    assert any("utm_source=rss" in (i.findtext("link") or "") for i in items)
    for item in items:
        link = item.findtext("link") or ""
        assert web.get("news", link.removeprefix(web.base("news")))[0] == 200


def test_official_pages_are_gb18030_and_say_gb2312(web: DemoWeb) -> None:
    web.move(END)
    path = "/dt/202610/t20261024_1003.html"
    connection = http.client.HTTPConnection("127.0.0.1", web.ports[0], timeout=10)
    connection.request("GET", path)
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    assert answer.getheader("Content-Type") == "text/html"
    assert b"charset=gb2312" in body
    assert "㵲泉社区" in body.decode("gb18030")
    with pytest.raises(UnicodeDecodeError):
        body.decode("gb2312")
    with pytest.raises(UnicodeDecodeError):
        body.decode("utf-8")


def test_official_list_leads_to_every_release_once(web: DemoWeb) -> None:
    web.move(END)
    found: list[str] = []
    for name in ("index.html", "index_2.html", "index_3.html"):
        page = web.text("official", f"/dt/{name}")
        found += links(page, r"\./\d{6}/t\d{8}_\d+\.html")
    assert len(found) == len(set(found)) == 25
    assert 'class="next"' not in page
    assert web.get("official", "/dt/index_4.html")[0] == 404
    detail = web.text("official", "/dt/" + found[0].removeprefix("./"))
    assert re.search(r"发布时间:2026-11-21 \d\d:\d\d", detail)


def test_forum_pages_hold_twenty_threads_and_ten_posts(web: DemoWeb) -> None:
    web.move(END)
    first, second = web.text("forum", "/forum/shequ"), web.text("forum", "/forum/shequ?page=2")
    threads = [links(page, r"/t/\d+") for page in (first, second)]
    assert len(threads[0]) == 20
    assert not set(threads[0]) & set(threads[1])
    assert web.get("forum", "/forum/shequ?page=3")[0] == 404
    assert web.get("forum", "/forum/shequ?page=x")[0] == 404
    assert web.text("forum", "/t/1001").count('class="post"') == 10
    assert web.text("forum", "/t/1001?page=2").count('class="post"') == 4


def test_the_closed_section_is_linked_and_closed(web: DemoWeb) -> None:
    web.move(END)
    assert links(web.text("forum", "/forum/shequ"), "/neibu/")
    robots = RobotFileParser()
    robots.parse(web.text("forum", "/robots.txt").splitlines())
    assert not robots.can_fetch("Tingjian", "/neibu/9001")
    assert robots.can_fetch("Tingjian", "/t/1001?page=2")
    assert robots.crawl_delay("Tingjian") is None
    assert "闭门版块的话" in web.text("forum", "/neibu/9001")
    assert web.get("forum", "/t/9001")[0] == 404
    for site in ("official", "news", "wall"):
        assert "User-agent: *" in web.text(site, "/robots.txt")


def test_an_article_changes_on_a_later_day(web: DemoWeb) -> None:
    path = "/2026/1117/c2208.html"
    web.move(moment(-2, "11:39"))
    before = web.text("news", path)
    web.move(moment(-2, "11:40"))
    after = web.text("news", path)
    assert "连拨六次" in before and "更新于" not in before
    assert "响铃两声后即有接线员应答" in after and "更新于 2026-11-19 11:40" in after
    assert "2026-11-19T11:40:00+08:00" in web.text("news", "/sitemap.xml")


def test_the_mobile_twin_points_to_the_page(web: DemoWeb) -> None:
    web.move(END)
    path = "/2026/1120/c2220.html"
    assert f'<link rel="canonical" href="{web.base("news")}{path}">' in web.text("news", "/m" + path)
    assert web.get("news", "/m/2026/1117/c2208.html")[0] == 404


def test_board_shows_messages_and_later_the_reply(web: DemoWeb) -> None:
    web.move(moment(-3))
    assert "post reply" not in web.text("wall", "/wall/3001")
    web.move(END)
    assert "深表歉意" in web.text("wall", "/wall/3001")
    assert len(links(web.text("wall", "/wall/?page=3"), r"/wall/\d+")) == 2


def test_every_page_says_that_it_is_fictional(web: DemoWeb) -> None:
    web.move(END)
    paths = {
        "official": ["/", "/dt/index.html", "/dt/202611/t20261116_1015.html"],
        "news": ["/", "/2026/1117/c2208.html", "/m/2026/1120/c2220.html", "/rss.xml", "/sitemap.xml"],
        "forum": ["/", "/forum/shequ", "/t/1001", "/neibu/", "/u/yhc-qx7731"],
        "wall": ["/wall/", "/wall/3001"],
    }
    for site, some in paths.items():
        for path in some:
            assert "虚构网站" in web.text(site, path), (site, path)
    status, body = web.get("news", "/nothing")
    assert status == 404 and "虚构网站" in body.decode()


def test_log_has_a_line_per_request(web: DemoWeb) -> None:
    web.get("wall", "/wall/?page=2")
    last = web.log.read_text(encoding="utf-8").splitlines()[-1].split("\t")
    assert last[1:] == ["wall", "GET", "/wall/?page=2", "200", "tests/1"]


def test_a_clock_that_is_half_written_keeps_the_last_time(web: DemoWeb) -> None:
    web.move(moment(-5, "12:00"))
    assert "晚报登出来了" not in web.text("forum", "/t/1001?page=2")
    web.clock.write_text("2026-11-", encoding="utf-8")
    assert "晚报登出来了" not in web.text("forum", "/t/1001?page=2")
    web.move(END)


def test_mail_is_kept_whole(web: DemoWeb) -> None:
    mail = EmailMessage(policy=policy.SMTP)
    mail["Subject"], mail["From"], mail["To"] = "告警：热线无人接听", "a@example.org", "b@example.org"
    mail.set_content("第一行\n.以点开头的一行\n")
    before = set(web.inbox.iterdir())
    with smtplib.SMTP("127.0.0.1", web.ports[4], timeout=10) as smtp:
        smtp.send_message(mail)
        smtp.send_message(mail, to_addrs=["c@example.org", "d@example.org"])
    new = sorted(set(web.inbox.iterdir()) - before)
    assert [p.suffix for p in new] == [".eml", ".eml"]
    read = message_from_bytes(new[0].read_bytes(), policy=policy.default)
    assert read["Subject"] == "告警：热线无人接听" and read["X-Envelope-To"] == "b@example.org"
    assert "\n.以点开头的一行" in read.get_content()


def test_drop_files_come_once_and_stay_away_when_consumed(tmp_path: Path) -> None:
    web = DemoWeb(tmp_path)
    web.move(moment(-5))
    web.start()
    xlsx, sheet = web.drop / "12309-20261117.xlsx", web.drop / "12309-20261119.csv"
    assert not list(web.drop.iterdir())
    web.move(moment(-4))
    until(xlsx.exists)
    rows = list(openpyxl.load_workbook(xlsx).worksheets[0].values)
    assert rows[0] == ("受理编号", "受理时间", "来电人", "联系电话", "诉求类别", "诉求内容", "承办单位")
    assert len(rows) == 11 and rows[1][0] == "QJ12309-20261115-001"
    assert any(str(r[1]) == "2026-13-45 25:61" or "-13-" in str(r[1]) for r in rows[1:])
    xlsx.unlink()
    web.move(moment(-2))
    until(sheet.exists)
    table = list(csv.reader(io.StringIO(sheet.read_bytes().decode("gb18030"))))
    assert len(table) == 10 and any(row[5] == "" for row in table[1:])
    assert web.stop()[0] == 0
    web.start()
    time.sleep(0.6)
    assert [p.name for p in web.drop.iterdir()] == [sheet.name]
    assert web.stop()[0] == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_ends_cleanly_also_while_somebody_waits(tmp_path: Path, number: signal.Signals) -> None:
    web = DemoWeb(tmp_path, extra=("--robots-status", "forum=hang", "--robots-status", "wall=503"))
    web.move(END)
    web.start()
    assert web.get("wall", "/robots.txt")[0] == 503
    with pytest.raises(TimeoutError):
        web.get("forum", "/robots.txt", timeout=0.5)
    until(lambda: "\tforum\tGET\t/robots.txt\t" in web.log.read_text(encoding="utf-8"))
    waiting = socket.create_connection(("127.0.0.1", web.ports[2]))
    waiting.sendall(b"GET /robots.txt HTTP/1.1\r\nHost: x\r\n\r\n")
    time.sleep(0.2)
    code, seconds, errors = web.stop(number)
    waiting.close()
    assert (code, errors) == (0, "")
    assert seconds < 2
    assert web.log.read_text(encoding="utf-8").count("\tforum\tGET\t/robots.txt\t") == 2


def test_a_port_in_use_is_said_in_words(tmp_path: Path) -> None:
    web = DemoWeb(tmp_path)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", web.ports[4]))
        taken.listen()
        with pytest.raises(AssertionError, match=f"端口 {web.ports[4]} 用不了"):
            web.start()
