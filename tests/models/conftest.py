"""The trained artifact of this checkout (`make setup` trains it)."""

from __future__ import annotations

from pathlib import Path

import pytest

from models.scorer import Scorer

ARTIFACT = Path(__file__).resolve().parents[2] / "models" / "artifact"


@pytest.fixture(scope="session")
def scorer() -> Scorer:
    return Scorer.load(ARTIFACT)
