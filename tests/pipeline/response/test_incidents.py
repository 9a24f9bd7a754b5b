from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from desk_rows import NOW, OFFICE, issue, plans, post
from sqlalchemy import select
from sqlalchemy.orm import Session

from pipeline.desk.database import Database
from pipeline.desk.tables import AuditLine, Clock, Incident, IssueRow, Notification, PlanRun, Task, TimelineEntry
from pipeline.errors import Conflict, Refused
from pipeline.response import incidents
from pipeline.response.opening import open_incident, raise_level


def opened(s: Session, plan: str = "scam-warning", **change: Any) -> Incident:
    values: dict[str, Any] = {
        "key": "alert-1", "title": "议题", "subject_kind": "issue", "subject_id": "i1", "group_key": "issue:i1:o", "level": 2,
        "office_ids": [OFFICE], "plan": plans()[plan], "post": post(), "now": NOW, "reasons": ["冒充检察机关诈骗"],
    }  # fmt: skip
    return open_incident(s, **(values | change))


def tasks(s: Session, incident: Incident) -> dict[str, Task]:
    return {t.kind: t for t in s.scalars(select(Task).where(Task.incident_id == incident.id).order_by(Task.position))}


def clocks(s: Session, incident: Incident) -> dict[str, Clock]:
    return {c.kind: c for c in s.scalars(select(Clock).where(Clock.incident_id == incident.id))}


def test_opening_writes_everything_once(desk: Database) -> None:
    for _ in range(2):
        with desk.write() as s:
            incident = opened(s)
    with desk.read() as s:
        assert len(s.scalars(select(Incident)).all()) == 1
        assert s.scalars(select(PlanRun)).one().plan["id"] == "scam-warning"
        assert len(tasks(s, incident)) == len(plans()["scam-warning"].tasks)
        assert set(clocks(s, incident)) == {"acknowledge", "first_statement", "answer"}
        mail = s.scalars(select(Notification)).one()
        assert mail.kind == "incident_opened" and mail.incident_id == incident.id
        for part in ("Ⅱ级", "冒充检察机关诈骗", "先做什么", "时限", f"/incidents/{incident.id}"):
            assert part in mail.text
        rows = [incident, mail, *s.scalars(select(Task)), *s.scalars(select(Clock)), *s.scalars(select(PlanRun))]
        assert all(r.office_ids == [OFFICE] for r in rows)


def test_the_plan_of_a_running_incident_is_a_copy(desk: Database) -> None:
    with desk.write() as s:
        incident = opened(s)
        changed = plans()["scam-warning"].model_copy(update={"name": "改过的"})
        opened(s, plan="scam-warning", key="alert-2", **{})
        assert changed.hash != s.scalars(select(PlanRun)).first().plan_hash  # type: ignore[union-attr]
        assert incident.short_id


def test_a_message_runs_from_its_receipt(desk: Database) -> None:
    with desk.write() as s:
        received = NOW - timedelta(hours=30)
        found = clocks(s, opened(s, "individual-reply", received_at=received))
        assert found["procedural_reply"].starts_at == received and found["acknowledge"].starts_at == NOW


def test_acknowledging_stops_its_clock_and_names_who(desk: Database) -> None:
    with desk.write() as s:
        incident = opened(s)
        incidents.acknowledge(s, incident.id, "lin", NOW + timedelta(minutes=5), incident.version)
    with desk.read() as s:
        incident = s.get_one(Incident, incident.id)
        assert (incident.state, incident.acknowledged_by, incident.owner, incident.version) == (
            "acknowledged",
            "lin",
            "lin",
            2,
        )
        assert clocks(s, incident)["acknowledge"].state == "met"
        assert s.scalars(select(TimelineEntry.actor).where(TimelineEntry.kind == "acknowledge")).one() == "lin"
        line = s.scalars(select(AuditLine).where(AuditLine.action == "acknowledge")).one()
        assert (line.actor, line.subject, line.office_ids) == ("lin", f"incident:{incident.id}", [OFFICE])


def test_two_people_at_once(desk: Database) -> None:
    with desk.write() as s:
        incident = opened(s)
        seen = incident.version
        incidents.acknowledge(s, incident.id, "lin", NOW, seen)
        with pytest.raises(Conflict):
            incidents.mark_answered(s, incident.id, "chen", NOW, seen)
        task = tasks(s, incident)["verify_facts"]
        incidents.complete_task(s, task.id, "lin", NOW, incident.version)
        with pytest.raises(Conflict):
            incidents.complete_task(s, task.id, "chen", NOW, incident.version)


@pytest.mark.parametrize(("plan", "kind"), [("scam-warning", "warn_public"), ("general-response", "publish")])
def test_nothing_is_published_that_a_person_did_not_approve(desk: Database, plan: str, kind: str) -> None:
    with desk.write() as s:
        incident = opened(s, plan)
        found = tasks(s, incident)
        with pytest.raises(Refused, match="章程第 7 条"):
            incidents.complete_task(s, found[kind].id, "lin", NOW, incident.version)
        with pytest.raises(Refused):
            incidents.complete_task(s, found["approve_statement"].id, "system", NOW, incident.version)
        incidents.skip_task(s, found["approve_statement"].id, "lin", NOW, incident.version, "不需要")
        with pytest.raises(Refused):
            incidents.complete_task(s, found[kind].id, "lin", NOW, incident.version)


def test_an_approved_publication_meets_its_clocks(desk: Database) -> None:
    with desk.write() as s:
        incident = opened(s)
        found = tasks(s, incident)
        incidents.complete_task(s, found["approve_statement"].id, "boss", NOW, incident.version)
        incidents.complete_task(s, found["warn_public"].id, "lin", NOW + timedelta(hours=6), incident.version, "已发")
        ends = clocks(s, incident)
        assert (ends["first_statement"].state, ends["answer"].state) == ("missed", "met")
        assert ends["first_statement"].ended_at == NOW + timedelta(hours=6)
        assert incident.state == "acknowledged"  # whoever works on it has taken it


def test_skipping_and_closing_say_why(desk: Database) -> None:
    with desk.write() as s:
        incident = opened(s)
        with pytest.raises(Refused):
            incidents.skip_task(s, tasks(s, incident)["review"].id, "lin", NOW, incident.version, " ")
        with pytest.raises(Refused):
            incidents.close(s, incident.id, "lin", NOW, incident.version)
        incidents.close(s, incident.id, "lin", NOW, incident.version, "经核实是演习")
        assert {c.state for c in clocks(s, incident).values()} == {"met", "dropped"}
        with pytest.raises(Refused):
            incidents.add_note(s, incident.id, "lin", NOW, incident.version, "再说一句")


def test_an_answer_reaches_the_issue(desk: Database) -> None:
    with desk.write() as s:
        s.add(issue())
        incident = opened(s)
        incidents.mark_answered(s, incident.id, "lin", NOW + timedelta(hours=1), incident.version, "已发布")
    with desk.read() as s:
        assert s.get_one(IssueRow, "i1").answered_at == NOW + timedelta(hours=1)
        assert clocks(s, incident)["answer"].state == "met"


def test_a_level_is_raised_once_and_told(desk: Database) -> None:
    with desk.write() as s:
        incident = opened(s, level=3)
        assert raise_level(s, incident, 1, ["媒体跟进"], post(), NOW)
        assert not raise_level(s, incident, 2, [], post(), NOW)
        assert clocks(s, incident)["acknowledge"].due_at == NOW + timedelta(minutes=30)
        told = s.scalars(select(Notification.recipient).where(Notification.kind == "level_raised")).all()
        assert len(told) == 2  # red: the leader too
