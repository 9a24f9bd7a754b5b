"""Rows of the desk's database → documents of `pipeline.index.mapping`. Pure; nothing that the charter hides goes in.

Counts of public posts are multiples of k already (`issues.describe`); no document but an audit line names anybody, and
there only staff; what somebody searched for stays on the desk.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pipeline.desk.tables import AuditLine, Clock, Incident, IssueRow, PlanRun, SourceState, Task
from pipeline.levels import MIN_SHARE
from pipeline.settings import Source

Document = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the index knows of an issue."""

    regions: Sequence[str] = ()
    before_answer: int = 0  # documents of the three days on either side
    after_answer: int = 0


def of_issue(row: IssueRow, around: Surroundings) -> Document:
    """One issue as the desk shows it."""
    document: Document = {
        "issue_id": row.id, "office_id": row.office_ids, "title": row.title, "keywords": row.keywords, "phrases": row.phrases,
        "topics": [t for t, share in row.topics.items() if share >= MIN_SHARE], "outlets": row.outlets,
        "regions": list(around.regions), "site_groups": sorted(row.site_groups),
        "factors": [r["factor"] for r in row.reasons], "level": row.level, "heat": row.heat, "voices": row.voices,
        "items": row.items, "media_items": row.media_items, "official_items": row.official_items,
        "submissions": row.submissions, "needs_answer": row.needs_answer, "sensitive": row.sensitive,
        "occurred_at": _at(row.last_at), "first_at": _at(row.first_at), "updated_at": _at(row.updated_at),
    }  # fmt: skip
    if row.answered_at is not None:
        document |= {
            "answered_at": _at(row.answered_at), "answer_seconds": _seconds(row.first_at, row.answered_at),
            "items_before_answer": around.before_answer, "items_after_answer": around.after_answer,
        }  # fmt: skip
    return document


def of_incident(row: Incident, clocks: Iterable[Clock], tasks: Sequence[Task], plan: PlanRun | None) -> Document:
    """One incident: how far it is, how long each step took, which deadlines were kept."""
    by_state: dict[str, list[Clock]] = {"met": [], "missed": [], "running": []}
    for clock in clocks:
        by_state[clock.state].append(clock)
    document: Document = {
        "incident_id": row.id, "short_id": row.short_id, "office_id": row.office_ids, "title": row.title,
        "subject_kind": row.subject_kind, "subject_id": row.subject_id, "level": row.level, "state": row.state,
        "plan_id": plan.plan_id if plan else "", "tasks": len(tasks), "tasks_open": sum(t.state == "open" for t in tasks),
        "occurred_at": _at(row.opened_at),
    }  # fmt: skip
    for state, those in by_state.items():
        document |= {state: len(those), f"deadlines_{state}": sorted(c.kind for c in those)}
    for name, at in (("acknowledge", row.acknowledged_at), ("answer", row.answered_at), ("close", row.closed_at)):
        if at is not None:
            document[f"{name}_seconds"] = _seconds(row.opened_at, at)
    times = {"acknowledged_at": row.acknowledged_at, "answered_at": row.answered_at, "closed_at": row.closed_at}
    times["next_due_at"] = min((c.due_at for c in by_state["running"]), default=None)
    return document | {name: _at(at) for name, at in times.items() if at is not None}


def of_source(source: Source, state: SourceState | None, offices: Sequence[str], late: bool, now: datetime) -> Document:
    """One source: whether it keeps its promise now. How many posts a forum has is nobody's to see."""
    document: Document = {
        "source_id": source.id, "office_id": source.offices or list(offices), "name": source.name, "kind": source.kind,
        "channel": source.channel, "outlet": source.outlet, "region": source.region, "site_group": source.site_group,
        "status": state.last_status if state else "", "enabled": source.enabled, "late": late,
        "fresh_within_hours": source.fresh_within_hours, "occurred_at": _at(now),
    }  # fmt: skip
    times: Mapping[str, datetime | None] = (
        {"last_run_at": state.last_run_at, "last_ok_at": state.last_ok_at, "last_new_at": state.last_new_at}
        if state
        else {}
    )
    return document | {name: _at(at) for name, at in times.items() if at is not None}


def of_audit(row: AuditLine) -> Document:
    """Who looked at or changed what, and when."""
    kind, _, subject_id = row.subject.partition(":")
    return {
        "audit_id": row.id, "office_id": row.office_ids, "occurred_at": _at(row.at), "actor": row.actor,
        "action": row.action, "subject_kind": kind, "subject_id": subject_id,
    }  # fmt: skip


def _at(time: datetime) -> str:
    return time.isoformat()


def _seconds(start: datetime, end: datetime) -> int:
    return max(0, round((end - start).total_seconds()))
