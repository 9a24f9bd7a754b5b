"""Issues as lists show them. Nothing here goes beyond the row: public counts on it are multiples of k (charter 2)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from console.viewer import Viewer
from console.words import day_words
from pipeline.desk.tables import IssueRedirect, IssueRow

MAX_REDIRECTS = 20


@dataclass(frozen=True, slots=True)
class IssueView:
    """What `parts.issue_row` needs."""

    id: str
    title: str
    level: int
    reasons: list[dict[str, Any]]
    media_items: int
    official_items: int
    submissions: int
    voices: int
    needs_answer: bool
    sensitive: bool
    answered_at: datetime | None
    last_at: datetime
    line: list[int]


def issue_view(row: IssueRow) -> IssueView:
    return IssueView(
        id=row.id,
        title=row.title,
        level=row.level,
        reasons=reasons_of(row),
        media_items=row.media_items,
        official_items=row.official_items,
        submissions=row.submissions,
        voices=row.voices,
        needs_answer=row.needs_answer,
        sensitive=row.sensitive,
        answered_at=row.answered_at,
        last_at=row.last_at,
        line=[items + voices for _, items, voices in trend_of(row)],
    )


def reasons_of(row: IssueRow) -> list[dict[str, Any]]:
    """Named factors that gave points, most points first."""
    empty = {"factor": "", "name": "", "value": "", "points": 0, "text": ""}
    given = [{**empty, **r} for r in row.reasons if isinstance(r, dict)]
    return sorted((r for r in given if r["points"]), key=lambda r: -float(r["points"]))


def trend_of(row: IssueRow) -> list[tuple[str, int, int]]:
    """(day, items, public voices) of each stored day, at most 14."""
    return [(str(t[0]), int(t[1]), int(t[2])) for t in row.trend if isinstance(t, list | tuple) and len(t) == 3][-14:]


def day_label(day: str) -> str:
    """11/21 of an ISO day; anything else as it is."""
    try:
        return day_words(date.fromisoformat(day[:10]))
    except ValueError:
        return day


def find_issue(session: Session, viewer: Viewer, issue_id: str) -> IssueRow | None:
    """The issue, or the one it was merged into, if the viewer may see it."""
    seen: set[str] = set()
    current = issue_id
    while current not in seen and len(seen) < MAX_REDIRECTS:
        seen.add(current)
        row = session.get(IssueRow, current)
        if row is not None:
            return row if viewer.may_see(row.office_ids) else None
        redirect = session.get(IssueRedirect, current)
        if redirect is None:
            return None
        current = redirect.new_id
    return None


def merged_ids(session: Session, issue_id: str) -> list[str]:
    """Ids that lead to this issue, itself first."""
    return [issue_id, *session.scalars(select(IssueRedirect.old_id).where(IssueRedirect.new_id == issue_id))]
