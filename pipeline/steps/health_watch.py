"""Sources and own sites that are not well are told to the duty, where no incident holds them already."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from pipeline.alerts.source_health import evidence_lines, runs_by_source, troubles_of
from pipeline.desk.tables import Incident, SourceState
from pipeline.response.announce import Post
from pipeline.settings import Home
from pipeline.steps.own_channels import channel_troubles, rows_of
from pipeline.steps.telling import Finding, tell_new


def health_alerts(session: Session, home: Home, post: Post, now: datetime) -> int:
    """Returns how many notifications are new. What a rule turned into an incident is not told a second time."""
    new = tell_new(session, "sources", "信源需要看一看", list(_sources(session, home, now)), post, now)
    return new + tell_new(session, "own", "本院网站需要看一看", list(_own(session, home, now)), post, now)


def _sources(session: Session, home: Home, now: datetime) -> Iterator[Finding]:
    offices, k = tuple(o.id for o in home.offices), home.settings.k
    held = set(
        session.scalars(
            select(Incident.subject_id).where(Incident.subject_kind == "source", Incident.state != "closed")
        )
    )
    states = {row.source_id: row for row in session.scalars(select(SourceState))}
    runs = runs_by_source(session, now)
    for source in home.sources:
        own = runs.get(source.id, [])
        troubles = troubles_of(source, states.get(source.id), own, now, k)
        if source.id in held:
            continue
        for trouble in troubles:
            lines = (f"{source.name}：{trouble.words}", *evidence_lines(source, [trouble], own, k))
            yield Finding(f"{source.id}:{trouble.kind}", tuple(source.offices) or offices, lines)


def _own(session: Session, home: Home, now: datetime) -> Iterator[Finding]:
    for office in home.offices:
        rows = rows_of(session, office)
        for channel in office.own_channels:
            for trouble in channel_troubles(channel, *rows[channel.id], now):
                yield Finding(trouble.key, (office.id,), (f"{channel.name}（{channel.url}）：{trouble.words}",))
