"""The review queue in the desk's database: filled, decided, skipped, taken back; each change with its audit line.

Only whole items (`official`, `media`, `submission`) come here: they are what the index holds. Texts stay there.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from models.taxonomy import OFFICE_TOPICS, ROLES, SENTIMENTS, TOPICS
from pipeline.desk.audit import record
from pipeline.desk.tables import Review
from pipeline.errors import Conflict, Refused
from pipeline.index.engine import Index, Search
from pipeline.records import WHOLE, Item
from pipeline.review.choosing import BATCH, Candidate, candidate_of, choose
from pipeline.review.quality import differences

PERIOD = timedelta(days=28)  # what came in since then is asked about
MOST = 20_000  # documents looked through for one batch: where more came in, a shorter period is taken whole
SHORTEST = timedelta(hours=6)
RETURNS_AFTER = timedelta(days=3)  # what somebody left unread may be asked of others
PART_NAMES = {"uncertain": "最拿不准", "rare": "少见话题", "random": "随机抽样"}
FIELD_NAMES = {
    "role": "与本院关系", "sentiment": "行文倾向", "topics": "话题", "needs_answer": "需要答复", "sensitive": "涉及受保护利益",
}  # fmt: skip


def candidates(index: Index, office_id: str, now: datetime) -> list[Candidate]:
    """What came in lately, as the office reads it. Takes seconds where that is much: not for inside a transaction."""
    period = PERIOD
    while period > SHORTEST and index.count(Search((office_id,), since=now - period)) > MOST:
        period /= 2
    return [candidate_of(item) for item in index.indexed_since(now - period, [office_id]) if item.channel in WHOLE]


def fill(
    session: Session,
    found: Sequence[Candidate],
    office_id: str,
    actor: str,
    now: datetime,
    seed: str,
    size: int = BATCH,
) -> list[Review]:
    """Choose the analyst's next batch among `found`; none where nothing is left to ask."""
    known = session.scalars(select(Review).where(Review.office_id == office_id, Review.chosen_at >= now - 2 * PERIOD))
    drawn: set[tuple[str, int]] = set()
    asked: set[tuple[str, int]] = set()
    for row in known:
        if row.part == "random":
            drawn.add((row.item_id, row.revision))
        if row.state in ("done", "skipped") or (row.state == "waiting" and now - row.chosen_at < RETURNS_AFTER):
            asked.add((row.item_id, row.revision))
    marked = (replace(c, drawn=(c.id, c.revision) in drawn, asked=(c.id, c.revision) in asked) for c in found)
    rows = [
        Review(
            id=secrets.token_hex(16), office_id=office_id, item_id=task.item.id, revision=task.item.revision,
            story_id=task.item.story_id, channel=task.item.channel, part=task.part, why=task.why, actor=actor,
            position=position, chosen_at=now, state="waiting", model="", given={}, labels={},
        )
        for position, task in enumerate(choose(marked, seed, size))
    ]  # fmt: skip
    session.add_all(rows)
    record(session, now, actor, [office_id], "fill_review", "page:review", rows=len(rows))
    return rows


def waiting(session: Session, office_id: str, actor: str) -> list[Review]:
    """What this analyst was asked and has not answered, in order."""
    found = select(Review).where(Review.office_id == office_id, Review.actor == actor, Review.state == "waiting")
    return list(session.scalars(found.order_by(Review.chosen_at, Review.position)))


def batch_size(session: Session, review: Review) -> int:
    """How many were chosen together with this one."""
    together = (
        Review.office_id == review.office_id,
        Review.actor == review.actor,
        Review.chosen_at == review.chosen_at,
    )
    return session.scalar(select(func.count()).select_from(Review).where(*together)) or 0


