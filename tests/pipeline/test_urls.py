"""Canonical addresses: what must become one, what must stay two, and that no input breaks it."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.urls import canonical, host_key, keyed_id

SAME = [
    ("http://news.example/a/1.html", "https://news.example/a/1.html#top"),
    ("http://news.example/a/", "http://news.example/a/index.html"),
    ("http://news.example", "http://NEWS.example.:80/"),
    ("http://news.example/a?id=3&b=1", "http://news.example/a?b=1&id=3&utm_source=wx&spm=a1.b2"),
    ("http://news.example/a?id=3", "http://news.example/a?id=3&from=singlemessage&isappinstalled=0"),
    ("http://news.example/a/c", "http://news.example/a/b/../c"),
    ("http://news.example/a/c", "http://news.example/a/./c"),
    ("http://news.example/%E4%BD%A0", "http://news.example/你"),
    ("http://news.example/a~b", "http://news.example/a%7eb"),
    ("http://xn--fiq228c.example/", "http://中文.example/"),
    ("http://news.example/a.jsp", "http://news.example/a.jsp;jsessionid=0AF3"),
]
DIFFERENT = [
    ("http://news.example/a?from=20", "http://news.example/a?from=40"),  # a page number
    ("http://news.example/a?sid=1201", "http://news.example/a?sid=1202"),  # a story's id
    ("http://news.example/a?k=%C4%E3", "http://news.example/a?k=%BA%C3"),  # GBK words
    ("http://news.example/a%2Fb", "http://news.example/a/b"),
    ("http://m.news.example/a", "http://www.news.example/a"),
    ("http://news.example/A", "http://news.example/a"),
    ("http://news.example:8080/a", "http://news.example/a"),
    ("http://news.example/t?page=2", "http://news.example/t"),
]


@pytest.mark.parametrize(("one", "other"), SAME)
def test_readers_of_one_page_agree(one: str, other: str) -> None:
    assert canonical(one) == canonical(other)


@pytest.mark.parametrize(("one", "other"), DIFFERENT)
def test_two_pages_stay_two(one: str, other: str) -> None:
    assert canonical(one) != canonical(other)


@pytest.mark.parametrize(
    "bad", ["", "ftp://a/", "javascript:alert(1)", "http://", "http://a b/", "/x", "http://a:99999/"]
)
def test_what_is_no_web_address_is_refused(bad: str) -> None:
    with pytest.raises(ValueError):
        canonical(bad)


@given(st.text(max_size=80), st.text(max_size=40))
def test_canonical_is_idempotent_and_only_raises_valueerror(path: str, query: str) -> None:
    try:
        once = canonical(f"http://news.example/{path}?{query}")
    except ValueError:
        return
    assert canonical(once) == once
    assert once.isascii()


@given(st.text(max_size=100))
def test_any_text_ends_in_an_address_or_valueerror(text: str) -> None:
    with contextlib.suppress(ValueError):
        assert canonical(text).startswith("http://")


def test_host_key_joins_www_and_schemes_but_not_ports() -> None:
    assert host_key("https://www.news.example/a") == host_key("http://news.example:80/b")
    assert host_key("http://127.0.0.1:8611/") != host_key("http://127.0.0.1:8612/")


def test_keyed_id_depends_on_the_key() -> None:
    assert keyed_id(b"a" * 32, "x") != keyed_id(b"b" * 32, "x")
    assert len(keyed_id(b"a" * 32, "x")) == 32
