"""Sites that answer with more, longer or other than they should: a counted refusal each, and the others are read (issue 6)."""

from __future__ import annotations

import gzip
import re
import resource
import socket
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta

import brotli
import pytest
from site_on_loopback import NOW, Answer, House, Site
from test_kinds import FORUM, LONG

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\n"
BOMB = b"<p>" + b"a" * 60_000_000


def slow_headers() -> Iterator[bytes]:
    yield b"HTTP/1.1 200 OK\r\n"
    while True:
        time.sleep(0.3)
        yield b"X-Slow: 1\r\n"


def slow_body() -> Iterator[bytes]:
    yield HEAD + b"Content-Length: 100000\r\n\r\n"
    while True:
        time.sleep(0.3)
        yield b"<p>"


def endless_headers() -> Iterator[bytes]:
    yield b"HTTP/1.1 200 OK\r\n"
    while True:
        yield b"X-More: " + b"m" * 8000 + b"\r\n"


def endless_interim() -> Iterator[bytes]:
    while True:
        yield b"HTTP/1.1 100 Continue\r\n\r\n" * 50


def endless_chunks() -> Iterator[bytes]:
    yield HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
    while True:
        yield b"10000\r\n" + b"a" * 0x10000 + b"\r\n"


def cut_short() -> Iterator[bytes]:
    yield HEAD + b"Content-Length: 5000\r\n\r\n<p>half"


def no_http() -> Iterator[bytes]:
    yield b"\x00\x01SSH-2.0-OpenSSH\r\n\r\n"


def nothing() -> Iterator[bytes]:
    yield b""


