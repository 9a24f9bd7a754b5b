"""The canary: our own test item, which goes the whole way of a message every 15 minutes and is timed at every stage.

It is a message to an office that does not exist (`CANARY`), so no viewer, query, issue, digest or dashboard sees it; a rule of
its own sends it to a channel that leads nowhere. What it passes through is the real thing: crawler, spool, scoring,
index, rule evaluation, outbox, dispatcher.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from pipeline.alerts.evaluate import evaluate
from pipeline.alerts.rules import Rule
from pipeline.alerts.subjects import item_subjects
from pipeline.desk.tables import CanaryRun, Notification
from pipeline.notify.identity import notification_id
from pipeline.notify.outbox import enqueue
from pipeline.records import CANARY, SHANGHAI, Item
from pipeline.settings import Office

EVERY = timedelta(minutes=15)
LATE_AFTER = timedelta(minutes=20)  # from its start to the end of its way
MISSING_AFTER = 2 * EVERY + timedelta(minutes=5)  # since the start of the last one that arrived
Stage = Literal["spooled", "taken", "scored", "indexed", "decided", "sent"]
STAGES: dict[Stage, str] = {
    "spooled": "抓取",
    "taken": "排队",
    "scored": "识别",
    "indexed": "入库",
    "decided": "规则",
    "sent": "发送",
}
_STOPPED: dict[Stage, str] = {
    "spooled": "采集没有做完（抓取或暂存队列）",
    "taken": "没有入库（入库任务停了或被占用）",
    "scored": "没有识别（分类模型）",
    "indexed": "没有写进索引",
    "decided": "规则没有看到它（值守进程停了，或索引读不到）",
    "sent": "没有发出（值守进程或待发箱）",
}
OFFICE = Office(id="canary", name="听见自检专用单位", short_name="听见自检").model_copy(update={"id": CANARY})
RULE = Rule(id="canary", name="自检", subject="item", channels=["submission"], roles=["addressed"], severity=4)


@dataclass(frozen=True, slots=True)
class Passage:
    """One canary on its way."""

    id: str
    started_at: datetime
    reached: Mapping[str, datetime]

    @property
    def latencies(self) -> dict[Stage, float | None]:
        """Seconds that each stage took; None for those not reached."""
        took: dict[Stage, float | None] = {}
        before = self.started_at
        for stage in STAGES:
            at = self.reached.get(stage)
            took[stage] = None if at is None else max(0.0, (at - before).total_seconds())
            before = at or before
        return took

    @property
    def total(self) -> float | None:
        """Seconds of the whole way; None where the end was not reached."""
        return sum(took or 0.0 for took in self.latencies.values()) if "sent" in self.reached else None

    @property
    def waits_at(self) -> Stage | None:
        """The first stage that it has not passed."""
        return next((stage for stage in STAGES if stage not in self.reached), None)


@dataclass(frozen=True, slots=True)
class Verdict:
    """`state`: ok, late, missing, never. `words`: Chinese, empty where all is well."""

    state: Literal["ok", "late", "missing", "never"]
    words: str
    arrived_at: datetime | None


def judge(passages: Sequence[Passage], since: datetime, now: datetime) -> Verdict:
    """A pure rule. `passages` newest first; `since`: when we began to look: what was due before is not missed."""
    arrived = next((p for p in passages if p.total is not None), None)
    at = arrived.reached["sent"] if arrived else None
    newest = passages[0] if passages else None
    if now - max(arrived.started_at if arrived else since, since) > MISSING_AFTER:
        return Verdict("missing", f"自检样本没有送达：{_last(at)}，{_where(newest, now)}", at)
    waiting = [p for p in passages if p.total is None and (arrived is None or p.started_at > arrived.started_at)]
    stuck = [p for p in waiting if now - max(p.started_at, since) > LATE_AFTER]
    if stuck:
        return Verdict("late", f"自检样本迟到：{_last(at)}，{_where(stuck[-1], now)}", at)
    if arrived is not None and arrived.total is not None and arrived.total > LATE_AFTER.total_seconds():
        slow = max(arrived.latencies.items(), key=lambda pair: pair[1] or 0.0)
        minutes = int(arrived.total // 60)
        return Verdict("late", f"自检样本走完全程用了 {minutes} 分钟，最慢的一步是“{STAGES[slow[0]]}”", at)
    return Verdict("ok", "", at) if arrived else Verdict("never", "还没有自检样本走完全程", None)


def _last(at: datetime | None) -> str:
    return f"上一次送达是 {at.astimezone(SHANGHAI):%m-%d %H:%M}" if at else "从未送达"


def _where(newest: Passage | None, now: datetime) -> str:
    none_since = "此后没有发出新的样本，调度可能停了"
    if newest is None or (stage := newest.waits_at) is None:
        return none_since
    words = f"{newest.started_at.astimezone(SHANGHAI):%H:%M} 的样本停在“{STAGES[stage]}”：{_STOPPED[stage]}"
    return f"{words}；{none_since}" if now - newest.started_at > MISSING_AFTER else words


def begin(session: Session, token: str, now: datetime) -> None:
    """A canary is let go. What earlier ones left in the outbox for a day goes."""
    session.add(CanaryRun(id=token, started_at=now, reached={}))
    session.execute(
        delete(Notification).where(Notification.kind == CANARY, Notification.created_at < now - timedelta(days=1))
    )


def reach(session: Session, token: str, **stages: datetime) -> None:
    """Note when stages were passed; the first time counts. An unknown token is nobody's canary."""
    row = session.get(CanaryRun, token)
    if row is not None:
        row.reached = {**{name: at.isoformat() for name, at in stages.items()}, **row.reached}


