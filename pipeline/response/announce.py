"""Puts a message about an incident into the outbox, for the right people on the configured channels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from pipeline.notify.identity import notification_id
from pipeline.notify.outbox import enqueue
from pipeline.response.oncall import OnCall, Person


@dataclass(frozen=True, slots=True)
class Post:
    """How this installation reaches people: the roster, channel ids, and the desk's address for links."""

    oncall: OnCall
    channels: tuple[str, ...]
    desk_url: str

    def url(self, incident_id: str) -> str:
        return f"{self.desk_url}/incidents/{incident_id}"


def tell(
    session: Session,
    post: Post,
    people: Sequence[Person],
    key: tuple[str, ...],
    kind: str,
    subject: str,
    text: str,
    office_ids: Sequence[str],
    now: datetime,
    incident_id: str = "",
    html: str = "",
) -> int:
    """One notification per channel and person; `key` names the decision. Returns how many were new."""
    new = 0
    for channel in post.channels:
        for person in people:
            new += enqueue(
                session,
                id=notification_id(kind, *key, channel, person.id),
                kind=kind,
                office_ids=office_ids,
                channel=channel,
                recipient=person.mail,
                subject=subject,
                text=text,
                html=html,
                now=now,
                incident_id=incident_id,
            )
    return new
