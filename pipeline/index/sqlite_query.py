"""A search compiled to SQL: as much of it as can be to one FTS5 expression and a span of rows, the rest to a condition.

FTS5 walks its rows by number, that is by time, so the newest hits come at once. Every value travels as a parameter.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any

from pipeline.index.documents import milliseconds
from pipeline.index.engine import Search
from pipeline.index.query import And, Between, Is, Node, Not, Or, QueryError, Text
from pipeline.index.sqlite_names import FLAGS, LABELS, NAMED, Names
from pipeline.index.sqlite_schema import HOUR, PLACES, row_of
from pipeline.index.tokens import fold, match_expression, word_token
from pipeline.index.values import code_of, day_of, flag_of, level_of
from pipeline.records import SHANGHAI

# What can be said of a hit without reading `items`.
COUNT, HOURS = "count(*)", f"{{row}} >> {PLACES}"


@dataclass(frozen=True, slots=True)
class Clause:
    """A condition over `items` and its parameters, in order."""

    sql: str
    values: tuple[Any, ...] = ()


@dataclass(frozen=True, slots=True)
class Plan:
    """Where hits come from: `match` is FTS5's expression (empty: every row), `low` ≤ row < `high`.

    `by_issue`: the index on issues leads, and each of its few rows is looked up in the text.
    """

    match: str = ""
    by_issue: bool = False
    low: int | None = None
    high: int | None = None
    where: tuple[Clause, ...] = ()

    @property
    def by_sets(self) -> bool:
        """Whether conditions of text stand beside the one expression: each is then a set of rows, made first."""
        return any("{span}" in part.sql for part in self.where)

    def between(self, low: int, high: int) -> Plan:
        """The hits of a span of rows that lies within."""
        return replace(self, low=low, high=high)

    def before(self, row: int) -> Plan:
        """The hits below a row."""
        return replace(self, high=row if self.high is None else min(row, self.high))

    def select(self, what: str, rest: str = "") -> tuple[str, tuple[Any, ...]]:
        """A statement; `{row}` stands for the row's number."""
        parts = list(self.where)
        if self.match:
            if self.by_issue:
                source, row = "items CROSS JOIN fts ON fts.rowid = items.row", "items.row"
            elif not parts and what in (COUNT, HOURS):
                source, row = "fts", "fts.rowid"
            else:
                source, row = "fts CROSS JOIN items ON items.row = fts.rowid", "fts.rowid"
            parts.insert(0, Clause("fts MATCH ?", (self.match,)))
        else:
            source, row = "items", "items.row"
        where = _join(" AND ", parts) if parts else Clause("1")
        edges = [f"{mark} {edge:d}" for mark, edge in ((">=", self.low), ("<", self.high)) if edge is not None]
        span = "".join(f" AND {row} {edge}" for edge in edges)
        sql = f"SELECT {what} FROM {source} WHERE {where.sql}{span} {rest}"  # noqa: S608 (compiled clauses, numbers)
        sql = sql.replace("{row}", row).replace("{span}", "".join(f" AND rowid {edge}" for edge in edges))
        return sql, where.values


def compile_search(search: Search, names: Names) -> Plan:
    """The whole condition. A search without offices finds nothing. Raises QueryError on a bad value."""
    parts: list[Clause] = []
    matches: list[str] = []
    without: list[str] = []
    spans = [
        (milliseconds(search.since) if search.since else None, milliseconds(search.until) if search.until else None)
    ]
    nodes = (*_around(search, names), *_together(search.query))
    by_issue = any(_is_issue(node) for node in nodes)
    for node in nodes:
        days = Between(node.field, node.value, node.value) if isinstance(node, Is) else node
        if isinstance(days, Between) and days.field == "occurred_at":
            spans.append(_span(days))
        elif by_issue and (clause := _column(names, node)) is not None:
            parts.append(clause)
        elif (match := _expression(names, node)) is not None:
            matches.append(match)
        elif isinstance(node, Not) and (match := _expression(names, node.node)) is not None:
            without.append(match)
        else:
            parts.append(_node(names, node))
    whole = " AND ".join(matches)
    for match in without:
        if whole:
            whole = f"({whole}) NOT {match}"
        else:
            parts.append(Clause(f"NOT ({_in_text(match).sql})", (match,)))
    lows, highs = [low for low, _ in spans if low is not None], [high for _, high in spans if high is not None]
    plan = Plan(whole, by_issue, where=tuple(parts))
    if lows:
        plan = _from(plan, max(lows))
    return _until(plan, min(highs)) if highs else plan


def alternatives(search: Search, names: Names) -> list[Search]:
    """Searches that together find the same, where an OR of text and something else would need sets of rows."""
    nodes = list(_together(search.query))
    for n, node in enumerate(nodes):
        if isinstance(node, Or) and _expression(names, node) is None:
            texts = tuple(child for child in node.nodes if _expression(names, child) is not None)
            others = [child for child in node.nodes if child not in texts]
            rest = (*nodes[:n], *nodes[n + 1 :])
            return [replace(search, query=And((*rest, child))) for child in ([Or(texts)] if texts else []) + others]
    return [search]


