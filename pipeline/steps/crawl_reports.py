"""What spiders report of themselves → the state of each source and its runs, and of the offices' own sites."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from pipeline.desk.tables import Quarantined, SourceRun, SourceState
from pipeline.records import CANARY
from pipeline.steps.own_channels import note_check


def note_new(session: Session, source_id: str, at: datetime) -> None:
    """A batch held something new, whether the run's report came with it or in a later batch (a long run, a drop folder)."""
    state = _state(session, source_id)
    state.last_new_at = max(at, state.last_new_at or at)


def _state(session: Session, source_id: str) -> SourceState:
    state = session.get(SourceState, source_id)
    if state is None:
        state = SourceState(source_id=source_id, fetched=0, captured=0, quarantined=0, refused=0)
        session.add(state)
    return state


def note_reports(session: Session, reports: Sequence[Mapping[str, Any]], now: datetime) -> None:
    """Fold the crawl reports of one batch into `source_states` and `quarantined`."""
    for report in reports:
        if report.get("kind") == "own_channel":
            note_check(session, report)
            continue
        source_id = str(report.get("source_id", ""))
        if report.get("kind") != "crawl" or source_id == CANARY:
            continue
        state = _state(session, source_id)
        at = datetime.fromisoformat(str(report.get("finished_at") or now.isoformat()))
        status = str(report.get("status", ""))
        bad = list(report.get("quarantined") or ())
        state.last_run_at, state.last_status, state.message = at, status, str(report.get("message", ""))[:1000]
        if status in ("ok", "empty"):
            state.last_ok_at = at
        state.fetched += int(report.get("fetched", 0))
        state.captured += int(report.get("captured", 0))
        if int(report.get("read", 0)):
            session.merge(_run(source_id, at, report))
        state.refused += sum(int(n) for n in (report.get("refused") or {}).values())
        for entry in bad:
            key = f"{source_id}:{entry.get('reason')}:{entry.get('place')}"
            row_id = hashlib.blake2b(key.encode(), digest_size=16).hexdigest()
            if session.get(Quarantined, row_id) is None:
                state.quarantined += 1
                detail = f"{entry.get('detail') or ''} {entry.get('place') or ''}".strip()
                session.add(
                    Quarantined(
                        id=row_id,
                        source_id=source_id,
                        reason=str(entry.get("reason"))[:64],
                        detail=detail[:255],
                        seen_at=at,
                    )
                )
        session.flush()


def _run(source_id: str, at: datetime, report: Mapping[str, Any]) -> SourceRun:
    key = hashlib.blake2b(f"{source_id}:{at.isoformat()}".encode(), digest_size=16).hexdigest()
    filled, sample = dict(report.get("filled") or {}), dict(report.get("sample") or {})
    return SourceRun(
        id=key, source_id=source_id, at=at, read=int(report["read"]), captured=int(report.get("captured", 0)),
        filled=filled, sample=sample,
    )  # fmt: skip
