"""Data views and saved searches: their fields are in the mapping, their queries can be read."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from kibana_objects.check.problem import Problem
from kibana_objects.check.unpack import name_of, read, view_of
from kibana_objects.columns import Json
from kibana_objects.kql import leaves
from kibana_objects.saved import Office
from kibana_objects.views import View
from pipeline.index.mapping import office_alias

_HAN = re.compile(r"[\u3400-\u9fff]")
_ANYTHING = re.compile(r".*")
_VALUES = {"boolean": re.compile(r"true|false|\*"), "number": re.compile(r"-?\d+(\.\d+)?|\*")}


def problems(objects: Sequence[Json], office: Office) -> Iterator[Problem]:
    for found in objects:
        if found["type"] == "index-pattern":
            yield from _data_view(found, office)
        elif found["type"] == "search":
            yield from _search(found)


def _data_view(found: Json, office: Office) -> Iterator[Problem]:
    where, about = name_of(found), found["attributes"]
    view = view_of(found["id"])
    if view is None:
        yield Problem("view-unknown", where, "no data view of the description has this id")
        return
    if about["title"] != office_alias(office.prefix, office.id, view.kind):
        yield Problem("view-not-of-office", where, f"{about['title']} is not the office's own alias")
    time_field = about.get("timeFieldName")
    if time_field is not None and (time_field not in view.fields or view.fields[time_field].kind != "date"):
        yield Problem("time-field-no-date", where, time_field)
    if about["runtimeFieldMap"]:
        yield Problem("runtime-field", where, "fields come from the mapping alone")
    for name in {*about["fieldFormatMap"], *about["fieldAttrs"]} - {*view.fields}:
        yield Problem("view-field-unknown", where, name)


def _search(found: Json) -> Iterator[Problem]:
    where, about = name_of(found), found["attributes"]
    source = about["kibanaSavedObjectMeta"]["searchSourceJSON"]
    view = next((view_of(r["id"]) for r in found["references"] if r["name"] == source["indexRefName"]), None)
    if view is None:
        return  # `references` says so
    for name in about["columns"]:
        if name not in view.fields:
            yield Problem("search-column-unknown", where, name)
    for name, _ in about["sort"]:
        if name not in view.fields or not view.fields[name].aggregatable:
            yield Problem("search-sort-impossible", where, name)
    yield from query_problems(source["query"], view, where)


def query_problems(query: Json, view: View, where: str) -> Iterator[Problem]:
    """What is wrong with a query over `view`."""
    tree, why = read(query)
    if why:
        yield Problem("query-unreadable", where, f"{query.get('query')}: {why}")
    for leaf in leaves(tree):
        known = view.fields.get(leaf.field)
        if known is None:
            yield Problem("query-field-unknown", where, leaf.field or "no field")
        elif not known.searchable:
            yield Problem("query-field-not-searchable", where, leaf.field)
        elif known.text and _HAN.search(leaf.value) and not getattr(leaf, "quoted", True):
            yield Problem("query-unquoted", where, f"{leaf.field}: {leaf.value} finds every pair of its characters")
        elif not _VALUES.get(known.kind, _ANYTHING).fullmatch(leaf.value):
            yield Problem("query-value-wrong", where, f"{leaf.field}: {leaf.value}")
