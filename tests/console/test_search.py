"""Search, its mistakes in words, its export; and charter 2 at this door."""

from __future__ import annotations

import csv
import io
import re
from dataclasses import replace
from datetime import date

import httpx
import pytest
from conftest import House
from desk_data import DISTRICT, HOSTILE, at, item, items
from hypothesis import given
from hypothesis import strategies as st
from markupsafe import escape

from console.charts import bars, columns, sparkline
from console.hits import marked
from console.pages.search import harmless, spread
from pipeline.index.engine import Bucket, Hit


def total(page: str) -> int:
    found = re.search(r'id="h-hits">([\d,]+) 条', page)
    assert found
    return int(found[1].replace(",", ""))


def test_search_filters_and_pages(city: httpx.Client) -> None:
    page = city.get("/search", params={"q": "不起诉"}).text
    assert total(page) == 2 and "<mark>不起诉</mark>" in page and "<svg" in page
    assert total(city.get("/search", params={"channel": "submission"}).text) == 1
    assert total(city.get("/search", params={"topic": "impersonation_scam"}).text) == 1
    assert total(city.get("/search", params={"level": "2"}).text) == 1
    assert total(city.get("/search", params={"needs": "1"}).text) == 2
    assert total(city.get("/search", params={"from": "2026-11-19", "to": "2026-11-19"}).text) == 1
    assert total(city.get("/search", params={"role": "addressed"}).text) == 1
    seen: list[str] = []
    address = "/search"
    while True:
        page = city.get(address).text
        seen += re.findall(r'<h3><a href="/items/([0-9a-f]+)"', page)
        following = re.search(r'<a href="([^"]+)" rel="next"', page)
        if not following:
            break
        address = following[1].replace("&amp;", "&")
    assert len(seen) == len(set(seen)) == len(items()) - 1 == total(page)


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({"q": "(检察院"}, "少一个右括号"),
        ({"q": "没这个:值"}, "没有“没这个”这个字段"),
        ({"q": '"半个引号'}, "引号没有成对"),
        ({"q": "日期:>=昨天"}, "日期"),
        ({"q": "字" * 501}, "查询太长"),
        ({"channel": "public"}, "没有“public”这个值"),
        ({"from": "2026-13-01"}, "不是日期"),
        ({"from": "2026-11-20", "to": "2026-11-01"}, "开始日期晚于结束日期"),
        ({"after": "nonsense|x"}, "翻页位置已失效"),
        ({"after": "9" * 40}, "翻页位置已失效"),
        ({"q": HOSTILE + "("}, ""),
    ],
)
def test_mistakes_are_said_in_words(city: httpx.Client, params: dict[str, str], words: str) -> None:
    answer = city.get("/search", params=params)
    assert answer.status_code == 400 and 'role="alert"' in answer.text
    assert words in answer.text or str(escape(words)) in answer.text
    assert HOSTILE not in answer.text


def test_export_is_harmless_and_whole_items_only(city: httpx.Client) -> None:
    answer = city.get("/search.csv")
    assert (
        answer.headers["content-type"].startswith("text/csv") and "attachment" in answer.headers["content-disposition"]
    )
    rows = list(csv.reader(io.StringIO(answer.text.removeprefix("\ufeff"))))
    assert len(rows) == len(items())  # head, and all but the other office's
    assert all(not cell.startswith(("=", "+", "-", "@", "＝", "\t")) for row in rows for cell in row)
    assert any(cell.startswith("'=HYPERLINK") for row in rows for cell in row)
    assert {row[1] for row in rows[1:]} == {"清江市检察院"}
    assert {row[2] for row in rows[1:]} <= {"媒体报道", "官方发布", "群众来信来电"}
    assert city.get("/search.csv", params={"q": "("}).status_code == 400


@given(st.text())
def test_no_cell_runs_in_a_spreadsheet(cell: str) -> None:
    assert not harmless(cell).startswith(("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠"))
    assert harmless(cell).removeprefix("'") in (cell, cell.removeprefix("'"))


@given(st.text(max_size=40), st.lists(st.tuples(st.integers(0, 45), st.integers(0, 45)), max_size=5))
def test_marks_never_lose_or_unescape_text(snippet: str, marks: list[tuple[int, int]]) -> None:
    shown = str(marked(Hit(items()[0], snippet, tuple(marks))))
    assert shown.replace("<mark>", "").replace("</mark>", "") == str(escape(snippet))


@given(st.dictionaries(st.dates(date(2020, 1, 1), date(2026, 12, 31)), st.integers(1, 99), max_size=30))
def test_the_histogram_keeps_every_hit(days: dict[date, int]) -> None:
    found = spread([Bucket(d.isoformat(), n) for d, n in sorted(days.items())])
    assert sum(n for _, n in found) == sum(days.values()) and len(found) <= 121
    assert not found or len(found) >= 30 or len(found[0][0]) == 7


def test_an_item_of_two_offices_is_shown_once(house: House, admin: httpx.Client, city: httpx.Client) -> None:
    shared = item("both", "两院联合接访", "市院和区院在云溪区联合接访。", when=at(0, 1))
    house.index.write_items([shared, replace(shared, office_id=DISTRICT, role="addressed")])
    page = admin.get("/search?q=联合接访").text
    assert page.count(f'href="/items/{shared.id}"') == 1 and "清江市检察院、云溪区检察院" in page
    assert "条数里每个单位计一条" in page and "条数里每个单位计一条" not in city.get("/search?q=联合接访").text


def test_charts_speak_and_escape() -> None:
    for chart in (
        bars([(HOSTILE, 3), ("b", 0)], HOSTILE),
        columns([(HOSTILE, 2), ("b", 0)], HOSTILE),
        sparkline([0, 3], HOSTILE),
    ):
        assert HOSTILE not in chart and "<title" in chart and 'role="img"' in chart and "style=" not in chart
