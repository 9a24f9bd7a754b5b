"""A file that an earlier version wrote becomes one of this version when it is opened."""

from __future__ import annotations

import json
import logging
import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest
from index_corpus import CITY, corpus
from making import HOUR, NOW

from pipeline.errors import ConfigurationError
from pipeline.index import sqlite as engine
from pipeline.index.documents import milliseconds, to_document
from pipeline.index.engine import Search
from pipeline.index.query import parse
from pipeline.index.sqlite import SqliteIndex

# As version 1 made them; it gave no number.
BEFORE = """
CREATE TABLE items (row INTEGER PRIMARY KEY, doc_id TEXT NOT NULL UNIQUE, id TEXT, occurred_at INTEGER, indexed_at INTEGER,
  issue_id TEXT, document TEXT NOT NULL);
CREATE INDEX items_newest ON items (occurred_at, doc_id);
CREATE INDEX items_indexed ON items (indexed_at, doc_id);
CREATE INDEX items_id ON items (id);
CREATE INDEX items_issue ON items (issue_id) WHERE issue_id <> '';
CREATE TABLE topics (topic TEXT NOT NULL, row INTEGER NOT NULL, PRIMARY KEY (topic, row)) WITHOUT ROWID;
CREATE INDEX topics_row ON topics (row);
CREATE TABLE signals (id TEXT PRIMARY KEY, office_id TEXT, site_group TEXT, period TEXT, starts_at INTEGER, dimension TEXT,
  label TEXT, count INTEGER);
CREATE INDEX signals_time ON signals (period, starts_at);
CREATE VIRTUAL TABLE fts USING fts5 (title, text, words, content='', prefix='1', tokenize="ascii");
"""
DOCUMENTS = [replace(item, issue_id="i1", level=2) if n == 0 else item for n, item in enumerate(corpus())]


def before(path: Path) -> Path:
    with sqlite3.connect(path) as c:
        c.executescript(BEFORE)
        for item in DOCUMENTS:
            row = (item.doc_id, item.id, milliseconds(item.occurred_at), milliseconds(item.indexed_at), item.issue_id)
            c.execute("INSERT INTO items VALUES (NULL,?,?,?,?,?,?)", (*row, json.dumps(to_document(item))))
        at = milliseconds(NOW)
        c.execute("INSERT INTO signals VALUES ('s', 'city', '论坛', 'hour', ?, 'all', '', 5)", (at,))
    c.close()
    return path


def test_everything_is_found_again_and_it_says_so(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = before(tmp_path / "index.db")
    with caplog.at_level(logging.WARNING):
        index = SqliteIndex(path)
    assert "旧格式" in caplog.text and f"{len(DOCUMENTS)}/{len(DOCUMENTS)}" in caplog.text
    everything = Search((CITY, "district"))
    assert [h.item for h in index.search(everything, size=100).hits] == DOCUMENTS
    assert index.count(Search((CITY,), parse("不起诉 议题:i1 等级:2"))) == 1
    assert [s.count for s in index.signals([CITY], NOW, NOW + HOUR, "hour")] == [5]
    index.close()
    caplog.clear()
    assert SqliteIndex(path).count(everything) == len(DOCUMENTS) and not caplog.text


def test_broken_off_it_stays_as_it_was_and_is_done_at_the_next_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = before(tmp_path / "index.db")
    with monkeypatch.context() as patch:
        patch.setattr(engine, "WRITE_BATCH", 3)
        patch.setattr(engine, "write", _fails_at_the_second_batch())
        with pytest.raises(KeyboardInterrupt):
            SqliteIndex(path)
    with sqlite3.connect(path) as c:
        assert c.execute("SELECT count(*) FROM items").fetchone() == (len(DOCUMENTS),)
        assert c.execute("PRAGMA user_version").fetchone() == (0,)
    c.close()
    assert SqliteIndex(path).count(Search((CITY, "district"))) == len(DOCUMENTS)


def test_a_file_of_a_later_version_is_left_alone(tmp_path: Path) -> None:
    SqliteIndex(tmp_path / "index.db").close()
    with sqlite3.connect(tmp_path / "index.db") as c:
        c.execute("PRAGMA user_version = 99")
    c.close()
    with pytest.raises(ConfigurationError, match="更新的版本"):
        SqliteIndex(tmp_path / "index.db")


def _fails_at_the_second_batch() -> object:
    real, calls = engine.write, []

    def write(*args: object) -> int:
        calls.append(1)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return real(*args)  # type: ignore[arg-type]

    return write
