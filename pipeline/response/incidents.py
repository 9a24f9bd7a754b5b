"""What people do with an incident. Each action names its actor, is written to the timeline and audited.

`version` is the incident's as the actor saw it: Conflict where somebody else changed it since. Refused where a rule
forbids the action; both say why in Chinese. Everything happens in the caller's transaction.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from pipeline.desk import audit
from pipeline.desk.tables import Clock, Incident, IssueRow, Task
from pipeline.errors import Conflict, Refused
from pipeline.response.opening import (
    SYSTEM,
    open_incident,
    owed_clocks,
    plan_of,
    raise_level,
    running_clocks,
    write_line,
)
from pipeline.response.plans import PUBLISHING, TASK_NAMES

__all__ = [
    "acknowledge", "add_note", "close", "complete_task", "mark_answered", "meet_clock", "open_incident", "raise_level",
    "skip_task",
]  # fmt: skip

# What an answer stops; a monthly progress clock stops with it too.
_ANSWERS = frozenset({"first_statement", "answer", "procedural_reply", "result", "progress"})


def acknowledge(session: Session, incident_id: str, actor: str, now: datetime, version: int) -> Incident:
    """`actor` takes the incident: escalation stops. Taking it a second time is no change."""
    incident = _load(session, incident_id, actor, version)
    if incident.state != "open":
        return incident
    _take(session, incident, actor, now)
    incident.version += 1
    return incident


def complete_task(session: Session, task_id: str, actor: str, now: datetime, version: int, note: str = "") -> Task:
    """A task is done; the clocks that it meets stop. What goes to the public needs a person's approval first."""
    task = _open_task(session, task_id)
    incident = _load(session, task.incident_id, actor, version)
    if task.kind in PUBLISHING:
        _must_be_approved(session, task)
    if incident.state == "open":
        _take(session, incident, actor, now)
    task.state, task.done_at, task.done_by, task.note = "done", now, actor, note.strip()
    incident.version += 1
    _log(
        session,
        incident,
        now,
        actor,
        "complete_task",
        f"完成“{task.title}”（{TASK_NAMES[task.kind]}）",
        note,
        task=task.id,
    )
    met = plan_of(session, incident.id)["tasks"][task.position].get("meets", [])
    for clock in owed_clocks(session, incident.id):
        if clock.kind in met:
            _stop(session, incident, clock, actor, now)
    return task


def skip_task(session: Session, task_id: str, actor: str, now: datetime, version: int, note: str) -> Task:
    """A task is not needed; `note` says why. A skipped approval approves nothing."""
    task = _open_task(session, task_id)
    incident = _load(session, task.incident_id, actor, version)
    if not note.strip():
        raise Refused("跳过任务要写明原因")
    task.state, task.done_at, task.done_by, task.note = "skipped", now, actor, note.strip()
    incident.version += 1
    _log(session, incident, now, actor, "skip_task", f"跳过“{task.title}”", note, task=task.id)
    return task


def meet_clock(session: Session, clock_id: str, actor: str, now: datetime, version: int, note: str = "") -> Clock:
    """What a clock asked for has happened outside the plan (a press conference was held)."""
    clock = session.get(Clock, clock_id)
    if clock is None or clock.ended_at is not None:
        raise Conflict("这个时限已经结束，请刷新页面")
    incident = _load(session, clock.incident_id, actor, version)
    incident.version += 1
    _stop(session, incident, clock, actor, now)
    audit.record(
        session, now, actor, incident.office_ids, "meet_clock", f"incident:{incident.id}", clock=clock.kind, note=note
    )
    return clock


def mark_answered(
    session: Session, incident_id: str, actor: str, now: datetime, version: int, note: str = ""
) -> Incident:
    """The office has answered: its answer clocks stop, and its issue no longer counts as unanswered."""
    incident = _load(session, incident_id, actor, version)
    if incident.answered_at is not None:
        return incident
    if incident.state == "open":
        _take(session, incident, actor, now)
    incident.state, incident.answered_at = "answered", now
    incident.version += 1
    for clock in owed_clocks(session, incident.id):
        if clock.kind in _ANSWERS:
            _stop(session, incident, clock, actor, now)
    if incident.subject_kind == "issue":
        issue = session.get(IssueRow, incident.subject_id)
        if issue is not None:
            issue.answered_at = now
    _log(session, incident, now, actor, "mark_answered", "标记为已回应", note)
    return incident


