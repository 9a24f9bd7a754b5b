"""Saved objects as Kibana 8.19 imports them: a JSON line each. Versions and shapes: README.md beside this package."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any

from flows.kibana.spaces import space_id
from kibana_objects.charts import Panel
from kibana_objects.columns import KUERY, Json
from kibana_objects.views import TIME_FIELD, View, formats, labels
from pipeline.index.mapping import office_alias

CORE_VERSION = "8.8.0"
VERSIONS = {"index-pattern": "8.0.0", "tag": "8.0.0", "search": "10.5.0", "lens": "8.9.0", "dashboard": "10.2.0"}
WIDTH = 48  # columns of a dashboard
TAG = "tag"


@dataclass(frozen=True, slots=True)
class Office:
    """Whose space it is. Ids hold the office's, since Kibana renames what it finds under the same id in another space."""

    id: str
    name: str
    prefix: str = ""  # of index names

    @property
    def space(self) -> str:
        return space_id(self.prefix, self.id)

    def object_id(self, key: str) -> str:
        return f"{self.space}-{key}"

    def reference(self, name: str, kind: str, key: str) -> Json:
        return {"name": name, "type": kind, "id": self.object_id(key)}


@dataclass(frozen=True, slots=True)
class SavedSearch:
    """A list in Discover. `query` is KQL; phrases stand in quotes."""

    key: str
    title: str
    description: str
    view: View
    columns: tuple[str, ...]
    query: str = ""
    sort: tuple[tuple[str, str], ...] = ((TIME_FIELD, "desc"),)


@dataclass(frozen=True, slots=True)
class Control:
    """A drop-down over a field that every view of the dashboard has: else it would empty the panels of the others."""

    field: str
    title: str
    view: View


@dataclass(frozen=True, slots=True)
class Dashboard:
    """`rows`: height, then (width, panel) from left to right; `since` in Kibana's date maths, until now."""

    key: str
    title: str
    description: str
    since: str
    rows: tuple[tuple[int, tuple[tuple[int, Panel], ...]], ...]
    controls: tuple[Control, ...] = ()


def data_view(office: Office, view: View) -> Json:
    attributes: Json = {
        "title": office_alias(office.prefix, office.id, view.kind), "name": f"{office.name} · {view.name}",
        "allowNoIndex": True, "fields": "[]", "sourceFilters": "[]", "runtimeFieldMap": "{}",
        "fieldFormatMap": _text(formats(view)), "fieldAttrs": _text(labels(view)),
    }  # fmt: skip
    if view.timed:
        attributes["timeFieldName"] = TIME_FIELD
    return _saved(office, "index-pattern", view.key, attributes, [])


def tag(office: Office) -> Json:
    words = "由 tingjian kibana push 写入；改动前请另存一份"
    return _saved(office, "tag", TAG, {"name": "听见", "description": words, "color": "#1f6f8b"}, [])


def saved_search(office: Office, search: SavedSearch) -> Json:
    name = "kibanaSavedObjectMeta.searchSourceJSON.index"
    source = {"query": {"query": search.query, "language": KUERY}, "filter": [], "indexRefName": name}
    attributes: Json = {
        "title": search.title, "description": search.description, "columns": list(search.columns),
        "sort": [list(pair) for pair in search.sort], "grid": {}, "hideChart": False, "isTextBasedQuery": False,
        "timeRestore": False, "kibanaSavedObjectMeta": {"searchSourceJSON": _text(source)},
    }  # fmt: skip
    references = [office.reference(name, "index-pattern", search.view.key), _tag_reference(office)]
    return _saved(office, "search", search.key, attributes, references)


def dashboard(office: Office, board: Dashboard) -> Json:
    panels, references = _panels(office, board)
    attributes: Json = {
        "title": board.title, "description": board.description, "panelsJSON": _text(panels), "version": 1,
        "optionsJSON": _text({"useMargins": True, "syncColors": False, "hidePanelTitles": False}),
        "timeRestore": True, "timeFrom": board.since, "timeTo": "now",
        "refreshInterval": {"pause": False, "value": 300_000},
        "kibanaSavedObjectMeta": {"searchSourceJSON": _text({"query": {"query": "", "language": KUERY}, "filter": []})},
    }  # fmt: skip
    if board.controls:
        attributes["controlGroupInput"], more = _controls(office, board.controls)
        references += more
    return _saved(office, "dashboard", board.key, attributes, [*references, _tag_reference(office)])


def _panels(office: Office, board: Dashboard) -> tuple[list[Json], list[Json]]:
    panels: list[Json] = []
    references: list[Json] = []
    y, numbers = 0, count(1)
    for height, row in board.rows:
        x = 0
        for width, panel in row:
            key = f"p{next(numbers)}"
            place = {"x": x, "y": y, "w": width, "h": height, "i": key}
            made, needed = _panel(office, panel, key)
            panels.append({**made, "panelIndex": key, "gridData": place, "title": panel.title})
            references += needed
            x += width
        y += height
    return panels, references


def _panel(office: Office, panel: Panel, key: str) -> tuple[Json, list[Json]]:
    """The panel and what the dashboard must hold for it. A chart's references stand in both, or Lens drops its layer."""
    config: Json = {**panel.config, "enhancements": {}}
    if panel.type == "search":
        ((_, kind, wanted),) = panel.refers
        made = {"type": "search", "panelRefName": f"panel_{key}", "embeddableConfig": config}
        return made, [office.reference(f"{key}:panel_{key}", kind, wanted)]
    own = [office.reference(*refer) for refer in panel.refers]
    if panel.type == "lens":
        config["attributes"] = {**panel.config["attributes"], "references": own}
    return {"type": panel.type, "embeddableConfig": config}, [{**r, "name": f"{key}:{r['name']}"} for r in own]


def _controls(office: Office, controls: Sequence[Control]) -> tuple[Json, list[Json]]:
    boxes: dict[str, Any] = {}
    references = []
    for order, control in enumerate(controls):
        key = f"k{order + 1}"
        own = {"id": key, "fieldName": control.field, "title": control.title}
        boxes[key] = {
            "type": "optionsListControl",
            "order": order,
            "grow": True,
            "width": "medium",
            "explicitInput": own,
        }
        name = f"controlGroup_{key}:optionsListDataView"
        references.append(office.reference(name, "index-pattern", control.view.key))
    ignored = dict.fromkeys(("ignoreFilters", "ignoreQuery", "ignoreTimerange", "ignoreValidations"), False)
    group: Json = {
        "controlStyle": "oneLine", "chainingSystem": "HIERARCHICAL", "showApplySelections": False,
        "ignoreParentSettingsJSON": _text(ignored), "panelsJSON": _text(boxes),
    }  # fmt: skip
    return group, references


def _tag_reference(office: Office) -> Json:
    return office.reference(f"tag-ref-{office.object_id(TAG)}", "tag", TAG)


def _saved(office: Office, kind: str, key: str, attributes: Json, references: list[Json]) -> Json:
    return {
        "type": kind, "id": office.object_id(key), "attributes": attributes, "references": references,
        "typeMigrationVersion": VERSIONS[kind], "coreMigrationVersion": CORE_VERSION, "managed": False,
    }  # fmt: skip


def _text(value: Any) -> str:
    """JSON inside a string, as Kibana keeps it."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
