"""Mirror: what changed in the desk's database → Elasticsearch, where Kibana reads it.

The desk's database stays the truth. A document carries the time at which it was read as its version, so that an older round
never overwrites a newer one and a repeated one changes nothing. What goes wrong is counted, said, and tried again by the next
round: it never stops an alert.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from pipeline.desk import counters
from pipeline.desk.database import Database
from pipeline.desk.tables import (
    AuditLine,
    Clock,
    Heartbeat,
    Incident,
    IssueRedirect,
    IssueRow,
    PlanRun,
    SourceState,
    Task,
)
from pipeline.errors import ConfigurationError, QuarantineError, RetryLater
from pipeline.index.documents import milliseconds
from pipeline.index.elastic import ElasticIndex
from pipeline.index.elastic_server import WRITE_BATCH, Server
from pipeline.index.engine import Search
from pipeline.index.mapping import AUDIT, INCIDENTS, ISSUES, ITEMS, PATTERNS, SOURCES, all_of, audit_index
from pipeline.settings import Home
from pipeline.steps.hear import WINDOW
from pipeline.steps.mirrored import Surroundings, of_audit, of_incident, of_issue, of_source
from pipeline.steps.status import late_sources
from pipeline.steps.troubles import note

NAME = "mirror"
MIRRORED = (ISSUES, INCIDENTS, SOURCES, AUDIT)
OVERLAP = timedelta(minutes=10)
AUDIT_OVERLAP = 200  # PostgreSQL gives numbers before it commits: a smaller one may become visible after a greater one
AUDIT_ROUND = 10_000  # lines in one round
AROUND_ANSWER = timedelta(days=3)


@dataclass(slots=True)
class MirrorReport:
    """`problem`: in Chinese, what was not written and why; empty where all was. `refused`: documents that fit no mapping."""

    written: int = 0
    removed: int = 0
    refused: int = 0
    problem: str = ""


@dataclass(slots=True)
class _Round:
    """One round's world; `since` is None where everything is written."""

    home: Home
    index: ElasticIndex
    now: datetime
    since: datetime | None
    report: MirrorReport = field(default_factory=MirrorReport)

    @property
    def server(self) -> Server:
        return self.index.server

    def put(self, documents: Iterable[tuple[str, str, dict[str, Any]]]) -> None:
        written, refused = self.server.put(documents, milliseconds(self.now))
        self.report.written += written
        self.report.refused += len(refused)


def mirror(home: Home, db: Database, index: ElasticIndex, now: datetime) -> MirrorReport:
    """One round. Everything is written at first and after each upkeep, since a purge leaves no trace of what is gone."""
    with db.read() as session:
        beat = session.get(Heartbeat, NAME)
        upkeep = session.get(Heartbeat, "upkeep")
    state = dict(beat.state) if beat else {}
    whole = "watermark" not in state or (upkeep is not None and upkeep.beat_at.isoformat() != state.get("upkeep"))
    since = None if whole else datetime.fromisoformat(state["watermark"]) - OVERLAP
    at = _Round(home, index, now, since)
    problems = []
    try:
        with db.read() as session:
            for part in (_issues, _incidents, _sources):
                try:
                    part(session, at)
                except QuarantineError as error:  # the others go on
                    problems.append(str(error))
            audited = _audit(session, at, int(state.get("audit", 0)))
        index.server.refresh(",".join(f"{index.server.prefix}{PATTERNS[kind]}" for kind in MIRRORED))
    except (RetryLater, ConfigurationError, QuarantineError) as error:
        problems.append(str(error))
    # Refused ones are tried again with everything, after the next upkeep.
    refused = at.report.refused if whole else max(at.report.refused, int(state.get("refused", 0)))
    if not problems:
        reached = max(now, datetime.fromisoformat(state["watermark"])) if "watermark" in state else now
        state = {"watermark": reached.isoformat(), "audit": audited, "refused": refused}
        state["upkeep"] = upkeep.beat_at.isoformat() if upkeep else ""
    if refused:
        problems.append(f"有 {refused} 份记录不合映射，没有写入")
    at.report.problem = "；".join(problems)
    with db.write() as session:
        counters.add(session, "mirror.failed", int(bool(problems)), now)
        counters.add(session, "mirror.refused", at.report.refused, now)
        session.merge(Heartbeat(name=NAME, beat_at=now, state={**state, "problem": at.report.problem}))
        note(session, "mirror", at.report.problem, now)
    return at.report


