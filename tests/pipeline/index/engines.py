"""Opening and dropping the engines that must all do the same."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from pipeline.index.elastic import ElasticIndex
from pipeline.index.engine import Index
from pipeline.index.mapping import FIELDS
from pipeline.index.sqlite import SqliteIndex
from pipeline.settings.home import IndexSettings

ENGINES = ("sqlite", "elasticsearch")


def open_elastic(url: str, offices: Sequence[str] = ("city", "district")) -> ElasticIndex:
    """An empty index under a prefix of its own."""
    settings = IndexSettings(engine="elasticsearch", hosts=[url], prefix=f"test-{secrets.token_hex(4)}-")
    index = ElasticIndex(settings, offices)
    _ = index.server  # made now, not at first use
    return index


def drop(index: ElasticIndex) -> None:
    """Delete what `open_elastic` made."""
    client, prefix = index.server.client, index.server.prefix
    for name in client.indices.get(index=f"{prefix}*"):
        client.indices.delete(index=name)
    for name in FIELDS:
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
