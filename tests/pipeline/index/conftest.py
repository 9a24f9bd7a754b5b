"""Engines that must all do the same: a second one is one more line in `ENGINES`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from index_corpus import corpus

from pipeline.index.engine import Index
from pipeline.index.sqlite import SqliteIndex

ENGINES: dict[str, Callable[[Path], Index]] = {
    "sqlite": lambda folder: SqliteIndex(folder / "index.db"),
}


@pytest.fixture(params=sorted(ENGINES))
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Index]:
    """An empty index."""
    index = ENGINES[request.param](tmp_path)
    yield index
    index.close()


@pytest.fixture(params=sorted(ENGINES), scope="session")
def library(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Index]:
    """The corpus; nobody writes to it."""
    index = ENGINES[request.param](tmp_path_factory.mktemp("library"))
    index.write_items(corpus())
    yield index
    index.close()
