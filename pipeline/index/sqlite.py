"""The embedded engine: SQLite with FTS5. One file, any number of readers, one writer at a time."""

from __future__ import annotations

import json
import sqlite3
import threading
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any, Literal

import numpy

from pipeline.errors import storage
from pipeline.index.documents import (
    from_document,
    milliseconds,
    place,
    place_of,
    snippet,
    to_document,
    wanted_texts,
)
from pipeline.index.engine import Bucket, Field, Hit, Number, Page, Search, Written
from pipeline.index.significance import least_count, significant
from pipeline.index.sqlite_query import Clause, compile_search, word_expression
from pipeline.index.tokens import fold, index_tokens
from pipeline.records import Item, Signal

WRITE_BATCH = 500
READ_BATCH = 1000
PATIENCE = 30.0  # seconds that a writer waits for another

_SCHEMA = """
CREATE TABLE IF NOT EXISTS items (
  row INTEGER PRIMARY KEY, doc_id TEXT NOT NULL UNIQUE, id TEXT NOT NULL, office_id TEXT NOT NULL,
  revision INTEGER NOT NULL, channel TEXT NOT NULL, source_id TEXT NOT NULL, outlet TEXT NOT NULL,
  site_group TEXT NOT NULL, region TEXT NOT NULL, role TEXT NOT NULL, sentiment TEXT NOT NULL, level INTEGER NOT NULL,
  needs_answer INTEGER NOT NULL, sensitive INTEGER NOT NULL, story_id TEXT NOT NULL, issue_id TEXT NOT NULL,
  occurred_at INTEGER NOT NULL, indexed_at INTEGER NOT NULL, document TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS items_newest ON items (occurred_at, doc_id);
CREATE INDEX IF NOT EXISTS items_indexed ON items (indexed_at, doc_id);
CREATE INDEX IF NOT EXISTS items_id ON items (id);
CREATE INDEX IF NOT EXISTS items_issue ON items (issue_id) WHERE issue_id <> '';
CREATE TABLE IF NOT EXISTS topics (topic TEXT NOT NULL, row INTEGER NOT NULL, PRIMARY KEY (topic, row)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS topics_row ON topics (row);
CREATE TABLE IF NOT EXISTS signals (
  id TEXT PRIMARY KEY, office_id TEXT NOT NULL, site_group TEXT NOT NULL, period TEXT NOT NULL, starts_at INTEGER NOT NULL,
  dimension TEXT NOT NULL, label TEXT NOT NULL, count INTEGER NOT NULL);
CREATE INDEX IF NOT EXISTS signals_time ON signals (period, starts_at);
CREATE VIRTUAL TABLE IF NOT EXISTS fts USING fts5 (
  title, text, words, content='', prefix='1', tokenize="ascii");
"""
# `ascii`: our own tokens are split at spaces only, whatever letters SQLite's tables know.
_BUCKET = {"hour": "%Y-%m-%dT%H", "day": "%Y-%m-%d"}
_SHANGHAI_SECONDS = 8 * 3600  # no summer time since 1991


