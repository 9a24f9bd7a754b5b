"""Panels of a dashboard: Lens charts by value, saved searches by reference, notes in Markdown.

A chart has one layer, `l1`; its buckets are b0, b1 …, its metrics m0, m1 …
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from kibana_objects.columns import KUERY, Column, Json
from kibana_objects.views import View

LAYER = "l1"
LAYER_REFERENCE = f"indexpattern-datasource-layer-{LAYER}"
_OF_LAYER: Json = {"layerId": LAYER, "layerType": "data"}
_NO_QUERY: Json = {"query": "", "language": KUERY}


@dataclass(frozen=True, slots=True)
class Panel:
    """`config` is its embeddableConfig; `refers` (name, type, key) of what it needs, resolved for each office."""

    type: str
    title: str
    config: Json
    refers: tuple[tuple[str, str, str], ...] = ()
    view: View | None = None


def search(key: str, title: str) -> Panel:
    """A saved search as a list."""
    return Panel("search", title, {}, (("", "search", key),))


def note(title: str, markdown: str) -> Panel:
    vis: Json = {
        "id": "", "title": "", "description": "", "type": "markdown",
        "params": {"fontSize": 12, "openLinksInNewTab": False, "markdown": markdown}, "uiState": {},
        "data": {"aggs": [], "searchSource": {"query": _NO_QUERY, "filter": []}},
    }  # fmt: skip
    return Panel("visualization", title, {"savedVis": vis})


def number(title: str, view: View, value: Column, kql: str = "", second: Column | None = None) -> Panel:
    """One figure, and a second one small beside it."""
    seen: Json = {**_OF_LAYER, "metricAccessor": "m0"}
    if second:
        seen["secondaryMetricAccessor"] = "m1"
    return _lens(title, "lnsMetric", view, {}, [value, second] if second else [value], seen, kql)


def bars(
    title: str, view: View, x: Column, metrics: Column | Sequence[Column], split: Column | None = None, kql: str = "",
    style: str = "bar_stacked",
) -> Panel:  # fmt: skip
    """An XY chart; `style` is Lens' series type (bar, line, area, with _stacked or _percentage_stacked, bar_horizontal)."""
    values = [metrics] if isinstance(metrics, Column) else list(metrics)
    layer: Json = {
        **_OF_LAYER, "seriesType": style, "xAccessor": "b0", "accessors": [f"m{n}" for n in range(len(values))],
        "palette": {"type": "palette", "name": "default"},
    }  # fmt: skip
    if split:
        layer["splitAccessor"] = "b1"
    seen: Json = {
        "legend": {"isVisible": bool(split) or len(values) > 1, "position": "right"}, "valueLabels": "hide",
        "preferredSeriesType": style, "layers": [layer],
    }  # fmt: skip
    buckets = {"b1": split, "b0": x} if split else {"b0": x}
    return _lens(title, "lnsXY", view, buckets, values, seen, kql)


def table(title: str, view: View, rows: Sequence[Column], metrics: Sequence[Column], kql: str = "") -> Panel:
    buckets = {f"b{n}": row for n, row in enumerate(rows)}
    keys = [*buckets, *(f"m{n}" for n in range(len(metrics)))]
    seen: Json = {**_OF_LAYER, "columns": [{"columnId": key} for key in keys]}
    return _lens(title, "lnsDatatable", view, buckets, metrics, seen, kql)


def donut(title: str, view: View, part: Column, metric: Column, kql: str = "") -> Panel:
    layer: Json = {
        **_OF_LAYER, "primaryGroups": ["b0"], "metrics": ["m0"], "numberDisplay": "percent", "categoryDisplay": "default",
        "legendDisplay": "default", "nestedLegend": False,
    }  # fmt: skip
    return _lens(title, "lnsPie", view, {"b0": part}, [metric], {"shape": "donut", "layers": [layer]}, kql)


def cloud(title: str, view: View, tag: Column, metric: Column, kql: str = "") -> Panel:
    seen: Json = {
        **_OF_LAYER, "tagAccessor": "b0", "valueAccessor": "m0", "maxFontSize": 72, "minFontSize": 18,
        "orientation": "single", "showLabel": False, "palette": {"type": "palette", "name": "default"},
    }  # fmt: skip
    return _lens(title, "lnsTagcloud", view, {"b0": tag}, [metric], seen, kql)


def heatmap(title: str, view: View, x: Column, y: Column, metric: Column, kql: str = "") -> Panel:
    grid = {
        "type": "heatmap_grid",
        "isCellLabelVisible": False,
        "isYAxisLabelVisible": True,
        "isXAxisLabelVisible": True,
    }
    seen: Json = {
        **_OF_LAYER, "shape": "heatmap", "xAccessor": "b0", "yAccessor": "b1", "valueAccessor": "m0", "gridConfig": grid,
        "legend": {"isVisible": True, "position": "right", "type": "heatmap_legend"},
    }  # fmt: skip
    return _lens(title, "lnsHeatmap", view, {"b1": y, "b0": x}, [metric], seen, kql)


def _lens(
    title: str, kind: str, view: View, buckets: Mapping[str, Column], metrics: Sequence[Column], visualization: Json, kql: str
) -> Panel:  # fmt: skip
    """`buckets` in the order in which they nest: what is ranked stands outside, days inside, else each day has a ranking."""
    columns: dict[str, Json] = {}
    for key, column in {**buckets, **{f"m{place}": metric for place, metric in enumerate(metrics)}}.items():
        columns |= column.build(view, key)
    order = sorted(columns, key=lambda key: "X" in key)  # what formulas are made of comes last
    layer = {"columnOrder": order, "columns": columns, "incompleteColumns": {}}
    state: Json = {
        "query": {"query": kql, "language": KUERY}, "filters": [], "internalReferences": [], "adHocDataViews": {},
        "datasourceStates": {"formBased": {"layers": {LAYER: layer}}}, "visualization": visualization,
    }  # fmt: skip
    attributes: dict[str, Any] = {"title": title, "visualizationType": kind, "type": "lens", "state": state}
    return Panel("lens", title, {"attributes": attributes}, ((LAYER_REFERENCE, "index-pattern", view.key),), view)
