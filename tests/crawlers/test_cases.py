"""Saved pages in the manner of real templates (written for this project) with what a careful reader takes from them."""

from __future__ import annotations

import json
import re
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import pytest

from crawlers.reading.decode import decode
from crawlers.reading.page import PageText, read_page
from crawlers.reading.saved import read_saved
from pipeline.errors import QuarantineError
from pipeline.records import SHANGHAI
from pipeline.settings.sources import Selectors

NOW = datetime(2026, 11, 21, 4, 0, tzinfo=UTC)
CASES = sorted(p.parent for p in (Path(__file__).parents[1] / "cases").glob("*/*/expected.json"))
BODY_FLOOR = 0.95  # F1 of character 4-grams on each page


def test_there_are_cases() -> None:
    assert len(CASES) >= 10


@pytest.mark.parametrize("encoding", ["as saved", "gb18030"])
@pytest.mark.parametrize("folder", CASES, ids=lambda p: f"{p.parent.name}/{p.name}")
def test_page(folder: Path, encoding: str) -> None:
    expected = json.loads((folder / "expected.json").read_text(encoding="utf-8"))
    body = (folder / "page.html").read_bytes()
    if encoding != "as saved":
        body = decode(body)[0].replace('charset="utf-8"', 'charset="gb2312"').encode(encoding)
    if "quarantine" in expected:
        with pytest.raises(QuarantineError) as caught:
            read_page(body, "text/html", expected["url"], Selectors(), NOW)
        assert caught.value.reason == expected["quarantine"]
        return
    page = read_saved(body, "text/html", expected["url"], Selectors(), NOW)
    assert page.how["body"].startswith("thread") == (expected.get("kind") == "thread"), page.how
    if expected.get("kind") != "thread":
        assert page == read_page(body, "text/html", expected["url"], Selectors(), NOW)
    assert page.title == expected["title"]
    assert (when(page, expected["date"] or ""), page.precision) == (expected["date"], expected["precision"]), page.how
    assert page.outlet == expected["outlet"]
    assert f1(page.body, expected["body"]) >= BODY_FLOOR, page.body


def when(page: PageText, like: str) -> str | None:
    """The moment in Shanghai, as exactly as `like` says it."""
    local = page.published_at.astimezone(SHANGHAI) if page.published_at else None
    return f"{local:%Y-%m-%d %H:%M}"[: len(like) or None] if local else None


def f1(one: str, other: str) -> float:
    a, b = grams(one), grams(other)
    return 2 * sum((a & b).values()) / max(1, sum(a.values()) + sum(b.values()))


def grams(text: str) -> Counter[str]:
    text = re.sub(r"\s", "", text)
    return Counter(text[i : i + 4] for i in range(len(text) - 3))
