"""Every chart and list, run on a real Elasticsearch over documents that the product wrote, says what is so."""

from __future__ import annotations

import secrets
from collections.abc import Iterator

import pytest
from kibana_expected import EXPECTED, Told
from kibana_lens import Json, Reader
from kibana_objects.boards import BOARDS
from kibana_objects.check.unpack import unpacked
from kibana_objects.collection import build
from kibana_objects.saved import Office
from kibana_objects.views import FIELD_NAMES, LOOKUPS, VIEWS
from kibana_panels import Place, grouped, listed, panels
from kibana_world import CITY, DISTRICT, NOW, OFFICES, K, World, make, write

from pipeline.index.elastic import ElasticIndex
from pipeline.index.mapping import FIELDS
from pipeline.settings.home import IndexSettings

CHARTS = [
    pytest.param((board.title, panel.title), board.since, id=f"{board.title} {panel.title}")
    for board in BOARDS
    for _, row in board.rows
    for _, panel in row
    if panel.type == "lens"
]
PEOPLE = ("今日公众讨论人数", "公众在谈什么（人数）", "公众讨论的话题走势（人数）", "各站点类别的公众讨论（人数）")


@pytest.fixture(scope="module")
def index(elasticsearch_url: str) -> Iterator[ElasticIndex]:
    settings = IndexSettings(
        engine="elasticsearch", hosts=[elasticsearch_url], prefix=f"kibana-{secrets.token_hex(4)}-"
    )
    made = ElasticIndex(settings, OFFICES)
    write(made, make())
    yield made
    client = made.server.client
    client.indices.delete(index=",".join(client.indices.get(index=f"{settings.prefix}*")))
    for kind in FIELDS:
        client.indices.delete_index_template(name=f"{settings.prefix}{kind}")
    made.close()


@pytest.fixture(scope="module")
def world() -> World:
    return make().of(CITY)


@pytest.fixture(scope="module")
def space(index: ElasticIndex) -> dict[str, Json]:
    """The city's objects, opened, by type and id."""
    objects = [unpacked(found) for found in build(Office(CITY, "清江市检察院", index.server.prefix))]
    return {f"{found['type']}:{found['id']}": found for found in objects}


@pytest.fixture(scope="module")
def reader(index: ElasticIndex) -> Reader:
    return Reader(index.server.client, NOW)


@pytest.fixture(scope="module")
def shown(reader: Reader, space: dict[str, Json]) -> dict[Place, list[Json]]:
    return panels(reader, list(space.values()))


@pytest.mark.parametrize(("place", "since"), CHARTS)
def test_a_chart_says_what_is_so(
    place: Place, since: str, shown: dict[Place, list[Json]], reader: Reader, world: World
) -> None:
    expected = EXPECTED[place[1]](Told(world, reader.begin(since)))
    found = grouped(shown[place])
    assert expected, "the data must give the chart something to say"
    assert found.keys() == expected.keys()
    for group, values in expected.items():
        for got, wanted in zip(found[group], values, strict=True):
            assert (got or 0) == pytest.approx(wanted or 0, rel=1e-4), (group, found[group], values)


def test_every_chart_has_its_expectation() -> None:
    assert {param.values[0][1] for param in CHARTS} == set(EXPECTED)  # type: ignore[index]


def test_every_saved_search_finds_its_own_offices_documents(reader: Reader, space: dict[str, Json]) -> None:
    searches = [found for found in space.values() if found["type"] == "search"]
    for search in searches:
        hits = listed(reader, search, space, "now-210d")
        assert hits and all(CITY in hit["office_id"] for hit in hits), search["attributes"]["title"]


def test_quotes_make_a_word_of_characters_as_the_examples_teach(reader: Reader, space: dict[str, Json]) -> None:
    (alias,) = (found["attributes"]["title"] for name, found in space.items() if name.endswith(f"{CITY}-items"))

    def titles(query: str) -> set[str]:
        return {
            hit["title"] for hit in reader.hits(query, alias, "occurred_at", "now-210d", []) if "旧闻" in hit["title"]
        }

    assert titles('text: "不起诉"') == {"旧闻：不起诉"}
    assert titles("text: 不起诉") == {"旧闻：不起诉", "旧闻：起诉"}
    (search,) = (found for name, found in space.items() if name.endswith("-teach-phrase"))
    assert {hit["title"] for hit in listed(reader, search, space, "now-210d")} == {"旧闻：不起诉"}


def test_public_counts_stand_in_steps_of_k(shown: dict[Place, list[Json]]) -> None:
    counts = [row["m0"] for (_, title), table in shown.items() if title in PEOPLE for row in table]
    assert len(counts) > 20 and all(count % K == 0 for count in counts)


def test_an_office_sees_its_own_alone(reader: Reader, space: dict[str, Json]) -> None:
    for found in space.values():
        if found["type"] == "index-pattern":
            alias = found["attributes"]["title"]
            own, other = (reader.hits("", name, None, "now", []) for name in (alias, alias.replace(CITY, DISTRICT)))
            assert own and all(CITY in hit["office_id"] for hit in own)
            assert other and all(DISTRICT in hit["office_id"] for hit in other)


def test_every_field_has_a_chinese_name_and_every_name_a_field() -> None:
    fields = {name for view in VIEWS for name in view.fields}
    assert fields == set(FIELD_NAMES)
    assert set(LOOKUPS) <= fields
