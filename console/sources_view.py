"""How each source is: running, late against its promise, failing, blocked."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from console.viewer import Viewer
from pipeline.desk.tables import BatchRow, Quarantined, SourceState
from pipeline.privacy.staging_keys import rounded_down
from pipeline.settings import Home, Source

STATUS: dict[str, str] = {
    "ok": "正常",
    "empty": "没有新内容",
    "late": "迟到",
    "failing": "抓取失败",
    "blocked": "对方不许抓取",
    "never": "尚未运行",
    "off": "已停用",
}
BAD = frozenset({"late", "failing", "blocked"})


@dataclass(frozen=True, slots=True)
class SourceView:
    """`kept` and `quarantined` are counts of seven days; of a public source, multiples of k (charter 2)."""

    source: Source
    status: str
    last_ok_at: datetime | None
    last_new_at: datetime | None
    message: str
    kept: int
    quarantined: int
    refused: int

    @property
    def status_name(self) -> str:
        return STATUS.get(self.status, self.status)

    @property
    def bad(self) -> bool:
        return self.status in BAD


def source_views(session: Session, viewer: Viewer, home: Home, now: datetime) -> list[SourceView]:
    """Sources that the viewer's offices read; those in trouble first."""
    states = {s.source_id: s for s in session.scalars(select(SourceState))}
    week = now - timedelta(days=7)
    kept = {
        source_id: int(items or 0) + int(staged or 0)
        for source_id, items, staged in session.execute(
            select(BatchRow.source_id, func.sum(BatchRow.items), func.sum(BatchRow.staged))
            .where(BatchRow.committed_at > week)
            .group_by(BatchRow.source_id)
        ).tuples()
    }
    set_aside = select(Quarantined.source_id, func.count()).where(Quarantined.seen_at > week)
    aside = dict(session.execute(set_aside.group_by(Quarantined.source_id)).tuples().all())
    k = home.settings.k
    views = []
    for source in visible_sources(viewer, home):
        state = states.get(source.id)
        counts = [kept.get(source.id, 0), aside.get(source.id, 0), state.refused if state else 0]
        if source.channel == "public":
            counts = [rounded_down(c, k) for c in counts]
        views.append(
            SourceView(
                source,
                status_of(source, state, now),
                state.last_ok_at if state else None,
                state.last_new_at if state else None,
                state.message if state else "",
                *counts,
            )
        )
    return sorted(views, key=lambda v: (not v.bad, v.status == "off", v.source.channel, v.source.name))


def visible_sources(viewer: Viewer, home: Home) -> list[Source]:
    return [s for s in home.sources if not s.offices or viewer.may_see(s.offices)]


def status_of(source: Source, state: SourceState | None, now: datetime) -> str:
    """The worst that is true of a source: blocked, failing, late, empty, ok."""
    if not source.enabled:
        return "off"
    if state is None or state.last_run_at is None:
        return "never"
    if state.last_status in ("blocked", "failing"):
        return state.last_status
    if state.last_ok_at is None or now - state.last_ok_at > timedelta(hours=source.fresh_within_hours):
        return "late"
    return state.last_status or "ok"


def quarantine_reasons(
    session: Session, viewer: Viewer, home: Home, since: datetime
) -> list[tuple[str, str, int, datetime, str]]:
    """(source id, reason, count, last time, an example's place) by source and reason; never any text."""
    visible = {s.id: s for s in visible_sources(viewer, home)}
    rows = session.execute(
        select(
            Quarantined.source_id,
            Quarantined.reason,
            func.count(),
            func.max(Quarantined.seen_at),
            func.max(Quarantined.detail),
        )
        .where(Quarantined.seen_at > since)
        .group_by(Quarantined.source_id, Quarantined.reason)
    ).tuples()
    found = []
    for source_id, reason, number, last, detail in rows:
        source = visible.get(source_id)
        if source is None and not viewer.admin:
            continue
        public = source is None or source.channel == "public"
        shown = rounded_down(number, home.settings.k) if public else number
        found.append((source_id, reason, shown, last, "" if public else detail))
    return sorted(found, key=lambda r: (r[0], -r[2]))
