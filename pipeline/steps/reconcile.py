"""The auditor: is anything lost, doubled, or in limbo? The fault tests and `tingjian doctor` ask the same one."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from pipeline.desk.database import Database
from pipeline.desk.tables import (
    Alert,
    BatchRow,
    Counter,
    Incident,
    Notification,
    PlanRun,
    Quarantined,
    RegistryRow,
    Task,
)
from pipeline.index.engine import Index, Search
from pipeline.records import CANARY, WHOLE
from pipeline.settings import Home
from pipeline.spool import Spool
from pipeline.staging import Staging


def findings(home: Home, db: Database, index: Index, now: datetime) -> list[str]:
    """Chinese sentences, each one thing that should not be; empty where all is well.

    Ask while nothing else runs: work in progress looks like limbo.
    """
    staging = Staging(home.staging)
    try:
        with db.read() as session:
            return [
                *_batches(home, session), *_documents(home, session, index), *_staged(session, staging),
                *_incidents(session), *_outbox(session, now),
            ]  # fmt: skip
    finally:
        staging.close()


def _batches(home: Home, session: Session) -> Iterator[str]:
    waiting = list(Spool(home.spool).batches())
    if waiting:
        yield f"暂存队列里还有 {len(waiting)} 批没有入库"
    known = set(session.scalars(select(Quarantined.id)))
    for path in Spool(home.spool).aside.glob("*.json*"):
        if path.name.partition(".json")[0] not in known:
            yield f"隔离区的 {path.name} 没有记数"
    for path in Spool(home.spool).scratch.glob("*"):
        yield f"暂存队列里有写了一半的文件 {path.name}（可以删除）"
    for row in session.scalars(select(BatchRow)):
        accounted = row.items + row.staged + row.unchanged + row.quarantined + row.expired
        if row.taken != accounted:
            yield f"批次 {row.id} 收 {row.taken} 条，只说明了 {accounted} 条的去向"


def _documents(home: Home, session: Session, index: Index) -> Iterator[str]:
    offices = [o.id for o in home.offices]
    missing = stale = held = 0
    rows = session.execute(
        select(RegistryRow.id, RegistryRow.revision, RegistryRow.index_name).where(
            RegistryRow.channel.in_(WHOLE), RegistryRow.source_id != CANARY
        )
    )
    for item_id, revision, index_name in rows:
        readings = [item for office in offices if (item := index.get(item_id, [office])) is not None]
        missing += index_name in WHOLE and not readings
        stale += any(item.revision != revision for item in readings)
        held += len(readings)
    if index.count(Search(office_ids=tuple(offices))) > held:
        yield "索引里有没有登记过的文章"
    if missing:
        yield f"登记过的文章有 {missing} 篇不在索引里"
    if stale:
        yield f"索引里有 {stale} 篇不是最新版本"


def _staged(session: Session, staging: Staging) -> Iterator[str]:
    known = session.scalar(select(func.count()).select_from(RegistryRow).where(RegistryRow.channel == "public")) or 0
    gone = session.scalar(select(func.coalesce(func.sum(Counter.value), 0)).where(Counter.name == "staging.gone")) or 0
    here = staging.count()
    # a post edited after its first row expired is staged again: so at least, not exactly
    if here + gone < known:
        yield f"公众发言登记 {known} 条，暂存与到期合计只有 {here + gone} 条"


def _incidents(session: Session) -> Iterator[str]:
    known = set(session.scalars(select(Incident.id)))
    for alert in session.scalars(select(Alert).where(Alert.incident_id != "")):
        if alert.incident_id not in known:
            yield f"预警 {alert.id} 指向不存在的事件"
    told = set(session.scalars(select(Notification.incident_id)))
    planned = set(session.scalars(select(PlanRun.incident_id)))
    tasked = set(session.scalars(select(Task.incident_id)))
    for incident in session.scalars(select(Incident)):
        if incident.id not in told:
            yield f"事件 {incident.short_id} 没有通知任何人"
        if incident.id not in planned or incident.id not in tasked:
            yield f"事件 {incident.short_id} 没有预案或任务"


def _outbox(session: Session, now: datetime) -> Iterator[str]:
    for row in session.scalars(
        select(Notification).where(
            Notification.state.in_(("claimed", "pending", "failed")), Notification.kind != CANARY
        )
    ):
        if row.state == "failed":
            yield f"通知 {row.short_id} 发送失败：{row.last_error}"
        elif row.state == "claimed":
            yield f"通知 {row.short_id} 发到一半停住了"
        elif row.due_at <= now:
            yield f"通知 {row.short_id} 到时间还没有发"
