"""Engines that must all do the same; Elasticsearch where it was fetched or an address is given."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from engines import ENGINES, opened
from index_corpus import corpus

from pipeline.index.engine import Index
from tests.elasticsearch_node.fetch import fetched
from tests.elasticsearch_node.node import Node

ADDRESS = "TINGJIAN_TEST_ELASTICSEARCH_URL"


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
