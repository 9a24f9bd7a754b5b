"""Writing into the embedded index: a batch at a time, inside the caller's transaction, in the order of rows.

FTS5 collects what it is given in ascending order and would flush at every step back.
"""

from __future__ import annotations

import json
import sqlite3
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace

from pipeline.index.documents import from_document, milliseconds, to_document
from pipeline.index.sqlite_names import NAMED, labels, name, story_number, value_of
from pipeline.index.sqlite_schema import HOUR, row_of
from pipeline.index.tokens import folded_words, index_tokens, word_token
from pipeline.records import Item

_FTS = "INSERT INTO fts (rowid, title, text, labels) VALUES (?, ?, ?, ?)"
_WORDS = "INSERT INTO fts_words (rowid, words) VALUES (?, ?)"
_FTS_GONE = "INSERT INTO fts (fts, rowid, title, text, labels) VALUES ('delete', ?, ?, ?, ?)"
_WORDS_GONE = "INSERT INTO fts_words (fts_words, rowid, words) VALUES ('delete', ?, ?)"


def note_issue(c: sqlite3.Connection, doc_ids: Iterable[str], issue_id: str, level: int) -> None:
    """Note on documents which issue holds them, and its level."""
    if issue_id:
        c.execute("INSERT OR IGNORE INTO names (field, value) VALUES ('issue_id', ?)", (issue_id,))
    c.executemany(
        "UPDATE items SET level = ?, issue_id = coalesce((SELECT code FROM names WHERE field = 'issue_id' AND value = ?), 0)"
        " WHERE row = (SELECT row FROM documents WHERE doc_id = ?)",
        ((level, issue_id, doc_id) for doc_id in doc_ids),
    )


def write(c: sqlite3.Connection, batch: Sequence[Item]) -> int:
    """Add or revise; a revision keeps the issue that was noted. Returns how many were new or newer."""
    there = _there(c, batch)
    written = 0
    newest: dict[str, Item] = {}
    for item in batch:
        known = newest[item.doc_id].revision if item.doc_id in newest else there.get(item.doc_id, (0, -1, ""))[1]
        if item.revision > known:
            newest[item.doc_id] = item
            written += 1
    replaced = {doc_id: there[doc_id] for doc_id in newest if doc_id in there}
    forget(c, [row for row, _, _ in replaced.values()])
    _add(c, [
        item if item.issue_id or doc_id not in replaced else replace(item, issue_id=replaced[doc_id][2])
        for doc_id, item in newest.items()
    ])  # fmt: skip
    return written


def forget(c: sqlite3.Connection, rows: Iterable[int]) -> None:
    """Delete these rows everywhere. A contentless FTS table is told what to remove."""
    rows = sorted(rows)
    select = "SELECT document FROM documents WHERE row = ?"
    items = [from_document(json.loads(c.execute(select, (row,)).fetchone()[0])) for row in rows]
    codes = name(c, items)
    c.executemany(_FTS_GONE, ((row, *_texts(item), labels(item, codes)) for row, item in zip(rows, items, strict=True)))
    c.executemany(_WORDS_GONE, ((row, _word_tokens(item)) for row, item in zip(rows, items, strict=True)))
    for table in ("items", "documents"):
        c.executemany(f"DELETE FROM {table} WHERE row = ?", ((row,) for row in rows))  # noqa: S608 (constants)
    _count_words(c, items, -1)


def _there(c: sqlite3.Connection, batch: Sequence[Item]) -> dict[str, tuple[int, int, str]]:
    """doc_id → row, revision and issue of what is there already."""
    select = (
        "SELECT doc_id, row, revision, coalesce(value, '') FROM documents JOIN items USING (row)"
        " LEFT JOIN names ON code = issue_id WHERE doc_id = ?"
    )
    found = (c.execute(select, (doc_id,)).fetchone() for doc_id in {item.doc_id for item in batch})
    return {row[0]: row[1:] for row in found if row}


def _add(c: sqlite3.Connection, items: Sequence[Item]) -> None:
    rows = sorted(_placed(c, items), key=lambda pair: pair[0])
    codes = name(c, items)
    c.executemany(
        "INSERT INTO items (row, occurred_at, level, story, " + ", ".join(NAMED) + ")"  # noqa: S608
        f" VALUES ({','.join('?' * (4 + len(NAMED)))})",
        (
            (
                row, milliseconds(i.occurred_at), i.level, story_number(i),
                *(codes[field, value_of(i, field)] for field in NAMED),
            )
            for row, i in rows
        ),
    )  # fmt: skip
    c.executemany(
        "INSERT INTO documents VALUES (?, ?, ?, ?, ?)",
        ((row, i.doc_id, i.revision, milliseconds(i.indexed_at), _json(i)) for row, i in rows),
    )
    c.executemany(_FTS, ((row, *_texts(item), labels(item, codes)) for row, item in rows))
    c.executemany(_WORDS, ((row, _word_tokens(item)) for row, item in rows))
    _count_words(c, items, 1)


def _placed(c: sqlite3.Connection, items: Sequence[Item]) -> list[tuple[int, Item]]:
    """Each with the next free row of its hour."""
    last: dict[int, int] = {}
    placed = []
    for item in items:
        first = row_of(milliseconds(item.occurred_at))
        if first not in last:
            ((found,),) = c.execute(
                "SELECT max(row) FROM items WHERE row >= ? AND row < ?", (first, first + row_of(HOUR))
            )
            last[first] = first - 1 if found is None else found
        last[first] += 1
        placed.append((last[first], item))
    return placed


def _count_words(c: sqlite3.Connection, items: Sequence[Item], sign: int) -> None:
    counts = Counter(word for item in items for word in {*folded_words(item.words)})
    c.executemany(
        "INSERT INTO word_counts VALUES (?, ?) ON CONFLICT (word) DO UPDATE SET count = count + excluded.count",
        ((word, sign * count) for word, count in sorted(counts.items())),
    )
    if sign < 0:
        c.executemany("DELETE FROM word_counts WHERE word = ? AND count <= 0", ((word,) for word in counts))


def _json(item: Item) -> str:
    return json.dumps(to_document(item), ensure_ascii=False).encode("utf-8", "replace").decode("utf-8")


def _texts(item: Item) -> tuple[str, str]:
    return index_tokens(item.title), index_tokens(item.text)


def _word_tokens(item: Item) -> str:
    return " ".join(map(word_token, folded_words(item.words)))
