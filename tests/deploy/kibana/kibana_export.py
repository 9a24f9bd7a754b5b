"""One office's export, with ways to open an object, change it and close it again."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from kibana_objects.check import Problem, check
from kibana_objects.check.unpack import STRINGS, unpacked
from kibana_objects.collection import build
from kibana_objects.saved import Office

OFFICE = Office("city", "清江市检察院")


class Export:
    """Objects by their key; `edit` opens the JSON inside strings."""

    def __init__(self) -> None:
        self.objects = build(OFFICE)

    def rules(self) -> set[str]:
        return {problem.rule for problem in self.problems()}

    def problems(self) -> list[Problem]:
        return check(self.objects, OFFICE)

    def find(self, key: str) -> dict[str, Any]:
        return next(found for found in self.objects if found["id"] == OFFICE.object_id(key))

    @contextmanager
    def edit(self, key: str) -> Iterator[dict[str, Any]]:
        found = self.find(key)
        opened = unpacked(found)
        yield opened
        for place in STRINGS[found["type"]]:
            *way, last = place.split(".")
            inner: Any = opened["attributes"]
            for step in way:
                inner = inner.get(step, {})
            if last in inner:
                inner[last] = json.dumps(inner[last], ensure_ascii=False)
        self.objects[self.objects.index(found)] = opened

    @contextmanager
    def panel(self, board: str, title: str) -> Iterator[dict[str, Any]]:
        with self.edit(board) as opened:
            yield next(p for p in opened["attributes"]["panelsJSON"] if p["title"] == title)

    @contextmanager
    def chart(self, board: str, title: str) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
        """A chart's visualization and its layer."""
        with self.panel(board, title) as panel:
            state = panel["embeddableConfig"]["attributes"]["state"]
            yield state["visualization"], state["datasourceStates"]["formBased"]["layers"]["l1"]

    @contextmanager
    def column(self, board: str, title: str, key: str) -> Iterator[dict[str, Any]]:
        with self.chart(board, title) as (_, layer):
            yield layer["columns"][key]
