"""Canonical addresses: what must become one, what must stay two, and that no input breaks it."""

from __future__ import annotations

import contextlib
import random
from urllib.parse import quote, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.urls import canonical, former, host_key, keyed_id

SAME = [
    ("http://news.example/a/1.html", "https://news.example/a/1.html#top"),
    ("http://news.example/a/1.html", "http://editor:secret@news.example/a/1.html"),
    ("http://news.example/a/", "http://news.example/a/index.html"),
    ("http://news.example/a/", "http://news.example/a/default.aspx"),
    ("http://news.example", "http://NEWS.example.:80/"),
    ("https://news.example:443/a", "http://news.example/a"),
    ("http://news.example/a?id=3&b=1", "http://news.example/a?b=1&id=3&utm_source=wx&spm=a1.b2"),
    ("http://news.example/a?id=3", "http://news.example/a?id=3&from=singlemessage&isappinstalled=0"),
    ("http://news.example/a?id=3", "http://news.example/a?id=3&vd_source=8c&share_medium=android&msclkid=1"),
    ("http://news.example/a/c", "http://news.example/a/b/../c"),
    ("http://news.example/a/c", "http://news.example/a/./c"),
    ("http://news.example/%E4%BD%A0", "http://news.example/你"),
    ("http://news.example/a?q=%e4%bd%a0%20b", "http://news.example/a?q=你+b"),
    ("http://news.example/a~b", "http://news.example/a%7eb"),
    ("http://xn--fiq228c.example/", "http://中文.example/"),
    ("http://xn--fiq228c.example/", "http://XN--FIQ228C。example/"),
    ("http://news.example/a.jsp", "http://news.example/a.jsp;jsessionid=0AF3"),
    ("http://news.example/a.aspx", "http://news.example/(S(lit3py55t21z5v55vlm25s55))/a.aspx"),
    ("http://news.example/a.php?id=1", "http://news.example/a.php?id=1&PHPSESSID=2b8af1c2"),
    ("http://m.news.example/2026/1.html", "https://www.news.example/2026/1.html"),
    ("http://wap.news.example/2026/1.html", "http://news.example/2026/1.html"),
    ("http://news.example/2026/1", "http://amp.news.example/2026/1/amp/"),
    ("http://news.example/2026/1.html", "http://news.example/2026/1.amp.html"),
    ("http://news.example/2026/1.html", "http://news.example/2026/1.html?amp=1"),
]
DIFFERENT = [
    ("http://news.example/a?from=20", "http://news.example/a?from=40"),  # a page number
    ("http://news.example/a?sid=1201", "http://news.example/a?sid=1202"),  # a story's id
    ("http://news.example/a?k=%C4%E3", "http://news.example/a?k=%BA%C3"),  # GBK words
    ("http://news.example/a%2Fb", "http://news.example/a/b"),
    ("http://m.example/a", "http://example/a"),  # the name itself
    ("http://bbs.news.example/a", "http://news.example/a"),
    ("http://news.example/A", "http://news.example/a"),
    ("http://news.example:8080/a", "http://news.example/a"),
    ("http://news.example/t?page=2", "http://news.example/t"),
    ("http://news.example/topics/amp", "http://news.example/topics"),
    ("http://news.example/a?amp=12", "http://news.example/a"),
    ("http://news.example/a/index_2.html", "http://news.example/a/index.html"),
]


@pytest.mark.parametrize(("one", "other"), SAME)
def test_readers_of_one_page_agree(one: str, other: str) -> None:
    assert canonical(one) == canonical(other)


@pytest.mark.parametrize(("one", "other"), DIFFERENT)
def test_two_pages_stay_two(one: str, other: str) -> None:
    assert canonical(one) != canonical(other)


@pytest.mark.parametrize(
    "bad", ["", "ftp://a/", "javascript:alert(1)", "http://", "http://a b/", "/x", "http://a:99999/", "http://[::1/"]
)
def test_what_is_no_web_address_is_refused(bad: str) -> None:
    for form in (canonical, former, host_key):
        with pytest.raises(ValueError):
            form(bad)


@given(st.text(max_size=80), st.text(max_size=40))
def test_canonical_is_idempotent_and_only_raises_valueerror(path: str, query: str) -> None:
    try:
        once = canonical(f"http://news.example/{path}?{query}")
    except ValueError:
        return
    assert canonical(once) == once
    assert once.isascii()


_ENDS = st.sampled_from("/amp .amp .amp.html /index.html / /amp/ ;jsessionid=1 /(S(abcdefghij12)) .html 1 - a".split())
_STARTS = st.sampled_from("www. m. wap. 3g. amp. M. WWW. news. 你. ".split(" "))


@given(st.lists(_STARTS, max_size=5), st.lists(_ENDS, max_size=8))
def test_canonical_is_idempotent_where_endings_hide_endings(starts: list[str], ends: list[str]) -> None:
    with contextlib.suppress(ValueError):
        once = canonical(f"http://{''.join(starts)}news.example/{''.join(ends)}")
        assert canonical(once) == once


@given(st.dictionaries(st.text(max_size=6), st.text(max_size=6), max_size=6), st.integers())
def test_the_order_of_parameters_and_how_they_are_escaped_make_no_difference(words: dict[str, str], seed: int) -> None:
    pairs = list(words.items())
    one = "http://news.example/a?" + urlencode(pairs)
    random.Random(seed).shuffle(pairs)
    other = "http://news.example/a?" + urlencode(pairs, quote_via=quote)
    assert canonical(one) == canonical(other.replace("%2B", "%2b"))


@given(st.text(max_size=100))
def test_any_text_ends_in_an_address_or_valueerror(text: str) -> None:
    with contextlib.suppress(ValueError):
        assert canonical(text).startswith("http://")
    with contextlib.suppress(ValueError):
        assert former(text) != (canonical(text),)


def test_what_the_first_canonicaliser_said_is_still_known() -> None:
    assert former("https://www.news.example/a?b=1&vd_source=2") == ("http://www.news.example/a?b=1&vd_source=2",)
    assert former("https://m.news.example/a/index.html#x") == ("http://m.news.example/a/",)
    assert former("http://news.example/a?utm_source=2") == ()


def test_host_key_joins_www_and_schemes_but_not_ports() -> None:
    assert host_key("https://www.news.example/a") == host_key("http://news.example:80/b")
    assert host_key("http://127.0.0.1:8611/") != host_key("http://127.0.0.1:8612/")
    assert host_key("http://m.news.example/") != host_key("http://news.example/")  # links don't leave their site


def test_keyed_id_depends_on_the_key() -> None:
    assert keyed_id(b"a" * 32, "x") != keyed_id(b"b" * 32, "x")
    assert len(keyed_id(b"a" * 32, "x")) == 32
