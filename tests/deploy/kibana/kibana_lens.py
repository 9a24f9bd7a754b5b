"""Runs a stored Lens chart as Kibana does: its columns as Elasticsearch aggregations, its answer as a table of rows.

Written from KIBANA's own rules, apart from the builder: a row is {column: value}; shifted columns come from a second
request over the shifted time, formulas are computed from their helpers.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from elasticsearch import Elasticsearch
from kibana_objects import kql
from kibana_objects.columns import RECORDS

from pipeline.records import SHANGHAI

Json = dict[str, Any]
Keys = tuple[tuple[str, Any], ...]
_UNITS = {"h": "hours", "d": "days", "w": "weeks"}
_FUNCTIONS = {"divide": operator.truediv}
_AGGREGATIONS = {"unique_count": "cardinality", "sum": "sum", "average": "avg", "min": "min", "max": "max"}


@dataclass(frozen=True)
class Reader:
    """A dashboard open in a browser in Shanghai at `now`."""

    client: Elasticsearch
    now: datetime

    def table(self, attributes: Json, alias: str, time_field: str | None, since: str) -> list[Json]:
        """The rows that a chart shows, of all that its aggregation returns."""
        ((_, layer),) = attributes["state"]["datasourceStates"]["formBased"]["layers"].items()
        columns: Mapping[str, Json] = layer["columns"]
        order: list[str] = layer["columnOrder"]
        buckets = [key for key in order if columns[key]["isBucketed"]]
        asked = [
            key for key in order if key not in buckets and columns[key]["operationType"] not in ("formula", "math")
        ]
        rows: dict[Keys, Json] = {}
        for shift in sorted({columns[key].get("timeShift", "") for key in asked}):
            keys = [key for key in asked if columns[key].get("timeShift", "") == shift]
            query = self._query(attributes["state"]["query"]["query"], time_field, since, shift)
            aggs = _nested(buckets, keys, columns)
            answer = self.client.search(index=alias, query=query, aggs=aggs, size=0, track_total_hits=True)
            top = {"doc_count": answer["hits"]["total"]["value"], **answer.get("aggregations", {})}
            for place, values in _rows(top, buckets, keys, columns, (), _span(shift)):
                rows.setdefault(place, dict.fromkeys(asked)).update(values)
        return [_computed({**dict(place), **values}, columns) for place, values in rows.items()]

    def hits(self, query: str, alias: str, time_field: str | None, since: str, sort: list[list[str]]) -> list[Json]:
        """The first lines of a saved search."""
        found = self.client.search(
            index=alias, query=self._query(query, time_field, since, ""), sort=[{f: o} for f, o in sort], size=500
        )
        return [hit["_source"] for hit in found["hits"]["hits"]]

    def begin(self, since: str) -> datetime:
        """`now-7d/d` as a time: so many back, then down to the start of the day in Shanghai."""
        found = re.fullmatch(r"now(?:-(\d+)([hdw]))?(/d)?", since)
        assert found, since
        time = self.now.astimezone(SHANGHAI)
        if found[1]:
            time -= timedelta(**{_UNITS[found[2]]: int(found[1])})
        return time.replace(hour=0, minute=0, second=0, microsecond=0) if found[3] else time

    def _query(self, text: str, time_field: str | None, since: str, shift: str) -> Json:
        clauses = [compiled(tree)] if (tree := kql.parse(text)) else []
        if time_field:
            begin, end = (time - _span(shift) for time in (self.begin(since), self.now))
            clauses.append({"range": {time_field: {"gte": begin.isoformat(), "lte": end.isoformat()}}})
        return {"bool": {"filter": clauses}}


def compiled(node: kql.Node) -> Json:
    """KQL as Kibana sends it: a quoted value is a phrase."""
    match node:
        case kql.Is(field, "*", False):
            return {"exists": {"field": field}}
        case kql.Is(field, value, quoted):
            return {"match_phrase" if quoted else "match": {field: value}}
        case kql.Range(field, mark, value):
            return {"range": {field: {{"<": "lt", "<=": "lte", ">": "gt", ">=": "gte"}[mark]: value}}}
        case kql.Not(inner):
            return {"bool": {"must_not": [compiled(inner)]}}
        case kql.All(nodes):
            return {"bool": {"filter": [compiled(n) for n in nodes]}}
        case kql.Either(nodes):
            return {"bool": {"should": [compiled(n) for n in nodes], "minimum_should_match": 1}}


def _nested(buckets: list[str], metrics: list[str], columns: Mapping[str, Json]) -> Json:
    inner = {key: body for key in metrics if (body := _metric(columns[key]))}
    for key in reversed(buckets):
        body = _bucket(columns[key])
        by = columns[key].get("params", {}).get("orderBy", {}).get("columnId")
        if by and (ranking := _metric(columns[by])):
            body["terms"]["order"] = {"ranking": columns[key]["params"]["orderDirection"]}
            inner = {**inner, "ranking": ranking}
        inner = {key: {**body, **({"aggs": inner} if inner else {})}}
    return inner


def _bucket(column: Json) -> Json:
    parameters = column["params"]
    match column["operationType"]:
        case "date_histogram":
            unit = parameters["interval"]
            return {"date_histogram": {
                "field": column["sourceField"], "calendar_interval": unit, "time_zone": "Asia/Shanghai", "min_doc_count": 0,
            }}  # fmt: skip
        case "terms":
            key = "_key" if parameters["orderBy"]["type"] == "alphabetical" else "_count"
            order = {key: parameters["orderDirection"]}
            size = parameters["size"]
            shard_size = {"shard_size": max(1000, size * 3 // 2 + 10)} if parameters.get("accuracyMode") else {}
            return {"terms": {"field": column["sourceField"], "size": size, "order": order, **shard_size}}
        case "filters":
            named = {
                f["label"]: compiled(tree) for f in parameters["filters"] if (tree := kql.parse(f["input"]["query"]))
            }
            return {"filters": {"filters": named}}
        case "range":
            spans = [
                {"key": r["label"], **{side: r[side] for side in ("from", "to") if r[side] is not None}}
                for r in parameters["ranges"]
            ]
            return {"range": {"field": column["sourceField"], "ranges": spans}}
    raise AssertionError(column)


def _metric(column: Json) -> Json | None:
    """None where the count of documents says it."""
    kind, field = column["operationType"], column["sourceField"]
    if kind == "count":
        body = None if field == RECORDS else {"value_count": {"field": field}}
    elif kind in ("median", "percentile"):
        percent = column["params"].get("percentile", 50)
        body = {"percentiles": {"field": field, "percents": [percent]}}
    else:
        body = {_AGGREGATIONS[kind]: {"field": field}}
    tree = kql.parse(column["filter"]["query"]) if "filter" in column else None
    if tree is None:
        return body
    return {"filter": compiled(tree), **({"aggs": {"value": body}} if body else {})}


def _rows(
    at: Json, buckets: list[str], metrics: list[str], columns: Mapping[str, Json], place: Keys, span: timedelta
) -> Iterator[tuple[Keys, Json]]:
    if not buckets:
        yield place, {key: _value(at, key, columns[key]) for key in metrics}
        return
    key, *further = buckets
    found = at[key]["buckets"]
    pairs = found.items() if isinstance(found, dict) else ((b.get("key_as_string", b["key"]), b) for b in found)
    for name, bucket in pairs:
        shown = _day(bucket["key"], columns[key], span) if columns[key]["operationType"] == "date_histogram" else name
        yield from _rows(bucket, further, metrics, columns, (*place, (key, shown)), span)


def _day(key: int, column: Json, span: timedelta) -> str:
    time = datetime.fromtimestamp(key / 1000, SHANGHAI) + span
    return f"{time:%Y-%m-%dT%H}" if column["params"]["interval"] == "1h" else f"{time:%Y-%m-%d}"


def _value(at: Json, key: str, column: Json) -> float | None:
    found = at.get(key, at)
    found = found.get("value", found) if isinstance(found.get("value"), dict) else found
    if "values" in found:
        (found,) = [{"value": value} for value in found["values"].values()]
    value: float | None = found["value"] if "value" in found else found["doc_count"]
    return value


def _computed(row: Json, columns: Mapping[str, Json]) -> Json:
    for key, column in columns.items():
        if column["operationType"] == "formula":
            (math,) = column["references"]
            tree = columns[math]["params"]["tinymathAst"]
            one, other = (row[name] for name in tree["args"])
            row[key] = _FUNCTIONS[tree["name"]](one, other) if other else None
    return {key: value for key, value in row.items() if "X" not in key}


def _span(shift: str) -> timedelta:
    return timedelta(**{_UNITS[shift[-1]]: int(shift[:-1])}) if shift else timedelta()
