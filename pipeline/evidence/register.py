"""`evidence.db`: what lies in the evidence files, record by record. Addresses of institutions' pages, hashes, no text."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import astuple, dataclass, fields
from datetime import datetime
from pathlib import Path
from typing import Literal

from pipeline.errors import storage

_PAGE = 400
State = Literal["kept", "removing", "removed"]
_SCHEMA = """
CREATE TABLE IF NOT EXISTS records (
    file TEXT NOT NULL, seq INTEGER NOT NULL, item TEXT NOT NULL, url TEXT NOT NULL, part INTEGER NOT NULL, at REAL NOT NULL,
    payload TEXT NOT NULL, hash TEXT NOT NULL, stored TEXT NOT NULL, offset INTEGER NOT NULL, size INTEGER NOT NULL,
    state TEXT NOT NULL, PRIMARY KEY (file, seq)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS of_item ON records (item, url);
CREATE TABLE IF NOT EXISTS checks (file TEXT PRIMARY KEY, at REAL NOT NULL, problem TEXT NOT NULL) WITHOUT ROWID;
"""


@dataclass(frozen=True, slots=True)
class Row:
    """One record. `hash` is its link in the chain for ever, `stored` that of what lies in the file (a tombstone's own).

    `at` in seconds since 1970; `payload` the SHA-256 of the body. A removed row has neither item nor address.
    """

    file: str
    seq: int
    item: str
    url: str
    part: int
    at: float
    payload: str
    hash: str
    stored: str
    offset: int
    size: int
    state: State = "kept"


_COLUMNS = ", ".join(f.name for f in fields(Row))
_INSERT = f"INSERT OR IGNORE INTO records ({_COLUMNS}) VALUES ({', '.join('?' * len(fields(Row)))})"  # noqa: S608


class Register:
    """One connection; spiders, upkeep, desk and commands each open their own. Every call raises RetryLater."""

    def __init__(self, path: Path) -> None:
        with storage("证据登记"):
            path.parent.mkdir(parents=True, exist_ok=True)
            self._db = sqlite3.connect(path, timeout=30, check_same_thread=False)
            self._db.execute("PRAGMA journal_mode=WAL")
            self._db.executescript(_SCHEMA)

    def close(self) -> None:
        self._db.close()

    def add(self, rows: Sequence[Row]) -> None:
        """What is there already stays."""
        with self._open() as db:
            db.executemany(_INSERT, [astuple(row) for row in rows])

    def last(self, file: str) -> Row | None:
        return next(self._rows("file = ? ORDER BY seq DESC LIMIT 1", (file,)), None)

    def of_file(self, file: str) -> list[Row]:
        return list(self._rows("file = ? ORDER BY seq", (file,)))

    def of_items(self, ids: Iterable[str]) -> list[Row]:
        """What is kept of these captures, oldest first."""
        rows = [row for i in ids for row in self._rows("item = ? AND state = 'kept'", (i,))]
        return sorted(rows, key=lambda r: (r.at, r.file, r.seq))

    def get(self, file: str, seq: int) -> Row | None:
        return next(self._rows("file = ? AND seq = ?", (file, seq)), None)

    def same(self, item: str, url: str, payload: str) -> Row | None:
        """The newest record of this address, if it holds just this."""
        newest = next(self._rows("item = ? AND url = ? AND state = 'kept' ORDER BY at DESC LIMIT 1", (item, url)), None)
        return newest if newest is not None and newest.payload == payload else None

    def files(self) -> list[str]:
        with self._open() as db:
            return [name for (name,) in db.execute("SELECT DISTINCT file FROM records ORDER BY file")]

    def unfinished(self) -> list[str]:
        """Files of which a removal was begun."""
        with self._open() as db:
            return [f for (f,) in db.execute("SELECT DISTINCT file FROM records WHERE state = 'removing'")]

    def empty(self) -> list[str]:
        """Files of which nothing is kept any more."""
        with self._open() as db:
            return [f for (f,) in db.execute("SELECT file FROM records GROUP BY file HAVING sum(state = 'kept') = 0")]

    def items(self) -> Iterator[dict[str, tuple[str, float]]]:
        """capture id → (a file of it, time of its newest record), some hundred at a time."""
        query = (
            "SELECT item, max(file), max(at) FROM records WHERE item > ? AND state = 'kept' "
            "GROUP BY item ORDER BY item LIMIT ?"
        )
        after = ""
        while True:
            with self._open() as db:
                found = {item: (file, at) for item, file, at in db.execute(query, (after, _PAGE))}
            if not found:
                return
            yield found
            after = max(found)

    def removing(self, file: str, seqs: Iterable[int]) -> None:
        """Said before the file is rewritten: until `removed`, either form of these records is right."""
        with self._open() as db:
            db.executemany(
                "UPDATE records SET state = 'removing' WHERE file = ? AND seq = ? AND state = 'kept'",
                [(file, seq) for seq in seqs],
            )

    def rewritten(self, file: str, rows: Iterable[tuple[int, str, int, int]]) -> None:
        """(seq, stored, offset, size) of every record after a rewrite; those that were to go are gone."""
        with self._open() as db:
            db.executemany(
                "UPDATE records SET stored = ?, offset = ?, size = ? WHERE file = ? AND seq = ?",
                [(stored, offset, size, file, seq) for seq, stored, offset, size in rows],
            )
            db.execute(
                "UPDATE records SET state = 'removed', item = '', url = '', payload = '' "
                "WHERE file = ? AND state = 'removing'",
                (file,),
            )

    def forget(self, file: str) -> None:
        with self._open() as db:
            db.execute("DELETE FROM records WHERE file = ?", (file,))
            db.execute("DELETE FROM checks WHERE file = ?", (file,))

    def checked(self, file: str, now: datetime, problem: str) -> None:
        with self._open() as db:
            db.execute("INSERT OR REPLACE INTO checks VALUES (?, ?, ?)", (file, now.timestamp(), problem))

    def checks(self) -> dict[str, tuple[float, str]]:
        """file → (when it was last verified, what was wrong)."""
        with self._open() as db:
            return {file: (at, problem) for file, at, problem in db.execute("SELECT file, at, problem FROM checks")}

    def _rows(self, where: str, values: tuple[object, ...]) -> Iterator[Row]:
        with self._open() as db:
            found = db.execute(f"SELECT {_COLUMNS} FROM records WHERE {where}", values).fetchall()  # noqa: S608
        return (Row(*row) for row in found)

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        with storage("证据登记"), self._db:
            yield self._db
