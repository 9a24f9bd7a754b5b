"""What machines say has a name that people read."""

from __future__ import annotations

import re
from pathlib import Path

from pipeline.errors import REASONS

ROOT = Path(__file__).resolve().parents[2]
REASON = re.compile(r"""(?:QuarantineError\(|\.quarantine\(|reason=)\s*"([a-z_]+)""")


def test_every_reason_of_quarantine_has_a_name_and_no_name_is_left_over() -> None:
    sources = [p.read_text(encoding="utf-8") for room in ("crawlers", "pipeline") for p in (ROOT / room).rglob("*.py")]
    given = {reason for source in sources for reason in REASON.findall(source)}
    assert given == set(REASONS)
