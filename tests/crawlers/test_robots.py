"""robots.txt as RFC 9309 has it: every rule by itself, then as a site sends it to the real spider (charter 5)."""

from __future__ import annotations

import asyncio
import gzip
import time
from collections.abc import Callable
from datetime import timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scrapy.crawler import Crawler
from site_on_loopback import NOW, Answer, House, Site
from test_kinds import LONG

from crawlers.net import robots as robots_module
from crawlers.net.robots import FRESH_SECONDS, READ_BYTES, Robots, RobotsCache, judge

HOST = "http://news.example"
RULES = [
    ("User-agent: *\nDisallow: /a", "/a/1.html", False),
    ("User-agent: *\nDisallow: /a", "/b", True),
    ("User-agent: *\nDisallow:", "/a", True),
    ("\ufeffUser-agent: *\nDisallow: /a", "/a", False),  # a byte order mark
    ("User-agent: *\r\nDisallow: /a\r\n", "/a", False),
    ("user-agent : *\ndisallow : /a # why", "/a", False),
    ("User-agent: *\nDisallow: /*.pdf$", "/x/1.pdf", False),
    ("User-agent: *\nDisallow: /*.pdf$", "/x/1.pdf?page=2", True),
    ("User-agent: *\nDisallow: /*/print/", "/a/print/1", False),
    ("User-agent: *\nDisallow: /*?sort=", "/a?sort=2", False),
    ("User-agent: *\nDisallow: /a/\nAllow: /a/b/", "/a/b/1", True),  # the longest rule counts
    ("User-agent: *\nAllow: /a/b/\nDisallow: /a/", "/a/c", False),
    ("User-agent: *\nDisallow: /a\nAllow: /a", "/a", True),  # of two equal ones, the kinder
    ("User-agent: *\nDisallow: /检察", "/%E6%A3%80%E5%AF%9F/1", False),
    ("User-agent: *\nDisallow: /%e6%a3%80", "/检察", False),
    ("User-agent: *\nDisallow: /\n\nUser-agent: Tingjian\nAllow: /", "/a", True),  # our own group alone counts
    ("User-agent: *\nAllow: /\n\nUser-agent: TINGJIAN\nDisallow: /", "/a", False),
    ("User-agent: tingjian\nDisallow: /a\n\nUser-agent: other\nDisallow: /b\n\nUser-agent: tingjian\nDisallow: /c", "/c", False),
    ("User-agent: tingjian\nDisallow: /a\n\nUser-agent: other\nDisallow: /b\n\nUser-agent: tingjian\nDisallow: /c", "/a", False),
    ("User-agent: tingjian\nUser-agent: other\nDisallow: /a", "/a", False),
    ("User-agent: tingjianbot\nDisallow: /a", "/a", True),
    ("Disallow: /a", "/a", True),  # belongs to nobody
    ("<html><body>404</body></html>", "/a", True),
    ("", "/a", True),
]  # fmt: skip


@pytest.mark.parametrize(("text", "path", "allowed"), RULES)
def test_rules(text: str, path: str, allowed: bool) -> None:
    assert judge(200, text.encode()).allows(HOST + path) is allowed


@pytest.mark.parametrize(
    ("status", "allowed"),
    [*((s, True) for s in (400, 401, 403, 404, 410, 451)), *((s, False) for s in (429, 500, 502, 503, 504, 301, 304))],
)
def test_what_a_status_means(status: int, allowed: bool) -> None:
    assert judge(status, b"User-agent: *\nDisallow: /a").allows(HOST + "/b") is allowed


def test_the_first_500_kib_are_read_and_half_a_rule_is_none() -> None:
    head = b"User-agent: *\nDisallow: /a\n"
    filler = b"#" * (READ_BYTES - len(head) - 8) + b"\n"
    body = head + filler + b"Allow: /a/b\nDisallow: /c\n"
    robots = judge(200, body)
    assert not robots.allows(HOST + "/a/b") and not robots.allows(HOST + "/a") and robots.allows(HOST + "/c")
    assert READ_BYTES == 500 * 1024


def test_delays_and_sitemaps() -> None:
    text = "User-agent: *\nCrawl-delay: 2.5\nRequest-rate: 1/10s\nSitemap: https://news.example/s.xml\nSitemap: /t.xml"
    robots = judge(200, text.encode())
    assert robots.delay == 10 and robots.sitemaps == ["https://news.example/s.xml", "/t.xml"]
    for odd in ("-5", "nan", "inf", "1e400", "soon"):
        assert judge(200, f"User-agent: *\nCrawl-delay: {odd}".encode()).delay == 0


@given(st.binary(max_size=300), st.text(max_size=60))
def test_no_file_and_no_address_breaks_it(body: bytes, path: str) -> None:
    lines = b"User-agent: *\nDisallow: " + body + b"\nCrawl-delay: " + body + b"\nRequest-rate: " + body
    for text in (body, lines):
        robots = judge(200, text)
        assert robots.allows(f"{HOST}/{path}") in (True, False) and robots.delay >= 0


def test_rules_made_to_be_slow_are_not() -> None:
    star = "User-agent: *\n" + "Disallow: /" + "*a" * 2000 + "b$\n" + "Disallow: /*x*y*z\n" * 20_000
    started = time.monotonic()
    robots = judge(200, star.encode())
    for n in range(20):
        robots.allows(f"{HOST}/{'a' * 2000}{n}")
    assert time.monotonic() - started < 5


