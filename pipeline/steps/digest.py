"""Digest: this week's page for leaders, once per office and ISO week."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.orm import Session

from pipeline.desk import audit
from pipeline.desk.database import Database
from pipeline.desk.tables import DigestRow, Heartbeat
from pipeline.digest.facts import Scope, gather
from pipeline.digest.mail import html_mail, text_mail
from pipeline.digest.sentences import title
from pipeline.index.engine import Index
from pipeline.notify.identity import notification_id
from pipeline.notify.outbox import enqueue
from pipeline.response.announce import Post
from pipeline.response.opening import SYSTEM
from pipeline.settings import Home
from pipeline.steps.roster import load_post


def digest(home: Home, db: Database, index: Index, now: datetime) -> list[str]:
    """Write and queue the digest of the seven days up to `now`, for each office that has none for this ISO week.

    Returns the ids of new digests. Row, notifications and audit line commit together. Raises ConfigurationError.
    """
    post = load_post(home)
    written: list[str] = []
    for office in home.offices:
        scope = Scope(office, now, home.sources, home.settings.k)
        digest_id = f"{office.id}:{scope.week}"
        with db.read() as session:  # asking the index may take long: nobody must wait for our lock meanwhile
            if session.get(DigestRow, digest_id) is not None:
                continue
            facts = gather(session, index, scope)
        with db.write() as session:
            if session.get(DigestRow, digest_id) is not None:
                continue
            row = DigestRow(
                id=digest_id,
                office_ids=[office.id],
                starts_at=scope.since,
                ends_at=now,
                title=title(facts),
                facts=facts,
                html=html_mail(facts, home.desk_url),
                text=text_mail(facts, home.desk_url),
                created_at=now,
            )
            session.add(row)
            for channel in post.channels:
                for recipient in _recipients(home, post, office.id, now):
                    _queue(session, row, channel, recipient, now)
            audit.record(session, now, SYSTEM, [office.id], "digest", f"digest:{digest_id}")
            session.merge(Heartbeat(name="digest", beat_at=now, state={"last": digest_id}))
        written.append(digest_id)
    return written


def _recipients(home: Home, post: Post, office_id: str, now: datetime) -> list[str]:
    return list(dict.fromkeys(home.settings.digest.recipients)) or [post.oncall.who(now, [office_id]).leader.mail]


def _queue(session: Session, row: DigestRow, channel: str, recipient: str, now: datetime) -> None:
    enqueue(
        session,
        id=notification_id("digest", row.id, channel, recipient),
        kind="digest",
        office_ids=row.office_ids,
        channel=channel,
        recipient=recipient,
        subject=row.title,
        text=row.text,
        html=row.html,
        now=now,
    )
