"""处置: the list, and one incident as it is read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session
from starlette.responses import Response

from console.asking import Ask, missing
from console.duty import on_duty
from console.incidents_view import LIVE, clock_view, live_incidents, staff_names, views_of
from console.issues_view import find_issue
from pipeline.desk.tables import Alert, Clock, Incident, Notification, PlanRun, Task, TimelineEntry
from pipeline.records import Item

PAGE = 40


def incidents(ask: Ask) -> Response:
    """Live ones by urgency, or the closed ones, newest first."""
    closed = ask.query.get("state") == "closed"
    start = int(s) if (s := ask.query.get("start", "")).isdecimal() and len(s) < 7 else 0
    further = 0
    with ask.desk.reading() as session:
        if closed:
            rows = session.scalars(
                select(Incident)
                .where(Incident.state.not_in(LIVE), ask.viewer.sees(Incident.office_ids))
                .order_by(Incident.closed_at.desc(), Incident.id)
                .offset(start)
                .limit(PAGE + 1)
            ).all()
            further = start + PAGE if len(rows) > PAGE else 0
            entries = views_of(session, rows[:PAGE], ask.now)
        else:
            entries = live_incidents(session, ask.viewer, ask.now, limit=300)
    ask.looked("view", "page:incidents", closed=closed)
    return ask.page("incidents.html", entries=entries, closed=closed, further=further)


def incident(ask: Ask) -> Response:
    """State, clocks, plan, timeline, who was told."""
    return show(ask)


def confirm_close(ask: Ask) -> Response:
    """A page of its own, so that closing is never one slip of the hand."""
    found, rows = load(ask)
    ask.looked("view", f"incident:{found.id}", found.office_ids, page="close")
    tasks = rows["tasks"]
    return ask.page("close.html", incident=found, undone=[t for t in tasks if t.state == "open"])


def show(ask: Ask, problem: str = "", status: int = 200) -> Response:
    """The page, with a sentence on top where an action was not done."""
    found, rows = load(ask)
    ask.looked("view", f"incident:{found.id}", found.office_ids)
    following = next((t.id for t in rows["tasks"] if t.state == "open"), "")
    duty = [d for _, d in on_duty(ask.desk.home, found.office_ids, ask.now)][:1]
    return ask.page(
        "incident.html",
        status=status,
        incident=found,
        problem=problem,
        offices=[ask.desk.office_name(o) for o in found.office_ids],
        following=following,
        live=found.state in LIVE,
        duty=duty,
        **rows,
    )


def load(ask: Ask) -> tuple[Incident, dict[str, Any]]:
    """The incident and all that belongs to it. Raises 404 where it is not the viewer's."""
    with ask.desk.reading() as session:
        found = session.get(Incident, ask.path["id"])
        if found is None or not ask.viewer.may_see(found.office_ids):
            raise missing("这件处置")
        mine = found.id
        clocks = [
            clock_view(c, ask.now)
            for c in session.scalars(select(Clock).where(Clock.incident_id == mine).order_by(Clock.due_at))
        ]
        plan = session.scalar(select(PlanRun).where(PlanRun.incident_id == mine).order_by(PlanRun.started_at.desc()))
        rows: dict[str, Any] = {
            "clocks": sorted(clocks, key=lambda c: (not c.running, c.due_at)),
            "plan": plan,
            "tasks": session.scalars(select(Task).where(Task.incident_id == mine).order_by(Task.position)).all(),
            "timeline": session.scalars(
                select(TimelineEntry)
                .where(TimelineEntry.incident_id == mine)
                .order_by(TimelineEntry.at.desc(), TimelineEntry.id.desc())
            ).all(),
            "told": session.scalars(
                select(Notification)
                .where(Notification.incident_id == mine)
                .order_by(Notification.created_at.desc(), Notification.id)
            ).all(),
            "reasons": _reasons(
                session.scalars(select(Alert).where(Alert.incident_id == mine).order_by(Alert.fired_at)).all()
            ),
            "names": staff_names(session),
            "subject": _subject(ask, session, found),
            "beside": _beside(ask, session, found),
        }
    return found, rows


def _beside(ask: Ask, session: Session, found: Incident) -> Sequence[Incident]:
    """Other incidents of the same subject that are not closed: issues that grew together leave two."""
    query = select(Incident).where(
        Incident.subject_id == found.subject_id, Incident.id != found.id, Incident.state.in_(LIVE)
    )
    rows = session.scalars(query.order_by(Incident.opened_at)).all()
    return [row for row in rows if ask.viewer.may_see(row.office_ids)]


def _reasons(alerts: Sequence[Alert]) -> list[str]:
    """Why it was opened: the named reasons on its alerts, each once."""
    texts: list[str] = []
    for alert in alerts:
        for reason in alert.reasons:
            texts.append(
                str(reason.get("text") or reason.get("name") or "") if isinstance(reason, dict) else str(reason)
            )
    return list(dict.fromkeys(t for t in texts if t))


def _subject(ask: Ask, session: Session, found: Incident) -> tuple[str, str, str] | None:
    """(kind in words, title, address) of what it is about, if the viewer may see it."""
    if found.subject_kind == "issue":
        row = find_issue(session, ask.viewer, found.subject_id)
        return ("议题", row.title, f"/issues/{row.id}") if row else None
    if found.subject_kind == "item":
        item_id = found.subject_id.partition(":")[0]
        item: Item | None = ask.indexed(lambda: ask.desk.index.get(item_id, ask.viewer.office_ids), None)
        return ("来件", item.title or "（无标题）", f"/items/{item.id}") if item else None
    return ("信源", ask.desk.source_name(found.subject_id), "/sources")
