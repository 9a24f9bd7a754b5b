"""Whether evidence lies as it was kept: changed bytes, missing records and cut ends are found and named."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from pipeline.evidence.records import Member, NoRecord, Record, before_first, members, unpack
from pipeline.evidence.register import Row
from pipeline.evidence.store import Store


@dataclass(frozen=True, slots=True)
class Head:
    """How many records a file had when the desk's database took note, and the hash of the last of them."""

    records: int
    hash: str


@dataclass(slots=True)
class Checked:
    """What was found in one file. `problems` in Chinese, in order; `torn`: a killed spider's last record is half there."""

    file: str
    kept: int = 0
    removed: int = 0
    size: int = 0
    torn: bool = False
    problems: list[str] = field(default_factory=list)


def verify(store: Store, name: str, head: Head | None, now: datetime) -> Checked:
    """Read one file whole (one record in memory at a time) and hold it against register and `head`. Raises RetryLater."""
    checked = _verify(store, name, head)
    if checked.problems:  # a spider may just have appended, upkeep rewritten
        with store.locked():
            checked = _verify(store, name, head)
    store.register.checked(name, now, "；".join(checked.problems[:3]))
    return checked


def current_head(store: Store, name: str) -> Head | None:
    """For the desk's database to take note of."""
    last = store.register.last(name)
    return Head(last.seq, last.hash) if last is not None else None


def _verify(store: Store, name: str, head: Head | None) -> Checked:
    checked = Checked(name)
    rows = {row.seq: row for row in store.register.of_file(name)}
    path = store.path(name)
    if not path.is_file():
        if any(row.state != "removing" for row in rows.values()) or not rows:
            checked.problems.append("整个文件不见了")
        return checked
    chain: dict[int, str] = {}
    broken = False
    with path.open("rb") as f:
        for member in members(f):
            checked.size += member.size
            if member.data is None:
                registered = max((r.offset + r.size for r in rows.values()), default=0)
                if member.torn and member.offset >= registered:
                    checked.torn = True
                else:
                    broken = True
                continue
            try:
                record = unpack(member.data)
            except NoRecord:
                broken = True
                continue
            _hold(checked, member, record, rows.get(record.seq), chain, name)
    missing = [seq for seq in rows if seq not in chain and rows[seq].state != "removing"]
    last = max(chain, default=0)
    for seq in missing:
        if broken:
            checked.problems.append(f"第 {seq} 条被改动过，读不出来")
        else:
            checked.problems.append(f"第 {seq} 条不见了" if seq < last else f"末尾被截掉：第 {seq} 条不见了")
    if broken and not missing:
        checked.problems.append("文件里有不是记录的内容")
    if head is not None:
        _hold_head(checked, head, chain, {seq: row.hash for seq, row in rows.items()})
    return checked


def _hold(checked: Checked, member: Member, record: Record, row: Row | None, chain: dict[int, str], name: str) -> None:
    seq = record.seq
    if seq in chain:
        checked.problems.append(f"第 {seq} 条出现了两次")
        return
    if chain and seq < max(chain):
        checked.problems.append(f"第 {seq} 条放错了位置")
    chain[seq] = record.removed or member.hash
    if record.removed:
        checked.removed += 1
    else:
        checked.kept += 1
    if row is not None and not _as_registered(member, record, row):
        checked.problems.append(f"第 {seq} 条被改动过")
        chain[seq] = row.hash  # said once: the next record is held against what was kept
    before = before_first(name) if seq == 1 else chain.get(seq - 1)
    if before is not None and record.previous != before:
        checked.problems.append(f"第 {seq} 条接不上前一条")
    elif before is None and row is None:
        checked.problems.append(f"第 {seq} 条的前一条不见了")


def _as_registered(member: Member, record: Record, row: Row) -> bool:
    if row.state == "kept" or (row.state == "removing" and not record.removed):
        return member.hash == row.hash
    return record.removed == row.hash and (row.state == "removing" or member.hash == row.stored)


def _hold_head(checked: Checked, head: Head, chain: dict[int, str], registered: dict[int, str]) -> None:
    """Also where the register itself was tampered with or lost."""
    found = chain.get(head.records)
    if found is None and head.records not in registered:
        checked.problems.append(f"末尾被截掉：数据库里记着有 {head.records} 条")
    elif found is not None and found != head.hash:
        checked.problems.append(f"第 {head.records} 条与数据库里记下的不同")
