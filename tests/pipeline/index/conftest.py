"""Engines that must all do the same; Elasticsearch where it was fetched or an address is given."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest
from index_corpus import corpus

from pipeline.index.elastic import ElasticIndex
from pipeline.index.engine import Index
from pipeline.index.sqlite import SqliteIndex
from pipeline.settings.home import IndexSettings
from tests.elasticsearch_node.fetch import fetched
from tests.elasticsearch_node.node import Node

ADDRESS = "TINGJIAN_TEST_ELASTICSEARCH_URL"
ENGINES = ("sqlite", "elasticsearch")


@pytest.fixture(scope="session")
def elasticsearch_url() -> Iterator[str]:
    """A real server: the one at the given address, or a node of our own for this session."""
    given = os.environ.get(ADDRESS)
    if given:
        yield given
        return
    if not fetched():
        pytest.skip(f"Elasticsearch: neither make setup-elasticsearch was run nor {ADDRESS} given")
    node = Node()
    try:
        yield node.start().url
    finally:
        node.remove()


def open_elastic(url: str) -> ElasticIndex:
    """An empty index under a prefix of its own."""
    settings = IndexSettings(engine="elasticsearch", hosts=[url], prefix=f"test-{secrets.token_hex(4)}-")
    return ElasticIndex(settings, ["city", "district"])


def drop(index: ElasticIndex) -> None:
    """Delete what `open_elastic` made."""
    client, prefix = index.client, index.settings.prefix
    for name in client.indices.get(index=f"{prefix}*"):
        client.indices.delete(index=name)
    for name in ("items", "signals"):
        client.indices.delete_index_template(name=f"{prefix}{name}")
    index.close()


def opened(engine: str, folder: Path, request: pytest.FixtureRequest) -> Iterator[Index]:
    if engine == "sqlite":
        index = SqliteIndex(folder / "index.db")
        yield index
        index.close()
        return
    elastic = open_elastic(request.getfixturevalue("elasticsearch_url"))
    yield elastic
    drop(elastic)


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Index]:
    """An empty index."""
    yield from opened(request.param, tmp_path, request)


@pytest.fixture(params=ENGINES, scope="session")
def library(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Index]:
    """The corpus; nobody writes to it."""
    for index in opened(request.param, tmp_path_factory.mktemp("library"), request):
        index.write_items(corpus())
        yield index
