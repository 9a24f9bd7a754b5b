"""Where everything stands: counts of each stage, heartbeats, late sources, incidents, outbox. For `status --json`."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from pipeline.alerts.source_health import lateness
from pipeline.desk import counters
from pipeline.desk.database import Database
from pipeline.desk.tables import (
    Alert,
    BatchRow,
    DigestRow,
    Heartbeat,
    Incident,
    IssueRow,
    Notification,
    Quarantined,
    SourceState,
)  # fmt: skip
from pipeline.errors import ConfigurationError, RetryLater
from pipeline.index.engine import Index, Search
from pipeline.records import CANARY
from pipeline.settings import Home, Source
from pipeline.spool import Spool
from pipeline.staging import Staging
from pipeline.steps import canary
from pipeline.steps.model_news import model_news
from pipeline.steps.troubles import standing


def status(home: Home, db: Database, index: Index, now: datetime) -> dict[str, Any]:
    """JSON-ready; times ISO 8601 in UTC. Public posts appear only as totals of the whole installation, in steps of k.

    Where the index can't be asked, its `documents` are None and `troubles` say why.
    """
    staging = Staging(home.staging)
    try:
        staged = staging.count()
    finally:
        staging.close()
    waiting = [b.captures for b in Spool(home.spool).batches() if b.source_id != CANARY]
    troubles: list[str] = []
    documents: int | None = None
    try:
        documents = index.count(Search(office_ids=tuple(o.id for o in home.offices)))
    except (RetryLater, ConfigurationError) as error:
        troubles.append(f"索引：{error}")
    with db.read() as session:
        sums = session.execute(
            select(*(func.coalesce(func.sum(c), 0) for c in (
                BatchRow.taken, BatchRow.items, BatchRow.staged, BatchRow.unchanged, BatchRow.quarantined, BatchRow.expired
            ))).where(BatchRow.source_id != CANARY)
        ).one()  # fmt: skip
        taken, items, public, unchanged, quarantined, expired = (int(n) for n in sums)
        crawled = session.execute(
            select(func.coalesce(func.sum(SourceState.fetched), 0), func.coalesce(func.sum(SourceState.captured), 0))
        ).one()
        totals = counters.totals(session)
        newest = session.scalars(select(Heartbeat).order_by(Heartbeat.beat_at.desc())).all()
        k = home.settings.k
        return {
            "now": now.isoformat(),
            "stages": {
                "crawl": {
                    "in": int(crawled[0]), "out": int(crawled[1]),
                    "quarantined": session.scalar(select(func.count()).select_from(Quarantined)) or 0,
                },
                "spool": {"in": taken + sum(waiting), "out": taken, "waiting": sum(waiting), "batches_waiting": len(waiting)},
                "ingest": {
                    "in": taken, "out": items + public, "unchanged": unchanged, "quarantined": quarantined,
                    "expired": expired, "batches": session.scalar(select(func.count()).select_from(BatchRow).where(BatchRow.source_id != CANARY)) or 0,
                },
                "index": {"in": items, "documents": documents, "purged": totals.get("index.purged", 0)},
                "staging": {
                    "in": public - public % k, "now": staged - staged % k, "gone": totals.get("staging.gone", 0) // k * k,
                    "expired_unheard": totals.get("staging.expired", 0) // k * k,
                },
                "issues": {
                    "out": session.scalar(select(func.count()).select_from(IssueRow)) or 0,
                    "compared_in_parts": next((beat.state.get("uncompared", 0) for beat in newest if beat.name == "hear"), 0),
                },
                "alerts": {"out": session.scalar(select(func.count()).select_from(Alert)) or 0},
                "digests": {"out": session.scalar(select(func.count()).select_from(DigestRow)) or 0},
            },
            "newest_heartbeat": {"name": newest[0].name, "at": newest[0].beat_at.isoformat()} if newest else None,
            "heartbeats": {beat.name: beat.beat_at.isoformat() for beat in newest},
            "late_sources": late_sources(home.sources, session, now),
            "troubles": [*troubles, *(t.words for t in standing(session))],
            "model": model_news(session),
            "open_incidents": _grouped(session, Incident.level, Incident.state != "closed"),
            "incidents": _grouped(session, Incident.state),
            "outbox": _grouped(session, Notification.state, Notification.kind != CANARY),
            "canary": canary.told(session, now),
        }  # fmt: skip


def late_sources(sources: tuple[Source, ...], session: Session, now: datetime) -> list[str]:
    """Ids of enabled sources that break their freshness promise, or that never had a good run."""
    states = {s.source_id: s for s in session.scalars(select(SourceState))}
    return [
        s.id
        for s in sources
        if s.enabled
        and ((state := states.get(s.id)) is None or state.last_ok_at is None or lateness(s, state, now) is not None)
    ]


def _grouped(session: Session, column: Any, *where: Any) -> dict[str, int]:
    rows = session.execute(select(column, func.count()).where(*where).group_by(column))
    return {str(key): int(count) for key, count in rows}
