"""Every reference resolves, and every place that needs one has it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from kibana_objects.check.problem import Problem
from kibana_objects.check.unpack import boards, name_of, panel_name
from kibana_objects.columns import Json

LAYER = "indexpattern-datasource-layer-"


def problems(objects: Sequence[Json]) -> Iterator[Problem]:
    there = {name_of(found) for found in objects}
    for found in objects:
        yield from _own(found, there)
        if found["type"] == "search":
            yield from _search(found)
    for board in boards(objects):
        yield from _board(board, there)


def _own(found: Json, there: set[str]) -> Iterator[Problem]:
    names = [reference["name"] for reference in found["references"]]
    for name in sorted({name for name in names if names.count(name) > 1}):
        yield Problem("reference-twice", name_of(found), name)
    for reference in found["references"]:
        if name_of(reference) not in there:
            yield Problem("reference-dangling", name_of(found), f"{reference['name']} → {name_of(reference)}")
        if reference["type"] == "tag" and reference["name"] != f"tag-ref-{reference['id']}":
            yield Problem("tag-reference-name", name_of(found), reference["name"])


def _search(found: Json) -> Iterator[Problem]:
    wanted = found["attributes"]["kibanaSavedObjectMeta"]["searchSourceJSON"]["indexRefName"]
    if not any(r["name"] == wanted and r["type"] == "index-pattern" for r in found["references"]):
        yield Problem("search-reference-missing", name_of(found), f"{wanted} is in no reference")


def _board(board: Json, there: set[str]) -> Iterator[Problem]:
    held = {reference["name"]: reference for reference in board["references"]}
    used = {name for name in held if name.startswith("tag-ref-")}
    for panel in board["attributes"]["panelsJSON"]:
        where, key = panel_name(board, panel), panel["panelIndex"]
        if by := panel.get("panelRefName"):
            used.add(f"{key}:{by}")
            if held.get(f"{key}:{by}", {}).get("type") != panel["type"]:
                yield Problem("panel-reference-missing", where, f"Could not find reference {key}:{by}")
        if panel["type"] == "lens":
            used |= {name for name in held if name.startswith(f"{key}:")}
            yield from _chart(panel, key, held, there, where)
    for key in board["attributes"].get("controlGroupInput", {}).get("panelsJSON", {}):
        name = f"controlGroup_{key}:optionsListDataView"
        used.add(name)
        if held.get(name, {}).get("type") != "index-pattern":
            yield Problem("control-reference-missing", name_of(board), name)
    for name in sorted(held.keys() - used):
        yield Problem("reference-unused", name_of(board), name)


def _chart(panel: Json, key: str, held: dict[str, Json], there: set[str], where: str) -> Iterator[Problem]:
    attributes = panel["embeddableConfig"]["attributes"]
    own = {reference["name"]: reference for reference in attributes["references"]}
    wanted = {LAYER + layer for layer in attributes["state"]["datasourceStates"]["formBased"]["layers"]}
    for name in sorted(wanted):
        first, second = own.get(name), held.get(f"{key}:{name}")
        if first is None:
            yield Problem("first-reference-missing", where, f"{name} is not in the panel's own references")
        elif name_of(first) not in there:
            yield Problem("panel-reference-dangling", where, f"{name} → {name_of(first)}")
        if second is None:
            yield Problem("second-reference-missing", where, f"{key}:{name} is not in the dashboard's references")
        elif first is not None and first["id"] != second["id"]:
            yield Problem("references-disagree", where, f"{first['id']} and {second['id']}")
    for name in sorted(own.keys() - wanted):
        yield Problem("layer-reference-unused", where, f"{name} is of no layer")
    for name in sorted(name for name in held if name.startswith(f"{key}:") and name[len(key) + 1 :] not in wanted):
        yield Problem("layer-reference-unused", where, f"{name} is of no layer")
