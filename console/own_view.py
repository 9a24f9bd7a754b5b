"""The offices' own sites as the sources page shows them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from console.viewer import Viewer
from pipeline.desk.tables import OwnChannelRow, OwnPageRow
from pipeline.settings import Home, Office
from pipeline.settings.own_channels import OwnChannel
from pipeline.steps.own_channels import ChannelTrouble, change_words, channel_troubles, days_left, rows_of


@dataclass(frozen=True, slots=True)
class PageView:
    row: OwnPageRow

    @property
    def changed(self) -> bool:
        return self.row.digest != self.row.accepted_digest

    @property
    def change(self) -> str:
        return change_words(self.row)


@dataclass(frozen=True, slots=True)
class ChannelView:
    """`row` is None until the first check. `days`: until the certificate ends, None without one."""

    office: Office
    channel: OwnChannel
    row: OwnChannelRow | None
    pages: list[PageView]
    troubles: list[ChannelTrouble]
    days: int | None


def own_views(session: Session, viewer: Viewer, home: Home, now: datetime) -> list[ChannelView]:
    """Sites of the viewer's offices, those in trouble first."""
    views = []
    for office in home.offices:
        if not viewer.may_see([office.id]):
            continue
        rows = rows_of(session, office)
        for channel in office.own_channels:
            row, pages = rows[channel.id]
            until = row.certificate_until if row else None
            views.append(
                ChannelView(
                    office,
                    channel,
                    row,
                    [PageView(page) for page in pages],
                    channel_troubles(channel, row, pages, now),
                    days_left(until, now) if until else None,
                )
            )
    return sorted(views, key=lambda v: not v.troubles)
