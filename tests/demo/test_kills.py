"""Processes die (SIGKILL) at named points; after a restart nothing is lost, doubled or in limbo."""

from __future__ import annotations

from pathlib import Path

import pytest
from faults import Run, check, outcome

SIX = {
    (0, "crawl"): (">pipeline.spool:Spool.write", 1),
    (1, "ingest"): (">pipeline.index.sqlite:SqliteIndex.write_items", 1),
    (2, "ingest"): ("<pipeline.spool:Spool.acknowledge", 1),
    (3, "watch"): (">pipeline.staging:Staging.place", 1),
    (4, "watch"): ("<pipeline.steps.watch:tick", 1),
    (6, "dispatch"): (">pipeline.notify.senders:SmtpSender.send", 1),
}


@pytest.mark.demo
def test_six_named_kills(demo_home: Path, tmp_path: Path) -> None:
    run = Run(tmp_path / "home")
    run.tell(SIX)
    assert run.missed == [] and len(run.kills) == 6
    check(run.home)
    expected, got = outcome(demo_home), outcome(run.home)
    for name in expected:
        assert got[name] == expected[name], name
