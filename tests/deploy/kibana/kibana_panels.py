"""Every chart and list of an office's dashboards over the data of a cluster, as Kibana asks for it.

For other tests too: `from tests.deploy.kibana.kibana_panels import every_panel`.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path

from elasticsearch import Elasticsearch

sys.path.insert(0, str(Path(__file__).resolve().parent))
sys.path.insert(0, str(Path(__file__).resolve().parents[3] / "deploy" / "kibana"))

from kibana_expected import EXPECTED, Rows, Told, filled
from kibana_lens import Json, Reader
from kibana_objects.boards import BOARDS
from kibana_objects.check.unpack import unpacked
from kibana_objects.collection import build
from kibana_objects.saved import Office
from kibana_world import World

__all__ = [
    "BOARDS", "EXPECTED", "Office", "Place", "Reader", "Told", "World", "every_panel", "filled", "grouped", "listed", "panels",
]  # fmt: skip
Place = tuple[str, str]  # titles of the dashboard and of the panel


def every_panel(client: Elasticsearch, office: Office, now: datetime) -> dict[Place, list[Json]]:
    """Rows of each chart, documents of each list, as they stand at `now`."""
    return panels(Reader(client, now), [unpacked(found) for found in build(office)])


def grouped(table: list[Json]) -> Rows:
    """A chart's table as it is described: b0, b1 … → m0, m1 …; rows that are all zero or empty are left out."""
    if not table:
        return {}
    buckets = sorted(key for key in table[0] if key.startswith("b"))
    metrics = sorted(key for key in table[0] if key.startswith("m"))
    return filled({tuple(row[b] for b in buckets): tuple(row[m] for m in metrics) for row in table})


def panels(reader: Reader, objects: Sequence[Json]) -> dict[Place, list[Json]]:
    """The same, of objects that are opened already."""
    there = {f"{found['type']}:{found['id']}": found for found in objects}
    found: dict[Place, list[Json]] = {}
    for board in (found for found in objects if found["type"] == "dashboard"):
        about = board["attributes"]
        held = {reference["name"]: f"{reference['type']}:{reference['id']}" for reference in board["references"]}
        for panel in about["panelsJSON"]:
            place = about["title"], panel["title"]
            if panel["type"] == "lens":
                found[place] = _chart(reader, panel, there, about["timeFrom"])
            elif panel["type"] == "search":
                search = there[held[f"{panel['panelIndex']}:{panel['panelRefName']}"]]
                found[place] = listed(reader, search, there, about["timeFrom"])
    return found


def _chart(reader: Reader, panel: Json, there: Mapping[str, Json], since: str) -> list[Json]:
    attributes = panel["embeddableConfig"]["attributes"]
    view = there[f"index-pattern:{attributes['references'][0]['id']}"]["attributes"]
    return reader.table(attributes, view["title"], view.get("timeFieldName"), since)


def listed(reader: Reader, search: Json, there: Mapping[str, Json], since: str) -> list[Json]:
    """The documents that a saved search shows."""
    about = search["attributes"]
    source = about["kibanaSavedObjectMeta"]["searchSourceJSON"]
    (view_id,) = (r["id"] for r in search["references"] if r["name"] == source["indexRefName"])
    view = there[f"index-pattern:{view_id}"]["attributes"]
    return reader.hits(source["query"]["query"], view["title"], view.get("timeFieldName"), since, about["sort"])
