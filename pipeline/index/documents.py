"""Items to and from JSON, and the safe snippet of a hit: the same for every engine."""

from __future__ import annotations

import re
from dataclasses import fields
from datetime import datetime
from typing import Any

from pipeline.index.query import And, Node, Or, QueryError, Text
from pipeline.records import Item

_TIMES = ("occurred_at", "first_seen", "indexed_at", "published_at", "received_at")
_FIELDS = tuple(f.name for f in fields(Item))
SNIPPET = 120


def to_document(item: Item) -> dict[str, Any]:
    """JSON-ready; times in ISO 8601 UTC."""
    document = {name: getattr(item, name) for name in _FIELDS}
    for name in _TIMES:
        if document[name] is not None:
            document[name] = document[name].isoformat()
    return document


def from_document(document: dict[str, Any]) -> Item:
    """The inverse of `to_document`."""
    d = dict(document)
    for name in _TIMES:
        if d.get(name):
            d[name] = datetime.fromisoformat(d[name])
    d["topics"], d["words"] = tuple(d["topics"]), tuple(d["words"])
    return Item(**d)


def milliseconds(time: datetime) -> int:
    """Since 1970: as fine as both engines sort."""
    return round(time.timestamp() * 1000)


def place(item: Item) -> str:
    """Where a list goes on after `item`."""
    return f"{milliseconds(item.occurred_at)}|{item.doc_id}"


def place_of(after: str) -> tuple[int, str]:
    """The inverse of `place`. Raises QueryError where it is none."""
    at, _, doc_id = after.partition("|")
    if not at.lstrip("-").isdecimal() or len(at) > 15:
        raise QueryError("翻页位置已失效，请重新检索")
    return int(at), doc_id


def wanted_texts(node: Node | None) -> list[str]:
    """What a reader hopes to see marked: the texts that are not under a NOT."""
    if isinstance(node, Text):
        return [node.text]
    if isinstance(node, And | Or):
        return [text for child in node.nodes for text in wanted_texts(child)]
    return []


def snippet(text: str, wanted: list[str]) -> tuple[str, tuple[tuple[int, int], ...]]:
    """A plain piece of `text` around the first match, with the (start, end) of each match in it."""
    flat = re.sub(r"\s+", " ", text)
    pattern = "|".join(re.escape(w) for w in sorted(wanted, key=len, reverse=True) if w)
    first = re.search(pattern, flat, re.I) if pattern else None
    start = max(0, first.start() - 30) if first else 0
    piece = ("…" if start else "") + flat[start : start + SNIPPET] + ("…" if start + SNIPPET < len(flat) else "")
    marks = tuple(m.span() for m in re.finditer(pattern, piece, re.I)) if pattern else ()
    return piece, marks
