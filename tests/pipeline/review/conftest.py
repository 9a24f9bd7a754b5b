from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from pipeline.records import Item


@pytest.fixture
def make_item() -> Callable[[dict[str, Any]], Item]:
    """An item with these labels."""
    at = datetime(2026, 11, 21, tzinfo=UTC)
    return lambda labels: Item(
        id="i", office_id="o", revision=1, channel="media", source_id="s", site="s", site_group="g", title="", text="t",
        occurred_at=at, first_seen=at, indexed_at=at, content_hash="", story_id="i", role="subject", sentiment="neutral",
        topics=(), needs_answer=False, sensitive=False, labels=labels,
    )  # fmt: skip
