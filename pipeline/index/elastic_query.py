"""A search compiled to Elasticsearch's `bool`; never `query_string` (its `A AND B OR C` is not boolean)."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

from pipeline.index.engine import Search
from pipeline.index.query import And, Between, Is, Node, Not, Or, QueryError, Text
from pipeline.index.tokens import fold, phrase_tokens
from pipeline.index.values import code_of, day_of, flag_of, level_of
from pipeline.records import SHANGHAI

Query = dict[str, Any]
NOTHING: Query = {"match_none": {}}


def compile_search(search: Search) -> Query:
    """The whole condition, as a filter: scores are not compared. Raises QueryError on a bad value."""
    parts: list[Query] = [_any("office_id", search.office_ids)]
    times = {mark: edge.isoformat() for mark, edge in (("gte", search.since), ("lt", search.until)) if edge is not None}
    if times:
        parts.append({"range": {"occurred_at": times}})
    parts += [_value(name, values) for name, values in search.filters.items()]
    for name, flag in (("needs_answer", search.needs_answer), ("sensitive", search.sensitive)):
        if flag is not None:
            parts.append({"term": {name: flag}})
    if search.query is not None:
        parts.append(_node(search.query))
    return {"bool": {"filter": parts}}


def _node(node: Node) -> Query:
    match node:
        case Text(text):
            return {"bool": {"should": [_phrase("title", text), _phrase("text", text)], "minimum_should_match": 1}}
        case Is(field, value):
            return _is(field, value)
        case Between():
            return _between(node)
        case Not(inner):
            return {"bool": {"must_not": [_node(inner)]}}
        case And(nodes):
            return {"bool": {"filter": [_node(n) for n in nodes]}}
        case Or(nodes):
            return {"bool": {"should": [_node(n) for n in nodes], "minimum_should_match": 1}}


def _phrase(field: str, text: str) -> Query:
    tokens = phrase_tokens(text)
    if not tokens:
        raise QueryError(f"“{text}”里没有可以查的字")
    return {"match_phrase": {field: {"query": " ".join(tokens), "analyzer": "whitespace"}}}


def _is(field: str, value: str) -> Query:
    if field == "title":
        return _phrase("title", value)
    if field == "words":
        return {"term": {"words": fold(value)}}
    if field == "occurred_at":
        return _between(Between(field, value, value))
    if field in ("needs_answer", "sensitive"):
        return {"term": {field: flag_of(value)}}
    return _value(field, (value,))


def _value(field: str, values: tuple[str, ...]) -> Query:
    return _any(field, tuple(code_of(field, value) for value in values))


def _between(node: Between) -> Query:
    marks: dict[str, Any] = {}
    if node.field == "level":
        if node.low is not None:
            marks["gte" if node.include_low else "gt"] = level_of(node.low)
        if node.high is not None:
            marks["lte" if node.include_high else "lt"] = level_of(node.high)
    else:
        if node.low is not None:
            day = day_of(node.low)
            marks["gte"] = _midnight(day if node.include_low else day + timedelta(days=1))
        if node.high is not None:
            day = day_of(node.high)
            marks["lt"] = _midnight(day + timedelta(days=1) if node.include_high else day)
    return {"range": {node.field: marks}} if marks else {"match_all": {}}


def _midnight(day: date) -> str:
    return datetime(day.year, day.month, day.day, tzinfo=SHANGHAI).isoformat()


def _any(field: str, values: tuple[str, ...]) -> Query:
    return {"terms": {field: list(values)}} if values else NOTHING
