"""Readers under mutated pages and stretched ones: a page or a reason comes back, and in bounded time."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from reading_cases import CASES
from site_on_loopback import NOW

from crawlers.net.answers import is_challenge
from crawlers.reading.dates import find_dates, parse_date
from crawlers.reading.decode import decode
from crawlers.reading.page import open_page, read_page
from crawlers.reading.saved import read_saved
from crawlers.spiders.feeds import feed_entries
from crawlers.spiders.pages import list_links, next_page
from crawlers.spiders.topic_pages import numbered_pages
from crawlers.spiders.xml import sitemap_entries
from pipeline.errors import QuarantineError
from pipeline.settings.sources import Selectors

SECONDS = 20  # of processor time for one page, on a slow machine; the slowest seen took 1.3
PAGES = sorted(CASES.glob("*/*/page.html"))
RSS = '<?xml version="1.0" encoding="gbk"?><rss><channel><item><title>消息</title><link>http://a.example/1</link></item></channel></rss>'
SEEDS = [*(path.read_bytes() for path in PAGES[::3]), RSS.encode("gbk")]
SCRAPS = [
    b"<", b">", b"</div>", b"<div>" * 300, b"\x00", b"\xff\xfe", b"<!--", b"<script>", b"&#x110000;", b"&#0;", b"<![CDATA[",
    "二〇一九年".encode(), b"<table><tr>", b"</html>", b"<base href='http://['>", b"<link rel=canonical href='http://['>",
    b"\xed\xa0\x80", b"<meta charset=utf-7>", b"<meta charset=idna>", b"<?xml version='1.0' encoding='utf-16'?>", b"<svg><p>",
    b"<a href='?page=99999999999999999999'>99999</a>", b"<form><form>", b"2019-13-45 99:99", b"99999999999999999999",
]  # fmt: skip


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    """A page of ours with pieces cut, doubled, swapped with another page's, overwritten or set in."""
    body = draw(st.sampled_from(SEEDS))
    for _ in range(draw(st.integers(1, 8))):
        at, length = draw(st.integers(0, len(body))), draw(st.sampled_from([1, 3, 40, 700]))
        piece = body[at : at + length]
        other = draw(st.sampled_from(SEEDS))
        new = draw(
            st.sampled_from([b"", piece * 2, piece * 40, piece[::-1], other[at : at + 2000], *SCRAPS])
            | st.binary(max_size=8)
        )
        body = body[:at] + new + body[at + length :]
    return body[:300_000]


def readers(body: bytes) -> list[Callable[[], object]]:
    def lists() -> None:
        root, _charset = open_page(body, "text/html")
        list_links(root, Selectors(link="a"))
        next_page(root, Selectors())
        numbered_pages(root)

    return [
        lambda: read_page(body, "text/html", "http://a.example/x", Selectors(), NOW),
        lambda: read_saved(body, "", "http://bbs.a.example/thread-1.html", Selectors(), NOW),
        lambda: feed_entries(body),
        lambda: sitemap_entries(body),
        lambda: is_challenge(200, body),
        lists,
    ]


def read_all(body: bytes) -> None:
    for read in readers(body):
        started = time.process_time()
        try:
            read()
        except QuarantineError as error:
            assert error.reason and error.detail.isprintable()
        assert time.process_time() - started < SECONDS


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(mutated())
def test_a_mutated_page_is_read_or_set_aside(body: bytes) -> None:
    read_all(body)


ATOMS = [
    " ", "\u3000", "a", "年", "2019-06-13 ", "1", "〇", "昨天", "08:18", "来源：", "来 ", "发布时间：", "，", "第1楼 ", "@a ", "（",
    "&", "_", "字号：大 中 小", "<p>", "<b>", "<td>", "<table>", "</div>", "<div class=content>", "<li><a href=x>x</a>", "<script>",
    "<!--", "document.write('a')", "</html>", "<h1>a", "<blockquote>", "<div id=post_1>发表于 2019-6-13 08:18 1楼",
]  # fmt: skip


@settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.sampled_from(ATOMS), st.sampled_from(["text", "head", "attribute", "script"]))
def test_no_repetition_makes_a_reader_slow(atom: str, where: str) -> None:
    long = atom * (150_000 // len(atom.encode()))
    read_all(stretched(long, where).encode())


@pytest.mark.parametrize("atom", ["年", "1", "a_", "created", "post_date "])
def test_long_words_in_scripts(atom: str) -> None:
    """A word of 80,000 characters in a script once took minutes."""
    read_all(stretched(atom * (240_000 // len(atom.encode())), "script").encode())


def stretched(long: str, where: str) -> str:
    quoted = long.replace('"', "'")
    return {
        "text": f"<html><body><h1>检察院通报</h1><div class=info>2019-06-13 来源：x</div><div class=content><p>{long}</p></div>",
        "head": f"<html><head><title>{long}</title></head><body><h1>{long}</h1><p>正文，正文。</p>",
        "attribute": f'<html><meta name="pubdate" content="{quoted}"><div class="{quoted}" id="{quoted}"><a href="{quoted}">x</a>',
        "script": f"<html><script>var d='{long}';</script><script type='application/ld+json'>{long}</script><p>正文，正文。</p>",
    }[where]


@pytest.mark.parametrize(
    "atom", ["2019年", "昨天", "2019-06-13 ", "3小时前", "1 ", "-", "３", "时", "十", " 08:", "T", "+08:00"]
)
def test_dates_in_long_texts_take_no_longer_than_reading_them(atom: str) -> None:
    text = atom * (100_000 // len(atom))
    started = time.process_time()
    list(find_dates(text, NOW))
    parse_date(text, NOW)
    assert time.process_time() - started < SECONDS


@given(
    st.binary(max_size=400),
    st.sampled_from(["", "text/html; charset=gb2312", "text/html; charset=utf-16", "x; charset=\x00"]),
)
def test_decoded_text_can_be_encoded_again(body: bytes, kind: str) -> None:
    text, charset = decode(body, kind)
    assert charset and text.encode("utf-8", "replace") is not None
    assert len(text) <= len(body) + 1


def test_the_seeds_are_there() -> None:
    assert len(SEEDS) > 10 and isinstance(CASES, Path)
