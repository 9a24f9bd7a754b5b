from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from house import House, build


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    built = build(tmp_path / "house")
    yield built
    built.index.close()
    built.db.close()
