"""A review as the page shows it: the item, the labels with their keys, what the form sent, what the last one came to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy.orm import Session

from console.asking import Ask
from models.taxonomy import OFFICE_TOPICS, ROLES, SENTIMENTS, TOPICS, display_name
from pipeline.desk.tables import Review
from pipeline.records import Item
from pipeline.review.quality import differences
from pipeline.review.reviews import FIELD_NAMES, PART_NAMES

# One key a label: digits and q w e for the classes, the two lower rows of letters for topics, n and m for the judgements.
KEYS: dict[str, str] = {
    **dict(zip(ROLES, "12345", strict=True)),
    **dict(zip(SENTIMENTS, "qwe", strict=True)),
    **dict(zip(TOPICS, "asdfghjklzxcvb", strict=True)),
    "needs_answer": "n",
    "sensitive": "m",
}
_YES_NO = {"1": True, "0": False}


@dataclass(frozen=True, slots=True)
class Task:
    """One item to read. `blind`: drawn at random, so the model's labels are not shown before one's own."""

    review: Review
    item: Item
    source: str
    paragraphs: list[str]
    part: str
    why: str

    @property
    def blind(self) -> bool:
        return self.review.part == "random"

    @property
    def prefilled(self) -> dict[str, Any]:
        """The model's labels, where they may be seen; without topics that the guideline excludes, so that one can confirm."""
        if self.blind:
            return {}
        said = self.item.labels
        role = said.get("role", self.item.role)
        excluded = OFFICE_TOPICS if role == "unrelated" else ()
        return {
            "role": role, "sentiment": said.get("sentiment", self.item.sentiment),
            "topics": [t for t in said.get("topics") or self.item.topics if t not in excluded], "needs_answer": bool(said.get("needs_answer")),
            "sensitive": bool(said.get("sensitive")),
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class Answered:
    """What one's last decision changed."""

    changes: list[tuple[str, str, str]]


def task_of(ask: Ask, review: Review, item: Item) -> Task:
    words = FIELD_NAMES.get(review.why) or (display_name(review.why) if review.why else "")
    return Task(
        review,
        item,
        ask.desk.source_name(item.source_id),
        [p for p in (line.strip() for line in item.text.splitlines()) if p],
        PART_NAMES[review.part],
        words,
    )


def entered(form: Mapping[str, str]) -> dict[str, Any]:
    """The five labels as the form has them; what was not chosen is None."""
    return {
        "role": form.get("role"),
        "sentiment": form.get("sentiment"),
        "topics": [topic for topic in TOPICS if form.get(f"topic-{topic}") == "1"],
        "needs_answer": _YES_NO.get(form.get("needs_answer", "")),
        "sensitive": _YES_NO.get(form.get("sensitive", "")),
    }


def answered(session: Session, ask: Ask, office: str, review_id: str) -> Answered | None:
    """The decision that was just made, if it is this viewer's."""
    row = session.get(Review, review_id) if review_id else None
    if row is None or row.actor != ask.viewer.name or row.office_id != office or row.state != "done":
        return None
    return Answered(changes(row))


def changes(row: Review) -> list[tuple[str, str, str]]:
    """(label kind, the model's, the analyst's) of each label that was corrected, in words."""
    found = differences(row.given, row.labels)
    return [(FIELD_NAMES[f], _words(row.given[f]), _words(row.labels[f])) for f in found]


def _words(value: Any) -> str:
    if isinstance(value, bool):
        return "是" if value else "否"
    if isinstance(value, list):
        return "、".join(map(display_name, value)) or "无"
    return display_name(str(value))
