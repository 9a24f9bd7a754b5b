"""Saved searches on both engines of the desk's database."""

from __future__ import annotations

import dataclasses
from datetime import timedelta

import pytest
from desk_rows import NOW
from sqlalchemy import select

from console.viewer import Viewer
from pipeline.alerts import saved
from pipeline.desk.database import Database
from pipeline.desk.tables import AuditLine, SavedSearch
from pipeline.errors import Conflict, Refused
from pipeline.index.query import QueryError, parse

VIEWER = Viewer("chen", "陈", "analyst", ("city",), "", "", False)


def keep(desk: Database, name: str, query: str = "热线", owner: str = "chen", **more: object) -> SavedSearch:
    given: dict[str, object] = {"office_ids": ["city"], "shared": False, "filters": {}, "offices": (), "now": NOW, **more}
    with desk.write() as s:
        return saved.save(s, owner=owner, name=name, query=query, **given)  # type: ignore[arg-type]


def test_kept_changed_and_given_up(desk: Database) -> None:
    row = keep(desk, " 热线  没人接 ", "热线 且 没人接", filters={"channel": "media", "level": ""}, shared=True)
    later = NOW + timedelta(hours=1)
    with desk.write() as s:
        found = s.get_one(SavedSearch, row.id)
        assert (found.name, found.filters, found.shared, found.version) == ("热线 没人接", {"channel": "media"}, True, 1)
        saved.rename(s, found, "电话", "chen", (), later, 1)
        with pytest.raises(Conflict):
            saved.discard(s, found, "chen", later, 1)
    with desk.write() as s:
        found = s.get_one(SavedSearch, row.id)
        assert (found.name, found.version, found.created_at, found.updated_at) == ("电话", 2, NOW, later)
        saved.discard(s, found, "chen", later, 2)
    with desk.read() as s:
        assert s.get(SavedSearch, row.id) is None
        lines = [(a.action, a.detail["name"]) for a in s.scalars(select(AuditLine).order_by(AuditLine.id))]
    assert lines == [("save_search", "热线 没人接"), ("rename_search", "电话"), ("discard_search", "电话")]


def test_offices_are_told_apart_by_the_database(desk: Database) -> None:
    for name, offices in (("a", ["city"]), ("b", ["city-east"]), ("c", ["county", "city"])):
        keep(desk, name, office_ids=offices, shared=True, owner=name)
    with desk.read() as s:
        mine = s.scalars(select(SavedSearch.name).where(VIEWER.sees(SavedSearch.office_ids)).order_by(SavedSearch.name))
        assert mine.all() == ["a", "c"]
        everything = dataclasses.replace(VIEWER, role="admin").sees(SavedSearch.office_ids)
        assert len(s.scalars(select(SavedSearch).where(everything)).all()) == 3


def test_nothing_is_left_of_what_was_refused(desk: Database) -> None:
    keep(desk, "热线")
    for name, query in (("热线", "听证"), ("x", ""), ("x", "王小明"), ("王小明", "听证"), ("x\u202ey", "听证"), ("", "听证")):
        with pytest.raises(Refused):
            keep(desk, name, query)
    with pytest.raises(QueryError):
        keep(desk, "x", "(")
    keep(desk, "热线", owner="wu")
    with desk.read() as s:
        assert len(s.scalars(select(SavedSearch)).all()) == len(s.scalars(select(AuditLine)).all()) == 2


def test_a_person_keeps_so_many(desk: Database) -> None:
    for number in range(saved.EACH_MOST):
        keep(desk, f"第{number}个")
    with pytest.raises(Refused, match="最多保存"):
        keep(desk, "再一个")
    keep(desk, "再一个", owner="wu")


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("热线 听证", ["热线", "听证"]),
        ('"安全 账户" 或 非 (标题:听证 且 词:诈骗)', ["安全 账户", "听证", "诈骗"]),
        ("渠道:media 等级:1 日期:>=2026-01-01 媒体:清江日报", []),
        ("王 小明", ["王", "小明", "王小明"]),
        ("欧阳 娜娜", ["欧阳", "娜娜", "欧阳娜娜"]),
        ("", []),
    ],
)
def test_the_words_of_a_query(query: str, expected: list[str]) -> None:
    assert saved.terms(parse(query)) == expected
