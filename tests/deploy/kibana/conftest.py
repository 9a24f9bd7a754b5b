"""The builder of `deploy/kibana` on the path, one office's objects, and a real Elasticsearch where there is one."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.elasticsearch_node.fetch import fetched
from tests.elasticsearch_node.node import Node

sys.path.insert(0, str(Path(__file__).resolve().parents[3] / "deploy" / "kibana"))

from kibana_export import Export

ADDRESS = "TINGJIAN_TEST_ELASTICSEARCH_URL"


@pytest.fixture
def export() -> Export:
    """What `push` would send, to be spoilt."""
    return Export()


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
