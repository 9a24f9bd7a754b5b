"""What a week's digest says, as numbers and rows: read from the desk's database and the index, nothing written.

Public counts come as the issues and signals hold them, multiples of k (charter 2). Everything is JSON-ready, so that
the stored digest can be told from its facts later.
"""

from __future__ import annotations

from collections import Counter as Tally
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from models.taxonomy import TOPIC_NAMES
from pipeline.desk.tables import Clock, Counter, Incident, IssueRow, SourceState
from pipeline.index.engine import Index, Search
from pipeline.privacy.staging_keys import rounded_down
from pipeline.records import CHANNEL_NAMES, SHANGHAI
from pipeline.settings import Office, Source

WEEK = timedelta(days=7)
ROLES = ("addressed", "subject", "mentioned")
_MOST_ISSUES = 6


@dataclass(frozen=True, slots=True)
class Scope:
    """Whose digest of which time. `k`: what public counts are multiples of."""

    office: Office
    until: datetime
    sources: tuple[Source, ...]
    k: int

    @property
    def since(self) -> datetime:
        return self.until - WEEK

    @property
    def week(self) -> str:
        """ISO week of the end, Shanghai: `2026-W47`."""
        year, week, _ = self.until.astimezone(SHANGHAI).isocalendar()
        return f"{year}-W{week:02d}"


def gather(session: Session, index: Index, scope: Scope) -> dict[str, Any]:
    """All facts of one digest."""
    issues = _issues(session, scope)
    incidents = [i for i in session.scalars(select(Incident).order_by(Incident.opened_at)) if _own(i.office_ids, scope)]
    return {
        "office": scope.office.name,
        "week": scope.week,
        "since": scope.since.isoformat(),
        "until": scope.until.isoformat(),
        "k": scope.k,
        "volume": _volume(index, scope),
        "days": _days(index, scope),
        "topics": _topics(index, scope),
        "outlets": [[b.key, b.count] for b in index.terms(_search(scope, ("media",)), "outlet", 5) if b.key],
        "levels": {str(level): sum(i.level == level for i in issues) for level in (1, 2, 3, 4)},
        "issues": [_issue(i) for i in issues[:_MOST_ISSUES]],
        "unanswered": [
            _unanswered(i, scope) for i in issues if i.needs_answer and i.answered_at is None and i.level <= 3
        ],
        "incidents": _incidents(session, incidents, scope),
        "clocks": _clocks(session, incidents, scope),
        "sources": _sources(session, scope),
        "expired": _expired(session, scope),
    }


def _own(office_ids: Sequence[str], scope: Scope) -> bool:
    return scope.office.id in office_ids


def _search(scope: Scope, channels: tuple[str, ...] = (), back: timedelta = timedelta(0)) -> Search:
    filters: dict[Any, tuple[str, ...]] = {"role": ROLES}
    if channels:
        filters["channel"] = channels
    return Search((scope.office.id,), since=scope.since - back, until=scope.until - back, filters=filters)


def _volume(index: Index, scope: Scope) -> list[dict[str, Any]]:
    """Documents by channel this week and the week before; public posts as the sum of daily cells."""
    rows: list[dict[str, Any]] = []
    for channel in ("media", "official", "submission"):
        now, before = (index.count(_search(scope, (channel,), back)) for back in (timedelta(0), WEEK))
        rows.append({"channel": channel, "name": CHANNEL_NAMES[channel], "now": now, "before": before})
    heard = [
        sum(
            s.count
            for s in index.signals((scope.office.id,), scope.since - back, scope.until - back, "day")
            if s.dimension == "all"
        )
        for back in (timedelta(0), WEEK)
    ]
    rows.append({"channel": "public", "name": CHANNEL_NAMES["public"], "now": heard[0], "before": heard[1]})
    return rows


def _days(index: Index, scope: Scope) -> list[list[Any]]:
    """[[day, documents]] for every Shanghai day of the week."""
    counts = {b.key: b.count for b in index.histogram(_search(scope), "day")}
    last = scope.until.astimezone(SHANGHAI).date()
    days = [(last - timedelta(days=n)).isoformat() for n in range(6, -1, -1)]
    return [[day, counts.get(day, 0)] for day in days]


def _topics(index: Index, scope: Scope) -> list[list[Any]]:
    return [[TOPIC_NAMES.get(b.key, b.key), b.count] for b in index.terms(_search(scope), "topics", 5)]


