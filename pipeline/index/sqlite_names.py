"""Values of the embedded index's columns and the numbers that stand for them."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from pipeline.records import Item

NAMED = (
    "office_id",
    "channel",
    "role",
    "sentiment",
    "topics",
    "source_id",
    "outlet",
    "region",
    "site_group",
    "issue_id",
)
FLAGS = ("needs_answer", "sensitive")
LABELS = {*NAMED, *FLAGS} - {"issue_id"}  # found through `fts`: an issue is noted without a revision
_LABEL = "\ue000"  # no text has it in a token


class Names:
    """Looks values up; `rows` runs a statement."""

    def __init__(self, rows: Callable[[str, Sequence[Any]], list[Any]]) -> None:
        self._rows = rows

    def code(self, field: str, value: str) -> int | None:
        """The number of a value; None where no document ever had it. Of `topics`: of one topic."""
        if not value:
            return 0
        found = self._rows("SELECT code FROM names WHERE field = ? AND value = ?", (_named(field), value))
        return int(found[0][0]) if found else None

    def label(self, field: str, value: str) -> str:
        """The token that documents with this value hold."""
        return _token(field, self.code(field, value))

    def value(self, code: int) -> str:
        """What a number stands for."""
        return str(self._rows("SELECT value FROM names WHERE code = ?", (code,))[0][0]) if code else ""

    def offices(self) -> set[str]:
        """All that documents are of."""
        return {value for (value,) in self._rows("SELECT value FROM names WHERE field = 'office_id'", ())}


Codes = dict[tuple[str, str], int]


def name(c: sqlite3.Connection, items: Sequence[Item]) -> Codes:
    """(field, value) → number for every value of these items, new ones given one."""
    pairs = {(field, value_of(item, field)) for item in items for field in NAMED}
    pairs |= {(_named(field), value) for item in items for field, value in _labels(item)}
    insert = "INSERT INTO names (field, value) VALUES (?, ?) ON CONFLICT (field, value) DO NOTHING"
    c.executemany(insert, (pair for pair in pairs if pair[1] != ""))
    select = "SELECT code FROM names WHERE field = ? AND value = ?"
    return {pair: c.execute(select, pair).fetchone()[0] if pair[1] else 0 for pair in pairs}


def labels(item: Item, codes: Codes) -> str:
    """The tokens of an item's labels."""
    return " ".join(_token(field, codes[_named(field), value]) for field, value in _labels(item))


def value_of(item: Item, field: str) -> str:
    """As it is named; topics with a space around each."""
    if field == "topics":
        return f" {' '.join(item.topics)} " if item.topics else ""
    value: str = getattr(item, field)
    return value


def story_number(item: Item) -> int:
    """63 bits that stand for an office's reading of a story."""
    digest = hashlib.blake2b(f"{item.story_id}:{item.office_id}".encode("utf-8", "replace"), digest_size=8).digest()
    return int.from_bytes(digest) >> 1


def _labels(item: Item) -> Iterator[tuple[str, str]]:
    for field in sorted(LABELS):
        if field == "topics":
            yield from ((field, topic) for topic in item.topics or ("",))
        else:
            yield field, str(int(getattr(item, field))) if field in FLAGS else value_of(item, field)


def _named(field: str) -> str:
    return "topic" if field == "topics" else field


def _token(field: str, code: int | None) -> str:
    """Of the empty value by the field's name: 0 stands for it in all of them."""
    return f"{_LABEL}{field.replace('_', '')}" if code == 0 else f"{_LABEL}{code}"