@contextmanager
def raw(answer: Callable[[], Iterator[bytes]]) -> Iterator[int]:
    """A port on which every connection gets this answer to anything."""
    server = socket.create_server(("127.0.0.1", 0))

    def talk(connection: socket.socket) -> None:
        with suppress(OSError), connection:
            asked = connection.recv(4096)
            if b"/robots.txt" in asked:
                connection.sendall(b"HTTP/1.1 404 none\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
                return
            for piece in answer():
                connection.sendall(piece)

    def accept() -> None:
        with suppress(OSError):
            while True:
                threading.Thread(target=talk, args=(server.accept()[0],), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield server.getsockname()[1]
    finally:
        server.close()


@pytest.mark.parametrize(
    ("answer", "counted", "word"),
    [
        (slow_headers, "failed", "超时"),
        (slow_body, "failed", "超时"),
        (endless_headers, "failed", "连接失败"),
        (endless_interim, "failed", "连接失败"),
        (endless_chunks, "refused", "too_large"),
        (cut_short, "failed", "传输中断"),
        (no_http, "failed", "连接失败"),
        (nothing, "failed", "连接失败"),
    ],
)
def test_an_answer_without_end_or_sense(
    site: Site, house: House, answer: Callable[[], Iterator[bytes]], counted: str, word: str
) -> None:
    house.write(
        "tingjian.yaml", {"crawl": {"contact": "a@b.example", "timeout_seconds": 2, "max_page_bytes": 3_000_000}}
    )
    site.put("/", '<a class="a" href="/1.html">一</a>')
    site.article("/1.html", "其余来源照常读取的消息", LONG)
    house.source("good", "listing", "media", [site.url + "/"], selectors={"link": "a.a"})
    with raw(answer) as port:
        house.source("bad", "listing", "media", [f"http://127.0.0.1:{port}/"], selectors={"link": "a.a"})
        started = time.monotonic()
        reports = house.crawl()
    assert time.monotonic() - started < 20
    assert reports["good"]["captured"] == 1 and reports["bad"]["status"] == "failing"
    if counted == "refused":
        assert reports["bad"]["refused"] == {word: 1}
    else:
        assert word in reports["bad"]["message"], reports["bad"]["message"]
    assert resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss < 600_000  # kB, of all children so far


def pages_of_trouble(site: Site) -> None:
    deep = gzip.compress(BOMB)
    for _ in range(3):
        deep = gzip.compress(deep)
    site.put("/gzip", gzip.compress(BOMB), Content_Encoding="gzip")
    site.put("/deflate", zlib.compress(BOMB), Content_Encoding="deflate")
    site.put("/br", brotli.compress(BOMB, quality=4), Content_Encoding="br")
    site.put("/nested", deep, Content_Encoding="gzip, gzip, gzip, gzip")
    site.put("/broken", b"nothing that was packed", Content_Encoding="gzip")
    site.put("/large", b"a" * 50_000_000)
    site.put("/loop", "", status=302, Location="/loop")
    site.put("/nowhere", "", status=302, Location="http://[oh")
    site.put("/mail", "", status=302, Location="mailto:a@b.example")
    site.put("/file", "", status=302, Location="file:///etc/passwd")
    site.put("/login", "", status=302, Location="http://user:word@127.0.0.1/")
    site.put("/refresh", '<meta http-equiv="refresh" content="0;url=/refresh">')
    site.put("/deep", b"<div>" * 50_000 + b"x")


def test_pages_of_trouble_are_counted_and_the_next_is_read(site: Site, house: House) -> None:
    pages_of_trouble(site)
    site.article("/1.html", "其余页面照常读取的消息", LONG)
    site.put("/", "".join(f'<a class="a" href="{path}">x</a>' for path in list(site.pages)))
    house.source("news", "listing", "media", [site.url + "/"], selectors={"link": "a.a"})
    report = house.crawl()["news"]
    assert report["captured"] == 1 and report["status"] == "ok"
    assert report["refused"] == {"too_large": 5, "redirects": 2, "scheme": 1}
    failed = report["message"].rpartition("；")[2]
    assert sum(int(n) for n in re.findall(r"(\d+) 次", failed)) == 4 and "回答无法解读" in failed, failed
    assert report["quarantined_count"] == 1 and site.paths.count("/loop") <= 6
    assert resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss < 600_000
    site.log.clear()
    house.crawl(NOW + timedelta(minutes=30))
    assert set(site.paths) <= {"/robots.txt", "/"}  # and is not tried again in every run


LAUGHS = "".join(f'<!ENTITY l{n} "{"".join(f"&l{n - 1};" for _ in range(10))}">' for n in range(1, 12))


@pytest.mark.parametrize("kind", ["feed", "sitemap"])
def test_entity_bombs(site: Site, house: House, kind: str) -> None:
    root = "rss" if kind == "feed" else "urlset"
    bomb = f'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY l0 "ha">{LAUGHS}]><{root}><a>&l11;</a></{root}>'
    outside = f'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY f SYSTEM "file:///etc/passwd">]><{root}><a>&f;</a></{root}>'
    quadratic = f'<!DOCTYPE x [<!ENTITY a "{"a" * 50_000}">]><{root}><a>{"&a;" * 20_000}</a></{root}>'
    for name, text in (("laughs", bomb), ("outside", outside), ("quadratic", quadratic)):
        site.put(f"/{name}", text, Content_Type="application/xml")
        house.source(name, kind, "media", [f"{site.url}/{name}"])
    started = time.monotonic()
    reports = house.crawl()
    assert {r["captured"] for r in reports.values()} == {0} and time.monotonic() - started < 30
    assert {r["status"] for r in reports.values()} <= {"empty", "failing"}
    assert b"root:" not in house.everything_on_disk()
    assert resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss < 600_000


def test_an_endless_calendar_ends(site: Site, house: House) -> None:
    """Every month has days, every day a page, and there is always a next month."""

    class Calendar(dict[str, Answer]):
        def get(self, path: str, default: Answer | None = None) -> Answer | None:  # type: ignore[override]
            if path.startswith("/month/"):
                month = int(path.rpartition("/")[2])
                days = "".join(f'<a class="a" href="/day/{month}/{d}">x</a>' for d in range(3))
                return Answer(f'{days}<a href="/month/{month + 1}">下一页</a>'.encode())
            if path.startswith("/day/"):
                return Answer(f"<h1>日历上的一天{path}</h1><div>2026-11-20 {LONG}</div>".encode())
            return super().get(path, default)

    site.pages = Calendar()
    house.source("calendar", "listing", "media", [site.url + "/month/1"], selectors={"link": "a.a"}, max_pages=4)
    report = house.crawl()["calendar"]
    assert report["captured"] == 12 and report["refused"] == {"more_pages": 1} and "没有翻" in report["message"]
    site.log.clear()
    report = house.crawl(NOW + timedelta(hours=1))["calendar"]  # two runs were due: twice as many pages, no more
    assert report["refused"] == {"more_pages": 1} or report["captured"] == 0
    assert sum(p.startswith("/month/") for p in site.paths) <= 8


def test_a_topic_without_end_ends(site: Site, house: House) -> None:
    class Topic(dict[str, Answer]):
        def get(self, path: str, default: Answer | None = None) -> Answer | None:  # type: ignore[override]
            if path.startswith("/t/1"):
                page = int(path.partition("=")[2] or 1)
                post = f'<div class="post" id="p{page:04d}"><a class="by">网名{page}</a><div class="c">第{page}层说的话。</div></div>'
                return Answer(f'<h1>话题</h1>{post}<a class="next" href="/t/1?page={page + 1}">下一页</a>'.encode())
            return super().get(path, default)

    site.pages = Topic()
    site.put("/f", '<ul><li><a class="t" href="/t/1">话题</a></li></ul>')
    house.source("forum", "thread", "public", [site.url + "/f"], selectors=FORUM)
    report = house.crawl()["forum"]
    assert report["captured"] == 100 and report["refused"] == {"more_pages": 1}