def _around(search: Search, names: Names) -> Iterator[Node]:
    """What a search asks besides its query."""
    if not search.office_ids or not names.offices() <= {*search.office_ids}:
        yield _any_of("office_id", search.office_ids)
    for field, values in search.filters.items():
        yield _any_of(field, values)
    for name, flag in (("needs_answer", search.needs_answer), ("sensitive", search.sensitive)):
        if flag is not None:
            yield Is(name, str(int(flag)))


def _any_of(field: str, values: tuple[str, ...]) -> Node:
    return Or(tuple(Is(field, value) for value in values))


def _from(plan: Plan, since: int) -> Plan:
    exact = () if since % HOUR == 0 else (Clause("occurred_at >= ?", (since,)),)
    return replace(plan, low=row_of(since), where=plan.where + exact)


def _until(plan: Plan, until: int) -> Plan:
    if until % HOUR == 0:
        return replace(plan, high=row_of(until))
    return replace(plan, high=row_of(until + HOUR), where=(*plan.where, Clause("occurred_at < ?", (until,))))


def _together(node: Node | None) -> Iterator[Node]:
    """What must hold at once."""
    if isinstance(node, And):
        for child in node.nodes:
            yield from _together(child)
    elif node is not None:
        yield node


def _column(names: Names, node: Node) -> Clause | None:
    """A label, or any of some, as a condition over `items`: of few rows that is quicker than looking each up in the text."""
    if isinstance(node, Or) and node.nodes:
        either = [clause for child in node.nodes if (clause := _column(names, child))]
        return _join(" OR ", either) if len(either) == len(node.nodes) else None
    if isinstance(node, Is) and node.field in LABELS and node.field in NAMED and node.field != "topics":
        code = names.code(node.field, code_of(node.field, node.value))
        return Clause(f"{node.field} = ?", (-1 if code is None else code,))
    return None


def _is_issue(node: Node) -> bool:
    if isinstance(node, Or):
        return bool(node.nodes) and all(_is_issue(child) for child in node.nodes)
    return isinstance(node, Is) and node.field == "issue_id" and node.value != ""


def _expression(names: Names, node: Node) -> str | None:
    """The FTS5 expression of a node of text and labels that says what is there, not only what is not."""
    match node:
        case Text(text):
            return _phrase(text)
        case Is("title", text):
            return f"title : {_phrase(text)}"
        case Is(field, value) if field in LABELS:
            code = str(int(flag_of(value))) if field in FLAGS else code_of(field, value)
            return f'"{names.label(field, code)}"'
        case And(nodes):
            yes = [_expression(names, n) for n in nodes if not isinstance(n, Not)]
            no = [_expression(names, n.node) for n in nodes if isinstance(n, Not)]
            if not yes or None in yes or None in no:
                return None
            whole = " AND ".join(str(e) for e in yes)
            for match in no:
                whole = f"({whole}) NOT {match}"
            return f"({whole})"
        case Or(nodes):
            either = [_expression(names, n) for n in nodes]
            return None if None in either or not either else "(" + " OR ".join(str(e) for e in either) + ")"
    return None


def _phrase(text: str) -> str:
    expression = match_expression(text)
    if not expression:
        raise QueryError(f"“{text}”里没有可以查的字")
    return expression


def _node(names: Names, node: Node) -> Clause:
    if (match := _expression(names, node)) is not None:
        return _in_text(match)
    match node:
        case Is(field, value):
            return _is(names, field, value)
        case Between():
            return _between(node)
        case Not(inner):
            clause = _node(names, inner)
            return Clause(f"NOT ({clause.sql})", clause.values)
        case And(nodes):
            return _join(" AND ", [_node(names, n) for n in nodes])
        case Or(nodes):
            return _join(" OR ", [_node(names, n) for n in nodes]) if nodes else Clause("0")
        case Text():
            raise AssertionError(node)


def _in_text(match: str) -> Clause:
    return Clause("items.row IN (SELECT rowid FROM fts WHERE fts MATCH ?{span})", (match,))


def _is(names: Names, field: str, value: str) -> Clause:
    """A field that is no label."""
    if field == "words":
        match = f'"{word_token(fold(value))}"'
        return Clause("items.row IN (SELECT rowid FROM fts_words WHERE fts_words MATCH ?{span})", (match,))
    if field == "occurred_at":
        return _between(Between(field, value, value))
    if field == "level":
        return Clause("level = ?", (int(code_of(field, value)),))
    code = names.code(field, value)
    # said again in the words of the index's own condition, else it is not used
    return Clause("issue_id = ? AND issue_id <> 0" if code else "issue_id = ?", (-1 if code is None else code,))


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
        low, high = _span(node)
        parts += [Clause(f"occurred_at {m} ?", (e,)) for m, e in ((">=", low), ("<", high)) if e is not None]
    return _join(" AND ", parts) if parts else Clause("1")


def _span(node: Between) -> tuple[int | None, int | None]:
    """From and until, in milliseconds."""
    low = high = None
    if node.low is not None:
        low = _midnight(day_of(node.low) + timedelta(days=0 if node.include_low else 1))
    if node.high is not None:
        high = _midnight(day_of(node.high) + timedelta(days=1 if node.include_high else 0))
    return low, high


def _midnight(day: date) -> int:
    return milliseconds(datetime(day.year, day.month, day.day, tzinfo=SHANGHAI))


def _join(word: str, clauses: list[Clause]) -> Clause:
    return Clause(word.join(f"({c.sql})" for c in clauses), tuple(v for c in clauses for v in c.values))
