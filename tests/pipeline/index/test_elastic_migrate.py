"""A changed mapping: nothing is lost while writes go on, and a kill at any request leaves something to go on from."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from elasticsearch import Elasticsearch
from engines import drop, open_elastic
from making import HOUR, NOW, item

from pipeline.errors import ConfigurationError, RetryLater
from pipeline.index import elastic_client, mapping
from pipeline.index.elastic import ElasticIndex
from pipeline.index.elastic_migrate import migrate
from pipeline.index.elastic_server import Server
from pipeline.index.elastic_setup import shapes
from pipeline.index.elastic_status import status
from pipeline.index.engine import Search, Written
from pipeline.index.mapping import office_alias
from pipeline.index.query import parse
from pipeline.records import Signal

OFFICES = ("city", "district")
BOTH = Search(OFFICES)
MANY = 3000


@pytest.fixture
def index(elasticsearch_url: str) -> Iterator[ElasticIndex]:
    opened = open_elastic(elasticsearch_url, OFFICES)
    yield opened
    drop(opened)


@pytest.fixture
def newer(monkeypatch: pytest.MonkeyPatch) -> None:
    """The next version of the product: one more field."""
    fields = {**mapping.FIELDS, "items": {**mapping.ITEM_FIELDS, "note": {"type": "keyword"}}}
    monkeypatch.setattr(mapping, "MAPPING_VERSION", mapping.MAPPING_VERSION + 1)
    monkeypatch.setattr(mapping, "FIELDS", fields)
    monkeypatch.setattr("pipeline.index.elastic_migrate.POLL_SECONDS", 0.03)


def quiet(_: str) -> None:
    pass


def test_everything_moves_and_is_found_as_before(index: ElasticIndex, newer: None) -> None:
    index.write_items([item(n, text="起诉", office_id=OFFICES[n % 2]) for n in range(40)])
    index.write_items([item("old", occurred_at=NOW - 900 * HOUR, first_seen=NOW - 900 * HOUR)])
    index.write_signals([Signal("city", "论坛", "hour", NOW, "all", "", 5)])
    before = index.search(BOTH, size=100)
    with pytest.raises(ConfigurationError, match="先运行 tingjian index migrate"):
        _ = ElasticIndex(index.server.settings, OFFICES).server
    assert migrate(index.server, OFFICES, quiet) == 6  # two months of items, cells, issues, incidents, sources
    assert migrate(index.server, OFFICES, quiet) == 0
    assert index.search(BOTH, size=100) == before
    new = ElasticIndex(index.server.settings, OFFICES)
    assert all(not shape.outdated and shape.index.startswith(f"{new.server.prefix}v2-") for shape in shapes(new.server))
    assert new.search(BOTH, size=100) == before
    assert new.write_items([item(1, text="起诉", office_id="district", revision=2), item("new")]) == Written(2, 0)
    assert new.write_signals([Signal("city", "论坛", "hour", NOW, "all", "", 5)]) == 0
    theirs = new.server.total(office_alias(new.server.prefix, "district", "items"), {"match_all": {}})
    assert theirs == new.count(Search(("district",))) == 20
    assert new.purge("media", NOW - HOUR, ()) == 1 and new.count(Search(OFFICES, parse("起诉"))) == 40
    new.close()


def test_no_write_is_lost_while_it_moves(index: ElasticIndex, newer: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(elastic_client, "FIRST_PAUSE", 0.02)
    index.write_items([item(n, text="起诉" * 20) for n in range(MANY)])
    written: list[int] = []
    stop = threading.Event()

    def write() -> None:
        while not stop.is_set() or len(written) < 50:
            n = len(written)
            try:
                index.write_items([item(f"new {n}"), item(n, text="改过", revision=2)])
                written.append(n)
            except RetryLater:
                continue

    thread = threading.Thread(target=write)
    thread.start()
    migrate(Server(index.server.settings), OFFICES, quiet)
    stop.set()
    thread.join(60)
    index.server.refresh(f"{index.server.prefix}items-*")
    assert len(written) >= 50
    assert index.count(BOTH) == MANY + len(written)
    assert index.count(Search(OFFICES, parse("改过"))) == len(written)


def test_what_was_purged_meanwhile_does_not_come_back(index: ElasticIndex, newer: None) -> None:
    index.write_items([item(n, occurred_at=NOW - n * HOUR) for n in range(30)])
    said = []

    def purge_now(words: str) -> None:
        said.append(words)
        if "items-media" in words:  # copied by a migration that was killed, purged since
            index.server.client.reindex(
                source={"index": words.split()[1]},
                dest={"index": words.split()[3], "version_type": "external"},
                refresh=True,
            )
            index.purge("media", NOW - 20 * HOUR, ())

    migrate(index.server, OFFICES, purge_now)
    assert len(said) == 4 and index.count(BOTH) == 21


def test_documents_that_do_not_fit_leave_the_index_as_it_was(index: ElasticIndex, newer: None) -> None:
    index.write_items([item(1, region="清江市")])
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(mapping.FIELDS["items"], "region", {"type": "integer"})
        with pytest.raises(ConfigurationError, match="不合新的映射（document_parsing_exception）"):
            migrate(index.server, OFFICES, quiet)
        assert index.write_items([item(2)]) == Written(1, 0)  # not blocked
    assert index.count(BOTH) == 2


# Before the copy, while it runs, when writes are blocked, before the new index takes over.
@pytest.mark.parametrize(("path", "nth"), [("_reindex", 1), ("_tasks/", 1), ("_reindex", 2), ("_aliases", 1)])
def test_killed_and_run_again(elasticsearch_url: str, newer: None, path: str, nth: int) -> None:
    assert run_again_after(elasticsearch_url, path, nth)


@pytest.mark.soak
def test_killed_at_any_request_and_run_again(elasticsearch_url: str, newer: None) -> None:
    died = 0
    while run_again_after(elasticsearch_url, "", died + 1):
        died += 1
    assert died > 50


def run_again_after(url: str, path: str, nth: int) -> bool:
    """A migration that dies before its nth request to `path`, and another one; returns whether it came to that."""
    index = open_before(url)
    index.write_items([item(k) for k in range(20)])
    child = os.fork()
    if child == 0:
        die_at(path, nth)
        migrate(Server(index.server.settings), OFFICES, quiet)
        os._exit(0)
    _, code = os.waitpid(child, 0)
    migrate(index.server, OFFICES, quiet)
    assert not [shape for shape in shapes(index.server) if shape.outdated]
    assert not [one.problems for one in status(index.server).indices if one.problems]
    assert index.write_items([item(k) for k in range(22)]) == Written(2, 20)
    assert index.count(BOTH) == 22
    drop(index)
    return os.WIFSIGNALED(code)


def open_before(url: str) -> ElasticIndex:
    """An index that the version before made."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(mapping, "MAPPING_VERSION", mapping.MAPPING_VERSION - 1)
        return open_elastic(url, OFFICES)


def die_at(path: str, nth: int) -> None:
    left = [nth]
    sent = Elasticsearch.perform_request

    def dying(self: Elasticsearch, method: str, target: str, **named: Any) -> Any:
        left[0] -= path in target
        if left[0] == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return sent(self, method, target, **named)

    Elasticsearch.perform_request = dying  # type: ignore[method-assign,assignment]
