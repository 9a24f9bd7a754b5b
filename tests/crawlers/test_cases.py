"""Saved pages in the manner of real templates (written for this project) with what a careful reader takes from them.

They only say that nothing got worse. Others' pages measure: OUTSIDE_PAGES=folder (`expected.jsonl` beside `<id>.html`)
prints the reader's score on them.
"""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime
from pathlib import Path

import pytest
from reading_cases import CASES, Answer, Case, f1, outside_cases, own_cases, score

from crawlers.reading.decode import decode
from crawlers.reading.page import PageText, read_page
from crawlers.reading.saved import read_saved
from pipeline.errors import QuarantineError
from pipeline.records import SHANGHAI
from pipeline.settings.sources import Selectors

NOW = datetime(2026, 11, 21, 4, 0, tzinfo=UTC)
FOLDERS = sorted(p.parent for p in CASES.glob("*/*/expected.json"))
LOWEST = 0.9  # F1 of character 4-grams on each page; floors of the means are in floors.json


@pytest.mark.parametrize("encoding", ["as saved", "gb18030"])
@pytest.mark.parametrize("folder", FOLDERS, ids=lambda p: f"{p.parent.name}/{p.name}")
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
    assert f1(page.body, expected["body"]) >= LOWEST, page.body


def test_the_floors_hold_and_what_outside_pages_say(capsys: pytest.CaptureFixture[str]) -> None:
    floors = json.loads((CASES / "floors.json").read_text(encoding="utf-8"))
    found = score((case, answer(case)) for case in own_cases())
    lower = {k: (found[k], floor) for k, floor in floors.items() if k != "day_wrong" and found[k] < floor}
    assert not lower
    assert found["day_wrong"] <= floors["day_wrong"]
    if folder := os.environ.get("OUTSIDE_PAGES"):
        with capsys.disabled():
            print("\noutside pages:", json.dumps(score((c, answer(c)) for c in outside_cases(Path(folder)))))


def answer(case: Case) -> Answer:
    try:
        page = read_saved(case.html, "", case.url, Selectors(), NOW)
    except QuarantineError:
        return Answer()
    return Answer(page.title, page.body, page.published_at)


def when(page: PageText, like: str) -> str | None:
    """The moment in Shanghai, as exactly as `like` says it."""
    local = page.published_at.astimezone(SHANGHAI) if page.published_at else None
    return f"{local:%Y-%m-%d %H:%M}"[: len(like) or None] if local else None
