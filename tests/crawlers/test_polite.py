"""robots.txt, private addresses, sizes, redirects: what is refused is counted and never requested (charter 5)."""

from __future__ import annotations

import asyncio
import gzip
import socket
from collections.abc import Callable
from types import SimpleNamespace
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scrapy import Request
from scrapy.crawler import Crawler
from site_on_loopback import House, Site

from crawlers.net.addresses import is_private
from crawlers.net.gate import GateMiddleware, Turned
from crawlers.net.options import user_agent
from crawlers.net.robots import ROBOTS, RobotsCache, judge
from crawlers.report import Tally

LONG = "清江市人民检察院昨日通报一起公益诉讼案件的办理情况，检察机关已向主管部门制发检察建议。" * 5


def small_site(site: Site) -> None:
    site.put("/", '<a class="a" href="/1.html">一</a><a class="a" href="/closed/2.html">二</a>')
    site.article("/1.html", "允许读取的一条消息", LONG)
    site.article("/closed/2.html", "关着的栏目里的消息", LONG)


def listing(house: House, site: Site, **more: object) -> None:
    house.source("news", "listing", "media", [site.url + "/"], selectors={"link": "a.a"}, **more)


def test_a_closed_section_is_never_requested(site: Site, house: House) -> None:
    small_site(site)
    site.put("/robots.txt", "User-agent: *\nDisallow: /closed/\n", Content_Type="text/plain")
    listing(house, site)
    report = house.crawl()["news"]
    assert report["captured"] == 1 and report["refused"] == {"robots": 1}
    assert site.paths.count("/robots.txt") == 1 and "/closed/2.html" not in site.paths
    agents = {headers["User-Agent"] for _, headers in site.log}
    assert len(agents) == 1 and agents.pop().startswith("Tingjian/0.1 (+press@example.org")
    assert not any("Cookie" in headers or "Referer" in headers for _, headers in site.log)


@pytest.mark.parametrize(("status", "words"), [(503, "503"), (500, "500"), (429, "429")])
def test_robots_that_answers_an_error_allows_nothing(site: Site, house: House, status: int, words: str) -> None:
    small_site(site)
    site.put("/robots.txt", "no", status=status)
    listing(house, site)
    report = house.crawl()["news"]
    assert report["status"] == "blocked" and words in report["message"] and report["refused"]["robots"] == 1
    assert set(site.paths) == {"/robots.txt"}


def test_robots_that_hangs_allows_nothing(site: Site, house: House) -> None:
    small_site(site)
    site.put("/robots.txt", "", wait=20)
    listing(house, site)
    report = house.crawl()["news"]
    assert report["status"] == "blocked" and "超时" in report["message"]
    assert set(site.paths) == {"/robots.txt"}


def test_a_site_that_cannot_be_reached_is_not_read(house: House) -> None:
    with socket.socket() as taken:  # bound but not listening: refuses connections
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}/"
        house.source("news", "listing", "media", [url], selectors={"link": "a.a"})
        house.source("gone", "listing", "media", ["http://nothing.invalid/"], selectors={"link": "a.a"})
        reports = house.crawl()
    assert {k: (r["status"], r["fetched"]) for k, r in reports.items()} == {
        "news": ("blocked", 0),
        "gone": ("blocked", 0),
    }
    assert "连接失败" in reports["news"]["message"] and "域名解析失败" in reports["gone"]["message"]


def test_robots_that_unpacks_to_hundreds_of_megabytes_allows_nothing(site: Site, house: House) -> None:
    small_site(site)
    site.put("/robots.txt", gzip.compress(b"a" * 200_000_000), Content_Encoding="gzip")
    listing(house, site)
    assert house.crawl()["news"]["status"] == "blocked" and set(site.paths) == {"/robots.txt"}


def test_every_hop_of_a_redirect_passes_the_gate(house: House) -> None:
    """What Scrapy asks for after a redirect goes through the same middleware: private numbers are refused there too."""
    house.source("news", "listing", "media", ["http://news.example/"], selectors={"link": "a"}, allow_private=False)
    source = house.home.sources[0]
    gated = SimpleNamespace(source=source, tally=Tally(), robots=RobotsCache(), hosts=frozenset({"news.example"}))
    gate = GateMiddleware(cast(Crawler, SimpleNamespace(spider=gated)))
    for url in (
        "http://10.0.0.8/",
        "http://169.254.169.254/latest/",
        "http://[::1]/",
        "http://localhost/",
        "file:///etc/passwd",
    ):
        for meta in ({}, {ROBOTS: True}):  # also where robots.txt itself leads there
            with pytest.raises(Turned) as refused:
                asyncio.run(gate.process_request(Request(url, meta=meta)))
            assert refused.value.reason in ("private_address", "scheme")


