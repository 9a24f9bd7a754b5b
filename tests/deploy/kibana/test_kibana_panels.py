"""Every chart and list, run on a real Elasticsearch over documents that the product wrote, says what is so."""

from __future__ import annotations

import secrets
from collections.abc import Iterator

import pytest
from kibana_expected import EXPECTED, Rows, Told, filled
from kibana_lens import Json, Reader
from kibana_objects.boards import BOARDS
from kibana_objects.check.unpack import unpacked, view_of
from kibana_objects.collection import build
from kibana_objects.saved import Office
from kibana_objects.searches import SEARCHES
from kibana_world import CITY, DISTRICT, NOW, OFFICES, K, World, make, write

from pipeline.index.elastic import ElasticIndex
from pipeline.index.mapping import FIELDS
from pipeline.settings.home import IndexSettings

CHARTS = [
    pytest.param(board.key, panel.title, id=f"{board.title} {panel.title}")
    for board in BOARDS
    for _, row in board.rows
    for _, panel in row
    if panel.type == "lens"
]


@pytest.fixture(scope="module")
def index(elasticsearch_url: str) -> Iterator[ElasticIndex]:
    settings = IndexSettings(
        engine="elasticsearch", hosts=[elasticsearch_url], prefix=f"kibana-{secrets.token_hex(4)}-"
    )
    made = ElasticIndex(settings, OFFICES)
    write(made, make())
    yield made
    for name in made.server.client.indices.get(index=f"{settings.prefix}*"):
        made.server.client.indices.delete(index=name)
    for kind in FIELDS:
        made.server.client.indices.delete_index_template(name=f"{settings.prefix}{kind}")
    made.close()


@pytest.fixture(scope="module")
def world() -> World:
    return make().of(CITY)


@pytest.fixture(scope="module")
def space(index: ElasticIndex) -> dict[str, Json]:
    """The city's objects by id, opened."""
    office = Office(CITY, "清江市检察院", index.server.prefix)
    return {found["id"]: unpacked(found) for found in build(office)}


@pytest.fixture
def reader(index: ElasticIndex) -> Reader:
    return Reader(index.server.client, NOW)


def found_rows(reader: Reader, space: dict[str, Json], board_key: str, title: str) -> Rows:
    """The chart as its dashboard shows it, grouped as it is described: b0, b1, then the metrics."""
    board = next(found for name, found in space.items() if name.endswith(f"-{board_key}"))
    panel = next(p for p in board["attributes"]["panelsJSON"] if p["title"] == title)
    attributes = panel["embeddableConfig"]["attributes"]
    view = space[attributes["references"][0]["id"]]["attributes"]
    table = reader.table(attributes, view["title"], view.get("timeFieldName"), board["attributes"]["timeFrom"])
    buckets = sorted(key for key in table[0] if key.startswith("b"))
    metrics = sorted(key for key in table[0] if key.startswith("m"))
    return filled({tuple(row[b] for b in buckets): tuple(row[m] for m in metrics) for row in table})


@pytest.mark.parametrize(("board_key", "title"), CHARTS)
def test_a_chart_says_what_is_so(
    board_key: str, title: str, reader: Reader, space: dict[str, Json], world: World
) -> None:
    board = next(board for board in BOARDS if board.key == board_key)
    expected = EXPECTED[title](Told(world, reader.begin(board.since)))
    found = found_rows(reader, space, board_key, title)
    assert expected, "the data must give the chart something to say"
    assert found.keys() == expected.keys()
    for place, values in expected.items():
        for got, wanted in zip(found[place], values, strict=True):
            assert (got or 0) == pytest.approx(wanted or 0, rel=1e-4), (place, found[place], values)


@pytest.mark.parametrize("search", SEARCHES, ids=lambda search: search.title)
def test_a_saved_search_finds_what_it_says(search, reader: Reader, space: dict[str, Json]) -> None:  # type: ignore[no-untyped-def]
    saved = next(found["attributes"] for name, found in space.items() if name.endswith(f"-{search.key}"))
    view = next(found["attributes"] for name, found in space.items() if view_of(name) == search.view)
    query = saved["kibanaSavedObjectMeta"]["searchSourceJSON"]["query"]["query"]
    hits = reader.hits(query, view["title"], view.get("timeFieldName"), "now-40d", saved["sort"])
    office_ids = [hit["office_id"] for hit in hits]
    assert all(CITY in ids if isinstance(ids, list) else ids == CITY for ids in office_ids)
    if search.key not in ("teach-phrase", "teach-both"):
        assert hits


def test_public_counts_stand_in_steps_of_k(reader: Reader, space: dict[str, Json]) -> None:
    for board_key, title in (("board-today", "今日公众讨论人数"), ("board-today", "公众在谈什么（人数）"),
                             ("board-issues", "公众讨论的话题走势（人数）"), ("board-sources", "各站点类别的公众讨论（人数）")):  # fmt: skip
        for values in found_rows(reader, space, board_key, title).values():
            assert all(value % K == 0 for value in values if value), title


def test_an_office_sees_its_own_alone(index: ElasticIndex, reader: Reader, space: dict[str, Json]) -> None:
    for found in space.values():
        if found["type"] == "index-pattern":
            hits = reader.hits("", found["attributes"]["title"], None, "now", [])
            assert hits and all(CITY in hit["office_id"] for hit in hits)
            assert any(DISTRICT in hit["office_id"] for hit in reader.hits("", found["attributes"]["title"].replace(CITY, DISTRICT), None, "now", []))  # fmt: skip


def test_every_chart_has_its_expectation() -> None:
    assert {param.values[1] for param in CHARTS} == set(EXPECTED)
