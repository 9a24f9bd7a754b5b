"""Elasticsearch on a bad day, on real nodes: nothing lost, nothing doubled, said in Chinese."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from desk_rows import NOW, OFFICE
from elastic_office import ElasticOffice, build, spool
from engines import drop
from making import ident, item
from sqlalchemy import select

from pipeline.desk.tables import Quarantined
from pipeline.errors import ConfigurationError, RetryLater
from pipeline.index.elastic import ElasticIndex
from pipeline.index.engine import Search, Written
from pipeline.index.query import parse
from pipeline.records import Item
from pipeline.settings.home import IndexSettings
from pipeline.spool import Spool
from pipeline.steps.ingest import ingest
from pipeline.steps.reconcile import findings
from pipeline.steps.repair import repair
from tests.elasticsearch_node.node import Node
from tests.elasticsearch_node.proxy import Proxy, answering

CITY = Search(("city",))
OURS = Search((OFFICE,))
MANY = 12_000


@pytest.fixture
def office(tmp_path: Path, elasticsearch_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[ElasticOffice]:
    monkeypatch.setattr("pipeline.index.elastic_client.FIRST_PAUSE", 0.01)
    built = build(tmp_path / "office", elasticsearch_url)
    yield built
    drop(built.index)
    built.db.close()


def taken_in(office: ElasticOffice) -> int:
    """Ingest; then everything that was registered is in the index once."""
    items = ingest(office.home, office.db, office.index, NOW).items
    assert findings(office.home, office.db, office.index, NOW) == []
    return items


def month(office: ElasticOffice) -> str:
    return f"{office.index.server.prefix}items-media-2026.11"


def write_on(index: ElasticIndex, documents: list[Item]) -> None:
    """As ingest does over days: the same batch again until it is taken."""
    while True:
        try:
            index.write_items(documents)
            return
        except RetryLater:
            time.sleep(0.2)


def test_a_node_killed_in_mid_bulk_and_started_again(mortal: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.index.elastic_client.TRIES", 2)
    index = ElasticIndex(IndexSettings(engine="elasticsearch", hosts=[mortal.url], timeout_seconds=5), ["city"])
    documents = [item(n, text=f"起诉第{n}号" * 20) for n in range(MANY)]
    revised = [replace(d, revision=2, text="不起诉") for d in documents[::10]]
    writer = threading.Thread(target=write_on, args=(index, documents + revised))
    writer.start()
    while index.server.total("items-*", {"match_all": {}}) == 0:
        index.server.refresh("items-*")
    mortal.kill()
    assert writer.is_alive()
    with pytest.raises(RetryLater, match="连不上或没有回音"):
        index.count(CITY)
    mortal.start()
    writer.join(120)
    assert not writer.is_alive()
    index.write_items(documents)  # late, and older than what is there
    assert index.count(CITY) == MANY and index.count(Search(("city",), parse("不起诉"))) == len(revised)
    index.close()


def test_a_node_that_hangs_is_said_and_loses_nothing(mortal: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.index.elastic_client.FIRST_PAUSE", 0.01)
    settings = IndexSettings(engine="elasticsearch", hosts=[mortal.url], timeout_seconds=0.5, prefix="hang-")
    index = ElasticIndex(settings, ["city"])
    index.write_items([item(0)])
    mortal.pause()
    try:
        with pytest.raises(RetryLater, match="没有回音"):
            index.write_items(item(n) for n in range(50))
    finally:
        mortal.resume()
    write_on(index, [item(n) for n in range(50)])
    assert index.count(CITY) == 50
    index.close()


def test_an_answer_lost_after_the_write_was_accepted(office: ElasticOffice) -> None:
    with Proxy(office.index.server.settings.hosts[0]).running() as proxy:
        settings = office.index.server.settings.model_copy(update={"hosts": [proxy.url], "timeout_seconds": 1.0})
        slow = replace(office, index=ElasticIndex(settings, [OFFICE, "other-office"]))
        first = spool(office, *range(40))
        proxy.swallow = lambda path: "_bulk" in path and proxy.swallowed < 2
        assert taken_in(slow) == 40 and proxy.swallowed == 2 and not first.exists()
        again = spool(office, *range(30, 60))
        proxy.swallow = lambda path: "_bulk" in path  # written each time, and never heard of
        with pytest.raises(RetryLater, match="没有回音"):
            ingest(slow.home, slow.db, slow.index, NOW)
        assert again.exists()
        proxy.swallow = lambda _: False
        assert taken_in(slow) == 20 and slow.index.count(OURS) == 60
        slow.index.close()


Break = Callable[[ElasticOffice], None]


def _read_only(office: ElasticOffice) -> None:
    setting = {"index.blocks.read_only_allow_delete": True}
    office.index.server.client.indices.put_settings(index=month(office), settings=setting)


def _writable(office: ElasticOffice) -> None:
    setting = {"index.blocks.read_only_allow_delete": None}
    office.index.server.client.indices.put_settings(index=month(office), settings=setting)


def _closed(office: ElasticOffice) -> None:
    office.index.server.client.indices.close(index=month(office))


def _open(office: ElasticOffice) -> None:
    office.index.server.client.indices.open(index=month(office))
    office.index.server.client.cluster.health(index=month(office), wait_for_status="yellow")


@pytest.mark.parametrize(("breaks", "mends", "words"), [(_read_only, _writable, "只读"), (_closed, _open, "被关闭了")])
def test_an_index_that_takes_no_writes_leaves_the_batch_in_the_spool(
    office: ElasticOffice, breaks: Break, mends: Break, words: str
) -> None:
    spool(office, "first")
    assert taken_in(office) == 1
    breaks(office)
    batch = spool(office, *range(20))
    for _ in range(2):
        with pytest.raises(RetryLater, match=words):
            ingest(office.home, office.db, office.index, NOW)
    assert batch.exists() and not list(Spool(office.home.spool).aside.glob("*"))
    mends(office)
    assert taken_in(office) == 20 and office.index.count(OURS) == 21


def test_a_closed_month_is_said_and_never_left_out(office: ElasticOffice) -> None:
    office.index.write_items([item(1, office_id=OFFICE)])
    _closed(office)
    for read in (
        lambda: office.index.search(OURS),
        lambda: office.index.count(OURS),
        lambda: office.index.histogram(OURS),
        lambda: list(office.index.indexed_since(NOW.replace(year=2020), [OFFICE])),
    ):
        with pytest.raises(RetryLater, match="被关闭了"):
            read()


def test_a_document_that_fits_no_mapping_is_set_aside_and_the_rest_goes_on(office: ElasticOffice) -> None:
    other = {"properties": {"region": {"type": "integer"}}}
    office.index.server.create(month(office), mappings=other)
    spool(office, *range(9), region="7")
    spool(office, "bad", region="清江市")
    spool(office, *range(9, 12), region="7")
    report = ingest(office.home, office.db, office.index, NOW)
    assert (report.batches, report.items, report.quarantined) == (3, 12, 1)
    assert office.index.count(OURS) == 12
    with office.db.read() as session:
        row = session.scalars(select(Quarantined)).one()
    assert (row.reason, row.detail) == ("index_refused", "document_parsing_exception")
    assert len(list(Spool(office.home.spool).aside.glob("*.json"))) == 1
    assert findings(office.home, office.db, office.index, NOW) == []
    assert "清江市" not in row.detail


def test_a_reading_refused_for_one_office_is_told_and_comes_with_the_next_reading_of_its_page(office: ElasticOffice) -> None:
    (first,) = office.home.offices
    second = first.model_copy(update={"id": "other-office", "name": "某某区检察院", "short_name": "某某区院", "aliases": []})
    two = replace(office, home=replace(office.home, offices=(first, second)))
    only_ours = "if (doc['office_id'].value == 'other-office') { throw new IllegalArgumentException('no') } emit(1)"
    picky = {"type": "long", "script": {"source": only_ours}, "on_script_error": "fail"}
    office.index.server.create(month(office), mappings={"properties": {"picky": picky}})
    both = "某某市检察院与某某区检察院联合发布。"
    spool(two, "both", text=both)
    spool(two, "ours")
    report = ingest(two.home, two.db, two.index, NOW)
    assert (report.items, report.quarantined) == (2, 0)  # the article is there, for one of the two
    assert two.index.count(OURS) == 2 and two.index.count(Search(("other-office",))) == 0
    with two.db.read() as session:
        row = session.scalars(select(Quarantined)).one()
    assert (row.reason, row.detail) == ("index_refused", "document_parsing_exception（2 个单位中的 1 个）")
    assert findings(two.home, two.db, two.index, NOW) == []
    office.index.server.drop(month(office))  # an operator mends the mapping
    again: list[str] = []
    assert repair(two.home, two.db, two.index, NOW, again.extend).missing == 2
    assert set(again) == {ident("both"), ident("ours")}
    spool(two, "both", text=both)
    assert ingest(two.home, two.db, two.index, NOW).items == 1
    assert two.index.count(OURS) == two.index.count(Search(("other-office",))) == 1


def test_what_was_refused_counts_as_changed_when_it_is_read_again(office: ElasticOffice) -> None:
    office.index.server.create(month(office), mappings={"properties": {"region": {"type": "integer"}}})
    spool(office, "bad", region="清江市")
    assert ingest(office.home, office.db, office.index, NOW).quarantined == 1
    office.index.server.drop(month(office))
    again: list[str] = []
    report = repair(office.home, office.db, office.index, NOW, again.extend)
    assert (report.missing, set(again), sum(report.lost.values())) == (0, {ident("bad")}, 1)
    spool(office, "bad", region="清江市")
    assert taken_in(office) == 1


def test_a_bulk_that_was_sent_twice_counts_each_document_once(office: ElasticOffice) -> None:
    old = [item(f"o{n}", first_seen=NOW.replace(month=9)) for n in range(10)]
    new = [item(n) for n in range(10)]
    office.index.write_items([item("first")])
    _read_only(office)
    mends = threading.Timer(0.3, _writable, [office])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("pipeline.index.elastic_client.FIRST_PAUSE", 0.3)
        mends.start()
        assert office.index.write_items([*old, *new]) == Written(20, 0)  # ten of them at the first try
    mends.join()
    with Proxy(office.index.server.settings.hosts[0]).running() as proxy:
        settings = office.index.server.settings.model_copy(update={"hosts": [proxy.url], "timeout_seconds": 1.0})
        slow = ElasticIndex(settings, [OFFICE])
        proxy.swallow = lambda path: "_bulk" in path and proxy.swallowed < 1
        assert slow.write_items([item(f"s{n}") for n in range(30)]) == Written(30, 0) and proxy.swallowed == 1
        proxy.swallow = lambda path: "_bulk" in path and proxy.swallowed < 2
        assert slow.write_items([item(f"s{n}", revision=2) for n in range(30)]) == Written(30, 0)
        assert slow.write_items([item(f"s{n}") for n in range(30)]) == Written(0, 30)
        slow.close()


@pytest.mark.parametrize(
    ("product", "number", "words"),
    [
        ("Elasticsearch", "9.1.0", "Elasticsearch 是 9.1.0，本程序只与 8.x 配合"),
        ("Elasticsearch", "7.17.9", "Elasticsearch 是 7.17.9，本程序只与 8.x 配合"),
        ("Something", "8.19.8", "不是本程序支持的 Elasticsearch"),
    ],
)
def test_a_server_of_another_version_is_refused_at_start(product: str, number: str, words: str) -> None:
    with answering(product, number) as host, pytest.raises(ConfigurationError, match=words):
        _ = ElasticIndex(IndexSettings(engine="elasticsearch", hosts=[host]), ["city"]).server