def test_robots_that_redirects_in_a_circle_allows_nothing(site: Site, house: House) -> None:
    small_site(site)
    site.put("/robots.txt", "", status=302, Location="/robots.txt")
    listing(house, site)
    assert house.crawl()["news"]["status"] == "blocked"
    assert set(site.paths) == {"/robots.txt"} and len(site.paths) <= 6


def test_missing_robots_allows_all_and_crawl_delay_is_kept(site: Site, house: House) -> None:
    assert judge(404, b"").allows("http://a/x") and judge(403, b"").allows("http://a/x")
    assert not judge(304, b"").allows("http://a/x")
    assert judge(200, b"User-agent: *\nCrawl-delay: 7").delay == 7
    assert not judge(200, b"User-agent: tingjian\nDisallow: /x").allows("http://a/x")


@pytest.mark.parametrize("status", [401, 403])
def test_a_site_that_refuses_is_left_alone(site: Site, house: House, status: int) -> None:
    links = "".join(f'<a class="a" href="/{n}.html">{n}</a>' for n in range(40))
    site.put("/", links)
    for n in range(40):
        site.put(f"/{n}.html", "no", status=status)
    listing(house, site)
    report = house.crawl()["news"]
    assert report["status"] == "blocked" and str(status) in report["message"]
    assert len(site.paths) < 30  # those on their way, and no more


def test_loopback_is_refused_unless_allowed(site: Site, house: House) -> None:
    small_site(site)
    listing(house, site, allow_private=False)
    house.source(
        "named", "listing", "media", [f"http://localhost:{site.port}/"], selectors={"link": "a.a"}, allow_private=False
    )
    house.source(
        "odd", "listing", "media", [f"http://2130706433:{site.port}/"], selectors={"link": "a.a"}, allow_private=False
    )
    house.source(
        "own-name",
        "listing",
        "media",
        [f"http://{socket.gethostname()}:{site.port}/"],
        selectors={"link": "a.a"},
        allow_private=False,
    )
    reports = house.crawl()
    assert site.paths == []
    assert {r["status"] for r in reports.values()} == {"failing"}
    assert all(r["refused"].get("private_address") for r in reports.values()), reports


def test_redirects_stay_on_the_site(new_site: Callable[[], Site], house: House) -> None:
    site, inner = new_site(), new_site()
    inner.article("/secret.html", "内网里的一页不该读到", LONG)
    site.put(
        "/", '<a class="a" href="/1.html">一</a><a class="a" href="/2.html">二</a><a class="a" href="/3.html">三</a>'
    )
    site.put("/1.html", "", status=302, Location=inner.url + "/secret.html")
    site.put("/2.html", '<meta http-equiv="refresh" content="0;url=http://169.254.169.254/latest/">')
    site.put("/3.html", "", status=301, Location="/3.html?again=1")
    for n in range(1, 9):
        site.put(f"/3.html?again={n}", "", status=301, Location=f"/3.html?again={n + 1}")
    listing(house, site)
    report = house.crawl()["news"]
    assert inner.paths == []
    assert report["captured"] == 0 and report["refused"]["redirects"] == 1 and report["refused"]["offsite"] == 2
    assert sum(p.startswith("/3.html") for p in site.paths) == 6


def test_oversized_and_unending_pages_are_refused_and_others_go_on(site: Site, house: House) -> None:
    site.put("/", "".join(f'<a class="a" href="/{n}.html">{n}</a>' for n in range(5)))
    site.put("/0.html", "<p>" + "大" * 400_000)
    site.put("/1.html", gzip.compress(b"<p>" + b"a" * 3_000_000), Content_Encoding="gzip")
    site.put("/2.html", b"%PDF-1.7 ...", Content_Type="application/pdf")
    site.put("/3.html", "<html><body></body></html>")
    site.article("/4.html", "其余页面照常读取的消息", LONG)
    listing(house, site)
    report = house.crawl()["news"]
    assert report["refused"] == {"too_large": 2}
    assert sorted(q["reason"] for q in report["quarantined"]) == ["empty_text", "not_html"]
    assert report["captured"] == 1 and report["status"] == "ok"


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "10.1.2.3",
        "192.168.0.1",
        "172.16.9.9",
        "169.254.1.1",
        "0.0.0.0",
        "100.64.0.1",
        "::1",
        "fe80::1",
        "fc00::1",
        "::ffff:10.0.0.1",
        "64:ff9b::7f00:1",
        "2002:7f00:1::",
        "224.0.0.1",
        "198.18.0.1",
    ],
)
def test_private_addresses(address: str) -> None:
    assert is_private(address)


def test_public_addresses() -> None:
    assert not is_private("93.184.216.34") and not is_private("2606:2800:220:1:248:1893:25c8:1946")


@given(st.text())
def test_the_user_agent_is_one_ascii_line(contact: str) -> None:
    agent = user_agent(contact)
    assert agent.isascii() and agent.isprintable() and agent.startswith("Tingjian/0.1 (+")
