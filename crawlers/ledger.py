"""`crawl.db`: what was already spooled, so that it isn't fetched or heard twice. No text, and of `public` keyed values only.

A row is written only after the batch that holds its capture is committed; a crawl killed in between reads the page again
and gives it the same id. A public post is spooled once and never again: a second time would seal it under younger staging
keys and let it outlive its 72 h (charter 2).
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass, fields
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

BACK_OFF = tuple(
    timedelta(hours=h) for h in (1, 6, 24, 72, 168)
)  # an article's age when it is read once more; then never
LATEST = 2 * BACK_OFF[-1]  # a reading that was missed is not made up for when an article is older
FORGET_AFTER = timedelta(days=400)
_SCHEMA = """
CREATE TABLE IF NOT EXISTS seen (
    id TEXT PRIMARY KEY, source_id TEXT NOT NULL, first_seen REAL NOT NULL, born REAL NOT NULL, read_at REAL NOT NULL,
    content TEXT NOT NULL DEFAULT '', hint TEXT NOT NULL DEFAULT ''
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS runs (source_id TEXT PRIMARY KEY, complete INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS waits (host TEXT PRIMARY KEY, until REAL NOT NULL) WITHOUT ROWID;
"""
_LATER_COLUMNS = {  # which ledgers of the first weeks lack
    "seen": (
        "url TEXT NOT NULL DEFAULT ''",
        "etag TEXT NOT NULL DEFAULT ''",
        "modified TEXT NOT NULL DEFAULT ''",
    ),
    "runs": ("whole_at REAL",),
}
_INDEX = "CREATE INDEX IF NOT EXISTS again ON seen (source_id, born) WHERE url != ''"


@dataclass(frozen=True, slots=True)
class Mark:
    """One thing spooled or read. `content` is a keyed digest ("" for public), `hint` of what the list said about it.

    `url` is set for institutions' articles that may be read once more, `etag` never for public (it could tell what a page
    said); `modified` is a date as HTTP writes it.
    """

    id: str
    first_seen: datetime
    born: datetime
    read_at: datetime
    content: str = ""
    hint: str = ""
    url: str = ""
    etag: str = ""
    modified: str = ""


@dataclass(frozen=True, slots=True)
class Run:
    """How the last run of one start address ended: `whole_at` is when all its lists were last read to where they were known."""

    complete: bool = False
    whole_at: datetime | None = None


_COLUMNS = ", ".join(f.name for f in fields(Mark))


class Ledger:
    """One connection; every process opens its own."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._db = sqlite3.connect(path, timeout=30, isolation_level=None, check_same_thread=False)
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=NORMAL")
        self._db.executescript(_SCHEMA)
        for table, columns in _LATER_COLUMNS.items():
            there = {row[1] for row in self._db.execute(f"PRAGMA table_info({table})")}
            for column in columns:
                if column.partition(" ")[0] not in there:
                    self._db.execute(f"ALTER TABLE {table} ADD COLUMN {column}")
        self._db.execute(_INDEX)

    def close(self) -> None:
        self._db.close()

    def get(self, mark_id: str) -> Mark | None:
        row = self._db.execute(f"SELECT {_COLUMNS} FROM seen WHERE id = ?", (mark_id,)).fetchone()  # noqa: S608
        return None if row is None else _mark(row)

    def to_read_again(self, source_id: str, now: datetime) -> list[Mark]:
        """Articles with an address whose next reading is due, youngest first."""
        rows = self._db.execute(
            f"SELECT {_COLUMNS} FROM seen WHERE source_id = ? AND url != '' AND born > ? ORDER BY born DESC",  # noqa: S608
            (source_id, (now - LATEST).timestamp()),
        )
        return [mark for mark in map(_mark, rows) if page_is_due(mark, "", now)]

    def commit(self, source_id: str, marks: Iterable[Mark]) -> None:
        """Write marks; an earlier `first_seen` and `born` stay."""
        rows = [
            (
                source_id,
                m.id,
                m.first_seen.timestamp(),
                m.born.timestamp(),
                m.read_at.timestamp(),
                m.content,
                m.hint,
                m.url,
                m.etag,
                m.modified,
            )
            for m in marks
        ]
        if not rows:
            return
        self._db.execute("BEGIN IMMEDIATE")
        try:
            self._db.executemany(
                f"INSERT INTO seen (source_id, {_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) "  # noqa: S608
                "ON CONFLICT(id) DO UPDATE SET read_at = excluded.read_at, content = excluded.content, "
                "url = excluded.url, etag = excluded.etag, modified = excluded.modified, "
                "hint = CASE excluded.hint WHEN '' THEN seen.hint ELSE excluded.hint END",
                rows,
            )
        except sqlite3.Error:
            self._db.execute("ROLLBACK")
            raise
        self._db.execute("COMMIT")

    def last_run(self, start: str) -> Run:
        """How the last run of a start address (keyed) ended."""
        row = self._db.execute("SELECT complete, whole_at FROM runs WHERE source_id = ?", (start,)).fetchone()
        return Run() if row is None else Run(bool(row[0]), None if row[1] is None else _at(row[1]))

    def begin(self, start: str) -> None:
        """From now on, until `end`, the last run counts as cut short."""
        self._db.execute(
            "INSERT INTO runs (source_id, complete) VALUES (?, 0) ON CONFLICT(source_id) DO UPDATE SET complete = 0",
            (start,),
        )

    def end(self, start: str, complete: bool, whole_at: datetime) -> None:
        self._db.execute(
            "UPDATE runs SET complete = ?, whole_at = ? WHERE source_id = ?", (complete, whole_at.timestamp(), start)
        )

    def wait_until(self, host: str) -> datetime | None:
        """Until when a host (keyed) asked not to be read."""
        row = self._db.execute("SELECT until FROM waits WHERE host = ?", (host,)).fetchone()
        return None if row is None else _at(row[0])

    def set_wait(self, host: str, until: datetime) -> None:
        self._db.execute(
            "INSERT INTO waits VALUES (?, ?) ON CONFLICT(host) DO UPDATE SET until = max(until, excluded.until)",
            (host, until.timestamp()),
        )

    def read_again(self, ids: Iterable[str]) -> None:
        """These pages count as never read, and lists are paged through once more (`tingjian index repair`)."""
        gone = [(i,) for i in ids]
        if gone:
            self._db.executemany("DELETE FROM seen WHERE id = ?", gone)
            self._db.execute("UPDATE runs SET complete = 0, whole_at = NULL")

    def forget(self, now: datetime) -> int:
        """Delete rows not read for 400 days (upkeep); the registry keeps identities, so nothing doubles."""
        cursor = self._db.execute("DELETE FROM seen WHERE read_at < ?", ((now - FORGET_AFTER).timestamp(),))
        self._db.execute("DELETE FROM waits WHERE until < ?", (now.timestamp(),))
        return int(cursor.rowcount)


def page_is_due(mark: Mark | None, hint: str, now: datetime) -> bool:
    """Whether a page is to be fetched: new, changed by what the list says, or past an age at which it is read once more."""
    if mark is None or (hint and mark.hint and hint != mark.hint):
        return True
    return now < mark.born + LATEST and any(mark.read_at < mark.born + age <= now for age in BACK_OFF)


def topic_is_due(mark: Mark | None, hint: str, now: datetime) -> bool:
    """Whether a topic is to be read: new, its row in the list changed, or none of this for two hours in its first 14 days."""
    if mark is None or hint != mark.hint:
        return True
    return now - mark.born < timedelta(days=14) and now - mark.read_at >= timedelta(hours=2)


def _mark(row: tuple[Any, ...]) -> Mark:
    return Mark(row[0], _at(row[1]), _at(row[2]), _at(row[3]), *row[4:])


def _at(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
