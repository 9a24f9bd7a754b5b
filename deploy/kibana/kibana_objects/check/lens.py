"""Charts: what the visualization names is there and of the right sort, and the columns are what Lens can run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from kibana_objects.check import columns
from kibana_objects.check.problem import Problem
from kibana_objects.check.unpack import LensPanel, lens_panels
from kibana_objects.check.views import query_problems
from kibana_objects.columns import Json

# kind of chart → accessor → whether it wants a bucket
_ACCESSORS: Mapping[str, Mapping[str, bool]] = {
    "lnsXY": {"xAccessor": True, "splitAccessor": True, "accessors": False},
    "lnsMetric": {"metricAccessor": False, "secondaryMetricAccessor": False, "maxAccessor": False, "breakdownByAccessor": True},
    "lnsPie": {"primaryGroups": True, "metrics": False},
    "lnsTagcloud": {"tagAccessor": True, "valueAccessor": False},
    "lnsHeatmap": {"xAccessor": True, "yAccessor": True, "valueAccessor": False},
    "lnsDatatable": {},
}  # fmt: skip


def problems(objects: Sequence[Json]) -> Iterator[Problem]:
    for panel in lens_panels(objects):
        if panel.view is None:
            if panel.attributes["references"]:  # else `references` says so
                yield Problem("chart-without-view", panel.where, "its layer names no data view of the description")
            continue
        yield from query_problems(panel.attributes["state"]["query"], panel.view, panel.where)
        yield from _visualization(panel)
        for layer in panel.layers.values():
            yield from columns.problems(layer, panel.view, panel.where)


def _visualization(panel: LensPanel) -> Iterator[Problem]:
    kind, seen = panel.attributes["visualizationType"], panel.attributes["state"]["visualization"]
    for part in seen.get("layers", [seen]):
        layer = panel.layers.get(part["layerId"])
        if layer is None:
            yield Problem("layer-unknown", panel.where, part["layerId"])
            continue
        named: list[str] = [column["columnId"] for column in part.get("columns", [])]
        for accessor, bucket in _ACCESSORS[kind].items():
            for key in _listed(part.get(accessor)):
                named.append(key)
                column = layer["columns"].get(key)
                if column and column["isBucketed"] != bucket:
                    wanted = "groups" if bucket else "counts"
                    yield Problem(
                        "accessor-of-wrong-sort", panel.where, f"{accessor} {key}: not a column that {wanted}"
                    )
        for key in named:
            if key not in layer["columns"]:
                yield Problem("accessor-unknown", panel.where, f"{key} is no column")
        helpers = columns.helpers(layer)
        for key in layer["columns"].keys() - {*named} - helpers:
            yield Problem("column-not-shown", panel.where, f"{key} is in no place of the chart")
        for key in helpers & {*named}:
            yield Problem("helper-shown", panel.where, f"{key} is a part of a formula")


def _listed(value: str | list[str] | None) -> list[str]:
    return [value] if isinstance(value, str) else value or []
