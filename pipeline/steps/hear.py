"""Index and staging → issues and signals: what people are talking about, as far as it may be seen."""

from __future__ import annotations

import secrets
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from models.taxonomy import HARM_TOPICS
from pipeline.cluster import Clustering, Document, cluster, rarity
from pipeline.desk.database import Database
from pipeline.desk.tables import Heartbeat, Incident, IssueItem, IssueRedirect, IssueRow
from pipeline.index.engine import Index
from pipeline.issues import Before, IssueFacts, describe
from pipeline.levels import LEVEL_RULE
from pipeline.privacy.staging_keys import distinct_voices, rounded_down
from pipeline.records import Item
from pipeline.response.opening import SYSTEM, write_line
from pipeline.settings import Home
from pipeline.signals import Cells
from pipeline.staging import Post, Staging
from pipeline.steps.locks import only_one
from pipeline.steps.shelf import shelf_of

WINDOW = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class HearReport:
    documents: int
    issues: int
    merged: int
    signals: int
    uncompared: int = 0  # strands and issues that were compared with a part of the others only


def hear(home: Home, db: Database, index: Index, now: datetime) -> HearReport:
    """Cluster the last seven days and publish what may be seen. Running it again at the same time changes nothing."""
    with only_one(home.folder, "hear"):
        staging = Staging(home.staging)
        try:
            return _hear(home, db, index, staging, now)
        finally:
            staging.close()


def _hear(home: Home, db: Database, index: Index, staging: Staging, now: datetime) -> HearReport:
    cells = Cells()
    posts: dict[str, Post] = {}
    for post in staging.posts():
        cells.add(post)
        if post.thread or any(_relevant(r) for r in post.offices.values()):
            posts[post.id] = post
    signals = index.write_signals(cells.signals(home.settings.k))
    items = _items(home, index, now)
    with db.read() as session:
        placed = {row.item_id: row.issue_id for row in session.scalars(select(IssueItem))}
        rows = list(
            session.scalars(
                select(IssueRow).where(IssueRow.last_at >= now - WINDOW).order_by(IssueRow.first_at, IssueRow.id)
            )
        )
        redirects = {r.old_id: r.new_id for r in session.scalars(select(IssueRedirect))}
    whole = [_of_item(i, placed.get(i.id, "")) for i in items]
    public = [_of_post(p, redirects) for p in _with_topic(posts)]
    documents = sorted(whole + public, key=lambda d: (d.at, d.id))
    background = shelf_of(home).frequencies()
    found = cluster(documents, {row.id: row.profile for row in rows}, background, lambda: secrets.token_hex(8))
    told = len(whole) + rounded_down(len(public), home.settings.k)
    telling = rarity(_seen(whole, public, home.settings.k), told, background)
    moved = [
        (p, {"issue": found.places[p.id]})
        for p in posts.values()
        if p.id in found.places and p.place.get("issue") != found.places[p.id]
    ]
    staging.place(moved, ())
    uncompared = rounded_down(found.uncompared, home.settings.k)
    published = _publish(home, db, found, items, list(posts.values()), {row.id: row for row in rows}, telling, now)
    staging.place(
        (), [p.id for p in posts.values() if p.id in found.places and published.get(found.places[p.id], False)]
    )
    _note_on_documents(db, index, items)
    return HearReport(len(documents), len(published), len(found.redirects), signals, uncompared)


def _seen(whole: Sequence[Document], public: Sequence[Document], k: int) -> Counter[str]:
    """Documents that hold a word; of public posts in steps of k, since the order of keywords can be seen."""
    seen = Counter(word for d in whole for word in set(d.words))
    posts = Counter(word for d in public for word in set(d.words))
    seen.update({word: rounded_down(count, k) for word, count in posts.items()})
    return seen


def _relevant(reading: dict[str, object]) -> bool:
    topics = reading["topics"]
    told = set(topics) if isinstance(topics, list | tuple) else set()
    if reading["role"] in ("addressed", "subject") or "impersonation_scam" in told:
        return True
    return reading["role"] == "mentioned" and bool(told & HARM_TOPICS or reading["needs_answer"])


def _items(home: Home, index: Index, now: datetime) -> list[Item]:
    """Every reading of the window that concerns an office."""
    wanted = []
    for item in index.indexed_since(now - WINDOW, [o.id for o in home.offices]):
        reading = {"role": item.role, "topics": item.topics, "needs_answer": item.needs_answer}
        if not item.backfill and item.occurred_at >= now - WINDOW and _relevant(reading):
            wanted.append(item)
    return wanted


def _with_topic(posts: dict[str, Post]) -> list[Post]:
    """Relevant posts, and replies of a thread in which a relevant post stands."""
    threads = {p.thread for p in posts.values() if p.thread and any(_relevant(r) for r in p.offices.values())}
    return [
        p
        for p in posts.values()
        if not p.backfill and (any(_relevant(r) for r in p.offices.values()) or p.thread in threads)
    ]


def _of_item(item: Item, issue_id: str) -> Document:
    words, titles = item.words, frozenset(w for w in item.words if w in item.title)
    if item.channel == "submission":  # its title is the category that the office's own line gave it (投诉, 咨询)
        words, titles = tuple(w for w in words if w not in titles), frozenset()
    return Document(
        item.doc_id, words, titles, frozenset(item.topics), item.occurred_at, (item.story_id, item.id), issue_id
    )


