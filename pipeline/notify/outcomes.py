"""What a send can end in. There is no fifth outcome, and no sender raises for a failed send."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Sent:
    """The other side has taken it over."""


@dataclass(frozen=True, slots=True)
class RetryAfter:
    """Surely not delivered; try again. `after`: not before; `channel_down`: the channel itself fails, not this message."""

    reason: str
    after: timedelta | None = None
    channel_down: bool = False


@dataclass(frozen=True, slots=True)
class Permanent:
    """This message will never be taken (no such mailbox): stop, and say so."""

    reason: str


@dataclass(frozen=True, slots=True)
class Ambiguous:
    """Nobody knows whether it was delivered. It is sent again, with the same short id."""

    reason: str


Outcome = Sent | RetryAfter | Permanent | Ambiguous


@dataclass(frozen=True, slots=True)
class Message:
    """One claimed notification, detached from the database. `claim` marks whose it is."""

    id: str
    short_id: str
    kind: str
    channel: str
    recipient: str
    subject: str
    text: str
    html: str
    created_at: datetime
    attempts: int
    claim: str

    @property
    def headline(self) -> str:
        """The subject line as people see it."""
        return f"[听见 {self.short_id}] " + " ".join(self.subject.split())


class Sender(Protocol):
    """One channel."""

    def send(self, message: Message) -> Outcome: ...
