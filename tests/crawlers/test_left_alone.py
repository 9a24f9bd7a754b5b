"""Where a site does not want us, or wants us later, we go and say so; and no request leaves the public net (charter 5)."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scrapy.http import Headers
from site_on_loopback import NOW, ROOT, House, Site
from test_kinds import LONG

from crawlers.net.addresses import is_private
from crawlers.net.answers import LONGEST_WAIT, is_challenge, retry_after, validators
from crawlers.net.options import LEAST_DELAY, source_settings
from pipeline.settings.sources import Source

CHALLENGES = [
    (200, "<html><head><title>安全验证</title></head><body><div id=c></div><script src=/c.js></script></body></html>"),
    (200, "<html><body><p>您的访问过于频繁，请稍后再试。</p></body></html>"),
    (200, "<html><body><h3>滑动验证</h3><p>请拖动滑块完成拼图</p></body></html>"),
    (200, "<html><title>网站防火墙</title><body>您的请求带有不合法参数，已被网站管理员设置拦截！</body></html>"),
    (200, "<html><body><h2>环境异常</h2><p>当前环境异常，完成验证后即可继续访问。</p><a>去验证</a></body></html>"),
    (200, "<html><script>var arg1='3F';function reload(x){document.cookie='acw_sc__v2='+x;document.location.reload()}</script></html>"),
    (200, "<script>document.cookie='a=1';location.href='/';</script>"),
    (200, "<html><head><script>$_ts=window['$_ts'];if(!$_ts)$_ts={};$_ts.nsd=1</script></head><body></body></html>"),
    (202, "<html><head><meta http-equiv=refresh content=5></head><body><script src='/x/y.js'></script></body></html>"),
    (521, "<script>document.cookie=('_')+('_jsl_clearance_s=1');location.href=location.pathname</script>"),
    (412, "<html><script>$_ts</script></html>"), (401, ""), (403, ""), (418, "teapot"), (407, ""),
    (503, "<html><title>Just a moment...</title><script>window._cf_chl_opt={}</script></html>"),
    (405, "<html><body>很抱歉，由于您访问的URL有可能对网站造成安全威胁，您的访问被阻断。</body></html>"),
]  # fmt: skip
PAGES = [
    (
        200,
        f"<html><title>怎样通过滑动验证</title><body><h1>访问过于频繁怎么办</h1><p>{LONG * 3}安全验证</p></body></html>",
    ),
    (200, f"<html><body><script>initGeetest({{}})</script><h1>登录框也在的新闻页</h1><p>{LONG * 2}</p></body></html>"),
    (200, f"<html><body><script>document.cookie='seen=1';var x=location.href</script><p>{LONG}</p></body></html>"),
    (200, "<rss><channel><item><title>安全验证</title></item></channel></rss>"),
    (200, '{"title": "滑动验证"}'),
    (202, f"<html><body><p>{LONG}</p></body></html>"),
    (404, "<html><body>nothing here</body></html>"),
    (503, "<html><body>维护中</body></html>"),
    (200, ""),
]


@pytest.mark.parametrize(("status", "page"), CHALLENGES)
def test_pages_that_want_a_person_are_seen(status: int, page: str) -> None:
    assert is_challenge(status, page.encode()) and is_challenge(status, page.encode("gb18030"))


@pytest.mark.parametrize(("status", "page"), PAGES)
def test_pages_that_speak_of_it_are_none(status: int, page: str) -> None:
    assert not is_challenge(status, page.encode()) and not is_challenge(status, page.encode("gb18030"))


@given(st.integers(100, 599), st.binary(max_size=300), st.sampled_from([b"", b"<html>", "<script>安全验证".encode()]))
def test_no_answer_breaks_the_look(status: int, body: bytes, head: bytes) -> None:
    assert is_challenge(status, head + body) in (True, False)


def many(site: Site, house: House, pages: int = 40, **more: object) -> None:
    site.put("/", "".join(f'<a class="a" href="/{n}.html">{n}</a>' for n in range(pages)))
    for n in range(pages):
        site.article(f"/{n}.html", f"第{n}条要闻消息的标题", LONG)
    house.source("news", "listing", "media", [site.url + "/"], selectors={"link": "a.a"}, **more)


@pytest.mark.parametrize(("status", "page"), [CHALLENGES[1], CHALLENGES[8], CHALLENGES[10]])
def test_a_captcha_ends_the_source_and_is_said(site: Site, house: House, status: int, page: str) -> None:
    many(site, house)
    for n in range(40):
        site.put(f"/{n}.html", page, status=status)
    report = house.crawl()["news"]
    assert report["status"] == "blocked" and "人机验证" in report["message"] and "不再尝试" in report["message"]
    assert len(site.paths) <= 2 + 16 and report["captured"] == 0 and report["quarantined_count"] == 0


def test_after_a_refusal_not_even_what_was_queued_is_asked_for(site: Site, house: House) -> None:
    many(site, house, delay_seconds=0.2)
    for n in range(40):
        site.put(f"/{n}.html", "no", status=403)
    assert house.crawl()["news"]["status"] == "blocked"
    assert len(site.paths) == 3  # robots.txt, the list, the one that said no


def test_one_refused_page_does_not_end_the_source_for_ever(site: Site, house: House) -> None:
    many(site, house)
    site.put("/39.html", "no", status=403)
    site.pages["/39.html"].wait = 0.5  # type: ignore[union-attr]
    house.crawl()
    for later in (1, 2):
        house.crawl(NOW + timedelta(minutes=20 * later))
    assert len({c.id for c in house.captures()}) == 39 and site.paths.count("/39.html") == 1


@pytest.mark.parametrize(("status", "as_date"), [(429, True), (503, False)])
def test_retry_after_holds_over_runs(site: Site, house: House, status: int, as_date: bool) -> None:
    many(site, house, 3)
    value = format_datetime(datetime.now(UTC) + timedelta(hours=2), usegmt=True) if as_date else "7200"
    good = site.pages["/"]
    site.put("/", "later", status=status, Retry_After=value)
    report = house.crawl()["news"]
    assert report["status"] == "blocked" and "11-21 1" in report["message"] and "以后再读" in report["message"]
    site.pages["/"] = good
    site.log.clear()
    report = house.crawl(NOW + timedelta(hours=1))["news"]
    assert site.paths == [] and report["status"] == "blocked" and "没有读取" in report["message"]
    assert house.crawl(NOW + timedelta(hours=2, minutes=1))["news"]["captured"] == 3


def test_retry_after_of_robots_txt_holds_too(site: Site, house: House) -> None:
    many(site, house, 3)
    site.put("/robots.txt", "", status=503, Retry_After="3600")
    assert "以后再读" in house.crawl()["news"]["message"]
    site.put("/robots.txt", "", status=404)
    site.log.clear()
    house.crawl(NOW + timedelta(minutes=30))
    assert site.paths == []
    assert house.crawl(NOW + timedelta(minutes=61))["news"]["captured"] == 3


@given(st.text(max_size=40) | st.integers().map(str))
def test_any_header_is_a_wait_or_nothing(value: str) -> None:
    headers = Headers({"Retry-After": value, "Last-Modified": value, "ETag": value})
    wait = retry_after(headers, NOW)
    assert wait is None or timedelta(0) <= wait <= LONGEST_WAIT
    etag, modified = validators(headers)
    assert etag.isascii() and modified.isascii() and "\n" not in etag + modified


def test_a_silent_site_is_left(site: Site, house: House) -> None:
    house.write("tingjian.yaml", {"crawl": {"contact": "press@example.org", "timeout_seconds": 1}})
    many(site, house)
    for n in range(40):
        site.pages[f"/{n}.html"].wait = 3  # type: ignore[union-attr]
    started = time.monotonic()
    report = house.crawl()["news"]
    assert report["status"] == "failing" and "没有回应" in report["message"] and time.monotonic() - started < 25
    assert report["captured"] == 0 and len(site.paths) < 42  # of 82, had all forty been tried twice


def test_no_setting_reads_a_public_site_without_a_pause() -> None:
    def settings(**more: object) -> dict[str, object]:
        given = {"id": "news", "name": "n", "kind": "listing", "channel": "media", "urls": ["http://news.example/"]}
        return source_settings(Source.model_validate({**given, "selectors": {"link": "a"}, **more}))

    hasty = settings(delay_seconds=0)
    assert hasty["DOWNLOAD_DELAY"] == LEAST_DELAY >= 1 and hasty["CONCURRENT_REQUESTS_PER_DOMAIN"] == 1
    assert hasty["AUTOTHROTTLE_ENABLED"] and settings(delay_seconds=7)["DOWNLOAD_DELAY"] == 7
    assert settings(delay_seconds=0, allow_private=True)["DOWNLOAD_DELAY"] == 0  # the office's own


NOT_PUBLIC = """
127.0.0.1 127.255.0.9 0.0.0.0 10.0.0.1 172.31.255.255 192.168.1.1 169.254.169.254 100.64.0.1 100.127.255.254 192.0.0.8
192.0.2.1 198.18.0.1 198.51.100.1 203.0.113.1 224.0.0.251 239.1.1.1 240.0.0.1 255.255.255.255
:: ::1 ::127.0.0.1 ::ffff:127.0.0.1 ::ffff:10.0.0.1 ::ffff:8.8.8.8 ::ffff:0:127.0.0.1 64:ff9b::a00:1 64:ff9b:1::a00:1
fe80::1 fe80::1%eth0 fec0::1 fc00::1 fd12:3456::1 ff02::1 ff0e::1 100::1 2001:db8::1 2002:a00:1:: 2002:7f00:1::
2001:0:4136:e378:8000:63bf:3fff:fdd2 2001:10::1 not-an-address
""".split()


@pytest.mark.parametrize("address", NOT_PUBLIC)
def test_what_is_not_public(address: str) -> None:
    assert is_private(address) and is_private(f"[{address}]")


@given(st.ip_addresses())
def test_any_address_is_one_or_the_other(address: object) -> None:
    assert is_private(str(address)) in (True, False)


def test_a_host_allowed_to_one_source_is_not_to_another(site: Site, house: House) -> None:
    many(site, house, 3)
    house.source("other", "listing", "media", [site.url + "/"], selectors={"link": "a.a"}, allow_private=False)
    host = f"http://localhost:{site.port}/"
    house.source("name", "listing", "media", [host], selectors={"link": "a.a"}, allow_private=False)
    house.source("own", "listing", "media", [host], selectors={"link": "a.a"})
    reports = house.crawl()
    assert [reports[i]["refused"].get("private_address", 0) for i in ("news", "other", "name", "own")] == [0, 1, 1, 0]
    assert reports["own"]["captured"] == 3


_REBINDING = """
import json, socket, sys
from datetime import datetime
from pathlib import Path
from crawlers.run import crawl
from pipeline.settings import load_home
answers = {"steady.example": ["127.0.0.1"], "turning.example": ["240.0.0.9", "8.8.8.8", "127.0.0.1"], "own.example": ["127.0.0.1"]}
asked = []
def resolve(name, *rest):  # what a hostile name server would answer
    asked.append(name)
    found = answers[name]
    return found.pop(0) if len(found) > 1 else found[0]
