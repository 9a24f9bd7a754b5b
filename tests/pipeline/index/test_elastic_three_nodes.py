"""One of three nodes dies while we write: with one replica, writing and searching go on, nothing is lost or doubled."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest
from making import item

from pipeline.errors import RetryLater
from pipeline.index.elastic import ElasticIndex
from pipeline.index.engine import Search, Written
from pipeline.index.query import parse
from pipeline.settings.home import IndexSettings
from tests.elasticsearch_node.fixtures import need_server
from tests.elasticsearch_node.node import Node, several, start_together

pytestmark = pytest.mark.soak  # three nodes: 1.5 GB of heaps
CITY = Search(("city",))
BATCH = 200
SECONDS = 20.0  # of writing after the kill


@pytest.fixture(scope="module")
def nodes() -> Iterator[list[Node]]:
    need_server()
    made = several(3)
    try:
        start_together(made)
        yield made
    finally:
        for node in made:
            node.remove()


def opened(nodes: list[Node], prefix: str, replicas: int = 1) -> ElasticIndex:
    settings = IndexSettings(
        engine="elasticsearch",
        hosts=[n.url for n in nodes],
        prefix=prefix,
        shards=3,
        replicas=replicas,
        timeout_seconds=10,
    )
    index = ElasticIndex(settings, ["city"])
    index.write_items([item("first", text="第一号")])
    index.server.client.options(request_timeout=150).cluster.health(
        wait_for_status="green", wait_for_nodes="3", timeout="120s", index=f"{prefix}items-*"
    )
    return index


def write_until(index: ElasticIndex, stop: threading.Event, written: list[int], refused: list[str]) -> None:
    """Batch after batch, as ingest does: the same one again until it is taken."""
    while not stop.is_set():
        number = len(written)
        batch = [item(f"{number}/{n}", text=f"起诉第{number}号") for n in range(BATCH)]
        try:
            done = index.write_items(batch)
        except RetryLater as error:
            refused.append(str(error))
            continue
        assert done.refused == ()
        written.append(done.written + done.stale)


@pytest.mark.parametrize("which", ["a node", "the master"])
def test_one_of_three_dies_in_mid_bulk(nodes: list[Node], which: str) -> None:
    index = opened(nodes, f"{which.split()[1]}-")
    master = next(iter(index.server.client.cat.master(format="json")))["node"]
    victim = next(n for n in nodes if (n.name == master) == (which == "the master"))
    written: list[int] = []
    refused: list[str] = []
    stop = threading.Event()
    writer = threading.Thread(target=write_until, args=(index, stop, written, refused))
    writer.start()
    try:
        while len(written) < 3:
            time.sleep(0.05)
        victim.kill()
        killed = time.monotonic()
        before, waited = len(written), []
        while time.monotonic() - killed < SECONDS:
            began = time.monotonic()
            assert index.count(Search(("city",), parse("第一号"))) == 1 and index.search(CITY, size=5).hits
            waited.append(time.monotonic() - began)
            time.sleep(0.1)
        print(
            f"{which}: {len(written) - before} batches in {SECONDS:.0f} s, refused {len(refused)}, longest search {max(waited):.1f} s"
        )
        assert len(written) > before + 3, refused
    finally:
        stop.set()
        writer.join(120)
    assert not writer.is_alive() and sum(written) == len(written) * BATCH
    index.server.refresh(f"{index.server.prefix}items-*")
    assert index.count(CITY) == len(written) * BATCH + 1
    ids = [hit.doc_id for hit in index.indexed_since(item("x").indexed_at, ["city"])]
    assert len(ids) == len(set(ids)) == len(written) * BATCH + 1
    victim.start()
    health = index.server.client.options(request_timeout=150).cluster.health(
        wait_for_status="green", wait_for_nodes="3", timeout="120s"
    )
    assert not health["timed_out"]
    again = [item(f"0/{n}", text="起诉第0号") for n in range(BATCH)]
    assert index.write_items(again) == Written(0, BATCH) and index.count(CITY) == len(ids)
    index.close()
