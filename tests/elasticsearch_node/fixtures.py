"""Fixtures that several folders of tests share: import them into a conftest."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from tests.elasticsearch_node.fetch import fetched
from tests.elasticsearch_node.node import Node
from tests.elasticsearch_node.secure import Authority, secure_node

ADDRESS = "TINGJIAN_TEST_ELASTICSEARCH_URL"


@pytest.fixture(scope="session")
def elasticsearch_url() -> Iterator[str]:
    """A real server: the one at the given address, or a node of our own for this session."""
    given = os.environ.get(ADDRESS)
    if given:
        yield given
        return
    need_server()
    node = Node()
    try:
        yield node.start().url
    finally:
        node.remove()


@pytest.fixture(scope="session")
def mortal() -> Iterator[Node]:
    """A node of our own that may be killed; who kills it starts it again."""
    need_server()
    node = Node(name="mortal", heap="512m")
    try:
        yield node.start()
    finally:
        node.remove()


@pytest.fixture(scope="module")
def secured() -> Iterator[tuple[Node, Authority]]:
    """A running node of our own with security and TLS on."""
    need_server()
    node, authority = secure_node()
    try:
        node.start()
        yield node, authority
    finally:
        node.remove()


def need_server() -> None:
    """Skips, in words, where no server was fetched."""
    if not fetched():
        pytest.skip(f"Elasticsearch: neither make setup-elasticsearch was run nor {ADDRESS} given")
