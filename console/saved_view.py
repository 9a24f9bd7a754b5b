"""Saved searches as one viewer sees them: one's own, and those that an office shares."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from urllib.parse import urlencode

from sqlalchemy import and_, or_, select

from console.asking import Ask
from console.incidents_view import staff_names
from console.words import level_words
from models.taxonomy import ROLE_NAMES, TOPIC_NAMES
from pipeline.desk.tables import SavedSearch
from pipeline.records import CHANNEL_NAMES

MOST = 500  # of one list
_SAID: dict[str, tuple[str, Callable[[str], str]]] = {
    "channel": ("渠道：", lambda v: CHANNEL_NAMES.get(v, v)),
    "topic": ("话题：", lambda v: TOPIC_NAMES.get(v, v)),
    "role": ("关系：", lambda v: ROLE_NAMES.get(v, v)),
    "level": ("等级：", lambda v: level_words(int(v)) if v.isdecimal() else v),
    "from": ("从 ", str),
    "to": ("到 ", str),
    "needs": ("需要答复", lambda _: ""),
    "sensitive": ("涉及受保护利益", lambda _: ""),
    "stories": ("同文只列一篇", lambda _: ""),
}


@dataclass(frozen=True, slots=True)
class Saved:
    """A saved search, as a list shows it."""

    row: SavedSearch
    own: bool
    may_change: bool
    owner: str  # as people say the name
    offices: tuple[str, ...]  # that share it, by name

    @property
    def address(self) -> str:
        """Where it searches."""
        return "/search?" + urlencode({"q": self.row.query, **self.row.filters, "saved": self.row.id})

    @property
    def filters(self) -> list[str]:
        """Its filters, in words."""
        return spoken(self.row.filters)


def saved_searches(ask: Ask) -> list[Saved]:
    """Own ones first, each part by name."""
    mine = SavedSearch.owner == ask.viewer.name
    seen = or_(mine, and_(SavedSearch.shared.is_(True), ask.viewer.sees(SavedSearch.office_ids)))
    with ask.desk.reading() as session:
        rows = session.scalars(select(SavedSearch).where(seen).order_by(SavedSearch.name).limit(MOST)).all()
        names = staff_names(session) if rows else {}
    return sorted((_saved(ask, row, names) for row in rows), key=lambda s: not s.own)


def find_saved(ask: Ask, saved_id: str) -> Saved | None:
    """None where there is none, or where the viewer may not see it: the two look the same."""
    if not saved_id:
        return None
    with ask.desk.reading() as session:
        row = session.get(SavedSearch, saved_id)
        names = staff_names(session) if row else {}
    return _saved(ask, row, names) if row is not None and may_see(ask, row) else None


def may_see(ask: Ask, row: SavedSearch) -> bool:
    return row.owner == ask.viewer.name or (row.shared and ask.viewer.may_see(row.office_ids))


def may_change(ask: Ask, row: SavedSearch) -> bool:
    """Its owner; an administrator too where it is shared, for what somebody who left has shared."""
    return row.owner == ask.viewer.name or (row.shared and ask.viewer.admin)


def spoken(filters: Mapping[str, str]) -> list[str]:
    """渠道：媒体报道, 从 2026-11-01 …"""
    return [head + say(filters[name]) for name, (head, say) in _SAID.items() if filters.get(name)]


def _saved(ask: Ask, row: SavedSearch, names: Mapping[str, str]) -> Saved:
    shared = tuple(ask.desk.office_name(o) for o in row.office_ids) if row.shared else ()
    return Saved(row, row.owner == ask.viewer.name, may_change(ask, row), names.get(row.owner, row.owner), shared)