def reading(house: House, site: Site, **more: object) -> dict[str, object]:
    site.put("/", '<a class="a" href="/1.html">一</a><a class="a" href="/closed/2.html">二</a>')
    site.article("/1.html", "允许读取的一条消息", LONG)
    site.article("/closed/2.html", "关着的栏目里的消息", LONG)
    house.source("news", "listing", "media", [site.url + "/"], selectors={"link": "a.a"}, **more)
    return house.crawl()["news"]


CLOSED = "User-agent: *\nDisallow: /closed/\n"


@pytest.mark.parametrize("hops", [5, 6])
def test_up_to_five_redirects_are_followed(site: Site, house: House, hops: int) -> None:
    for hop in range(hops):
        here = "/robots.txt" if hop == 0 else f"/r{hop}"
        site.put(here, "", status=302, Location=f"/r{hop + 1}")
    site.put(f"/r{hops}", CLOSED)
    report = reading(house, site)
    if hops == 5:
        assert report["captured"] == 1 and report["refused"] == {"robots": 1}
    else:
        assert report["status"] == "blocked" and "/" not in site.paths


@pytest.mark.parametrize("wrong", ["gzip", "br", "zstd", "nowhere", "endless"])
def test_an_answer_that_can_not_be_read_allows_nothing_and_is_asked_for_once(
    site: Site, house: House, wrong: str
) -> None:
    if wrong == "nowhere":
        site.put("/robots.txt", "", status=302, Location="http://[oh/")
    elif wrong == "endless":
        site.put("/robots.txt", b"", Content_Length="60000000")
    else:
        site.put("/robots.txt", b"this is not packed at all" * 20, Content_Encoding=wrong)
    report = reading(house, site)
    assert report["status"] == "blocked" and site.paths == ["/robots.txt"], report


def test_a_robots_txt_of_40_mb_is_read_to_its_limit(site: Site, house: House) -> None:
    site.put("/robots.txt", CLOSED.encode() + b"# filler\n" * 4_500_000)
    report = reading(house, site)
    assert report["captured"] == 1 and report["refused"] == {"robots": 1}
    site.put("/robots.txt", gzip.compress(CLOSED.encode() + b"# filler\n" * 100_000), Content_Encoding="gzip")
    site.log.clear()
    assert house.crawl(NOW + timedelta(days=2))["news"]["refused"] == {"robots": 1}


def test_crawl_delay_is_kept_between_requests(site: Site, house: House) -> None:
    times: list[float] = []

    def answer(text: str) -> Callable[[], Answer]:
        def now() -> Answer:
            times.append(time.monotonic())
            return Answer(text.encode())

        return now

    site.put("/robots.txt", "User-agent: *\nCrawl-delay: 1")
    site.pages["/"] = answer('<a class="a" href="/1.html">一</a><a class="a" href="/2.html">二</a>')
    site.pages["/1.html"] = site.pages["/2.html"] = answer("<h1>一条消息</h1><p>" + LONG)
    house.source("news", "listing", "media", [site.url + "/"], selectors={"link": "a.a"})
    assert house.crawl()["news"]["fetched"] == 3
    assert all(later - before > 0.9 for before, later in pairwise(times))


def test_a_source_may_name_robots_txt_for_its_sitemaps(site: Site, house: House) -> None:
    ns = 'xmlns="http://www.sitemaps.org/schemas/sitemap/0.9"'
    site.put("/robots.txt", f"User-agent: *\nAllow: /\nSitemap: {site.url}/s.xml")
    site.put("/s.xml", f"<urlset {ns}><url><loc>{site.url}/1.html</loc></url></urlset>", Content_Type="text/xml")
    site.article("/1.html", "站点地图里的一条消息", LONG)
    house.source("map", "sitemap", "media", [site.url + "/robots.txt"])
    assert house.crawl()["map"]["captured"] == 1 and site.paths == ["/robots.txt", "/s.xml", "/1.html"]
    site.put("/robots.txt", "User-agent: *\nAllow: /")
    report = house.crawl(NOW + timedelta(hours=1))["map"]
    assert report["status"] == "failing" and report["quarantined"][0]["reason"] == "no_sitemaps"


async def answers(cache: RobotsCache, times: list[float], monkeypatch: pytest.MonkeyPatch) -> list[str]:
    fetched: list[str] = []

    async def fetch(place: str, crawler: Crawler) -> Robots:
        fetched.append(place)
        return Robots()

    monkeypatch.setattr(robots_module, "_fetch", fetch)
    for now in times:
        monkeypatch.setattr(robots_module, "monotonic", lambda now=now: now)
        await cache.get(HOST + "/a", None)  # type: ignore[arg-type]
        await cache.get("https://news.example/a", None)  # type: ignore[arg-type]
    return fetched


def test_an_answer_is_kept_for_a_day_at_most_by_scheme_and_host(monkeypatch: pytest.MonkeyPatch) -> None:
    times = [0.0, 3600.0, FRESH_SECONDS - 1, FRESH_SECONDS + 1]
    fetched = asyncio.run(answers(RobotsCache(), times, monkeypatch))
    assert fetched == [HOST, "https://news.example"] * 2 and FRESH_SECONDS <= 86_400
