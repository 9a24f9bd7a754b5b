"""What stands in the cluster: the mapping as it is said, an index a channel and month, retention, replays over months."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from desk_rows import NOW, OFFICE
from elastic_office import ElasticOffice, build, spool
from engines import drop
from making import ident, item

from pipeline.index.elastic_setup import shapes
from pipeline.index.engine import Search, Written
from pipeline.index.mapping import FIELDS
from pipeline.steps.ingest import ingest
from pipeline.steps.reconcile import findings
from pipeline.steps.upkeep import upkeep

OURS = Search((OFFICE,))
DAY = timedelta(days=1)


@pytest.fixture
def office(tmp_path: Path, elasticsearch_url: str) -> Iterator[ElasticOffice]:
    built = build(tmp_path / "office", elasticsearch_url)
    yield built
    drop(built.index)
    built.db.close()


def names(office: ElasticOffice) -> list[str]:
    prefix = office.index.server.prefix
    return [name.removeprefix(prefix) for name in office.index.server.indices(f"{prefix}items-*")]


def test_every_index_is_strict_and_has_the_time_and_the_office(office: ElasticOffice) -> None:
    office.index.write_items([item(1, office_id=OFFICE)])
    server = office.index.server
    for shape in shapes(server):
        body = server.client.indices.get_mapping(index=shape.index)[shape.index]["mappings"]
        assert body["dynamic"] == "strict" and set(body["properties"]) == set(FIELDS[shape.kind])
        assert (
            body["properties"]["occurred_at"]["type"] == "date" and body["properties"]["office_id"]["type"] == "keyword"
        )
    _, refused = server.put([("items-media-2026.11", "x", {"author": "somebody"})], 1)
    assert [answer.refused for answer in refused] == ["strict_dynamic_mapping_exception"]


def test_a_keyword_of_any_length_is_taken(office: ElasticOffice) -> None:
    """Lucene refuses a term of more than 32,766 bytes: such a value is kept and not indexed."""
    long = "𠀀" * 9000
    assert office.index.write_items([item(1, office_id=OFFICE, outlet=long, words=(long, "起诉"))]) == Written(1, 0)
    assert office.index.get(ident(1), [OFFICE]) == item(1, office_id=OFFICE, outlet=long, words=(long, "起诉"))
    assert [b.key for b in office.index.terms(OURS, "outlet")] == []


def test_an_index_is_a_channel_and_a_shanghai_month(office: ElasticOffice) -> None:
    edge = datetime(2026, 10, 31, 15, 59, tzinfo=UTC)  # 23:59 in Shanghai
    seen = {"a": edge, "b": edge + timedelta(minutes=1)}
    office.index.write_items([item(n, office_id=OFFICE, first_seen=at, occurred_at=at) for n, at in seen.items()])
    office.index.write_items([item("c", office_id=OFFICE, channel="official", first_seen=edge)])
    assert names(office) == ["items-media-2026.10", "items-media-2026.11", "items-official-2026.10"]


def test_an_edit_in_a_later_month_and_a_late_older_batch(office: ElasticOffice) -> None:
    first = item(1, text="一", office_id=OFFICE, first_seen=NOW - 60 * DAY, occurred_at=NOW - 60 * DAY)
    edited = replace(first, text="二", revision=2, occurred_at=NOW, indexed_at=NOW)
    assert office.index.write_items([first]) == Written(1, 0)
    assert office.index.write_items([edited]) == Written(1, 0)
    assert office.index.write_items([first, edited]) == Written(0, 2)
    assert names(office) == ["items-media-2026.09"] and office.index.count(OURS) == 1
    assert office.index.get(first.id, [OFFICE]) == edited


def test_whole_months_go_days_go_and_what_is_pinned_stays(office: ElasticOffice) -> None:
    days = {"old": 90, "older": 95, "pinned": 140, "beside it": 141, "edge": 31, "young": 1}
    office.index.write_items(
        item(n, office_id=OFFICE, first_seen=NOW - d * DAY, occurred_at=NOW - d * DAY) for n, d in days.items()
    )
    assert len(names(office)) == 5
    gone = office.index.purge("media", NOW - 30 * DAY, {ident("pinned")})
    assert gone == 4 and office.index.count(OURS) == 2
    assert {hit.item.id for hit in office.index.search(OURS).hits} == {ident("pinned"), ident("young")}
    # June, without an own pin, and August went whole
    assert names(office) == ["items-media-2026.07", "items-media-2026.10", "items-media-2026.11"]


def test_a_page_that_is_read_again_after_its_purge_stays_away(office: ElasticOffice) -> None:
    spool(office, *range(5))
    ingest(office.home, office.db, office.index, NOW)
    later = NOW + 200 * DAY
    assert upkeep(office.home, office.db, office.index, later).purged == 5 and names(office) == []
    spool(office, *range(5), now=later, published_at=NOW)
    report = ingest(office.home, office.db, office.index, later)
    assert (report.items, report.unchanged) == (0, 5) and office.index.count(OURS) == 0
    assert findings(office.home, office.db, office.index, later) == []
