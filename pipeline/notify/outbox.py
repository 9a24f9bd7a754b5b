"""The lease outbox (DESIGN §6): insert with the decision, claim, send outside, mark by claim token.

Never lost once committed. A second send happens only where the first one's result is unknown, and is then counted in
`ambiguous`; the short id in its subject is the same.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta

from sqlalchemy import or_, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from pipeline.desk import counters
from pipeline.desk.database import Database
from pipeline.desk.tables import Notification
from pipeline.notify.identity import claimer_is_gone, new_claim, short_id
from pipeline.notify.outcomes import Ambiguous, Message, Outcome, Permanent, RetryAfter, Sent
from pipeline.records import CANARY

LEASE = timedelta(minutes=5)
_FIRST_WAIT, _LONGEST_WAIT = timedelta(seconds=30), timedelta(minutes=30)
GIVE_UP_AFTER = timedelta(days=7)


def enqueue(
    session: Session,
    *,
    id: str,
    kind: str,
    office_ids: Sequence[str],
    channel: str,
    recipient: str,
    subject: str,
    text: str,
    now: datetime,
    html: str = "",
    incident_id: str = "",
    due_at: datetime | None = None,
) -> bool:
    """Put one notification into the caller's transaction; False where this id is there already (nothing changes)."""
    row = {
        "id": id,
        "short_id": short_id(id),
        "office_ids": list(office_ids),
        "kind": kind,
        "incident_id": incident_id,
        "channel": channel,
        "recipient": recipient,
        "subject": " ".join(subject.split()),
        "text": text,
        "html": html,
        "created_at": now,
        "due_at": due_at or now,
        "state": "pending",
        "claim": "",
        "attempts": 0,
        "ambiguous": 0,
        "last_error": "",
    }
    session.flush()
    insert = postgresql.insert if session.get_bind().dialect.name == "postgresql" else sqlite.insert
    statement = (
        insert(Notification).values(row).on_conflict_do_nothing(index_elements=["id"]).returning(Notification.id)
    )
    return session.execute(statement).scalar_one_or_none() is not None


def claim(
    db: Database, now: datetime, limit: int = 1, *, lease: timedelta = LEASE, without: Collection[str] = ()
) -> list[Message]:
    """Take up to `limit` due notifications for `lease`, oldest first, leaving out the channels `without`."""
    token = new_claim()
    with db.write() as s:
        _free_abandoned(s, now)
        query = select(Notification).where(Notification.state == "pending", Notification.due_at <= now)
        if without:
            query = query.where(Notification.channel.not_in(list(without)))
        query = query.order_by(Notification.due_at, Notification.created_at, Notification.id).limit(limit)
        rows = s.scalars(query.with_for_update(skip_locked=True)).all()
        for row in rows:
            row.state, row.claim, row.lease_until, row.attempts = "claimed", token, now + lease, row.attempts + 1
        return [_message(row) for row in rows]


def _free_abandoned(s: Session, now: datetime) -> None:
    """A claim whose lease ran out, or whose process is dead: sent or not, nobody knows. It goes out again, counted."""
    for row in s.scalars(select(Notification).where(Notification.state == "claimed").with_for_update(skip_locked=True)):
        if row.lease_until is None or row.lease_until <= now or claimer_is_gone(row.claim):
            row.state, row.claim, row.lease_until, row.due_at = "pending", "", None, min(row.due_at, now)
            row.ambiguous += 1
            row.last_error = "上次发送中断，结果未知"
            counters.add(s, "dispatch.ambiguous", 1, now)


def mark(db: Database, message: Message, outcome: Outcome, now: datetime) -> bool:
    """Record what became of a claimed message. False where the claim is no longer ours (its lease ran out): no change."""
    with db.write() as s:
        row = s.scalar(
            select(Notification).where(
                Notification.id == message.id, Notification.state == "claimed", Notification.claim == message.claim
            )
        )
        if row is None:
            return False
        row.claim, row.lease_until = "", None
        match outcome:
            case Sent():
                row.state, row.sent_at, row.last_error = "sent", now, ""
                if row.kind != CANARY:  # in no count
                    counters.add(s, "dispatch.sent", 1, now)
            case Permanent(reason):
                row.state, row.last_error = "failed", reason
                counters.add(s, "dispatch.failed", 1, now)
            case RetryAfter(reason, after):
                _again(row, now, after, reason)
                counters.add(s, "dispatch.retried", 1, now)
            case Ambiguous(reason):
                row.ambiguous += 1
                _again(row, now, None, reason)
                counters.add(s, "dispatch.ambiguous", 1, now)
        return True


def retry_failed(session: Session, ids: Sequence[str], now: datetime) -> int:
    """Give failed notifications another chance (a corrected mail address); returns how many."""
    changed = session.execute(
        update(Notification)
        .where(Notification.id.in_(list(ids)), Notification.state == "failed")
        .values(state="pending", due_at=now, attempts=0)
        .returning(Notification.id)
    )
    return len(changed.all())


def states(session: Session) -> dict[str, int]:
    """How many notifications are in each state, and how many sends were ambiguous."""
    counts = {"pending": 0, "claimed": 0, "sent": 0, "failed": 0, "ambiguous": 0}
    for state, ambiguous in session.execute(select(Notification.state, Notification.ambiguous)):
        counts[state] += 1
        counts["ambiguous"] += ambiguous
    return counts


def unfinished(session: Session) -> bool:
    """Whether something waits or is under way."""
    query = (
        select(Notification.id).where(or_(Notification.state == "pending", Notification.state == "claimed")).limit(1)
    )
    return session.scalar(query) is not None


def wait(attempts: int) -> timedelta:
    """Back-off before the next attempt: 30 s, doubling, at most half an hour."""
    return min(_FIRST_WAIT * (1 << min(max(attempts - 1, 0), 16)), _LONGEST_WAIT)


def _again(row: Notification, now: datetime, after: timedelta | None, reason: str) -> None:
    if now - row.created_at > GIVE_UP_AFTER:
        row.state, row.last_error = "failed", f"{reason}（重试 {GIVE_UP_AFTER.days} 天后放弃）"
        return
    row.state, row.due_at, row.last_error = "pending", now + max(after or timedelta(0), wait(row.attempts)), reason


def _message(row: Notification) -> Message:
    return Message(
        row.id, row.short_id, row.kind, row.channel, row.recipient, row.subject, row.text, row.html, row.created_at,
        row.attempts, row.claim,
    )  # fmt: skip
