"""今日: what needs me now."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import select
from starlette.responses import Response

from console.asking import Ask
from console.duty import on_duty
from console.incidents_view import live_incidents
from console.issues_view import issue_view
from console.sources_view import source_views
from console.words import date_words, day_start, day_words, local
from pipeline.desk.tables import IssueRow
from pipeline.index.engine import Search
from pipeline.records import CHANNEL_NAMES

ABOUT_US = ("addressed", "subject", "mentioned")
DAYS = 7


@dataclass(frozen=True, slots=True)
class Volume:
    """One channel's seven days. `public` counts are sums of multiples of k."""

    channel: str
    name: str
    unit: str
    points: list[tuple[str, int]]

    @property
    def total(self) -> int:
        return sum(v for _, v in self.points)


def today(ask: Ask) -> Response:
    now, viewer = ask.now, ask.viewer
    unread: list[Volume] = []
    with ask.desk.reading() as session:
        incidents = live_incidents(session, viewer, now)
        rows = session.scalars(
            select(IssueRow)
            .where(viewer.sees(IssueRow.office_ids), IssueRow.last_at > now - timedelta(days=2))
            .order_by(IssueRow.level, IssueRow.heat.desc(), IssueRow.id)
            .limit(8)
        ).all()
        issues = [issue_view(r, now) for r in rows]
        fresh = sum(r.first_at > now - timedelta(hours=24) for r in rows)
        troubled = [s for s in source_views(session, viewer, ask.desk.home, now) if s.bad]
    ask.looked("view", "page:today")
    waiting = [i for i in incidents if i.incident.state == "open"]
    late = [i for i in incidents if i.clock and i.clock.over]
    return ask.page(
        "today.html",
        date=date_words(now),
        week=local(now).isocalendar().week,
        incidents=incidents,
        unacknowledged=len(waiting),
        late=len(late),
        issues=issues,
        fresh=fresh,
        volumes=ask.indexed(lambda: volumes(ask), unread),
        troubled=troubled,
        duty=on_duty(ask.desk.home, viewer.office_ids, now),
    )


def volumes(ask: Ask) -> list[Volume]:
    """Items about the office and public voices, by Shanghai day."""
    days = [local(day_start(ask.now, back)).date() for back in range(DAYS - 1, -1, -1)]
    since, until = day_start(ask.now, DAYS - 1), day_start(ask.now, -1)
    offices = ask.viewer.office_ids
    found = []
    for channel in ("media", "official", "submission"):
        search = Search(offices, since=since, until=until, filters={"channel": (channel,), "role": ABOUT_US})
        counts = {b.key: b.count for b in ask.desk.index.histogram(search, "day")}
        points = [(day_words(d), counts.get(d.isoformat(), 0)) for d in days]
        found.append(Volume(channel, CHANNEL_NAMES[channel], "篇" if channel != "submission" else "件", points))
    # Two offices may hear the same voices: of their cells for one site group and day, the larger one counts.
    cells: defaultdict[str, dict[str, int]] = defaultdict(dict)
    for signal in ask.desk.index.signals(offices, since, until, "day"):
        if signal.dimension == "all":
            day = cells[local(signal.starts_at).date().isoformat()]
            day[signal.site_group] = max(day.get(signal.site_group, 0), signal.count)
    points = [(day_words(d), sum(cells[d.isoformat()].values())) for d in days]
    found.append(Volume("public", CHANNEL_NAMES["public"], "人次以上", points))
    return found
