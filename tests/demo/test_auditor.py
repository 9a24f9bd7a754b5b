"""The auditor notices: one thing is broken in a copy of the finished demo, and `findings` says which."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest
from conftest import NOW, tingjian

from pipeline.desk.database import Database
from pipeline.index import open_index
from pipeline.settings import load_home
from pipeline.steps.reconcile import findings

pytestmark = pytest.mark.demo
END = datetime.fromisoformat(NOW + "+08:00").astimezone(UTC)


def sql(name: str, *statements: str) -> Callable[[Path], None]:
    def run(home: Path) -> None:
        with closing(sqlite3.connect(home / name)) as c:
            changed = sum(c.execute(s).rowcount for s in statements)
            c.commit()
        assert changed, "nothing was broken"

    return run


def write(name: str, text: str) -> Callable[[Path], None]:
    def run(home: Path) -> None:
        path = home / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")

    return run


def lose_a_document(home: Path) -> None:
    """From the index with all that is kept of it there, as if its last write had never been."""
    index = open_index(load_home(home))
    try:
        whole = sorted(index.older("media", END))
        assert index.purge("media", END, whole[1:]) == 1
    finally:
        index.close()


ONE_MAIL = "SELECT id FROM notifications WHERE kind = 'digest' LIMIT 1"
ONE_INCIDENT = "SELECT id FROM incidents ORDER BY id LIMIT 1"
MANIFEST = (
    '{"batch": "20261121T000000-b", "created_at": "2026-11-21T00:00:00+00:00", "source_id": "s", "captures": 0}\n'
)
BREAKS: dict[str, tuple[Callable[[Path], None], str]] = {
    "a document lost": (lose_a_document, "不在索引里"),
    "an old revision": (sql("desk.db", "UPDATE registry SET revision = 9 WHERE channel = 'media'"), "不是最新版本"),
    "a document from nowhere": (
        sql("desk.db", "DELETE FROM registry WHERE id IN (SELECT id FROM registry WHERE channel = 'media' LIMIT 1)"),
        "没有登记过",
    ),
    "a post lost": (
        sql("staging/staging.db", "DELETE FROM posts WHERE id IN (SELECT id FROM posts LIMIT 1)"),
        "公众发言",
    ),
    "a capture unaccounted for": (sql("desk.db", "UPDATE batches SET taken = taken + 1"), "的去向"),
    "a batch waiting": (write("staging/spool/ready/20261121T000000-b.jsonl", MANIFEST), "没有入库"),
    "a half-written batch": (write("staging/spool/scratch/20261121T000000-b", MANIFEST), "写了一半"),
    "a lease left": (
        sql("desk.db", f"UPDATE notifications SET state = 'claimed' WHERE id IN ({ONE_MAIL})"),
        "发到一半",
    ),
    "a mail not sent": (
        sql("desk.db", f"UPDATE notifications SET state = 'pending' WHERE id IN ({ONE_MAIL})"),
        "还没有发",
    ),
    "a mail refused": (
        sql("desk.db", f"UPDATE notifications SET state = 'failed' WHERE id IN ({ONE_MAIL})"),
        "发送失败",
    ),
    "an incident nobody heard of": (
        sql("desk.db", f"DELETE FROM notifications WHERE incident_id IN ({ONE_INCIDENT})"),
        "没有通知任何人",
    ),
    "an incident without tasks": (
        sql("desk.db", f"DELETE FROM tasks WHERE incident_id IN ({ONE_INCIDENT})"),
        "没有预案或任务",
    ),
    "an alert without its incident": (
        sql("desk.db", "UPDATE alerts SET incident_id = 'gone' WHERE incident_id <> ''"),
        "不存在的事件",
    ),
}


@pytest.mark.parametrize("what", BREAKS)
def test_it_is_noticed(own_home: Path, what: str) -> None:
    broke, words = BREAKS[what]
    assert audit(own_home) == []
    broke(own_home)
    found = audit(own_home)
    assert found and all(words in finding for finding in found), found


def test_doctor_asks_the_same_auditor(own_home: Path) -> None:
    BREAKS["a lease left"][0](own_home)
    done = tingjian("doctor", "--data-dir", str(own_home), "--now", NOW, check=False)
    assert done.returncode == 1 and "✗ 通知" in done.stdout and "发到一半" in done.stdout


def test_the_next_rounds_mend_what_a_kill_leaves(own_home: Path) -> None:
    for what in ("a lease left", "a batch waiting"):
        BREAKS[what][0](own_home)
    for step in ("ingest", "dispatch"):
        tingjian(step, "--data-dir", str(own_home), "--now", NOW)
    assert audit(own_home) == []


def audit(folder: Path) -> list[str]:
    home = load_home(folder)
    db, index = Database(home.database_url), open_index(home)
    try:
        return findings(home, db, index, END)
    finally:
        index.close()
        db.close()
