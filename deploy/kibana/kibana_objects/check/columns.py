"""The columns of one layer against the mapping and against what each operation of Lens needs."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass

from kibana_objects.check.problem import Problem
from kibana_objects.check.views import query_problems
from kibana_objects.columns import RECORDS, Json
from kibana_objects.views import View

_SHIFT = re.compile(r"[1-9]\d*[smhdwMy]|previous")
_INTERVAL = re.compile(r"auto|\d+[mhdwMy]")


@dataclass(frozen=True, slots=True)
class Operation:
    """`takes`: kinds of field, empty where it has none. `gives`: its data type, empty where it is the field's."""

    takes: frozenset[str]
    gives: str
    scale: str
    bucket: bool = False


def _operation(takes: str, gives: str, scale: str, bucket: bool = False) -> Operation:
    return Operation(frozenset(takes.split()), gives, scale, bucket)


_ANY = "string number date boolean"
OPERATIONS: Mapping[str, Operation] = {
    "date_histogram": _operation("date", "date", "interval", True),
    "terms": _operation("string number boolean", "", "ordinal", True),
    "filters": _operation("", "string", "ordinal", True),
    "range": _operation("number", "string", "ordinal", True),
    "count": _operation(f"{_ANY} records", "number", "ratio"),
    "unique_count": _operation(_ANY, "number", "ratio"),
    **dict.fromkeys(("sum", "average", "median", "percentile"), _operation("number", "number", "ratio")),
    **dict.fromkeys(("min", "max"), _operation("number date", "", "ratio")),
    "last_value": _operation(_ANY, "", "ratio"),
    "formula": _operation("", "number", "ratio"),
    "math": _operation("", "number", "ratio"),
}


def helpers(layer: Json) -> set[str]:
    """Columns that another one is computed from."""
    return {key for column in layer["columns"].values() for key in column.get("references", ())}


def problems(layer: Json, view: View, where: str) -> Iterator[Problem]:
    columns, order = layer["columns"], layer["columnOrder"]
    if sorted(order) != sorted(columns):
        yield Problem("column-order-differs", where, f"{order} against {sorted(columns)}")
    buckets = [columns[key]["isBucketed"] for key in order if key in columns]
    if buckets != sorted(buckets, reverse=True):
        yield Problem("metric-before-bucket", where, " ".join(order))
    for key, column in columns.items():
        yield from _column(key, column, columns, view, f"{where} {key}")


def _column(key: str, column: Json, columns: Mapping[str, Json], view: View, where: str) -> Iterator[Problem]:
    operation = OPERATIONS.get(column["operationType"])
    if operation is None:
        yield Problem("operation-unknown", where, column["operationType"])
        return
    if column["isBucketed"] != operation.bucket:
        yield Problem("bucket-flag-wrong", where, f"{column['operationType']}: isBucketed {column['isBucketed']}")
    if column["scale"] != operation.scale:
        yield Problem("scale-wrong", where, f"{column['scale']} is not {operation.scale}")
    if operation.takes:
        yield from _field(column, operation, view, where)
    elif operation.gives != column["dataType"]:
        yield Problem("data-type-wrong", where, f"{column['dataType']} is not {operation.gives}")
    if "filter" in column:
        yield from query_problems(column["filter"], view, where)
    if not _SHIFT.fullmatch(column.get("timeShift", "1d")):
        yield Problem("time-shift-unreadable", where, column["timeShift"])
    if "timeShift" in column and not view.timed:
        yield Problem("time-shift-without-time", where, f"{view.key} has no time field")
    yield from _parameters(column, columns, view, where)
    yield from _formula(column, columns, where)


def _field(column: Json, operation: Operation, view: View, where: str) -> Iterator[Problem]:
    name = column.get("sourceField", "")
    known = view.fields.get(name)
    if name == RECORDS and "records" in operation.takes:
        kind = "number"
    elif known is None:
        yield Problem("field-unknown", where, f"{name} is not in the mapping of {view.kind}")
        return
    elif not known.aggregatable:
        yield Problem("field-not-aggregatable", where, name)
        return
    else:
        kind = known.kind
        if kind not in operation.takes:
            yield Problem("field-of-wrong-type", where, f"{column['operationType']} of {name}, a {kind}")
    if column["dataType"] != (operation.gives or kind):
        yield Problem("data-type-wrong", where, f"{column['dataType']} is not {operation.gives or kind}")


def _parameters(column: Json, columns: Mapping[str, Json], view: View, where: str) -> Iterator[Problem]:
    parameters = column.get("params", {})
    match column["operationType"]:
        case "date_histogram":
            if not _INTERVAL.fullmatch(str(parameters.get("interval"))):
                yield Problem("interval-unreadable", where, str(parameters.get("interval")))
        case "terms":
            yield from _order(parameters, columns, where)
        case "filters":
            if not parameters.get("filters"):
                yield Problem("groups-missing", where, "no group")
            for group in parameters.get("filters", ()):
                yield from query_problems(group["input"], view, where)
        case "range":
            if not parameters.get("ranges"):
                yield Problem("groups-missing", where, "no range")
            for span in parameters.get("ranges", ()):
                low, high = span.get("from"), span.get("to")
                if low is not None and high is not None and low >= high:
                    yield Problem("range-empty", where, f"{low} to {high}")
        case "percentile":
            if not 0 < parameters.get("percentile", 0) < 100:
                yield Problem("percentile-outside", where, str(parameters.get("percentile")))


def _order(parameters: Json, columns: Mapping[str, Json], where: str) -> Iterator[Problem]:
    if not 0 < parameters.get("size", 0) <= 1000:
        yield Problem("terms-size", where, str(parameters.get("size")))
    by = parameters.get("orderBy", {})
    if by.get("type") == "alphabetical":
        return
    metric = columns.get(by.get("columnId"))
    if metric is None:
        yield Problem("order-unknown", where, f"{by}")
    elif metric["isBucketed"]:
        yield Problem("order-by-bucket", where, by["columnId"])
    elif metric["operationType"] in ("formula", "math"):
        yield Problem("order-by-formula", where, f"{by['columnId']}: Elasticsearch can't rank by it")


def _formula(column: Json, columns: Mapping[str, Json], where: str) -> Iterator[Problem]:
    kind, needed = column["operationType"], column.get("references", [])
    if kind not in ("formula", "math"):
        return
    if not needed:
        yield Problem("formula-without-helpers", where, "a stored formula computes nothing by itself")
    for key in needed:
        if key not in columns:
            yield Problem("formula-helper-missing", where, key)
    if kind == "formula":
        if column["params"].get("isFormulaBroken") is not False or not column["params"].get("formula"):
            yield Problem("formula-broken", where, str(column["params"].get("formula")))
        if any(columns.get(key, {}).get("operationType") != "math" for key in needed):
            yield Problem("formula-without-math", where, " ".join(needed))
    elif kind == "math" and _names(column["params"].get("tinymathAst")) != {*needed}:
        yield Problem("math-arguments-differ", where, f"{column['params'].get('tinymathAst')} against {needed}")


def _names(tree: object) -> Set[str]:
    """The columns in a tinymath tree."""
    if isinstance(tree, str):
        return {tree}
    inner = tree.get("args", []) if isinstance(tree, dict) else []
    return {name for argument in inner for name in _names(argument)}
