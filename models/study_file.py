"""What the long study of the classifier found (models/study.json, written by `python -m models.study`)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

STUDY: Final = Path(__file__).parent / "study.json"


def read_study(path: Path = STUDY) -> dict[str, Any]:
    """The stored study; it holds for the corpus whose hash it names."""
    body: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return body