class SqliteIndex:
    """See `pipeline.index.engine.Index`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._local = threading.local()
        self._open: list[sqlite3.Connection] = []
        path.parent.mkdir(parents=True, exist_ok=True)
        with self._writing() as c:
            for statement in _SCHEMA.split(";\n"):
                if statement.strip():
                    c.execute(statement)

    # --- writing

    def write_items(self, items: Iterable[Item]) -> Written:
        written = stale = 0
        source = iter(items)
        while batch := list(islice(source, WRITE_BATCH)):
            with self._writing() as c:
                for item in batch:
                    if self._write(c, item):
                        written += 1
                    else:
                        stale += 1
        return Written(written, stale)

    def write_signals(self, signals: Iterable[Signal]) -> int:
        with self._writing() as c:
            before = c.total_changes
            c.executemany(
                "INSERT INTO signals VALUES (?,?,?,?,?,?,?,?) ON CONFLICT (id) DO UPDATE SET count = excluded.count"
                " WHERE excluded.count > count",
                (
                    (
                        s.id,
                        s.office_id,
                        s.site_group,
                        s.period,
                        milliseconds(s.starts_at),
                        s.dimension,
                        s.label,
                        s.count,
                    )
                    for s in signals
                ),
            )
            return c.total_changes - before

    def set_issue(self, doc_ids: Sequence[str], issue_id: str, level: int) -> None:
        with self._writing() as c:
            c.executemany(
                "UPDATE items SET issue_id = ?1, level = ?2,"
                " document = json_set(document, '$.issue_id', ?1, '$.level', ?2) WHERE doc_id = ?3",
                ((issue_id, level, d) for d in doc_ids),
            )

    def purge(self, channel: str, before: datetime, keep: Iterable[str]) -> int:
        if channel == "public":
            with self._writing() as c:
                return c.execute("DELETE FROM signals WHERE starts_at < ?", (milliseconds(before),)).rowcount
        kept = set(keep)
        deleted = 0
        while True:
            with self._writing() as c:
                rows = c.execute(
                    "SELECT row, id, document FROM items WHERE channel = ? AND occurred_at < ? ORDER BY row",
                    (channel, milliseconds(before)),
                )
                doomed = list(islice((r for r in rows if r[1] not in kept), WRITE_BATCH))
                for row, _, document in doomed:
                    self._forget(c, row, from_document(json.loads(document)))
                    c.execute("DELETE FROM items WHERE row = ?", (row,))
            deleted += len(doomed)
            if len(doomed) < WRITE_BATCH:
                return deleted

    # --- reading

    def get(self, item_id: str, office_ids: Sequence[str]) -> Item | None:
        rows = dict(self._rows("SELECT office_id, document FROM items WHERE id = ?", (item_id,)))
        return next((from_document(json.loads(rows[o])) for o in office_ids if o in rows), None)

    def older(self, channel: str, before: datetime) -> set[str]:
        sql = "SELECT DISTINCT id FROM items WHERE channel = ? AND occurred_at < ?"
        return {item_id for (item_id,) in self._rows(sql, (channel, milliseconds(before)))}

    def indexed_since(self, after: datetime, office_ids: Sequence[str]) -> Iterator[Item]:
        where = f"(indexed_at, doc_id) > (?, ?) AND office_id IN ({','.join('?' * len(office_ids))})"
        sql = f"SELECT document FROM items WHERE {where} ORDER BY indexed_at, doc_id LIMIT ?"  # noqa: S608 (marks only)
        at: tuple[int, str] = (milliseconds(after), "")
        while rows := self._rows(sql, (*at, *office_ids, READ_BATCH)):
            items = [from_document(json.loads(document)) for (document,) in rows]
            yield from items
            at = milliseconds(items[-1].indexed_at), items[-1].doc_id

    def search(self, search: Search, size: int = 20, after: str | None = None) -> Page:
        where = compile_search(search)
        total = self._one(f"SELECT count(*) FROM items WHERE {where.sql}", where.values)  # noqa: S608 (compiled clause)
        page = where
        if after:
            page = Clause(f"{where.sql} AND (occurred_at, doc_id) < (?, ?)", (*where.values, *place_of(after)))
        sql = f"SELECT document FROM items WHERE {page.sql} ORDER BY occurred_at DESC, doc_id DESC LIMIT ?"  # noqa: S608
        found = [from_document(json.loads(d)) for (d,) in self._rows(sql, (*page.values, size + 1))]
        wanted = wanted_texts(search.query)
        hits = tuple(Hit(item, *snippet(item.text, wanted)) for item in found[:size])
        last = hits[-1].item if len(found) > size else None
        return Page(hits, total, place(last) if last else None)

    def count(self, search: Search) -> int:
        where = compile_search(search)
        return self._one(f"SELECT count(*) FROM items WHERE {where.sql}", where.values)  # noqa: S608

    def histogram(self, search: Search, interval: Literal["hour", "day"] = "day") -> list[Bucket]:
        where = compile_search(replace(search, collapse_stories=False))
        sql = (
            f"SELECT strftime('{_BUCKET[interval]}', occurred_at / 1000 + {_SHANGHAI_SECONDS}, 'unixepoch') AS b, count(*)"  # noqa: S608
            f" FROM items WHERE {where.sql} GROUP BY b ORDER BY b"
        )
        return [Bucket(str(key), count) for key, count in self._rows(sql, where.values)]

    def terms(self, search: Search, name: Field, size: int = 10) -> list[Bucket]:
        where = compile_search(replace(search, collapse_stories=False))
        if name == "topics":
            sql = f"SELECT topic, count(*) AS n FROM topics WHERE row IN (SELECT row FROM items WHERE {where.sql})"  # noqa: S608
            sql += " GROUP BY topic ORDER BY n DESC, topic LIMIT ?"
        else:
            sql = f"SELECT {name}, count(*) AS n FROM items WHERE {where.sql} AND {name} <> ''"  # noqa: S608 (a Literal)
            sql += f" GROUP BY {name} ORDER BY n DESC, {name} LIMIT ?"
        return [Bucket(str(key), count) for key, count in self._rows(sql, (*where.values, size))]

    def words(self, search: Search, size: int = 30, sample: int = 2000) -> list[Bucket]:
        where = compile_search(replace(search, collapse_stories=False))
        sql = f"SELECT json_extract(document, '$.words') FROM items WHERE {where.sql}"  # noqa: S608
        sql += " ORDER BY occurred_at DESC, doc_id DESC LIMIT ?"
        counts: Counter[str] = Counter()
        for (words,) in self._rows(sql, (*where.values, sample)):
            counts.update(set(json.loads(words)))
        ranked = sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))
        return [Bucket(word, count) for word, count in ranked[:size]]

    def significant_words(self, search: Search, size: int = 10, sample: int = 2000) -> list[Bucket]:
        where = compile_search(replace(search, collapse_stories=False))
        sql = f"SELECT occurred_at FROM items WHERE {where.sql} ORDER BY occurred_at DESC, doc_id DESC LIMIT 1 OFFSET ?"  # noqa: S608
        edge = self._rows(sql, (*where.values, sample - 1))
        if edge:
            where = Clause(f"{where.sql} AND occurred_at >= ?", (*where.values, edge[0][0]))
        here: Counter[str] = Counter()
        hits = 0
        for (words,) in self._rows(
            f"SELECT json_extract(document, '$.words') FROM items WHERE {where.sql}",  # noqa: S608
            where.values,
        ):
            hits += 1
            here.update({fold(word) for word in json.loads(words)})
        least = least_count(hits)
        there = {
            word: self._one("SELECT count(*) FROM fts WHERE fts MATCH ?", (word_expression(word),))
            for word, count in here.items()
            if count >= least
        }
        return significant(here, hits, there, self._one("SELECT count(*) FROM items", ()), size)

    def percentiles(self, search: Search, name: Number, percents: Sequence[float]) -> list[float]:
        where = compile_search(replace(search, collapse_stories=False))
        path = f"$.labels.{name}" if name.endswith("_p") else f"$.{name}"
        sql = f"SELECT json_extract(document, ?) AS n FROM items WHERE {where.sql} AND n IS NOT NULL"  # noqa: S608
        values = [float(n) for (n,) in self._rows(sql, (path, *where.values))]
        return [float(p) for p in numpy.percentile(values, percents)] if values else []

    def signals(
        self, office_ids: Sequence[str], since: datetime, until: datetime, period: Literal["hour", "day"]
    ) -> list[Signal]:
        sql = (
            "SELECT office_id, site_group, period, starts_at, dimension, label, count FROM signals WHERE period = ?"  # noqa: S608
            f" AND starts_at >= ? AND starts_at < ? AND office_id IN ({','.join('?' * len(office_ids))})"
            " ORDER BY starts_at, id"
        )
        rows = self._rows(sql, (period, milliseconds(since), milliseconds(until), *office_ids))
        return [Signal(o, g, p, datetime.fromtimestamp(t / 1000, UTC), d, label, n) for o, g, p, t, d, label, n in rows]

    def close(self) -> None:
        for connection in self._open:
            connection.close()
        self._open.clear()

    # --- inside

    def _write(self, c: sqlite3.Connection, item: Item) -> bool:
        old = c.execute("SELECT row, revision, document FROM items WHERE doc_id = ?", (item.doc_id,)).fetchone()
        row = old[0] if old else None
        if old:
            if old[1] >= item.revision:
                return False
            known = from_document(json.loads(old[2]))
            self._forget(c, old[0], known)
            item = item if item.issue_id else replace(item, issue_id=known.issue_id)
        values = (
            row, item.doc_id, item.id, item.office_id, item.revision, item.channel, item.source_id, item.outlet,
            item.site_group, item.region, item.role, item.sentiment, item.level, item.needs_answer, item.sensitive,
            item.story_id, item.issue_id, milliseconds(item.occurred_at), milliseconds(item.indexed_at),
            json.dumps(to_document(item), ensure_ascii=False).encode("utf-8", "replace").decode("utf-8"),
        )  # fmt: skip
        row = c.execute(f"INSERT OR REPLACE INTO items VALUES ({','.join('?' * len(values))})", values).lastrowid  # noqa: S608
        c.executemany("INSERT OR IGNORE INTO topics VALUES (?, ?)", ((t, row) for t in item.topics))
        c.execute("INSERT INTO fts (rowid, title, text, words) VALUES (?, ?, ?, ?)", (row, *_tokens(item)))
        return True

    def _forget(self, c: sqlite3.Connection, row: int, item: Item) -> None:
        # a contentless FTS table is told what to remove
        values = (row, *_tokens(item))
        c.execute("INSERT INTO fts (fts, rowid, title, text, words) VALUES ('delete', ?, ?, ?, ?)", values)
        c.execute("DELETE FROM topics WHERE row = ?", (row,))

    @property
    def _connection(self) -> sqlite3.Connection:
        connection: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if connection is None:
            connection = sqlite3.connect(self.path, timeout=PATIENCE, isolation_level=None, check_same_thread=False)
            for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "cache_size=-65536", "mmap_size=1073741824"):
                connection.execute(f"PRAGMA {pragma}")
            self._local.connection = connection
            self._open.append(connection)
        return connection

    def _rows(self, sql: str, values: Sequence[Any]) -> list[Any]:
        with storage("索引"):
            return self._connection.execute(sql, values).fetchall()

    def _one(self, sql: str, values: Sequence[Any]) -> int:
        return int(self._rows(sql, values)[0][0])

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        with storage("索引"):
            connection = self._connection
            try:
                connection.execute("BEGIN IMMEDIATE")
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise


def _tokens(item: Item) -> tuple[str, str, str]:
    return index_tokens(item.title), index_tokens(item.text), fold(" ".join(item.words))
