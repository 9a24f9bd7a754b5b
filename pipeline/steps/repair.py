"""Repair: what the registry holds and the index does not, from what can be had.

Copied where the embedded engine's file still has it (an office that moved to Elasticsearch); else the registry notes that no
index holds it, and the next reading of its page or file counts as an edit and brings it back under its old identity.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime

from sqlalchemy import select, update

from pipeline.desk import counters
from pipeline.desk.database import Database
from pipeline.desk.tables import Heartbeat, RegistryAlias, RegistryRow
from pipeline.index.engine import Index
from pipeline.index.sqlite import SqliteIndex
from pipeline.records import WHOLE, Item
from pipeline.registry import await_again, chunks
from pipeline.settings import Home
from pipeline.steps.locks import only_one


@dataclass(slots=True)
class RepairReport:
    """`missing`: newly found. `awaited` and `lost`: source → documents that are not (wholly) there, also from before.

    Awaited ones come back if their source still shows them.
    """

    missing: int = 0
    copied: int = 0
    awaited: Counter[str] = field(default_factory=Counter)
    lost: Counter[str] = field(default_factory=Counter)


def repair(
    home: Home, db: Database, index: Index, now: datetime, read_again: Callable[[list[str]], None]
) -> RepairReport:
    """`read_again` is told the ids, under every form, whose pages must not count as read. Raises RetryLater while an ingest runs."""
    report = RepairReport()
    with only_one(home.folder, "ingest"):
        missing = _missing(home, db, index)
        report.missing = len(missing)
        report.copied = _copy(home, index, missing)
        if report.copied:
            missing = _missing(home, db, index)
        with db.write() as session:
            await_again(session, missing)
            for chunk in chunks(sorted(missing)):
                session.execute(update(RegistryRow).where(RegistryRow.id.in_(chunk)).values(index_name=""))
            query = select(RegistryRow.id, RegistryRow.source_id)  # refused by the index, or lost before: too
            query = query.where(RegistryRow.channel.in_(WHOLE), RegistryRow.content_hash == "")
            waiting = dict(session.execute(query).tuples().all())
        for chunk in chunks(sorted(waiting)):
            with db.read() as session:
                forms = session.scalars(select(RegistryAlias.alias).where(RegistryAlias.id.in_(chunk)))
                read_again([*chunk, *forms])
        with db.write() as session:
            counters.add(session, "index.lost", len(missing), now)
            # the next round of the mirror writes everything
            if (beat := session.get(Heartbeat, "mirror")) is not None:
                session.delete(beat)
    read = {source.id for source in home.sources if source.enabled and source.kind != "drop"}
    for source_id in waiting.values():
        (report.awaited if source_id in read else report.lost)[source_id] += 1
    return report


def _missing(home: Home, db: Database, index: Index) -> dict[str, str]:
    """Id → source of what the index has not, or only in an older revision."""
    held: dict[str, int] = {}
    for item in index.indexed_since(datetime.fromtimestamp(0, UTC), [o.id for o in home.offices]):
        held[item.id] = max(held.get(item.id, 0), item.revision)
    columns = (RegistryRow.id, RegistryRow.source_id, RegistryRow.revision)
    with db.read() as session:
        rows = session.execute(select(*columns).where(RegistryRow.index_name.in_(WHOLE)))
        return {row.id: row.source_id for row in rows if held.get(row.id, 0) < row.revision}


def _copy(home: Home, index: Index, missing: dict[str, str]) -> int:
    """From the embedded engine's file, where that is not the index itself; returns how many documents were written."""
    if isinstance(index, SqliteIndex) or not home.index_path.exists():
        return 0
    other = SqliteIndex(home.index_path)
    try:
        return index.write_items(_wanted(other, home, missing)).written
    finally:
        other.close()


def _wanted(other: SqliteIndex, home: Home, missing: dict[str, str]) -> Iterator[Item]:
    for item in other.indexed_since(datetime.fromtimestamp(0, UTC), [o.id for o in home.offices]):
        if item.id in missing:
            yield item
