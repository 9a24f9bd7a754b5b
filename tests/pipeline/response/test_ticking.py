from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from desk_rows import NOW, OFFICE, plans, post
from sqlalchemy import select
from sqlalchemy.orm import Session

from pipeline.desk.database import Database
from pipeline.desk.tables import Clock, Incident, Notification, Task
from pipeline.response import incidents
from pipeline.response.opening import open_incident
from pipeline.response.ticking import TickReport, tick


def opened(s: Session, plan: str = "scam-warning", level: int = 2) -> Incident:
    return open_incident(
        s, key="k", title="议题", subject_kind="issue", subject_id="i1", group_key="g", level=level, office_ids=[OFFICE],
        plan=plans()[plan], post=post(), now=NOW,
    )  # fmt: skip


def run(desk: Database, at: datetime) -> TickReport:
    with desk.write() as s:
        first = tick(s, at, post())
    with desk.write() as s:
        assert tick(s, at, post()) == TickReport()  # the same moment again changes nothing
    return first


def told(desk: Database, kind: str) -> list[tuple[Any, ...]]:
    with desk.read() as s:
        query = select(Notification.recipient, Notification.subject).where(Notification.kind == kind)
        return [tuple(r) for r in s.execute(query.order_by(Notification.created_at, Notification.recipient))]


def test_nobody_took_it(desk: Database) -> None:
    with desk.write() as s:
        opened(s)
    assert run(desk, NOW + timedelta(minutes=29)).escalated == 0
    assert run(desk, NOW + timedelta(minutes=31)).escalated == 1
    assert run(desk, NOW + timedelta(minutes=59)).escalated == 0
    assert run(desk, NOW + timedelta(minutes=60)).escalated == 1
    assert [r for r, _ in told(desk, "escalation")] == [
        "duty-a@example.org",
        "duty-a@example.org",
        "leader@example.org",
    ]


def test_after_a_pause_nobody_gets_three_mails(desk: Database) -> None:
    with desk.write() as s:
        opened(s)
    run(desk, NOW + timedelta(days=1))
    run(desk, NOW + timedelta(days=8))  # another week: the next person on duty is not told of a step long done
    assert [r for r, _ in told(desk, "escalation")] == ["duty-a@example.org", "leader@example.org"]


def test_who_took_it_is_left_in_peace(desk: Database) -> None:
    with desk.write() as s:
        incident = opened(s)
        incidents.acknowledge(s, incident.id, "lin", NOW, incident.version)
    run(desk, NOW + timedelta(hours=2))
    assert told(desk, "escalation") == []


def test_a_clock_warns_once_and_is_missed_once(desk: Database) -> None:
    with desk.write() as s:
        incident = opened(s)
        incidents.acknowledge(s, incident.id, "lin", NOW, incident.version)
    assert run(desk, NOW + timedelta(hours=3)).warned == 0
    assert run(desk, NOW + timedelta(hours=4)).warned == 1
    assert run(desk, NOW + timedelta(hours=5)).missed == 0
    assert run(desk, NOW + timedelta(hours=5, seconds=1)).missed == 1
    assert len(told(desk, "clock_warning")) == 1 and len(told(desk, "clock_missed")) == 2
    assert "首次提醒公众" in told(desk, "clock_missed")[0][1]


def test_a_missed_clock_ends_when_it_is_done_late(desk: Database) -> None:
    with desk.write() as s:
        incident = opened(s)
    run(desk, NOW + timedelta(hours=49))
    with desk.write() as s:
        incident = s.get_one(Incident, incident.id)
        incidents.mark_answered(s, incident.id, "lin", NOW + timedelta(hours=50), incident.version)
        clock = s.scalars(select(Clock).where(Clock.kind == "answer")).one()
        assert (clock.state, clock.ended_at) == ("missed", NOW + timedelta(hours=50))


def test_an_overdue_result_is_followed_month_by_month_until_it_is_given(desk: Database) -> None:
    with desk.write() as s:
        incident = opened(s, "individual-reply", 4)
        incidents.acknowledge(s, incident.id, "lin", NOW, incident.version)
    run(desk, NOW + timedelta(days=80))
    assert _progress(desk) == []
    run(desk, NOW + timedelta(days=100))
    run(desk, NOW + timedelta(days=130))
    due = _progress(desk)
    assert len(due) == 2 and timedelta(days=27) <= due[1] - due[0] <= timedelta(days=34)
    with desk.write() as s:
        incident = s.get_one(Incident, incident.id)
        reply = [t for t in incidents_tasks(s, incident.id) if t.kind == "reply"][-1]
        incidents.complete_task(s, reply.id, "lin", NOW + timedelta(days=131), incident.version)
    run(desk, NOW + timedelta(days=200))
    assert len(_progress(desk)) == 2


def _progress(desk: Database) -> list[datetime]:
    with desk.read() as s:
        return list(s.scalars(select(Clock.due_at).where(Clock.kind == "progress").order_by(Clock.due_at)))


def incidents_tasks(s: Session, incident_id: str) -> list[Any]:
    return list(s.scalars(select(Task).where(Task.incident_id == incident_id).order_by(Task.position)))


def test_a_closed_incident_is_silent(desk: Database) -> None:
    with desk.write() as s:
        incident = opened(s)
        incidents.close(s, incident.id, "lin", NOW, incident.version, "误报")
    assert run(desk, NOW + timedelta(days=30)) == TickReport()