def _issues(session: Session, at: _Round) -> None:
    query = select(IssueRow).order_by(IssueRow.id)
    if at.since is not None:  # the heat of what is spoken of changes without a new version
        query = query.where(or_(IssueRow.updated_at >= at.since, IssueRow.last_at >= at.now - WINDOW))
        _remove(at, ISSUES, session.scalars(select(IssueRedirect.old_id).where(IssueRedirect.merged_at >= at.since)))
    for rows in session.scalars(query).partitions(WRITE_BATCH):
        around = _surroundings(at, rows)
        at.put((ISSUES, row.id, of_issue(row, around[row.id])) for row in rows)
    if at.since is None:
        _keep_only(at, ISSUES, set(session.scalars(select(IssueRow.id))))


def _surroundings(at: _Round, rows: Sequence[IssueRow]) -> dict[str, Surroundings]:
    """Regions of the issues' documents, and for an answered one how many there were before and after."""
    regions: dict[str, list[str]] = defaultdict(list)
    held = {"terms": {"field": "issue_id", "size": len(rows)}}
    named = {"named": {"terms": {"field": "region", "size": 20, "exclude": [""]}}}
    found = at.server.aggregate(
        f"{at.server.prefix}{PATTERNS[ITEMS]}", {"terms": {"issue_id": [r.id for r in rows]}}, {**held, "aggs": named}
    )
    for bucket in found.get("buckets", ()):
        regions[bucket["key"]] = [b["key"] for b in bucket["named"]["buckets"]]
    around = {}
    for row in rows:
        before = after = 0
        if row.answered_at is not None:
            before = _documents(at, row, row.answered_at - AROUND_ANSWER, row.answered_at)
            after = _documents(at, row, row.answered_at, row.answered_at + AROUND_ANSWER)
        around[row.id] = Surroundings(regions[row.id], before, after)
    return around


def _documents(at: _Round, row: IssueRow, since: datetime, until: datetime) -> int:
    return at.index.count(Search(tuple(row.office_ids), since=since, until=until, filters={"issue_id": (row.id,)}))


def _incidents(session: Session, at: _Round) -> None:
    query = select(Incident).order_by(Incident.id)
    if at.since is not None:
        merged = select(IssueRedirect.new_id).where(IssueRedirect.merged_at >= at.since)
        changed = (Incident.state != "closed", Incident.closed_at >= at.since, Incident.subject_id.in_(merged))
        query = query.where(or_(*changed))
    for rows in session.scalars(query).partitions(WRITE_BATCH):
        ids = [row.id for row in rows]
        clocks: dict[str, list[Clock]] = defaultdict(list)
        tasks: dict[str, list[Task]] = defaultdict(list)
        for clock in session.scalars(select(Clock).where(Clock.incident_id.in_(ids))):
            clocks[clock.incident_id].append(clock)
        for task in session.scalars(select(Task).where(Task.incident_id.in_(ids))):
            tasks[task.incident_id].append(task)
        plans = {p.incident_id: p for p in session.scalars(select(PlanRun).where(PlanRun.incident_id.in_(ids)))}
        at.put((INCIDENTS, r.id, of_incident(r, clocks[r.id], tasks[r.id], plans.get(r.id))) for r in rows)
    if at.since is None:
        _keep_only(at, INCIDENTS, set(session.scalars(select(Incident.id))))


def _sources(session: Session, at: _Round) -> None:
    offices = [office.id for office in at.home.offices]
    late = set(late_sources(at.home.sources, session, at.now))
    states = {row.source_id: row for row in session.scalars(select(SourceState))}
    at.put((SOURCES, s.id, of_source(s, states.get(s.id), offices, s.id in late, at.now)) for s in at.home.sources)
    if at.since is None:
        _keep_only(at, SOURCES, {source.id for source in at.home.sources})


def _audit(session: Session, at: _Round, last: int) -> int:
    """Returns the greatest number written."""
    query = select(AuditLine).where(AuditLine.id > last - AUDIT_OVERLAP).order_by(AuditLine.id).limit(AUDIT_ROUND)
    for rows in session.scalars(query).partitions(WRITE_BATCH):
        at.put((audit_index(row.at), str(row.id), of_audit(row)) for row in rows)
        last = max(last, rows[-1].id)
    return last


def _keep_only(at: _Round, kind: str, ids: set[str]) -> None:
    name = all_of(at.server.prefix, kind)
    everything: dict[str, Any] = {"match_all": {}}
    pages = at.server.pages(name, everything, [{_ID[kind]: "asc"}], source=False)
    _remove(at, kind, [hit["_id"] for hits in pages for hit in hits if hit["_id"] not in ids])


def _remove(at: _Round, kind: str, ids: Iterable[str]) -> None:
    gone = list(ids)
    at.server.remove(kind, gone)
    at.report.removed += len(gone)


_ID = {ISSUES: "issue_id", INCIDENTS: "incident_id", SOURCES: "source_id"}
