"""A search compiled to a SQL condition over `items`; every value travels as a parameter."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from pipeline.index.documents import milliseconds
from pipeline.index.engine import Search
from pipeline.index.query import And, Between, Is, Node, Not, Or, QueryError, Text
from pipeline.index.tokens import fold, match_expression
from pipeline.index.values import code_of, day_of, flag_of, level_of
from pipeline.records import SHANGHAI


@dataclass(frozen=True, slots=True)
class Clause:
    """A condition and its parameters, in order."""

    sql: str
    values: tuple[Any, ...] = ()


def compile_search(search: Search) -> Clause:
    """The whole WHERE condition. A search without offices finds nothing. Raises QueryError on a bad value."""
    parts = [_any("office_id", search.office_ids)]
    if search.since is not None:
        parts.append(Clause("occurred_at >= ?", (milliseconds(search.since),)))
    if search.until is not None:
        parts.append(Clause("occurred_at < ?", (milliseconds(search.until),)))
    parts += [_value(name, value) for name, value in search.filters.items()]
    if search.needs_answer is not None:
        parts.append(Clause("needs_answer = ?", (int(search.needs_answer),)))
    if search.sensitive is not None:
        parts.append(Clause("sensitive = ?", (int(search.sensitive),)))
    if search.query is not None:
        parts.append(_node(search.query))
    where = _join(" AND ", parts)
    if search.collapse_stories:
        newest = (
            "SELECT row, row_number() OVER (PARTITION BY story_id, office_id ORDER BY occurred_at DESC, doc_id DESC) AS place"  # noqa: S608
            f" FROM items WHERE {where.sql}"
        )
        where = Clause(f"row IN (SELECT row FROM ({newest}) WHERE place = 1)", where.values)  # noqa: S608
    return where


def word_expression(word: str) -> str:
    """The FTS5 expression that finds one of the segmenter's words."""
    quoted = fold(word).replace('"', "")
    return f'words : "{quoted}"'


def _node(node: Node) -> Clause:
    match node:
        case Text(text):
            return _match(text)
        case Is(field, value):
            return _is(field, value)
        case Between():
            return _between(node)
        case Not(inner):
            clause = _node(inner)
            return Clause(f"NOT ({clause.sql})", clause.values)
        case And(nodes):
            return _join(" AND ", [_node(n) for n in nodes])
        case Or(nodes):
            return _join(" OR ", [_node(n) for n in nodes])


def _match(text: str, column: str = "{title text}") -> Clause:
    expression = match_expression(text)
    if not expression:
        raise QueryError(f"“{text}”里没有可以查的字")
    return Clause("row IN (SELECT rowid FROM fts WHERE fts MATCH ?)", (f"{column} : {expression}",))


def _is(field: str, value: str) -> Clause:
    if field == "title":
        return _match(value, "title")
    if field == "words":
        return Clause("row IN (SELECT rowid FROM fts WHERE fts MATCH ?)", (word_expression(value),))
    if field == "occurred_at":
        return _between(Between(field, value, value))
    if field in ("needs_answer", "sensitive"):
        return Clause(f"{field} = ?", (int(flag_of(value)),))
    return _value(field, (value,))


def _value(field: str, values: tuple[str, ...]) -> Clause:
    codes = tuple(code_of(field, v) for v in values)
    if field == "topics":
        marks = ",".join("?" * len(codes))
        return Clause(f"row IN (SELECT row FROM topics WHERE topic IN ({marks}))", codes)  # noqa: S608
    return _any(field, tuple(int(c) if field == "level" else c for c in codes))


def _between(node: Between) -> Clause:
    parts: list[Clause] = []
    if node.field == "level":
        for edge, mark in (
            (node.low, ">=" if node.include_low else ">"),
            (node.high, "<=" if node.include_high else "<"),
        ):
            if edge is not None:
                parts.append(Clause(f"level {mark} ?", (level_of(edge),)))
    else:
        if node.low is not None:
            day = day_of(node.low)
            parts.append(Clause("occurred_at >= ?", (_midnight(day if node.include_low else day + timedelta(days=1)),)))
        if node.high is not None:
            day = day_of(node.high)
            parts.append(Clause("occurred_at < ?", (_midnight(day + timedelta(days=1) if node.include_high else day),)))
    return _join(" AND ", parts) if parts else Clause("1")


def _midnight(day: date) -> int:
    return milliseconds(datetime(day.year, day.month, day.day, tzinfo=SHANGHAI))


def _any(column: str, values: tuple[Any, ...]) -> Clause:
    return Clause(f"{column} IN ({','.join('?' * len(values))})", values) if values else Clause("0")


def _join(word: str, clauses: list[Clause]) -> Clause:
    return Clause(word.join(f"({c.sql})" for c in clauses), tuple(v for c in clauses for v in c.values))
