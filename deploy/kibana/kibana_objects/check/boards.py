"""The grid of a dashboard, its time range, its controls."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import combinations

from kibana_objects.check.problem import Problem
from kibana_objects.check.unpack import boards, name_of, panel_name, view_of
from kibana_objects.columns import Json
from kibana_objects.saved import WIDTH
from kibana_objects.views import VIEWS, View

_SINCE = re.compile(r"now(-\d+[hdwM])?(/[hdwM])?")


def problems(objects: Sequence[Json]) -> Iterator[Problem]:
    for board in boards(objects):
        yield from _grid(board)
        yield from _time(board)
        yield from _controls(board, _views(board, objects))


def _grid(board: Json) -> Iterator[Problem]:
    panels = board["attributes"]["panelsJSON"]
    keys = [panel["panelIndex"] for panel in panels]
    for key in sorted({key for key in keys if keys.count(key) > 1}):
        yield Problem("panel-key-twice", name_of(board), key)
    for panel in panels:
        at = panel["gridData"]
        if at["i"] != panel["panelIndex"]:
            yield Problem("panel-key-differs", panel_name(board, panel), at["i"])
        if at["x"] + at["w"] > WIDTH:
            yield Problem("panel-outside", panel_name(board, panel), f"ends at column {at['x'] + at['w']} of {WIDTH}")
    for one, other in combinations(panels, 2):
        if _meet(one["gridData"], other["gridData"]):
            yield Problem("panels-overlap", panel_name(board, one), panel_name(board, other))


def _meet(a: Json, b: Json) -> bool:
    across = a["x"] < b["x"] + b["w"] and b["x"] < a["x"] + a["w"]
    return bool(across and a["y"] < b["y"] + b["h"] and b["y"] < a["y"] + a["h"])


def _time(board: Json) -> Iterator[Problem]:
    about = board["attributes"]
    if not about["timeRestore"] or not {"timeFrom", "timeTo"} <= about.keys():
        yield Problem("time-range-missing", name_of(board), "the space's advanced settings have no public interface")
        return
    for name in ("timeFrom", "timeTo"):
        if not _SINCE.fullmatch(about[name]):
            yield Problem("time-range-unreadable", name_of(board), about[name])


def _views(board: Json, objects: Sequence[Json]) -> list[View]:
    """What its charts, controls and lists read."""
    lists = {r["id"] for r in board["references"] if r["type"] == "search"}
    held = [*board["references"], *(r for found in objects if found["id"] in lists for r in found["references"])]
    found = {view_of(r["id"]) for r in held if r["type"] == "index-pattern"}
    return [view for view in VIEWS if view in found]


def _controls(board: Json, views: Sequence[View]) -> Iterator[Problem]:
    for key, control in board["attributes"].get("controlGroupInput", {}).get("panelsJSON", {}).items():
        field = control["explicitInput"]["fieldName"]
        if control["explicitInput"]["id"] != key:
            yield Problem("control-key-differs", name_of(board), key)
        for view in views:
            if field not in view.fields or not view.fields[field].aggregatable:
                text = f"{field} is not in {view.key}: a choice would empty its panels"
                yield Problem("control-field-unknown", name_of(board), text)