def _issues(session: Session, scope: Scope) -> list[IssueRow]:
    """This week's issues, worst and warmest first."""
    query = (
        select(IssueRow)
        .where(IssueRow.last_at >= scope.since)
        .order_by(IssueRow.level, IssueRow.heat.desc(), IssueRow.id)
    )
    return [i for i in session.scalars(query) if _own(i.office_ids, scope)]


def _issue(row: IssueRow) -> dict[str, Any]:
    return {
        "id": row.id,
        "title": row.title,
        "level": row.level,
        "reasons": [str(r["text"]) for r in row.reasons],
        "voices": row.voices,
        "items": row.items,
        "media": row.media_items,
        "outlets": row.outlets[:4],
        "answered": row.answered_at is not None,
        "needs_answer": row.needs_answer,
    }


def _unanswered(row: IssueRow, scope: Scope) -> dict[str, Any]:
    return {
        "id": row.id,
        "title": row.title,
        "level": row.level,
        "hours": int((scope.until - row.first_at).total_seconds() // 3600),
    }


def _incidents(session: Session, rows: Sequence[Incident], scope: Scope) -> dict[str, Any]:
    opened = [i for i in rows if scope.since <= i.opened_at <= scope.until]
    current = [i for i in rows if i.state != "closed" and i.opened_at <= scope.until]
    waited = sorted(
        (i.acknowledged_at - i.opened_at).total_seconds() / 60 for i in opened if i.acknowledged_at is not None
    )
    return {
        "opened": len(opened),
        "by_level": {str(level): sum(i.level == level for i in opened) for level in (1, 2, 3, 4)},
        "acknowledged": sum(i.acknowledged_at is not None for i in opened),
        "answered": sum(i.answered_at is not None and scope.since <= i.answered_at <= scope.until for i in rows),
        "closed": sum(i.closed_at is not None and scope.since <= i.closed_at <= scope.until for i in rows),
        "open": len(current),
        "median_minutes": round(waited[len(waited) // 2]) if waited else None,
        "rows": [_incident(session, i, scope) for i in sorted(current, key=lambda i: (i.level, i.opened_at))[:6]],
    }


def _incident(session: Session, row: Incident, scope: Scope) -> dict[str, Any]:
    query = select(Clock).where(Clock.incident_id == row.id, Clock.ended_at.is_(None)).order_by(Clock.due_at)
    clock = session.scalars(query).first()
    return {
        "id": row.id,
        "title": row.title,
        "level": row.level,
        "state": row.state,
        "opened_at": row.opened_at.isoformat(),
        "clock": clock.title if clock else "",
        "due_at": clock.due_at.isoformat() if clock else "",
        "late": bool(clock and clock.due_at < scope.until),
    }


def _clocks(session: Session, incidents: Sequence[Incident], scope: Scope) -> dict[str, Any]:
    """Clocks that ended or ran out this week: met and missed, by title."""
    ids = {i.id for i in incidents}
    met: Tally[str] = Tally()
    missed: Tally[str] = Tally()
    query = select(Clock).where(Clock.state.in_(["met", "missed"])).order_by(Clock.due_at)
    for clock in session.scalars(query):
        settled = (clock.ended_at if clock.state == "met" else clock.due_at) or clock.due_at
        if clock.incident_id in ids and scope.since <= settled <= scope.until:
            (met if clock.state == "met" else missed)[clock.title] += 1
    return {"met": sum(met.values()), "missed": sum(missed.values()), "missed_by": dict(missed.most_common())}


def _sources(session: Session, scope: Scope) -> list[dict[str, Any]]:
    """Sources that can't be read, or are late by their own promise."""
    states = {s.source_id: s for s in session.scalars(select(SourceState))}
    rows = []
    for source in scope.sources:
        state = states.get(source.id)
        if not source.enabled or state is None or (source.offices and scope.office.id not in source.offices):
            continue
        newest = state.last_new_at or state.last_ok_at
        late = newest is not None and scope.until - newest > timedelta(hours=source.fresh_within_hours)
        if late or state.last_status in ("failing", "blocked", "empty"):
            rows.append({"name": source.name, "status": state.last_status, "message": state.message, "late": late})
    return rows


def _expired(session: Session, scope: Scope) -> int:
    """Public posts that were destroyed unheard this week, rounded down."""
    first = scope.since.astimezone(SHANGHAI).date().isoformat()
    last = scope.until.astimezone(SHANGHAI).date().isoformat()
    query = select(Counter.value).where(Counter.name == "staging.expired", Counter.day > first, Counter.day <= last)
    return rounded_down(sum(session.scalars(query)), scope.k)
