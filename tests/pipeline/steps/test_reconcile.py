"""The auditor is silent when all is well, and finds each thing that may be in limbo."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from house import NAME, House, article, letter
from making import HOUR, NOW, ident
from sqlalchemy import delete, update

from pipeline.desk.tables import Alert, BatchRow, Notification, PlanRun, Quarantined, Task
from pipeline.staging import Staging
from pipeline.steps.dispatch import dispatch
from pipeline.steps.watch import watch


@pytest.fixture
def town(house: House) -> House:
    """Everything has happened once and is told."""
    house.ingest(
        article(1, f"{NAME}干警泄露未成年被害人个人信息，家长质疑。", title=f"{NAME}干警泄露未成年人隐私"),
        letter(2, f"请问{NAME}的电话为什么没人接，请尽快答复我。"), house.says(3, "a", f"{NAME}电话没人接"),
    )  # fmt: skip
    house.hear()
    assert watch(house.home, house.db, house.index, NOW).opened >= 1
    dispatch(house.home, house.db, NOW)
    return house


def write(house: House, statement: Any) -> None:
    with house.db.write() as s:
        s.execute(statement)


def drop_staged(house: House) -> None:
    staging = Staging(house.home.staging)
    staging._db.execute("DELETE FROM posts")
    staging.close()


def set_aside(house: House) -> None:
    path = house.spool(article(9), now=NOW)
    path.write_bytes(b"no manifest\n")
    house.ingest()
    write(house, delete(Quarantined))


def half_a_file(house: House) -> None:
    (house.home.spool / "scratch" / "half").write_text("{")


def drop_document(house: House) -> None:
    house.index.purge("media", NOW + HOUR, ())


def old_document(house: House) -> None:
    house.ingest(article(1, f"{NAME}的更正。"))
    house.index.purge("media", NOW + HOUR, ())
    item = next(house.index.indexed_since(NOW, ["our-office"]))
    house.index.write_items([replace(item, id=ident(1), revision=1)])


LIMBO: list[tuple[str, Callable[[House], object]]] = [
    ("还有 1 批没有入库", lambda h: h.spool(article(8))),
    ("写了一半的文件 half", half_a_file),
    ("只说明了 3 条的去向", lambda h: write(h, update(BatchRow).values(taken=4))),
    ("没有记数", set_aside),
    ("有 1 篇不在索引里", drop_document),
    ("有 1 篇不是最新版本", old_document),
    ("公众发言登记 1 条", drop_staged),
    (
        "指向不存在的事件",
        lambda h: write(h, update(Alert).where(Alert.incident_id != "").values(incident_id="nowhere")),
    ),
    ("没有通知任何人", lambda h: write(h, delete(Notification))),
    ("没有预案或任务", lambda h: write(h, delete(Task))),
    ("没有预案或任务", lambda h: (write(h, delete(Task)), write(h, delete(PlanRun)))),
    ("发送失败：拒收", lambda h: write(h, update(Notification).values(state="failed", last_error="拒收"))),
    ("发到一半停住了", lambda h: write(h, update(Notification).values(state="claimed"))),
    ("到时间还没有发", lambda h: write(h, update(Notification).values(state="pending", due_at=NOW - HOUR))),
]


def test_all_is_well(town: House) -> None:
    assert town.findings() == []
    write(town, update(Notification).values(state="pending", due_at=NOW + HOUR))
    assert town.findings() == []  # it is not time yet
    late = NOW + timedelta(days=200)
    town.upkeep(late)
    write(town, update(Notification).values(state="sent"))
    assert town.findings(late) == []


@pytest.mark.parametrize(("words", "break_it"), LIMBO)
def test_each_kind_of_limbo_is_found(town: House, words: str, break_it: Callable[[House], object]) -> None:
    break_it(town)
    found = town.findings()
    assert any(words in sentence for sentence in found), found
