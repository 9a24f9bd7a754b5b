"""Issues as lists show them. Nothing here goes beyond the row: public counts on it are multiples of k (charter 2)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from console.viewer import Viewer
from console.words import day_words, local
from pipeline.desk.tables import IssueRedirect, IssueRow

MAX_REDIRECTS = 20
TREND_DAYS = 7


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


def issue_view(row: IssueRow, now: datetime) -> IssueView:
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
        line=[items + voices for _, items, voices in trend_of(row, now)],
    )


def reasons_of(row: IssueRow) -> list[dict[str, Any]]:
    """Named factors that gave points, most points first."""
    empty = {"factor": "", "name": "", "value": "", "points": 0, "text": ""}
    given = [{**empty, **r} for r in row.reasons if isinstance(r, dict)]
    return sorted((r for r in given if r["points"]), key=lambda r: -float(r["points"]))


def trend_of(row: IssueRow, now: datetime) -> list[tuple[str, int, int]]:
    """(day as 11/21, items, public voices) of the seven days up to today, or up to the last day that it stirred.

    Only days with something on them are stored; the quiet ones between are shown as zero.
    """
    stored = {str(day): (int(items), int(voices)) for day, items, voices in row.trend}
    if not stored:
        return []
    last, today = date.fromisoformat(max(stored)), local(now).date()
    end = today if (today - last).days < TREND_DAYS else last
    days = [end - timedelta(days=back) for back in range(TREND_DAYS - 1, -1, -1)]
    return [(day_words(day), *stored.get(day.isoformat(), (0, 0))) for day in days]


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
