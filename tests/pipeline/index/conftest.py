"""Engines that must all do the same; Elasticsearch where it was fetched or an address is given."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from engines import ENGINES, opened
from index_corpus import corpus

from pipeline.index.engine import Index
from tests.elasticsearch_node.fixtures import elasticsearch_url, mortal, secured

__all__ = ["elasticsearch_url", "mortal", "secured"]


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
