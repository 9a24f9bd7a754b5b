"""Opening an incident: the row, the immutable copy of its plan, tasks, clocks, timeline and the first message."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from pipeline.desk import audit
from pipeline.desk.tables import Clock, Incident, PlanRun, Task, TimelineEntry
from pipeline.notify.identity import short_id
from pipeline.response.announce import Post, tell
from pipeline.response.clocks import ClockSpec, acknowledge_clock, due
from pipeline.response.messages import LEVEL_NAMES, ClockLine, opened, raised
from pipeline.response.plans import Plan

SYSTEM = "system"
_TARGETS: dict[int, tuple[str, ...]] = {1: ("on_call", "leader"), 2: ("on_call",), 3: ("on_call",), 4: ("on_call",)}
# Clocks of a message that somebody sent us run from the day we received it.
_FROM_RECEIPT = frozenset({"procedural_reply", "result"})


def open_incident(
    session: Session,
    *,
    key: str,
    title: str,
    subject_kind: str,
    subject_id: str,
    group_key: str,
    level: int,
    office_ids: Sequence[str],
    plan: Plan,
    post: Post,
    now: datetime,
    reasons: Sequence[str] = (),
    facts: Sequence[str] = (),
    received_at: datetime | None = None,
    actor: str = SYSTEM,
) -> Incident:
    """Open an incident and tell who is on duty, all in the caller's transaction.

    `key` names the decision (an alert's id): the same key gives the same incident, and a second call changes nothing.
    """
    incident_id = _id("incident", key)
    known = session.get(Incident, incident_id)
    if known is not None:
        return known
    offices = list(office_ids)
    duty = post.oncall.who(now, offices)
    incident = Incident(
        id=incident_id,
        short_id=_free_short_id(session, incident_id),
        office_ids=offices,
        title=title,
        subject_kind=subject_kind,
        subject_id=subject_id,
        group_key=group_key,
        level=level,
        state="open",
        summary="\n".join([*reasons, *facts]),
        opened_at=now,
        owner=duty.on_call.user or duty.on_call.name,
        version=1,
    )
    session.add(incident)
    session.flush()
    run = PlanRun(
        id=_id("run", incident_id),
        incident_id=incident_id,
        office_ids=offices,
        plan_id=plan.id,
        plan_hash=plan.hash,
        plan=plan.model_dump(mode="json"),
        started_at=now,
    )
    session.add(run)
    session.flush()
    _add_tasks(session, incident, run, plan, now)
    clocks = _start_clocks(session, incident, plan, post, now, received_at)
    write_line(
        session,
        incident,
        now,
        actor,
        "opened",
        f"开始处置：{LEVEL_NAMES[level]}，预案“{plan.name}”。" + "；".join(reasons),
    )
    audit.record(session, now, actor, offices, "open_incident", f"incident:{incident_id}", plan=plan.id, level=level)
    lines = [ClockLine(c.title, c.due_at) for c in clocks]
    subject, text = opened(title, level, reasons, facts, plan.name, plan.first_step, lines, post.url(incident_id))
    people = post.oncall.people_for(_TARGETS[level], now, offices)
    tell(session, post, people, (incident_id,), "incident_opened", subject, text, offices, now, incident_id)
    return incident


def raise_level(
    session: Session,
    incident: Incident,
    level: int,
    reasons: Sequence[str],
    post: Post,
    now: datetime,
    actor: str = SYSTEM,
) -> bool:
    """Note that an incident got worse, and tell who is on duty. False where it is at this level or worse already."""
    if level >= incident.level or incident.state == "closed":
        return False
    before, incident.level = incident.level, level
    incident.version += 1
    running = running_clocks(session, incident.id)
    for clock in running:
        if clock.kind == "acknowledge":
            clock.due_at = min(clock.due_at, now + timedelta(hours=acknowledge_clock(level).hours or 0))
    write_line(
        session,
        incident,
        now,
        actor,
        "level_raised",
        f"由 {LEVEL_NAMES[before]} 升为 {LEVEL_NAMES[level]}。" + "；".join(reasons),
    )
    audit.record(
        session, now, actor, incident.office_ids, "raise_level", f"incident:{incident.id}", before=before, level=level
    )
    lines = [ClockLine(c.title, c.due_at) for c in running]
    subject, text = raised(incident.title, before, level, reasons, lines, post.url(incident.id))
    people = post.oncall.people_for(_TARGETS[level], now, incident.office_ids)
    tell(
        session,
        post,
        people,
        (incident.id, str(level)),
        "level_raised",
        subject,
        text,
        incident.office_ids,
        now,
        incident.id,
    )
    return True


def add_clock(session: Session, incident: Incident, spec: ClockSpec, starts_at: datetime, due_at: datetime) -> Clock:
    """Start one clock; the same kind from the same moment is started once."""
    clock_id = _id("clock", incident.id, spec.kind, starts_at.isoformat())
    clock = session.get(Clock, clock_id)
    if clock is None:
        clock = Clock(
            id=clock_id,
            incident_id=incident.id,
            office_ids=incident.office_ids,
            kind=spec.kind,
            title=spec.title,
            basis=spec.basis,
            starts_at=starts_at,
            due_at=due_at,
            state="running",
        )
        session.add(clock)
    return clock


def running_clocks(session: Session, incident_id: str) -> list[Clock]:
    """Clocks of an incident that run, by due time."""
    query = select(Clock).where(Clock.incident_id == incident_id, Clock.state == "running")
    return list(session.scalars(query.order_by(Clock.due_at, Clock.id)))


def owed_clocks(session: Session, incident_id: str) -> list[Clock]:
    """Clocks that run, or ran out and still wait for what they asked for."""
    late = (Clock.state == "missed") & Clock.ended_at.is_(None)
    query = select(Clock).where(Clock.incident_id == incident_id, (Clock.state == "running") | late)
    return list(session.scalars(query.order_by(Clock.due_at, Clock.id)))


def write_line(session: Session, incident: Incident, now: datetime, actor: str, kind: str, text: str) -> None:
    """Add to an incident's timeline."""
    session.add(TimelineEntry(incident_id=incident.id, at=now, actor=actor, kind=kind, text=text))


def plan_of(session: Session, incident_id: str) -> dict[str, Any]:
    """The copy of the plan that the incident runs by."""
    plan: dict[str, Any] = session.scalars(select(PlanRun.plan).where(PlanRun.incident_id == incident_id)).one()
    return plan


def _add_tasks(session: Session, incident: Incident, run: PlanRun, plan: Plan, now: datetime) -> None:
    for position, task in enumerate(plan.tasks):
        session.add(
            Task(
                id=_id("task", run.id, str(position)),
                plan_run_id=run.id,
                incident_id=incident.id,
                office_ids=incident.office_ids,
                position=position,
                kind=task.kind.value,
                title=task.title,
                guide=task.guide,
                role=task.role,
                state="open",
                due_at=None if task.due_hours is None else now + timedelta(hours=task.due_hours),
            )
        )


def _start_clocks(
    session: Session, incident: Incident, plan: Plan, post: Post, now: datetime, received_at: datetime | None
) -> list[Clock]:
    days = post.oncall.workdays
    clocks = []
    for spec in (acknowledge_clock(incident.level), *(c.spec() for c in plan.clocks)):
        start = received_at if received_at is not None and spec.kind in _FROM_RECEIPT else now
        clocks.append(add_clock(session, incident, spec, start, due(spec, start, days)))
    session.flush()
    return sorted(clocks, key=lambda c: (c.due_at, c.id))


def _free_short_id(session: Session, incident_id: str) -> str:
    """Six letters; another six where an older incident has them."""
    candidate, salt = short_id(incident_id), 0
    while session.scalar(select(Incident.id).where(Incident.short_id == candidate)) is not None:
        salt += 1
        candidate = short_id(f"{incident_id}/{salt}")
    return candidate


def _id(*parts: str) -> str:
    return hashlib.blake2b("\0".join(parts).encode(), digest_size=16).hexdigest()
