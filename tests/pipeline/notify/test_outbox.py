from __future__ import annotations

from datetime import timedelta

from desk_rows import NOW
from sqlalchemy import select

from pipeline.desk.database import Database
from pipeline.desk.tables import Counter, Notification
from pipeline.notify.dispatcher import dispatch
from pipeline.notify.identity import claimer_is_gone, new_claim, notification_id, short_id
from pipeline.notify.outbox import LEASE, claim, enqueue, mark, retry_failed, states, wait
from pipeline.notify.outcomes import Ambiguous, Message, Outcome, Permanent, RetryAfter, Sent

DEAD = new_claim().replace(new_claim().split("-")[1], "3fffff", 1)


def put(desk: Database, number: int = 1, channel: str = "mail") -> list[bool]:
    with desk.write() as s:
        return [
            enqueue(
                s, id=notification_id("t", str(n)), kind="summary", office_ids=["o"], channel=channel, recipient="a@b.org",
                subject="一\n二", text="三", now=NOW,
            )
            for n in range(number)
        ]  # fmt: skip


class Scripted:
    """A channel whose outcomes are given beforehand."""

    def __init__(self, *outcomes: Outcome) -> None:
        self.outcomes, self.seen = list(outcomes), list[Message]()

    def send(self, message: Message) -> Outcome:
        self.seen.append(message)
        return self.outcomes.pop(0) if self.outcomes else Sent()


def test_deciding_twice_inserts_once(desk: Database) -> None:
    assert put(desk) == [True] and put(desk) == [False]
    with desk.read() as s:
        row = s.scalars(select(Notification)).one()
        assert row.subject == "一 二" and row.short_id == short_id(row.id) and len(row.short_id) == 6


def test_only_the_claimer_can_mark(desk: Database) -> None:
    put(desk)
    message = claim(desk, NOW)[0]
    assert claim(desk, NOW) == []
    later = NOW + LEASE
    again = claim(desk, later)[0]  # the lease ran out
    assert not mark(desk, message, Sent(), later) and mark(desk, again, Sent(), later)
    with desk.read() as s:
        row = s.scalars(select(Notification)).one()
        assert (row.state, row.ambiguous, row.attempts) == ("sent", 1, 2)
    assert message.short_id == again.short_id


def test_the_claim_of_a_dead_process_needs_no_waiting(desk: Database) -> None:
    assert not claimer_is_gone(new_claim()) and claimer_is_gone(DEAD) and not claimer_is_gone("otherhost-1-2-3")
    put(desk)
    claim(desk, NOW)
    with desk.write() as s:
        s.scalars(select(Notification)).one().claim = DEAD
    assert len(claim(desk, NOW)) == 1
    with desk.read() as s:
        assert states(s)["ambiguous"] == 1


def test_the_four_outcomes(desk: Database) -> None:
    put(desk, 4)
    channel = Scripted(Sent(), RetryAfter("later", timedelta(minutes=5)), Permanent("no"), Ambiguous("cut"))
    report = dispatch(desk, {"mail": channel}, NOW)
    assert (report.sent, report.retried, report.failed, report.ambiguous) == (1, 1, 1, 1)
    with desk.read() as s:
        assert states(s) == {"pending": 2, "claimed": 0, "sent": 1, "failed": 1, "ambiguous": 1}
        assert {c.name: c.value for c in s.scalars(select(Counter))}["dispatch.sent"] == 1
    assert dispatch(desk, {"mail": Scripted()}, NOW + timedelta(minutes=4)).sent == 1
    assert dispatch(desk, {"mail": Scripted()}, NOW + timedelta(minutes=5)).sent == 1
    with desk.write() as s:
        failed = list(s.scalars(select(Notification.id).where(Notification.state == "failed")))
        assert retry_failed(s, failed, NOW) == 1
    assert dispatch(desk, {"mail": Scripted()}, NOW + timedelta(minutes=5)).sent == 1


def test_a_channel_that_is_down_rests_and_the_other_goes_on(desk: Database) -> None:
    put(desk, 3)
    with desk.write() as s:
        enqueue(
            s,
            id="x",
            kind="summary",
            office_ids=[],
            channel="folder",
            recipient="a@b.org",
            subject="s",
            text="t",
            now=NOW,
        )
    down, well = Scripted(*[RetryAfter("down", channel_down=True)] * 9), Scripted()
    report = dispatch(desk, {"mail": down, "folder": well}, NOW)
    assert (len(down.seen), len(well.seen), report.sent) == (1, 1, 1)
    assert dispatch(desk, {"mail": down, "folder": well}, NOW + timedelta(seconds=29)).retried == 0
    assert dispatch(desk, {"mail": down, "folder": well}, NOW + timedelta(seconds=30)).retried == 1
    assert dispatch(desk, {"mail": down, "folder": well}, NOW + timedelta(seconds=89)).retried == 0
    assert dispatch(desk, {"mail": Scripted(), "folder": well}, NOW + timedelta(minutes=2)).sent == 3


def test_a_channel_that_is_not_configured_keeps_its_mail(desk: Database) -> None:
    put(desk, 2)
    assert dispatch(desk, {}, NOW).sent == 0
    assert dispatch(desk, {"mail": Scripted()}, NOW).sent == 2


def test_waiting_doubles_up_to_half_an_hour() -> None:
    waits = [wait(n) for n in range(1, 12)]
    assert waits[0] == timedelta(seconds=30) and waits == sorted(waits) and waits[-1] == timedelta(minutes=30)
