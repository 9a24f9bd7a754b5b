"""What a crawl keeps of institutions' pages: as received, without readers' comments, whole also after a kill."""

from __future__ import annotations

import gzip
import os
import shutil
import signal
import time
from datetime import timedelta
from pathlib import Path

from site_on_loopback import NOW, Answer, House, Site

from crawlers.evidence import expire_old_pages

LONG = "清江市人民检察院昨日通报一起公益诉讼案件的办理情况，检察机关已向主管部门制发检察建议。" * 5
PHONE = "13900001111"
COMMENTS = f'<div id="comments"><h3>网友评论</h3><div class="item"><b>昵称QX</b> 我的电话{PHONE}</div></div>'


def unpacked(folder: Path) -> bytes:
    return b"".join(gzip.decompress(p.read_bytes()) for p in sorted(folder.rglob("*.gz")))


def test_the_answer_is_kept_as_it_came(site: Site, house: House) -> None:
    page = f"<html><head><meta charset=gb2312><title>㵲泉社区听证会</title></head><body><h1>㵲泉社区听证会</h1><p>{LONG}</p></body></html>"
    raw = page.encode("gb18030")
    site.put("/", '<a class="a" href="/1.html">一</a>')
    site.put("/1.html", raw, Content_Type="text/html; charset=gb2312", Server="nginx", ETag='"v1"')
    house.source("news", "listing", "media", [site.url + "/"], selectors={"link": "a.a"})
    house.crawl()
    capture = house.captures()[0]
    kept = house.evidence(capture.evidence)
    assert kept.body == raw and kept.cut == 0 and kept.item == capture.id
    assert kept.url == site.url + "/1.html" and NOW <= kept.at < NOW + timedelta(minutes=2)
    lines = kept.head.split("\r\n")
    assert (
        lines[0] == "HTTP/1.1 200 OK" and 'Etag: "v1"' in lines and "Content-Type: text/html; charset=gb2312" in lines
    )
    assert "WARC-IP-Address" in dict(kept.warc_headers)
    assert [c.problems for c in house.verified()] == [[]]


def test_comments_are_cut_and_the_record_says_so(site: Site, house: House) -> None:
    links = "".join(f'<a class="a" href="/{n}.html">{n}</a>' for n in range(1, 6))
    site.put("/", links)
    site.article("/1.html", "一条带评论的新闻消息", LONG, more=COMMENTS)
    site.article("/2.html", "没有评论的新闻消息", LONG)
    site.article("/3.html", "另有一栏的新闻消息", LONG, more=f'<div class="hot">昵称QX说{PHONE}</div>')
    data = f'<script>window.state = {{"commentList": [{{"nick": "昵称QX", "text": "{PHONE}"}}]}}</script>'
    site.article("/4.html", "评论藏在脚本里的新闻", LONG, more=data)
    site.article(
        "/5.html", "评论注释掉了的新闻", LONG, more=f'<!-- 旧版 <ul class="pinglun"><li>昵称QX {PHONE}</li></ul> -->'
    )
    house.source("news", "listing", "media", [site.url + "/"], selectors={"link": "a.a", "remove": [".hot"]})
    house.crawl()
    kept = {c.title: house.evidence(c.evidence) for c in house.captures()}
    assert {title: record.cut for title, record in kept.items()} == {
        "一条带评论的新闻消息": 1,
        "没有评论的新闻消息": 0,
        "另有一栏的新闻消息": 1,
        "评论藏在脚本里的新闻": 1,
        "评论注释掉了的新闻": 1,
    }
    everything = unpacked(house.home.evidence).decode()
    assert "昵称QX" not in everything and PHONE not in everything and everything.count(LONG) == 5
    assert "Tingjian-Comments-Cut: 1" in everything and "charset=utf-8" in kept["一条带评论的新闻消息"].content_type


def test_every_page_of_an_article_is_kept(site: Site, house: House) -> None:
    site.put("/", '<a class="a" href="/1.html">一</a>')
    for n, path in enumerate(("/1.html", "/1_2.html", "/1_3.html"), 1):
        following = f'<a href="/1_{n + 1}.html">下一页</a>' if n < 3 else ""
        site.article(path, "一篇分成三页的报道", LONG + f"\n第{n}页独有的话。", more=following)
    house.source("news", "listing", "official", [site.url + "/"], selectors={"link": "a.a"})
    house.crawl()
    capture = house.captures()[0]
    assert "第3页独有的话" in capture.text
    first = house.evidence(capture.evidence)
    assert (first.url, first.part) == (site.url + "/1.html", 1)
    everything = unpacked(house.home.evidence).decode()
    assert all(f"第{n}页独有的话" in everything and f"Tingjian-Part: {n}" in everything for n in (1, 2, 3))
    assert everything.count(f"Tingjian-Item: {capture.id}") == 3


