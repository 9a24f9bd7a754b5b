"""How each source is: well, late, failing, blocked, changed in layout, suddenly empty; and what its last run read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from console.viewer import Viewer
from pipeline.alerts.source_health import SourceTrouble, filled_words, runs_by_source, troubles_of
from pipeline.desk.tables import BatchRow, Quarantined, SourceState
from pipeline.privacy.staging_keys import rounded_down
from pipeline.settings import Home, Source

STATUS: dict[str, str] = {
    "ok": "正常",
    "empty": "读不到内容",
    "layout": "版式变了",
    "emptied": "突然没有内容",
    "late": "迟到",
    "failing": "抓取失败",
    "blocked": "对方不许抓取",
    "never": "尚未运行",
    "off": "已停用",
}
FINE = frozenset({"ok", "never", "off"})


@dataclass(frozen=True, slots=True)
class SourceView:
    """`kept` and `quarantined` are counts of seven days; of a public source, multiples of k (charter 2).

    `status` is the worst of `troubles`. `read`: what the last run read, field by field; `sample`: title and link of one
    entry, of institutions only.
    """

    source: Source
    status: str
    troubles: list[SourceTrouble]
    last_ok_at: datetime | None
    last_new_at: datetime | None
    message: str
    kept: int
    quarantined: int
    refused: int
    read: str
    read_at: datetime | None
    sample: Mapping[str, str]

    @property
    def status_name(self) -> str:
        return STATUS.get(self.status, self.status)

    @property
    def bad(self) -> bool:
        return self.status not in FINE


def source_views(session: Session, viewer: Viewer, home: Home, now: datetime) -> list[SourceView]:
    """Sources that the viewer's offices read; those in trouble first."""
    states = {s.source_id: s for s in session.scalars(select(SourceState))}
    runs = runs_by_source(session, now)
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
        state, own = states.get(source.id), runs.get(source.id, [])
        counts = [kept.get(source.id, 0), aside.get(source.id, 0), state.refused if state else 0]
        if source.channel == "public":
            counts = [rounded_down(c, k) for c in counts]
        troubles = troubles_of(source, state, own, now, k)
        kept_count, aside_count, refused = counts
        views.append(
            SourceView(
                source,
                _status(source, state, troubles),
                troubles,
                state.last_ok_at if state else None,
                state.last_new_at if state else None,
                state.message if state else "",
                kept_count,
                aside_count,
                refused,
                read=filled_words(source, own[0], k) if own else "",
                read_at=own[0].at if own else None,
                sample=own[0].sample if own and source.channel in ("official", "media") else {},
            )
        )
    return sorted(views, key=lambda v: (not v.bad, v.status == "off", v.source.channel, v.source.name))


def visible_sources(viewer: Viewer, home: Home) -> list[Source]:
    return [s for s in home.sources if not s.offices or viewer.may_see(s.offices)]


def _status(source: Source, state: SourceState | None, troubles: list[SourceTrouble]) -> str:
    if not source.enabled:
        return "off"
    if state is None or state.last_run_at is None:
        return "never"
    return troubles[0].kind if troubles else state.last_status or "ok"


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
