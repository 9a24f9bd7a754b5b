"""Whole items as lists show them: what to read of each, and whose reading it is."""

from __future__ import annotations

from collections import defaultdict
from typing import TypeVar

from markupsafe import Markup, escape

from console.asking import Ask
from pipeline.index.engine import Hit
from pipeline.records import Item

Text = TypeVar("Text", bound=str)


def opening(item: Item, most: int = 90) -> str:
    """The first words of an item."""
    return item.text[:most] + ("…" if len(item.text) > most else "")


def readings(ask: Ask, hits: list[tuple[Item, Text]]) -> list[tuple[Item, Text, list[str]]]:
    """Hits with the offices that read them, where the viewer has several: an item of two offices is two documents, side
    by side in the order of hits, and shown once."""
    readers: defaultdict[str, set[str]] = defaultdict(set)
    for item, _ in hits:
        readers[item.id].add(item.office_id)
    offices = ask.viewer.office_ids if len(ask.viewer.office_ids) > 1 else ()
    once = {item.id: (item, snippet) for item, snippet in reversed(hits)}
    return [
        (item, snippet, [ask.desk.office_name(o) for o in offices if o in readers[item.id]])
        for item, snippet in reversed(once.values())
    ]


def marked(hit: Hit) -> Markup:
    """The snippet with its marks; the text itself is escaped."""
    parts, position = [], 0
    for start, end in sorted(hit.marks):
        if start < position or end <= start:
            continue
        parts += [
            escape(hit.snippet[position:start]),
            Markup("<mark>"),
            escape(hit.snippet[start:end]),
            Markup("</mark>"),
        ]
        position = end
    return Markup("").join([*parts, escape(hit.snippet[position:])])