def test_nothing_of_what_people_wrote(site: Site, house: House, tmp_path: Path) -> None:
    post = f'<div class="post" id="p101"><div class="c">热线打不通，我的电话{PHONE}</div></div>'
    site.put("/f", '<ul><li><a class="t" href="/t/1">话题</a></li></ul>')
    site.put("/t/1", f"<h1>热线没人接</h1>{post}")
    site.put("/", '<a class="a" href="/1.html">一</a>')
    site.article("/1.html", "一条留言的办理情况", LONG + f"\n我的电话{PHONE}")
    house.source("forum", "thread", "public", [site.url + "/f"], selectors={"link": "a.t", "post": ".post"})
    house.source("board", "listing", "public", [site.url + "/"], selectors={"link": "a.a"})
    drop = tmp_path / "drop"
    drop.mkdir()
    (drop / "a.csv").write_text(f"编号,时间,内容\nQ1,2026-11-20 10:00,我的电话{PHONE}没人打\n", encoding="utf-8")
    columns = {"text": "内容", "source_ref": "编号", "received_at": "时间"}
    line = {
        "id": "line",
        "name": "热线",
        "kind": "drop",
        "channel": "submission",
        "folder": str(drop),
        "columns": columns,
    }
    house.write("sources/line.yaml", line)
    assert {k: r["captured"] for k, r in house.crawl().items()} == {"forum": 1, "board": 1, "line": 1}
    assert not house.home.evidence.exists() and not house.home.evidence_register.exists()
    assert PHONE.encode() not in house.everything_on_disk()


def test_a_page_that_did_not_change_is_kept_once_and_an_edit_again(site: Site, house: House) -> None:
    site.put("/", '<a class="a" href="/1.html">一</a>')
    site.article("/1.html", "一条会改的新闻消息", LONG)
    house.source("news", "listing", "media", [site.url + "/"], selectors={"link": "a.a"})
    house.crawl()
    house.crawl(NOW + timedelta(hours=47))
    assert site.paths.count("/1.html") == 2 and [c.kept for c in house.verified()] == [1]
    site.article("/1.html", "一条会改的新闻消息", LONG + "\n更正：昨日数字有误。")
    house.crawl(NOW + timedelta(days=6, hours=1))
    assert [c.kept for c in house.verified()] == [1, 1]
    old, new = house.captures()
    assert "更正" not in house.evidence(old.evidence).body.decode()
    assert "更正" in house.evidence(new.evidence).body.decode()


def test_a_killed_spider_leaves_what_verifies_and_the_next_one_goes_on(site: Site, house: House) -> None:
    links = "".join(f'<a class="a" href="/{n}.html">{n}</a>' for n in range(40))
    site.put("/", links)
    for n in range(40):
        site.article(f"/{n}.html", f"第{n}条公益诉讼消息", LONG + f"\n第{n}页。")
        page = site.pages[f"/{n}.html"]
        assert isinstance(page, Answer)
        page.wait = 0.05
    house.source("news", "listing", "media", [site.url + "/"], selectors={"link": "a.a"})
    process = house.start()
    file = house.home.evidence / "media/202611/news-20261121.warc.gz"
    limit = time.monotonic() + 30
    while not (file.exists() and file.stat().st_size > 4000) and time.monotonic() < limit:
        time.sleep(0.02)
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    before = house.verified()[0]
    assert before.kept >= 3 and before.problems == []
    with file.open("ab") as f:
        f.write(file.read_bytes()[:300])  # a record half written, as a power cut leaves it
    assert house.verified()[0].torn and house.verified()[0].problems == []
    house.crawl()
    after = house.verified()[0]
    assert after.kept == 40 and not after.torn and after.problems == []
    assert len({house.evidence(c.evidence).item for c in house.captures()}) == 40


def test_two_crawls_at_once_share_a_file(site: Site, house: House) -> None:
    for name in ("a", "b"):
        site.put(f"/{name}", "".join(f'<a class="a" href="/{name}{n}.html">{n}</a>' for n in range(25)))
        for n in range(25):
            site.article(f"/{name}{n}.html", f"{name}第{n}条公益诉讼消息", LONG)
    house.source("news", "listing", "media", [site.url + "/a"], selectors={"link": "a.a"})
    twin = House.__new__(House)
    twin.folder = house.folder.with_name("twin")
    shutil.copytree(house.folder, twin.folder)
    twin.source("news", "listing", "media", [site.url + "/b"], selectors={"link": "a.a"})
    for name in ("evidence", "evidence.db"):  # the same source in two processes: only its list differs
        (house.folder / "evidence").mkdir(exist_ok=True)
        house.home.evidence_register.touch()
        (twin.folder / name).symlink_to(house.folder / name)
    processes = [house.start(), twin.start()]
    for process in processes:
        assert process.wait(60) == 0
        process.communicate()
    checked = house.verified()
    assert [(c.kept, c.problems) for c in checked] == [(50, [])]
    for home in (house, twin):
        titles = {c.title: home.evidence(c.evidence).body.decode() for c in home.captures()}
        assert len(titles) == 25 and all(title in body for title, body in titles.items())


def test_pages_kept_in_files_of_their_own_still_expire(house: House) -> None:
    old = house.home.evidence / "media/202611/abc-1234.html.gz"
    old.parent.mkdir(parents=True)
    old.write_bytes(gzip.compress(b"<p>x"))
    os.utime(old, (NOW.timestamp(), NOW.timestamp()))
    assert expire_old_pages(house.home, NOW + timedelta(days=179)) == 0
    assert expire_old_pages(house.home, NOW + timedelta(days=181), frozenset({"abc"})) == 0
    assert expire_old_pages(house.home, NOW + timedelta(days=181)) == 1 and not old.exists()
