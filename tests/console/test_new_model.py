"""A model that was taken or returned from is what the desk explains with, without a restart; one that can't be used is said."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from desk_data import REPOSITORY, configure

from console.desk import Desk
from models.artifact import ARRAYS, CARD
from pipeline.desk.database import Database
from pipeline.index import open_index
from pipeline.steps.shelf import shelf_of
from pipeline.steps.troubles import standing

SHIPPED = REPOSITORY / "models" / "artifact"


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    home = configure(tmp_path)
    shutil.copytree(SHIPPED, home.model)
    db = Database(home.database_url)
    db.migrate()
    index = open_index(home)
    yield Desk(home, db, index, lambda: datetime.now(UTC))
    index.close()
    db.close()


def take(desk: Desk, version: str) -> Path:
    candidate = desk.home.models / ".candidate"
    shutil.copytree(SHIPPED, candidate)
    card = json.loads((candidate / CARD).read_text(encoding="utf-8"))
    (candidate / CARD).write_text(json.dumps({**card, "version": version}), encoding="utf-8")
    shelf_of(desk.home).take(candidate)
    return shelf_of(desk.home).place(version)


def becomes(what: Callable[[], bool]) -> bool:
    """Loading goes on aside."""
    deadline = time.monotonic() + 20
    while not what() and time.monotonic() < deadline:
        time.sleep(0.02)
    return what()


def uses(desk: Desk, version: str) -> bool:
    desk.current_scorer()
    return becomes(lambda: desk.scorer_version == version)


def said(desk: Desk) -> str:
    with desk.db.read() as session:
        return "".join(trouble.words for trouble in standing(session))


def test_the_desk_follows_the_shelf(desk: Desk) -> None:
    shipped = json.loads((SHIPPED / CARD).read_text(encoding="utf-8"))["version"]
    desk.load_scorer()
    assert uses(desk, shipped)
    one = take(desk, "one")
    assert uses(desk, "one") and desk.scorer is not None
    take(desk, "two")
    assert uses(desk, "two") and said(desk) == ""
    (one / ARRAYS).write_bytes(b"changed")
    shelf_of(desk.home).back()
    assert uses(desk, shipped)
    assert becomes(lambda: "退回了前一个" in said(desk)) and "one 不能用" in said(desk)
    shelf_of(desk.home).back()
    desk.current_scorer()
    assert becomes(lambda: said(desk) == "")
