"""议题 and one issue."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import Text, cast, select
from starlette.responses import RedirectResponse, Response

from console.asking import Ask, missing
from console.hits import opening, readings
from console.incidents_view import views_of
from console.issues_view import find_issue, issue_view, merged_ids, reasons_of, trend_of
from models.taxonomy import TOPIC_NAMES
from pipeline.desk.tables import Incident, IssueRow
from pipeline.index.engine import Page, Search

PAGE = 40
PERIODS: dict[str, tuple[str, int]] = {"": ("近 7 天", 7), "30": ("近 30 天", 30), "all": ("全部", 36500)}


def issues(ask: Ask) -> Response:
    """List by level and heat; filters: level, topic, period, answer awaited."""
    level, topic = ask.query.get("level", ""), ask.query.get("topic", "")
    period, waiting = ask.query.get("period", ""), ask.query.get("waiting", "")
    days = PERIODS.get(period, PERIODS[""])[1]
    wanted = select(IssueRow).where(
        ask.viewer.sees(IssueRow.office_ids), IssueRow.last_at > ask.now - timedelta(days=days)
    )
    if level in ("1", "2", "3", "4"):
        wanted = wanted.where(IssueRow.level == int(level))
    if topic in TOPIC_NAMES:
        wanted = wanted.where(cast(IssueRow.topics, Text).like(f'%"{topic}"%'))
    if waiting:
        wanted = wanted.where(IssueRow.needs_answer.is_(True), IssueRow.answered_at.is_(None))
    start = int(s) if (s := ask.query.get("start", "")).isdecimal() and len(s) < 7 else 0
    with ask.desk.reading() as session:
        rows = session.scalars(
            wanted.order_by(IssueRow.level, IssueRow.heat.desc(), IssueRow.id).offset(start).limit(PAGE + 1)
        ).all()
    ask.looked("view", "page:issues", level=level, topic=topic if topic in TOPIC_NAMES else "", start=start)
    return ask.page(
        "issues.html",
        issues=[issue_view(r, ask.now) for r in rows[:PAGE]],
        chosen={"level": level, "topic": topic, "period": period, "waiting": waiting},
        periods={key: name for key, (name, _) in PERIODS.items()},
        further=start + PAGE if len(rows) > PAGE else 0,
        start=start,
    )


def issue(ask: Ask) -> Response:
    """One issue: level with its reasons, trend, words, counts, items, incidents."""
    wanted = ask.path["id"]
    with ask.desk.reading() as session:
        row = find_issue(session, ask.viewer, wanted)
        if row is None:
            raise missing("这个议题")
        if row.id != wanted:
            return RedirectResponse(f"/issues/{row.id}", 308)
        ids = merged_ids(session, row.id)
        opened = session.scalars(
            select(Incident)
            .where(Incident.subject_kind == "issue", Incident.subject_id.in_(ids), ask.viewer.sees(Incident.office_ids))
            .order_by(Incident.opened_at.desc())
        ).all()
        incidents = views_of(session, opened, ask.now)
    held, after = Search(ask.viewer.office_ids, filters={"issue_id": tuple(ids)}), ask.query.get("after") or None
    page = ask.indexed(lambda: ask.desk.index.search(held, size=20, after=after), Page((), None))
    total = ask.indexed(lambda: ask.desk.index.count(held), 0)
    ask.looked("view", f"issue:{row.id}", row.office_ids)
    trend = trend_of(row, ask.now)
    topics = sorted(((t, float(share)) for t, share in row.topics.items()), key=lambda p: -p[1])
    return ask.page(
        "issue.html",
        issue=row,
        view=issue_view(row, ask.now),
        reasons=reasons_of(row),
        points=sum(float(r["points"]) for r in reasons_of(row)),
        trend_items=[(day, items) for day, items, _ in trend],
        trend_voices=[(day, voices) for day, _, voices in trend],
        topics=topics,
        offices=[ask.desk.office_name(o) for o in row.office_ids],
        incidents=incidents,
        page=page,
        total=total,
        hits=readings(ask, [(h.item, opening(h.item)) for h in page.hits]),
        continued=bool(ask.query.get("after")),
    )
