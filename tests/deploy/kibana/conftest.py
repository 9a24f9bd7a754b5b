"""The builder of `deploy/kibana` on the path, one office's objects, and a real Elasticsearch where there is one."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.elasticsearch_node.fixtures import elasticsearch_url

sys.path.insert(0, str(Path(__file__).resolve().parents[3] / "deploy" / "kibana"))

from kibana_export import Export

__all__ = ["elasticsearch_url"]


@pytest.fixture
def export() -> Export:
    """What `push` would send, to be spoilt."""
    return Export()