def decide(session: Session, review: Review, item: Item, labels: Mapping[str, Any], now: datetime) -> list[str]:
    """Store what the analyst decided; returns which labels were corrected.

    Raises Refused for labels that the guideline excludes, Conflict where it is not waiting or the text changed meanwhile.
    """
    if review.state != "waiting" or review.revision != item.revision:
        raise Conflict("这一条刚被处理过，或者原文改动了")
    decided = checked(labels)
    given = {
        "role": item.labels.get("role", item.role), "sentiment": item.labels.get("sentiment", item.sentiment),
        "topics": sorted(item.labels.get("topics") or item.topics), "needs_answer": bool(item.labels.get("needs_answer")),
        "sensitive": bool(item.labels.get("sensitive")),
    }  # fmt: skip
    review.state, review.decided_at, review.model, review.given, review.labels = "done", now, item.model, given, decided
    changed = differences(given, decided)
    named = "、".join(FIELD_NAMES[field] for field in changed)
    _note(session, review, now, "correct_labels" if changed else "confirm_labels", changed=named)
    return changed


def skip(session: Session, review: Review, now: datetime) -> None:
    """Raises Conflict where it is not waiting."""
    if review.state != "waiting":
        raise Conflict("这一条刚被处理过")
    review.state, review.decided_at = "skipped", now
    _note(session, review, now, "skip_review")


def set_gone(session: Session, review: Review, now: datetime) -> None:
    """Its item is no longer there, or was revised since it was chosen."""
    review.state, review.decided_at = "gone", now


def undo(session: Session, office_id: str, actor: str, now: datetime) -> Review:
    """Take back the analyst's last decision or skip; it is asked again. Raises Refused where there is none."""
    last = session.scalar(
        select(Review)
        .where(Review.office_id == office_id, Review.actor == actor, Review.state.in_(("done", "skipped")))
        .order_by(Review.decided_at.desc(), Review.position.desc())
        .limit(1)
    )
    if last is None:
        raise Refused("没有可以撤销的")
    last.state, last.decided_at, last.model, last.given, last.labels = "waiting", None, "", {}, {}
    _note(session, last, now, "undo_review")
    return last


def forget(session: Session, item_ids: Sequence[str]) -> int:
    """Corrections go with their items (charter 8)."""
    gone = 0
    for start in range(0, len(item_ids), 500):
        found = delete(Review).where(Review.item_id.in_(item_ids[start : start + 500]))
        gone += int(session.execute(found).rowcount)  # type: ignore[attr-defined]
    return gone


def decisions(session: Session, office_ids: Iterable[str], item_id: str = "") -> list[Review]:
    """The newest decision about each form of an item (of one item where it is named), oldest first."""
    found = select(Review).where(Review.office_id.in_(list(office_ids)), Review.state == "done")
    if item_id:
        found = found.where(Review.item_id == item_id)
    rows = session.scalars(found.order_by(Review.decided_at, Review.id))
    return list({(r.office_id, r.item_id, r.revision): r for r in rows}.values())


def checked(labels: Mapping[str, Any]) -> dict[str, Any]:
    """All five labels, of the closed lists and fit for each other. Raises Refused."""
    role, sentiment, topics = labels.get("role"), labels.get("sentiment"), labels.get("topics")
    if (
        role not in ROLES
        or sentiment not in SENTIMENTS
        or not isinstance(topics, list)
        or not set(topics) <= set(TOPICS)
    ):
        raise Refused("五个标签都要选：与本院关系、行文倾向、话题、需要答复、受保护利益")
    if not isinstance(labels.get("needs_answer"), bool) or not isinstance(labels.get("sensitive"), bool):
        raise Refused("“需要答复”和“受保护利益”要选是或否")
    if role == "unrelated" and OFFICE_TOPICS.intersection(topics):
        raise Refused("与检察院无关的文本不能有检察院自己的话题（标注规范）")
    return {
        "role": role, "sentiment": sentiment, "topics": [t for t in TOPICS if t in topics],
        "needs_answer": labels["needs_answer"], "sensitive": labels["sensitive"],
    }  # fmt: skip


def _note(session: Session, review: Review, now: datetime, action: str, **detail: str) -> None:
    record(
        session,
        now,
        review.actor,
        [review.office_id],
        action,
        f"item:{review.item_id}",
        part=PART_NAMES[review.part],
        **detail,
    )