def decide(session: Session, items: Iterable[Item], now: datetime, at: datetime) -> int:
    """Evaluate our rule over our items as watch does over all, and put what fires into the outbox. Returns how many.

    `at` is what time it is in a round that began at `now`.
    """
    own = {item.id: item for item in items if item.office_id == CANARY}
    fired = 0
    for firing in evaluate((RULE,), item_subjects(own.values(), {}), now):
        token = token_of(own[firing.subject.id].title)
        row = session.get(CanaryRun, token)
        if row is None or "decided" in row.reached:
            continue
        fired += enqueue(
            session, id=notification_id(CANARY, token), kind=CANARY, office_ids=[CANARY], channel=CANARY,
            recipient=CANARY, subject=firing.subject.title, text="\n".join(firing.reasons), now=now,
        )  # fmt: skip
        reach(session, token, decided=at)
    return fired


def collect_sent(session: Session) -> None:
    """Note those that the dispatcher sent, and take them out of the outbox."""
    for row in session.scalars(select(Notification).where(Notification.kind == CANARY, Notification.state == "sent")):
        reach(session, token_of(row.subject), sent=row.sent_at or row.created_at)
        session.delete(row)


def token_of(title: str) -> str:
    """The canary's id, which its title carries as its last word."""
    return title.rpartition(" ")[2][:32]


def passages(session: Session, most: int = 96) -> list[Passage]:
    """The newest ones, newest first."""
    rows = session.scalars(select(CanaryRun).order_by(CanaryRun.started_at.desc(), CanaryRun.id).limit(most))
    return [
        Passage(row.id, row.started_at, {name: datetime.fromisoformat(at) for name, at in row.reached.items()})
        for row in rows
    ]


def told(session: Session, now: datetime) -> dict[str, Any]:
    """For `status --json`: the verdict and the newest passage's latencies in seconds."""
    found = passages(session)
    verdict = judge(found, datetime.fromtimestamp(0, now.tzinfo) if found else now, now)
    newest = next((p for p in found if p.total is not None), None)
    return {
        "state": verdict.state,
        "problem": verdict.words,
        "arrived_at": verdict.arrived_at.isoformat() if verdict.arrived_at else None,
        "seconds": newest.latencies if newest else None,
        "total_seconds": newest.total if newest else None,
        "waits_at": found[0].waits_at if found else None,
    }
