"""The charter in Kibana: public posts only as cells and issues, counted in steps of k."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from kibana_objects.check.problem import Problem
from kibana_objects.check.unpack import LensPanel, lens_panels, read
from kibana_objects.columns import Json
from kibana_objects.kql import All, Is, Node
from pipeline.index.mapping import SIGNALS

_COUNTED = frozenset({"count"})
_ADDS = frozenset({"sum", "max"})
_PARTS = ("period", "dimension")


def problems(objects: Sequence[Json]) -> Iterator[Problem]:
    for panel in lens_panels(objects):
        if panel.view is not None and panel.view.kind == SIGNALS:
            yield from _cells(panel)


def _cells(panel: LensPanel) -> Iterator[Problem]:
    """Cells count people once in each period and dimension, so a chart stays within one of each."""
    tree, _ = read(panel.attributes["state"]["query"])
    fixed = {leaf.field for leaf in _always(tree)}
    for part in _PARTS:
        if part not in fixed:
            yield Problem(
                "cells-added-across", panel.where, f"no one {part} is chosen: the same people would count twice"
            )
    for layer in panel.layers.values():
        for key, column in layer["columns"].items():
            plain = not column["isBucketed"] and "references" not in column
            if plain and (column["operationType"] not in _ADDS or column.get("sourceField") not in _COUNTED):
                text = "only the cells' own counts are in steps of k"
                yield Problem("cells-not-counted-in-k", f"{panel.where} {key}", text)


def _always(tree: Node | None) -> Iterator[Is]:
    """What every match of the query is."""
    if isinstance(tree, Is):
        yield tree
    elif isinstance(tree, All):
        for node in tree.nodes:
            yield from _always(node)
