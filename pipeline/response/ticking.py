"""Drives the clocks: warns before they are due, marks what was missed, escalates what nobody took."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from pipeline.desk.tables import Clock, Incident, Task, TimelineEntry
from pipeline.response.announce import Post, tell
from pipeline.response.clocks import PROGRESS, due, warn_at
from pipeline.response.messages import ClockLine, clock_missed, clock_near, span, unanswered
from pipeline.response.opening import SYSTEM, add_clock, plan_of, running_clocks, write_line


@dataclass(slots=True)
class TickReport:
    warned: int = 0
    missed: int = 0
    escalated: int = 0
    started: int = 0


def tick(session: Session, now: datetime, post: Post) -> TickReport:
    """Everything that time alone brings about, in the caller's transaction. The same `now` again changes nothing."""
    report = TickReport()
    incidents = session.scalars(
        select(Incident).where(Incident.state != "closed").order_by(Incident.opened_at, Incident.id)
    ).all()
    for incident in incidents:
        for clock in running_clocks(session, incident.id):
            _drive(session, incident, clock, now, post, report)
        _continue(session, incident, now, post, report)
        if incident.state == "open":
            _escalate(session, incident, now, post, report)
    return report


def _drive(session: Session, incident: Incident, clock: Clock, now: datetime, post: Post, report: TickReport) -> None:
    line = ClockLine(clock.title, clock.due_at, clock.basis)
    if now > clock.due_at:
        # `ended_at` stays empty: nobody has done it yet, and the desk goes on showing how late it is.
        clock.state = "missed"
        report.missed += 1
        write_line(
            session, incident, now, SYSTEM, "clock_missed", f"时限“{clock.title}”已超时 {span(now - clock.due_at)}"
        )
        incident.version += 1
        if clock.kind == "acknowledge" and post.oncall.step_due(incident.level, now - incident.opened_at) is not None:
            return  # the escalation of this round says it
        subject, text = clock_missed(
            incident.title, line, now - clock.due_at, _todo(session, incident), post.url(incident.id)
        )
        targets = ("on_call", "leader") if incident.level <= 2 else ("on_call",)
        people = post.oncall.people_for(targets, now, incident.office_ids)
        tell(session, post, people, (clock.id,), "clock_missed", subject, text, incident.office_ids, now, incident.id)
    elif clock.kind != "acknowledge" and clock.warned_at is None and now >= warn_at(clock.starts_at, clock.due_at):
        clock.warned_at = now
        report.warned += 1
        write_line(
            session, incident, now, SYSTEM, "clock_warning", f"时限“{clock.title}”还剩 {span(clock.due_at - now)}"
        )
        subject, text = clock_near(
            incident.title, line, clock.due_at - now, _todo(session, incident), post.url(incident.id)
        )
        tell(
            session,
            post,
            post.oncall.people_for(("on_call",), now, incident.office_ids),
            (clock.id,),
            "clock_warning",
            subject,
            text,
            incident.office_ids,
            now,
            incident.id,
        )


def _continue(session: Session, incident: Incident, now: datetime, post: Post, report: TickReport) -> None:
    """A result that is overdue is followed by a month's progress clock, again and again until it is given."""
    query = select(Clock).where(Clock.incident_id == incident.id, Clock.kind.in_(["result", "progress"]))
    clocks = session.scalars(query.order_by(Clock.due_at, Clock.id)).all()
    owed = any(c.kind == "result" and c.ended_at is None for c in clocks)
    if incident.answered_at is not None or not owed:
        return
    last = clocks[-1]
    while last.due_at < now:
        last = add_clock(session, incident, PROGRESS, last.due_at, due(PROGRESS, last.due_at, post.oncall.workdays))
        session.flush()
        report.started += 1


def _escalate(session: Session, incident: Incident, now: datetime, post: Post, report: TickReport) -> None:
    """Only the last step that is due speaks, to everybody named up to there: after a pause nobody gets three mails."""
    step = post.oncall.step_due(incident.level, now - incident.opened_at)
    if step is None:
        return
    last = post.oncall.escalation[step]
    if _told_since(session, incident, incident.opened_at + timedelta(minutes=last.after_minutes)):
        return
    duty = post.oncall.who(now, incident.office_ids)
    people = post.oncall.people_for(post.oncall.targets_up_to(step, incident.level), now, incident.office_ids)
    waited = now - incident.opened_at
    first_step = str(plan_of(session, incident.id)["first_step"])
    subject, text = unanswered(
        incident.title, incident.level, waited, first_step, duty.on_call.name, post.url(incident.id)
    )
    key = (incident.id, str(incident.level), str(last.after_minutes))
    tell(session, post, people, key, "escalation", subject, text, incident.office_ids, now, incident.id)
    names = "、".join(p.name for p in people)
    write_line(session, incident, now, SYSTEM, "escalation", f"{span(waited)}无人签收，已通知 {names}")
    incident.version += 1
    report.escalated += 1


def _told_since(session: Session, incident: Incident, step_at: datetime) -> bool:
    """Whether this step (or a later one) has spoken since it became due, at the level that the incident has now."""
    query = select(TimelineEntry.kind, TimelineEntry.at).where(
        TimelineEntry.incident_id == incident.id, TimelineEntry.kind.in_(["escalation", "level_raised"])
    )
    lines = session.execute(query.order_by(TimelineEntry.id)).all()
    kinds = [kind for kind, _ in lines]
    after_raise = len(kinds) - kinds[::-1].index("level_raised") if "level_raised" in kinds else 0
    return any(kind == "escalation" and at >= step_at for kind, at in lines[after_raise:])


def _todo(session: Session, incident: Incident) -> list[str]:
    query = select(Task.title).where(Task.incident_id == incident.id, Task.state == "open").order_by(Task.position)
    return list(session.scalars(query))
