"""Columns of a Lens chart: what it groups by (buckets) and what it counts (metrics)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from kibana_objects.views import TIME_FIELD, View

RECORDS = "___records___"
KUERY = "kuery"
_SCALES = {"date_histogram": "interval", "terms": "ordinal", "filters": "ordinal", "range": "ordinal"}
_OWN_KIND = ("terms", "min", "max", "last_value")
Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Column:
    """One column; `key` is given by the chart. `parts` are the two calls that a formula divides."""

    label: str
    operation: str
    field: str = ""
    params: Mapping[str, Any] | None = None
    kql: str = ""
    shift: str = ""
    parts: tuple[Column, ...] = ()

    @property
    def bucketed(self) -> bool:
        return self.operation in _SCALES

    def build(self, view: View, key: str) -> dict[str, Json]:
        """Key → column: this one, then a formula's helpers."""
        if self.parts:
            return self._formula(view, key)
        return {key: self._plain(view)}

    def _plain(self, view: View) -> Json:
        column: Json = {
            "label": self.label, "customLabel": True, "dataType": self._kind(view), "operationType": self.operation,
            "isBucketed": self.bucketed, "scale": _SCALES.get(self.operation, "ratio"), "params": dict(self.params or {}),
        }  # fmt: skip
        if self.field:
            column["sourceField"] = self.field
        if self.kql:
            column["filter"] = {"query": self.kql, "language": KUERY}
        if self.shift:
            column["timeShift"] = self.shift
        return column

    def _kind(self, view: View) -> str:
        if self.operation == "date_histogram":
            return "date"
        if self.operation in ("filters", "range"):
            return "string"
        return view.fields[self.field].kind if self.operation in _OWN_KIND else "number"

    def _formula(self, view: View, key: str) -> dict[str, Json]:
        helpers = [f"{key}X{number}" for number in range(len(self.parts))]
        whole = f"{key}X{len(self.parts)}"
        text = " / ".join(_call(part) for part in self.parts)
        label = f"{self.label}（算式的一部分）"
        common: Json = {"customLabel": True, "dataType": "number", "isBucketed": False, "scale": "ratio"}
        divide = {
            "type": "function", "name": "divide", "args": helpers, "location": {"min": 0, "max": len(text)}, "text": text,
        }  # fmt: skip
        return {
            key: {
                **common, "label": self.label, "operationType": "formula", "references": [whole],
                "params": {"formula": text, "isFormulaBroken": False, **(self.params or {})},
            },
            **{
                helper: replace(part, label=label)._plain(view) for helper, part in zip(helpers, self.parts, strict=True)
            },
            whole: {
                **common, "label": label, "operationType": "math", "params": {"tinymathAst": divide}, "references": helpers,
            },
        }  # fmt: skip


def _call(part: Column) -> str:
    arguments = [part.field] if part.field != RECORDS else []
    arguments += [f"kql='{part.kql}'"] if part.kql else []
    return f"{part.operation}({', '.join(arguments)})"


# --- buckets


def by_time(interval: str = "1d", label: str = "时间", field: str = TIME_FIELD) -> Column:
    return Column(
        label, "date_histogram", field, {"interval": interval, "includeEmptyRows": True, "dropPartials": False}
    )


def top(field: str, label: str, size: int = 10, order: str = "m0", direction: str = "desc") -> Column:
    """The values with the most of metric `order`; what comes after them is left out, as are documents without one.

    An index a channel and month is as many shards, and each names its own first ones: without `accuracyMode` (1,000 from
    each) a word of all of them is counted too low.
    """
    return Column(
        label, "terms", field,
        {
            "size": size, "orderBy": {"type": "column", "columnId": order}, "orderDirection": direction, "otherBucket": False,
            "missingBucket": False, "accuracyMode": True, "parentFormat": {"id": "terms"},
        },
    )  # fmt: skip


def each(field: str, label: str, size: int = 10, direction: str = "asc") -> Column:
    """The values in their own order (levels: red first)."""
    by_value = top(field, label, size, direction=direction)
    return replace(by_value, params={**(by_value.params or {}), "orderBy": {"type": "alphabetical"}})


def groups(label: str, named: Mapping[str, str]) -> Column:
    """Name → what belongs to it in KQL; a document may be in several."""
    filters = [{"label": name, "input": {"query": kql, "language": KUERY}} for name, kql in named.items()]
    return Column(label, "filters", params={"filters": filters})


def ranges(field: str, label: str, named: Mapping[str, tuple[float | None, float | None]]) -> Column:
    """Name → from (inclusive), to (exclusive)."""
    spans = [{"label": name, "from": low, "to": high} for name, (low, high) in named.items()]
    return Column(label, "range", field, {"type": "range", "ranges": spans, "maxBars": "auto"})


# --- metrics


def count(label: str = "件数", kql: str = "", shift: str = "") -> Column:
    return Column(label, "count", RECORDS, {"emptyAsNull": False}, kql, shift)


def total(field: str, label: str, kql: str = "", shift: str = "") -> Column:
    return Column(label, "sum", field, {"emptyAsNull": False}, kql, shift)


def highest(field: str, label: str) -> Column:
    return Column(label, "max", field, {"emptyAsNull": True})


def average(field: str, label: str) -> Column:
    return Column(label, "average", field, {"emptyAsNull": True})


def median(field: str, label: str) -> Column:
    return Column(label, "median", field, {"emptyAsNull": True})


def percentile(field: str, label: str, percent: int) -> Column:
    return Column(label, "percentile", field, {"percentile": percent})


def distinct(field: str, label: str) -> Column:
    return Column(label, "unique_count", field, {"emptyAsNull": False})


def share(label: str, kql: str, of: str = "") -> Column:
    """Documents that match `kql` among those that match `of` (all), as a percentage."""
    both = f"({of}) and ({kql})" if of else kql
    shown = {"format": {"id": "percent", "params": {"decimals": 1}}}
    return Column(label, "formula", params=shown, parts=(count(kql=both), count(kql=of)))


def ratio(label: str, part: Column, whole: Column) -> Column:
    """One metric divided by another, as a percentage."""
    shown = {"format": {"id": "percent", "params": {"decimals": 1}}}
    return Column(label, "formula", params=shown, parts=(part, whole))