def close(session: Session, incident_id: str, actor: str, now: datetime, version: int, note: str = "") -> Incident:
    """The incident is over. With tasks open, or no answer given, `note` must say why. Running clocks are dropped."""
    incident = _load(session, incident_id, actor, version)
    left = session.scalars(select(Task).where(Task.incident_id == incident_id, Task.state == "open")).all()
    if (left or incident.answered_at is None) and not note.strip():
        raise Refused(f"还有 {len(left)} 项任务没做完，或还没有回应：请写明为什么结束")
    if incident.state == "open":
        _take(session, incident, actor, now)
    for clock in running_clocks(session, incident.id):
        clock.state, clock.ended_at = "dropped", now
    incident.state, incident.closed_at, incident.closed_by = "closed", now, actor
    incident.version += 1
    _log(session, incident, now, actor, "close", "结束处置", note, open_tasks=len(left))
    return incident


def add_note(session: Session, incident_id: str, actor: str, now: datetime, version: int, note: str) -> Incident:
    """A remark for the timeline."""
    incident = _load(session, incident_id, actor, version)
    if not note.strip():
        raise Refused("备注是空的")
    incident.version += 1
    _log(session, incident, now, actor, "note", "备注", note)
    return incident


def _load(session: Session, incident_id: str, actor: str, version: int) -> Incident:
    if not actor or actor == SYSTEM:
        raise Refused("处置动作必须由具名的工作人员做出（章程第 7 条）")
    incident = session.scalar(select(Incident).where(Incident.id == incident_id).with_for_update())
    if incident is None:
        raise Refused("没有这件处置")
    if incident.version != version:
        raise Conflict("别人刚刚改动过这件处置，请刷新后再操作")
    if incident.state == "closed":
        raise Refused("这件处置已经结束")
    return incident


def _open_task(session: Session, task_id: str) -> Task:
    task = session.get(Task, task_id)
    if task is None:
        raise Refused("没有这项任务")
    if task.state != "open":
        raise Conflict("这项任务已经有人处理过，请刷新页面")
    return task


def _must_be_approved(session: Session, task: Task) -> None:
    approvals = session.scalars(
        select(Task).where(
            Task.plan_run_id == task.plan_run_id, Task.kind == "approve_statement", Task.position < task.position
        )
    ).all()
    if not any(a.state == "done" and a.done_by not in ("", SYSTEM) for a in approvals):
        raise Refused("对外发布前须先由人完成“审批”任务（章程第 7 条）")


def _take(session: Session, incident: Incident, actor: str, now: datetime) -> None:
    incident.state, incident.acknowledged_at, incident.acknowledged_by, incident.owner = (
        "acknowledged",
        now,
        actor,
        actor,
    )
    for clock in owed_clocks(session, incident.id):
        if clock.kind == "acknowledge":
            clock.state, clock.ended_at = ("met" if now <= clock.due_at else "missed"), now
    _log(session, incident, now, actor, "acknowledge", "签收", "")


def _stop(session: Session, incident: Incident, clock: Clock, actor: str, now: datetime) -> None:
    clock.state, clock.ended_at = ("met" if now <= clock.due_at else "missed"), now
    words = "按时完成" if clock.state == "met" else "超时完成"
    write_line(session, incident, now, actor, "clock", f"时限“{clock.title}”{words}")


def _log(
    session: Session,
    incident: Incident,
    now: datetime,
    actor: str,
    action: str,
    words: str,
    note: str,
    **detail: object,
) -> None:
    note = note.strip()
    write_line(session, incident, now, actor, action, words + (f"：{note}" if note else ""))
    audit.record(session, now, actor, incident.office_ids, action, f"incident:{incident.id}", **detail)
