"""`crawl.db`: what was already spooled, so that it isn't fetched or heard twice. Keyed ids only, no address, no text.

A row is written only after the batch that holds its capture is committed; a crawl killed in between reads the page again
and gives it the same id. A public post is spooled once and never again: a second time would seal it under younger staging
keys and let it outlive its 72 h (charter 2).
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from pipeline.records import SHANGHAI

REREAD_FOR = timedelta(days=3)  # an article younger than this is read once more a day, in case it was edited
FORGET_AFTER = timedelta(days=400)
_SCHEMA = """
CREATE TABLE IF NOT EXISTS seen (
    id TEXT PRIMARY KEY, source_id TEXT NOT NULL, first_seen REAL NOT NULL, born REAL NOT NULL, read_at REAL NOT NULL,
    content TEXT NOT NULL DEFAULT '', hint TEXT NOT NULL DEFAULT ''
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS runs (source_id TEXT PRIMARY KEY, complete INTEGER NOT NULL) WITHOUT ROWID;
"""


@dataclass(frozen=True, slots=True)
class Mark:
    """One thing spooled or read. `content` is a keyed digest ("" for public), `hint` of what the list said about it."""

    id: str
    first_seen: datetime
    born: datetime
    read_at: datetime
    content: str = ""
    hint: str = ""


class Ledger:
    """One connection; every process opens its own."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._db = sqlite3.connect(path, timeout=30, isolation_level=None, check_same_thread=False)
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=NORMAL")
        self._db.executescript(_SCHEMA)

    def close(self) -> None:
        self._db.close()

    def get(self, mark_id: str) -> Mark | None:
        row = self._db.execute(
            "SELECT id, first_seen, born, read_at, content, hint FROM seen WHERE id = ?", (mark_id,)
        ).fetchone()
        return None if row is None else Mark(row[0], _at(row[1]), _at(row[2]), _at(row[3]), row[4], row[5])

    def commit(self, source_id: str, marks: Iterable[Mark]) -> None:
        """Write marks; an earlier `first_seen` stays."""
        rows = [
            (m.id, source_id, m.first_seen.timestamp(), m.born.timestamp(), m.read_at.timestamp(), m.content, m.hint)
            for m in marks
        ]
        if not rows:
            return
        self._db.execute("BEGIN IMMEDIATE")
        try:
            self._db.executemany(
                "INSERT INTO seen (id, source_id, first_seen, born, read_at, content, hint) VALUES (?, ?, ?, ?, ?, ?, ?) "
                "ON CONFLICT(id) DO UPDATE SET read_at = excluded.read_at, content = excluded.content, hint = "
                "CASE excluded.hint WHEN '' THEN seen.hint ELSE excluded.hint END",
                rows,
            )
        except sqlite3.Error:
            self._db.execute("ROLLBACK")
            raise
        self._db.execute("COMMIT")

    def was_complete(self, source_id: str) -> bool:
        """Whether the last run reached its end, so that a list page without news ends the paging."""
        row = self._db.execute("SELECT complete FROM runs WHERE source_id = ?", (source_id,)).fetchone()
        return bool(row and row[0])

    def set_complete(self, source_id: str, complete: bool) -> None:
        self._db.execute(
            "INSERT INTO runs VALUES (?, ?) ON CONFLICT(source_id) DO UPDATE SET complete = excluded.complete",
            (source_id, int(complete)),
        )

    def read_again(self, ids: Iterable[str]) -> None:
        """These pages count as never read, and lists are paged through once more (`tingjian index repair`)."""
        gone = [(i,) for i in ids]
        if gone:
            self._db.executemany("DELETE FROM seen WHERE id = ?", gone)
            self._db.execute("UPDATE runs SET complete = 0")

    def forget(self, now: datetime) -> int:
        """Delete rows not read for 400 days (upkeep); the registry keeps identities, so nothing doubles."""
        cursor = self._db.execute("DELETE FROM seen WHERE read_at < ?", ((now - FORGET_AFTER).timestamp(),))
        return int(cursor.rowcount)


def page_is_due(mark: Mark | None, hint: str, now: datetime) -> bool:
    """Whether a detail page is to be fetched: new, changed by what the list says, or young and not yet read today."""
    if mark is None or (hint and mark.hint and hint != mark.hint):
        return True
    read_today = mark.read_at.astimezone(SHANGHAI).date() == now.astimezone(SHANGHAI).date()
    return now - mark.born < REREAD_FOR and not read_today


def topic_is_due(mark: Mark | None, hint: str, now: datetime) -> bool:
    """Whether a topic is to be read: new, its row in the list changed, or none of this for two hours in its first 14 days."""
    if mark is None or hint != mark.hint:
        return True
    return now - mark.born < timedelta(days=14) and now - mark.read_at >= timedelta(hours=2)


def _at(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
