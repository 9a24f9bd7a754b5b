"""What is wrong with our own engines: noted by the loop, shown on the desk and by `status`, told to people when it stays."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from sqlalchemy import select
from sqlalchemy.orm import Session

from pipeline.desk.database import Database
from pipeline.desk.tables import Heartbeat

Part = Literal["watch", "clocks", "mirror", "model", "evidence"]
TELL_AFTER = timedelta(minutes=10)  # a restart of an engine is no news
_PREFIX = "trouble:"
_MEANS: dict[str, str] = {
    "watch": "研判暂停（新内容暂不预警，恢复后自动补上；时限、升级和发送照常）",
    "clocks": "时限和升级停住了",
    "mirror": "Kibana 看板的数据没有更新（值班台不受影响）",
    "model": "分类模型不能用，退回了前一个（可以照常工作，下次训练会换上新的）",
    "evidence": "保存的证据与登记的不符，请查明原因，或从备份取回",
}


@dataclass(frozen=True, slots=True)
class Trouble:
    """`words`: in Chinese, what does not work and why."""

    part: str
    words: str
    since: datetime


def note(session: Session, part: Part, problem: str, now: datetime) -> None:
    """A part does not work because of `problem` (Chinese words), or works where that is empty."""
    name = _PREFIX + part
    known = session.get(Heartbeat, name)
    if problem:
        since = known.state["since"] if known else now.isoformat()
        session.merge(Heartbeat(name=name, beat_at=now, state={"problem": problem, "since": since}))
    elif known:
        session.delete(known)


def note_model(db: Database, problem: str, now: datetime) -> None:
    """The same of the model, in a transaction of its own only where something changed."""
    with db.read() as session:
        known = session.get(Heartbeat, f"{_PREFIX}model")
        if (known.state["problem"] if known else "") == problem:
            return
    with db.write() as session:
        note(session, "model", problem, now)


def standing(session: Session) -> list[Trouble]:
    """What does not work now, oldest first."""
    rows = session.scalars(select(Heartbeat).where(Heartbeat.name.startswith(_PREFIX)))
    found = [
        Trouble(part := row.name.removeprefix(_PREFIX), f"{_MEANS[part]}：{row.state['problem']}",
                datetime.fromisoformat(row.state["since"]))
        for row in rows
    ]  # fmt: skip
    return sorted(found, key=lambda t: (t.since, t.part))
