"""What the rules look at: issues, items and sources of the window, as plain values. Reads, never writes.

Of public posts nothing comes here but what the issue's row already says (charter 2).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from types import MappingProxyType

from sqlalchemy import select
from sqlalchemy.orm import Session

from models.taxonomy import TOPIC_NAMES
from pipeline.alerts.evaluate import Subject
from pipeline.alerts.grouping import group_of
from pipeline.alerts.source_health import Run, evidence_lines, troubles_of
from pipeline.desk.tables import IssueItem, IssueRedirect, IssueRow, SourceState
from pipeline.records import BACKFILL_AFTER, CHANNEL_NAMES, SHANGHAI, Item
from pipeline.settings import Source
from pipeline.settings.home import K_FLOOR

TOPIC_SHARE = 0.3  # of an issue's documents; a topic below it is a side remark
TITLE_WORDS = 28


def issue_subjects(session: Session, since: datetime, now: datetime, k: int) -> list[Subject]:
    """Issues that were updated in the window. One whose last text is long past (an archive) counts as backfill."""
    query = select(IssueRow).where(IssueRow.updated_at >= since, IssueRow.updated_at <= now).order_by(IssueRow.id)
    return [_issue(row, since, k) for row in session.scalars(query)]


def _issue(row: IssueRow, since: datetime, k: int) -> Subject:
    counted = {
        "media": row.media_items, "official": row.official_items, "submission": row.submissions, "public": row.voices,
    }  # fmt: skip
    return Subject(
        kind="issue",
        id=row.id,
        office_ids=tuple(row.office_ids),
        title=row.title,
        at=row.last_at,
        group=group_of("issue", row.id, row.office_ids),
        level=row.level,
        channels=frozenset(c for c, n in counted.items() if n),
        topics=tuple(t for t, share in row.topics.items() if float(share) >= TOPIC_SHARE),
        needs_answer=row.needs_answer,
        sensitive=row.sensitive,
        items=row.items,
        # Old when this window began: it was crawled late, nobody spoke of it lately.
        backfill=since - row.last_at > BACKFILL_AFTER,
        reasons=tuple(f"{r['name']}：{r['text']}" if r.get("name") else str(r["text"]) for r in row.reasons),
        facts={"lines": _issue_facts(row, k)},
    )


def _issue_facts(row: IssueRow, k: int) -> list[str]:
    facts = []
    whole = [
        f"{CHANNEL_NAMES[c]} {n} 件"
        for c, n in (("media", row.media_items), ("official", row.official_items), ("submission", row.submissions))
        if n
    ]
    if whole:
        facts.append("，".join(whole))
    if row.voices:
        facts.append(f"公众讨论：至少 {row.voices} 人说到（按 {k} 的倍数向下取整）")
    if row.outlets:
        facts.append("媒体：" + "、".join(row.outlets[:5]))
    if row.keywords:
        facts.append("关键词：" + "、".join(row.keywords[:8]))
    facts.extend(f"多人说到：“{phrase}”" for phrase in row.phrases[:3])
    return facts


def item_subjects(items: Iterable[Item], issues: Mapping[tuple[str, str], str]) -> list[Subject]:
    """Items that are about the office. `issues`: (item id, office id) → issue id."""
    return [
        _item(item, issues.get((item.id, item.office_id), "") or item.issue_id)
        for item in items
        if item.role in ("addressed", "subject")
    ]


def _item(item: Item, issue_id: str) -> Subject:
    # Near-copies share an incident, but each message that somebody sent us wants its own answer.
    story = "" if item.channel == "submission" else item.story_id
    reasons = [f"{CHANNEL_NAMES[item.channel]}，话题：{_topic_names(item.topics) or '未归类'}"]
    if item.needs_answer:
        reasons.append("需要答复")
    if item.sensitive:
        reasons.append("触及受保护的利益")
    facts = [f"来自：{item.outlet or item.site_group}"]
    if item.source_ref:
        facts.append(f"受理编号：{item.source_ref}")
    facts.append(f"时间：{(item.received_at or item.occurred_at).astimezone(SHANGHAI):%Y-%m-%d %H:%M}")
    return Subject(
        kind="item",
        id=item.id,
        office_ids=(item.office_id,),
        title=_title(item),
        at=item.indexed_at,
        group=group_of("item", item.id, (item.office_id,), issue_id, story),
        level=item.level,
        channels=frozenset({item.channel}),
        topics=item.topics,
        role=item.role,
        needs_answer=item.needs_answer,
        sensitive=item.sensitive,
        items=1,
        backfill=item.backfill,
        received_at=item.received_at,
        reasons=tuple(reasons),
        facts={"lines": facts},
    )


def _title(item: Item) -> str:
    """The headline; a message to us has at most a category (投诉), which its first words follow."""
    words = " ".join(item.text.split())
    begins = words[:TITLE_WORDS] + ("…" if len(words) > TITLE_WORDS else "")
    if item.channel != "submission":
        return item.title or begins
    return f"{item.title}：{begins}" if item.title and len(item.title) <= 8 else item.title or begins


def issues_of(session: Session, item_ids: Sequence[str]) -> dict[tuple[str, str], str]:
    """(item id, office id) → the issue that holds it, merges followed."""
    moved = redirects(session)
    found: dict[tuple[str, str], str] = {}
    for start in range(0, len(item_ids), 500):
        rows = session.scalars(select(IssueItem).where(IssueItem.item_id.in_(item_ids[start : start + 500])))
        found |= {(r.item_id, r.office_id): follow(r.issue_id, moved) for r in rows}
    return found


def redirects(session: Session) -> dict[str, str]:
    """Merged issue → the one that took it in."""
    return {r.old_id: r.new_id for r in session.scalars(select(IssueRedirect))}


def follow(issue_id: str, moved: Mapping[str, str]) -> str:
    """Where an issue id leads today; a ring of redirects (it should not be) ends where it began."""
    seen = {issue_id}
    while (issue_id := moved.get(issue_id, issue_id)) not in seen:
        seen.add(issue_id)
    return issue_id


def source_subjects(
    sources: Iterable[Source],
    states: Mapping[str, SourceState],
    every_office: Sequence[str],
    now: datetime,
    runs: Mapping[str, Sequence[Run]] = MappingProxyType({}),
    k: int = K_FLOOR,
) -> list[Subject]:
    """Enabled sources that have been tried at least once, with their state and what is wrong. `runs`: newest first."""
    subjects = []
    for source in sources:
        state = states.get(source.id)
        if not source.enabled or state is None or state.last_run_at is None:
            continue
        own = runs.get(source.id, ())
        troubles = troubles_of(source, state, own, now, k)
        kinds = {t.kind for t in troubles}
        offices = tuple(source.offices or every_office)
        status = state.last_status
        if status == "ok":  # a page that answers may still have changed
            status = next((kind for kind in ("layout", "emptied") if kind in kinds), status)
        reasons = [t.words for t in troubles]
        if status == "empty" and "emptied" not in kinds:
            reasons.insert(0, f"读不到内容：{state.message}")
        subjects.append(
            Subject(
                kind="source",
                id=source.id,
                office_ids=offices,
                title=f"信源异常：{source.name}",
                at=now,
                group=group_of("source", source.id, offices),
                status=status,
                late="late" in kinds,
                reasons=tuple(reasons),
                facts={"lines": evidence_lines(source, troubles, own, k)},
            )
        )
    return subjects


def _topic_names(topics: Iterable[str]) -> str:
    return "、".join(TOPIC_NAMES.get(t, t) for t in topics)
