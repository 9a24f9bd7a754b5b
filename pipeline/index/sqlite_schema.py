"""The tables of the embedded index, and how a file of an earlier version becomes one of this.

`fts` finds, by what a text says and by its labels alike (those that a revision alone changes); `items` holds what is counted,
as numbers, so that a million rows are read in a tenth of a second (`names`: which number is which value; 0 is the empty one; a
document's topics are one value); `documents` the whole. A row's number is the hour of `occurred_at` and a place in it: rows lie
by time, so the newest come first without sorting, a span of time is a span of rows, and the hour of a hit is known from its
number alone.
"""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

from pipeline.errors import ConfigurationError

VERSION = 2
PLACES = 24  # bits of a row's number for its place in the hour
HOUR = 3_600_000

# `ascii`: our own tokens are split at spaces only, whatever letters SQLite's tables know.
_SCHEMA = """
CREATE TABLE items (
  row INTEGER PRIMARY KEY, occurred_at INTEGER NOT NULL, office_id INTEGER NOT NULL, channel INTEGER NOT NULL,
  role INTEGER NOT NULL, sentiment INTEGER NOT NULL, level INTEGER NOT NULL, topics INTEGER NOT NULL,
  source_id INTEGER NOT NULL, outlet INTEGER NOT NULL, region INTEGER NOT NULL,
  site_group INTEGER NOT NULL, issue_id INTEGER NOT NULL, story INTEGER NOT NULL);
CREATE INDEX items_issue ON items (issue_id) WHERE issue_id <> 0;
CREATE TABLE documents (
  row INTEGER PRIMARY KEY, doc_id TEXT NOT NULL UNIQUE, revision INTEGER NOT NULL, indexed_at INTEGER NOT NULL,
  document TEXT NOT NULL);
CREATE INDEX documents_indexed ON documents (indexed_at, doc_id);
CREATE TABLE names (code INTEGER PRIMARY KEY, field TEXT NOT NULL, value TEXT NOT NULL, UNIQUE (field, value));
CREATE TABLE word_counts (word TEXT PRIMARY KEY, count INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS signals (
  id TEXT PRIMARY KEY, office_id TEXT NOT NULL, site_group TEXT NOT NULL, period TEXT NOT NULL, starts_at INTEGER NOT NULL,
  dimension TEXT NOT NULL, label TEXT NOT NULL, count INTEGER NOT NULL);
CREATE INDEX IF NOT EXISTS signals_time ON signals (period, starts_at);
CREATE VIRTUAL TABLE fts USING fts5 (title, text, labels, content='', prefix='1', tokenize="ascii");
CREATE VIRTUAL TABLE fts_words USING fts5 (words, content='', detail=none, columnsize=0, tokenize="ascii");
INSERT INTO fts (fts, rank) VALUES ('hashsize', 16777216)
"""

_log = logging.getLogger(__name__)


def row_of(occurred_at: int, place: int = 0) -> int:
    """The number of the row at a place in the hour of `occurred_at` (milliseconds)."""
    return occurred_at // HOUR << PLACES | place


def is_current(c: sqlite3.Connection, path: Path) -> bool:
    """Whether the tables are there as they should be. Raises ConfigurationError on a file of a later version."""
    found = _version(c)
    if found > VERSION:
        raise ConfigurationError("索引文件是更新的版本写的：请升级本程序", file=path)
    return found == VERSION


def _version(c: sqlite3.Connection) -> int:
    return int(c.execute("PRAGMA user_version").fetchone()[0])


def prepare(c: sqlite3.Connection, add: Callable[[Iterator[str]], None]) -> None:
    """Make the tables, inside the caller's transaction; `add` writes the documents (JSON) of an earlier version's file.

    Killed on the way, the file stays as it was. Others wait for the lock meanwhile, or are told to come again.
    """
    if _version(c) == VERSION:  # another process made them meanwhile
        return
    tables = {name for (name,) in c.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    if "items" in tables:
        c.execute("ALTER TABLE items RENAME TO items_before")
        for name in ("newest", "indexed", "id", "issue"):
            c.execute(f"DROP INDEX IF EXISTS items_{name}")
        c.execute("DROP TABLE topics")
        c.execute("DROP TABLE fts")
    for statement in _SCHEMA.split(";\n"):
        c.execute(statement)
    if "items" in tables:
        add(_before(c))
        c.execute("DROP TABLE items_before")
    c.execute(f"PRAGMA user_version = {VERSION}")


def _before(c: sqlite3.Connection) -> Iterator[str]:
    (many,) = c.execute("SELECT count(*) FROM items_before").fetchone()
    _log.warning("索引文件是旧格式，正在重建：%d 件（中断后会从头再来，不丢内容）", many)
    rows = c.execute("SELECT document FROM items_before ORDER BY occurred_at")
    for number, (document,) in enumerate(rows, 1):
        yield document
        if number % 10_000 == 0 or number == many:
            _log.warning("索引重建：%d/%d", number, many)
