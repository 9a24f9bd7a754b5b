from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from house import House, build


@pytest.fixture
def house(tmp_path: Path, desk_url: str) -> Iterator[House]:
    """On each of the desk's databases."""
    built = build(tmp_path / "house", "" if desk_url.startswith("sqlite") else desk_url)
    yield built
    built.index.close()
    built.db.close()