def _of_post(post: Post, redirects: dict[str, str]) -> Document:
    put = post.place.get("issue", "")
    topics = frozenset(t for r in post.offices.values() for t in r["topics"])
    titles = frozenset(w for w in post.words if w in post.title)
    kin = (f"thread:{post.thread}",) if post.thread else ()
    return Document(post.id, post.words, titles, topics, post.occurred_at, kin, redirects.get(put, put))


def _publish(
    home: Home, db: Database, found: Clustering, items: Sequence[Item], posts: Sequence[Post], rows: dict[str, IssueRow],
    telling: Mapping[str, float], now: datetime,
) -> dict[str, bool]:  # fmt: skip
    """Write what may be seen of each issue; returns issue id → whether its public posts were heard."""
    held: dict[str, list[Item]] = defaultdict(list)
    spoken: dict[str, list[Post]] = defaultdict(list)
    for item in items:
        held[found.places[item.doc_id]].append(item)
    for post in posts:
        if post.id in found.places:
            spoken[found.places[post.id]].append(post)
    heard: dict[str, bool] = {}
    with db.write() as session:
        for old, new in found.redirects.items():
            if old in rows or session.get(IssueRow, old) is not None:
                _merge(session, old, new, now)
        for issue_id in sorted({*held, *spoken}):
            row = session.get(IssueRow, issue_id)
            facts = describe(held[issue_id], spoken[issue_id], _before(row), home.settings.k, now, telling)
            if facts is None:
                continue
            heard[issue_id] = distinct_voices([p.voice for p in spoken[issue_id]]) >= home.settings.k
            _write(session, issue_id, row, facts, now)
            for item in held[issue_id]:
                _hold(session, item, issue_id, now)
        session.merge(Heartbeat(name="hear", beat_at=now, state={"issues": len(heard), "uncompared": found.uncompared}))
    return heard


def _hold(session: Session, item: Item, issue_id: str, now: datetime) -> None:
    held = session.get(IssueItem, (item.id, item.office_id))
    if held is None:
        session.add(IssueItem(item_id=item.id, office_id=item.office_id, issue_id=issue_id, added_at=now))
    else:
        held.issue_id = issue_id


def _before(row: IssueRow | None) -> Before:
    if row is None:
        return Before()
    return Before(
        voices=row.voices, phrases=tuple(row.phrases), trend=tuple((str(d), int(n), int(v)) for d, n, v in row.trend),
        site_groups=row.site_groups, topics=row.topics, first_at=row.first_at, answered_at=row.answered_at,
        needs_answer=row.needs_answer, sensitive=row.sensitive, office_ids=tuple(row.office_ids), profile=row.profile,
    )  # fmt: skip


def _write(session: Session, issue_id: str, row: IssueRow | None, facts: IssueFacts, now: datetime) -> None:
    values = asdict(facts)
    if row is None:
        session.add(IssueRow(id=issue_id, level_rule=LEVEL_RULE, updated_at=now, version=1, answered_at=None, **values))
        return
    row.heat = facts.heat  # cools by itself: no change that anybody has to be told of
    if any(getattr(row, name) != value for name, value in values.items()):
        for name, value in values.items():
            setattr(row, name, value)
        row.updated_at, row.version, row.level_rule = now, row.version + 1, LEVEL_RULE


def _merge(session: Session, old: str, new: str, now: datetime) -> None:
    """The older issue goes on with what was published of both; links to the other lead to it."""
    session.execute(update(IssueRedirect).where(IssueRedirect.new_id == old).values(new_id=new))
    session.merge(IssueRedirect(old_id=old, new_id=new, merged_at=now))
    session.execute(update(IssueItem).where(IssueItem.issue_id == old).values(issue_id=new))
    live = _live_incidents(session, new), _live_incidents(session, old)
    session.execute(
        update(Incident).where(Incident.subject_kind == "issue", Incident.subject_id == old).values(subject_id=new)
    )
    for ours, theirs in (live, reversed(live)):
        for incident in ours if theirs else ():
            others = "、".join(f"{i.short_id} {i.title}" for i in theirs)
            words = f"本事件的议题与另一事件的议题已并为一个，两起事件各自继续：{others}"
            write_line(session, incident, now, SYSTEM, "merged", words)
            incident.version += 1
    gone, stays = session.get(IssueRow, old), session.get(IssueRow, new)
    if gone is None:
        return
    if stays is None:  # the older one was not yet to be seen
        gone.id = new
    else:
        for name, value in asdict(_before(stays).joined(_before(gone))).items():
            setattr(stays, name, list(value) if isinstance(value, tuple) else value)
        session.delete(gone)
    session.flush()


def _live_incidents(session: Session, issue_id: str) -> list[Incident]:
    query = select(Incident).where(
        Incident.subject_kind == "issue", Incident.subject_id == issue_id, Incident.state != "closed"
    )
    return list(session.scalars(query.order_by(Incident.opened_at, Incident.id)))


def _note_on_documents(db: Database, index: Index, items: Iterable[Item]) -> None:
    """Put issue id and level on the documents whose note differs; what a kill left behind is mended by the next run."""
    with db.read() as session:
        place = {(r.item_id, r.office_id): r.issue_id for r in session.scalars(select(IssueItem))}
    wanted: dict[str, list[str]] = defaultdict(list)
    levels: dict[str, int] = {}
    for item in items:
        issue_id = place.get((item.id, item.office_id), "")
        if issue_id and item.issue_id != issue_id:
            wanted[f"{issue_id}|{item.level}"].append(item.doc_id)
            levels[f"{issue_id}|{item.level}"] = item.level
    for key, doc_ids in wanted.items():
        index.set_issue(doc_ids, key.partition("|")[0], levels[key])