socket.gethostbyname = resolve
home = load_home(Path(sys.argv[1]))
reports = crawl(home, home.sources, datetime.fromisoformat(sys.argv[2]), lambda line: None)
print(json.dumps([{k: r.to_dict() for k, r in reports.items()}, asked]))
"""


def test_the_address_that_was_checked_is_the_one_that_is_connected_to(
    new_site: Callable[[], Site], house: House
) -> None:
    """Names whose server answers with loopback at once, or only the second time, reach nothing; an allowed one does."""
    house.write("tingjian.yaml", {"crawl": {"contact": "press@example.org", "timeout_seconds": 2}})
    site, own = new_site(), new_site()
    own.put("/", '<a class="a" href="/1.html">一</a>')
    own.article("/1.html", "本单位内网的一条消息", LONG)
    for name in ("steady", "turning"):
        url = f"http://{name}.example:{site.port}/"
        house.source(name, "listing", "media", [url], selectors={"link": "a.a"}, allow_private=False)
    house.source("own", "listing", "media", [f"http://own.example:{own.port}/"], selectors={"link": "a.a"})
    process = subprocess.run(
        [sys.executable, "-c", _REBINDING, str(house.folder), NOW.isoformat()],
        cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, text=True, capture_output=True, timeout=90, check=True,
    )  # fmt: skip
    reports, asked = json.loads(process.stdout.splitlines()[-1])
    assert site.paths == [] and reports["own"]["captured"] == 1
    assert reports["steady"]["refused"]["private_address"] == 1 and reports["turning"]["captured"] == 0
    assert {"steady.example", "turning.example", "own.example"} <= set(asked)
