"""Saved objects with the JSON that they keep inside strings opened, and the ways into them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

from kibana_objects.columns import Json
from kibana_objects.kql import KqlError, Node, parse
from kibana_objects.views import VIEWS, View

# type → dotted places of JSON strings
STRINGS: dict[str, tuple[str, ...]] = {
    "index-pattern": ("fields", "fieldFormatMap", "runtimeFieldMap", "fieldAttrs", "sourceFilters"),
    "search": ("kibanaSavedObjectMeta.searchSourceJSON",),
    "dashboard": (
        "panelsJSON", "optionsJSON", "kibanaSavedObjectMeta.searchSourceJSON", "controlGroupInput.panelsJSON",
        "controlGroupInput.ignoreParentSettingsJSON",
    ),
    "tag": (),
}  # fmt: skip


def unpacked(found: Json) -> Json:
    """A copy with strings opened. Raises ValueError naming the place whose JSON can't be read."""
    made = deepcopy(found)
    for place in STRINGS.get(str(found.get("type")), ()):
        *way, last = place.split(".")
        inner: Any = made.get("attributes")
        for step in way:
            inner = inner.get(step) if isinstance(inner, dict) else None
        if not isinstance(inner, dict) or not isinstance(inner.get(last), str):
            continue
        try:
            inner[last] = json.loads(inner[last])
        except ValueError as error:
            raise ValueError(place) from error
    return made


@dataclass(frozen=True, slots=True)
class LensPanel:
    """One chart of a dashboard, opened; `view` is what its layer reads, None where no reference says so."""

    where: str
    attributes: Json
    view: View | None

    @property
    def layers(self) -> Mapping[str, Json]:
        return self.attributes["state"]["datasourceStates"]["formBased"]["layers"]  # type: ignore[no-any-return]


def name_of(found: Json) -> str:
    return f"{found['type']}:{found['id']}"


def panel_name(board: Json, panel: Json) -> str:
    return f"{name_of(board)} {panel['panelIndex']} {panel['title']}"


def boards(objects: Sequence[Json]) -> Iterator[Json]:
    return (found for found in objects if found["type"] == "dashboard")


def view_of(reference_id: str) -> View | None:
    """By the ending of a data view's id, which holds the office's before it. Longest first: `incidents-any-time`."""
    return next((v for v in sorted(VIEWS, key=lambda v: -len(v.key)) if reference_id.endswith(f"-{v.key}")), None)


def lens_panels(objects: Sequence[Json]) -> Iterator[LensPanel]:
    for board in boards(objects):
        for panel in board["attributes"]["panelsJSON"]:
            if panel["type"] == "lens":
                attributes = panel["embeddableConfig"]["attributes"]
                named = [r["id"] for r in attributes["references"] if r["type"] == "index-pattern"]
                yield LensPanel(panel_name(board, panel), attributes, view_of(named[0]) if named else None)


def read(query: Json) -> tuple[Node | None, str]:
    """A query's tree, or why it can't be read."""
    if query.get("language") != "kuery":
        return None, f"language {query.get('language')}"
    try:
        return parse(query["query"]), ""
    except KqlError as error:
        return None, str(error)
