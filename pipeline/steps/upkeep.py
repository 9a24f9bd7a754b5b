"""Upkeep: what the charter and the retention rules say must go, goes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import delete, select
from sqlalchemy.orm import Session as DatabaseSession

from pipeline import registry
from pipeline.alerts.source_health import RUNS_KEPT
from pipeline.desk import counters
from pipeline.desk.database import Database
from pipeline.desk.tables import (
    CanaryRun,
    Heartbeat,
    Incident,
    IssueItem,
    IssueRedirect,
    IssueRow,
    Session,
    SignInLink,
    SourceRun,
    StoryBand,
)  # fmt: skip
from pipeline.index.engine import Index
from pipeline.records import WHOLE
from pipeline.review.reviews import forget
from pipeline.settings import Home
from pipeline.spool import Spool
from pipeline.staging import Staging
from pipeline.steps.evidence import EvidenceReport, tend_evidence
from pipeline.steps.expiry import expire_staged
from pipeline.steps.locks import only_one

STORY_MEMORY = timedelta(days=30)  # near-copies are looked for so far back


@dataclass(frozen=True, slots=True)
class UpkeepReport:
    """`staged` rows destroyed with their key; `purged` whole documents past retention, `evidence` records of such."""

    staged: int
    purged: int
    pinned: frozenset[str]
    evidence: EvidenceReport


def upkeep(home: Home, db: Database, index: Index, now: datetime) -> UpkeepReport:
    """Run it hourly. Raises RetryLater while an ingest runs."""
    with only_one(home.folder, "ingest"):
        staging = Staging(home.staging)
        try:
            gone, _ = expire_staged(db, staging, now)
        finally:
            staging.close()
        spool = Spool(home.spool)
        spool.expire_aside(now)
        spool.clear_scratch(now)
    pinned = pinned_items(db)
    purged = 0
    for channel in sorted(WHOLE):
        before = now - timedelta(days=home.settings.retention(channel))
        old = index.older(channel, before) - pinned
        with db.write() as session:  # first: after a kill in between, the next run deletes what is noted here
            registry.forget_index(session, old)
            forget(session, sorted(old))
        purged += index.purge(channel, before, pinned)
    heard = now - timedelta(days=home.settings.retention("public"))  # what was heard of the public: cells and issues
    index.purge("public", heard, ())
    with db.write() as session:
        counters.add(session, "index.purged", purged, now)
        counters.add(session, "issues.purged", _forget_issues(session, heard), now)
        session.execute(delete(SourceRun).where(SourceRun.at < now - RUNS_KEPT))
        session.execute(delete(CanaryRun).where(CanaryRun.started_at < now - RUNS_KEPT))
        session.execute(delete(StoryBand).where(StoryBand.seen_at < now - STORY_MEMORY))
        session.execute(delete(Session).where(Session.expires_at < now))
        session.execute(delete(SignInLink).where(SignInLink.expires_at < now))
        session.merge(Heartbeat(name="upkeep", beat_at=now, state={"staged": gone, "purged": purged}))
    evidence = tend_evidence(home, db, now, pinned)
    return UpkeepReport(gone, purged, pinned, evidence)


def _forget_issues(session: DatabaseSession, before: datetime) -> int:
    """Delete issues that nobody has spoken of since, except those of an incident which is not closed."""
    held = select(Incident.subject_id).where(Incident.subject_kind == "issue", Incident.state != "closed")
    gone = list(session.scalars(select(IssueRow.id).where(IssueRow.last_at < before, IssueRow.id.not_in(held))))
    for issue_id in gone:
        session.execute(delete(IssueItem).where(IssueItem.issue_id == issue_id))
        session.execute(delete(IssueRedirect).where(IssueRedirect.new_id == issue_id))
        session.execute(delete(IssueRow).where(IssueRow.id == issue_id))
    return len(gone)


def pinned_items(db: Database) -> frozenset[str]:
    """Ids of whole documents that an incident which is not closed holds: they outlive retention (charter 8)."""
    with db.read() as session:
        subjects = session.execute(
            select(Incident.subject_kind, Incident.subject_id).where(Incident.state != "closed")
        ).all()
        issues = [subject_id for kind, subject_id in subjects if kind == "issue"]
        held = session.scalars(select(IssueItem.item_id).where(IssueItem.issue_id.in_(issues)))
        return frozenset({*held, *(s for kind, s in subjects if kind == "item")})
