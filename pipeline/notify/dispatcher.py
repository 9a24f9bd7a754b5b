"""Drains what is due. No transaction is open while something is being sent."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from pipeline.desk.database import Database
from pipeline.desk.tables import Heartbeat, Notification
from pipeline.notify.outbox import claim, mark, wait
from pipeline.notify.outcomes import Ambiguous, Outcome, Permanent, RetryAfter, Sender, Sent
from pipeline.records import CANARY

_PREFIX = "channel:"


@dataclass(slots=True)
class DispatchReport:
    """What one round did. `late_marks`: sends whose lease had run out before they ended."""

    sent: int = 0
    retried: int = 0
    failed: int = 0
    ambiguous: int = 0
    late_marks: int = 0


def dispatch(
    db: Database,
    channels: Mapping[str, Sender],
    now: datetime,
    *,
    limit: int = 10_000,
    go_on: Callable[[], bool] = lambda: True,
) -> DispatchReport:
    """Send what is due at `now`, oldest first, until nothing is, `limit` is reached or `go_on()` says no.

    One message is claimed at a time, so that a crash makes one send ambiguous and not a batch. A channel that is down
    is left alone until its own back-off is over; other channels go on. A message for a channel that is not configured
    stays pending, and is sent once the channel is there.
    """
    report = DispatchReport()
    with db.read() as s:
        resting = _resting(s, now) | _without_sender(s, channels)
    for _ in range(limit):
        if not go_on():
            break
        claimed = claim(db, now, 1, without=resting)
        if not claimed:
            break
        message = claimed[0]
        sender = channels.get(message.channel)  # None only where it was queued since we looked
        outcome: Outcome = sender.send(message) if sender else RetryAfter("没有配置这个渠道", channel_down=True)
        if not mark(db, message, outcome, now):
            report.late_marks += 1
        if message.kind != CANARY:  # in no count
            _count(report, outcome)
        down = isinstance(outcome, RetryAfter) and outcome.channel_down
        _remember(db, message.channel, outcome.reason if isinstance(outcome, RetryAfter) and down else "", now)
        if down:
            resting = resting | {message.channel}
    return report


def _count(report: DispatchReport, outcome: Outcome) -> None:
    match outcome:
        case Sent():
            report.sent += 1
        case RetryAfter():
            report.retried += 1
        case Permanent():
            report.failed += 1
        case Ambiguous():
            report.ambiguous += 1


def _resting(s: Session, now: datetime) -> frozenset[str]:
    """Channels whose back-off is not over."""
    rows = s.scalars(select(Heartbeat).where(Heartbeat.name.startswith(_PREFIX)))
    return frozenset(r.name.removeprefix(_PREFIX) for r in rows if _until(r.state) > now >= r.beat_at)


def _without_sender(s: Session, channels: Mapping[str, Sender]) -> frozenset[str]:
    queued = s.scalars(select(Notification.channel).where(Notification.state.in_(["pending", "claimed"])).distinct())
    return frozenset(queued) - frozenset(channels)


def _until(state: dict[str, object]) -> datetime:
    return datetime.fromisoformat(str(state["until"]))


def _remember(db: Database, channel: str, reason: str, now: datetime) -> None:
    """Note a channel's failure in a row, or clear it after a success."""
    name = _PREFIX + channel
    with db.read() as s:
        known = s.get(Heartbeat, name)
        failures = int(known.state.get("failures", 0)) if known else 0
    if not reason and not failures:
        return
    failures = failures + 1 if reason else 0
    until = now + (wait(failures) if reason else timedelta(0))
    with db.write() as s:
        s.merge(
            Heartbeat(
                name=name, beat_at=now, state={"failures": failures, "until": until.isoformat(), "reason": reason}
            )
        )
