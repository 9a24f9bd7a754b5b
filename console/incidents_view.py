"""Incidents as lists show them: the clock that presses most, how far the plan is, what comes next."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from console.viewer import Viewer
from pipeline.desk.tables import Clock, Incident, Task, User
from pipeline.response.clocks import warn_at

LIVE = ("open", "acknowledged", "answered")


@dataclass(frozen=True, slots=True)
class ClockView:
    """A clock at one moment. `soon`: its warning time has come; `share`: of its time that has passed."""

    id: str
    kind: str
    title: str
    basis: str
    state: str
    starts_at: datetime
    due_at: datetime
    ended_at: datetime | None
    soon: bool
    over: bool
    share: float

    @property
    def running(self) -> bool:
        return self.ended_at is None and self.state != "met"


@dataclass(frozen=True, slots=True)
class IncidentView:
    incident: Incident
    clock: ClockView | None
    next_task: str
    done: int
    total: int
    owner: str


def clock_view(clock: Clock, now: datetime) -> ClockView:
    length = max((clock.due_at - clock.starts_at).total_seconds(), 1.0)
    return ClockView(
        id=clock.id,
        kind=clock.kind,
        title=clock.title,
        basis=clock.basis,
        state=clock.state,
        starts_at=clock.starts_at,
        due_at=clock.due_at,
        ended_at=clock.ended_at,
        soon=now >= warn_at(clock.starts_at, clock.due_at),
        over=now >= clock.due_at,
        share=(now - clock.starts_at).total_seconds() / length,
    )


def staff_names(session: Session) -> dict[str, str]:
    """Display name by sign-in name."""
    found = dict(session.execute(select(User.name, User.display_name)).tuples().all())
    return {**found, "system": "系统"}


def live_incidents(session: Session, viewer: Viewer, now: datetime, limit: int = 100) -> list[IncidentView]:
    """Incidents that are not closed: by level, then by the time that is left."""
    rows = session.scalars(
        select(Incident)
        .where(Incident.state.in_(LIVE), viewer.sees(Incident.office_ids))
        .order_by(Incident.level, Incident.opened_at.desc())
        .limit(limit)
    ).all()
    views = views_of(session, rows, now)
    far = now + timedelta(days=3650)
    return sorted(
        views,
        key=lambda v: (
            v.incident.state == "answered",
            v.incident.level,
            v.clock.due_at if v.clock else far,
            v.incident.id,
        ),
    )


def views_of(session: Session, rows: Sequence[Incident], now: datetime) -> list[IncidentView]:
    ids = [r.id for r in rows]
    clocks: defaultdict[str, list[ClockView]] = defaultdict(list)
    for clock in session.scalars(select(Clock).where(Clock.incident_id.in_(ids))):
        view = clock_view(clock, now)
        if view.running:
            clocks[clock.incident_id].append(view)
    tasks: defaultdict[str, list[Task]] = defaultdict(list)
    for task in session.scalars(select(Task).where(Task.incident_id.in_(ids)).order_by(Task.position)):
        tasks[task.incident_id].append(task)
    names = staff_names(session)
    views = []
    for row in rows:
        mine = tasks[row.id]
        running = min(clocks[row.id], key=lambda c: c.due_at, default=None) if row.state != "closed" else None
        following = next((t.title for t in mine if t.state == "open"), "") if row.state != "closed" else ""
        done = sum(t.state != "open" for t in mine)
        views.append(
            IncidentView(row, running, following, done, len(mine), names.get(row.acknowledged_by, row.acknowledged_by))
        )
    return views
