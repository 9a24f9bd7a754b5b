"""Evidence in upkeep: what belonged to items that are gone goes, the rest is verified in turn, heads are taken note of."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from pipeline.desk.database import Database
from pipeline.desk.tables import EvidenceHead, RegistryAlias, RegistryRow
from pipeline.evidence.store import Store
from pipeline.evidence.verify import Checked, Head, current_head, verify
from pipeline.settings import Home
from pipeline.steps import troubles

ON_ITS_WAY = timedelta(days=1)  # what was captured meanwhile may not be ingested yet
BYTES_A_ROUND = 200_000_000  # verified by one upkeep; what was verified longest ago comes first


@dataclass(slots=True)
class EvidenceReport:
    """`removed` records whose items are gone; `checked` files; what was wrong, one Chinese line each."""

    removed: int = 0
    checked: int = 0
    problems: list[str] = field(default_factory=list)


def tend_evidence(home: Home, db: Database, now: datetime, pinned: Collection[str] = frozenset()) -> EvidenceReport:
    """One round; `pinned` item ids are held by an incident (charter 8). Raises RetryLater."""
    report = EvidenceReport()
    if not home.evidence.exists() and not home.evidence_register.exists():
        return report
    with closing(open_store(home)) as store:
        known = set(store.register.files())
        for name in store.files():
            if name not in known:
                store.adopt(name)
        for gone in _gone(home, db, store, now, pinned):
            report.removed += store.remove(gone, now - ON_ITS_WAY, now)
        _forget_heads(home, db, store, now)  # first: after a kill in between, the next round deletes the files
        for name in store.empty(now):
            store.delete(name)
        heads = noted_heads(db)
        names = sorted({*store.register.files(), *store.files(), *heads})
        before, size = store.register.checks(), 0
        for name in sorted(names, key=lambda n: before.get(n, (0.0, ""))[0]):
            if size < BYTES_A_ROUND or not store.path(name).is_file():
                size += verify(store, name, heads.get(name), now).size
                report.checked += 1
        report.problems = [f"{n}：{p}" for n, (_, p) in sorted(store.register.checks().items()) if p and n in names]
        with db.write() as session:
            _note_heads(session, store, names, heads, now)
            troubles.note(session, "evidence", _in_short(report.problems), now)
    return report


def open_store(home: Home) -> Store:
    return Store(home.evidence, home.evidence_register)


def noted_heads(db: Database) -> dict[str, Head]:
    """file → how far it reached when the desk's database last took note."""
    with db.read() as session:
        return {row.file: Head(row.records, row.hash) for row in session.scalars(select(EvidenceHead))}


def verify_files(home: Home, db: Database, names: Iterable[str], now: datetime) -> Iterator[Checked]:
    """Verify these files, one after the other; without names, all there are or should be. Raises RetryLater."""
    heads = noted_heads(db)
    with closing(open_store(home)) as store:
        for name in sorted({*names} or {*store.files(), *store.register.files(), *heads}):
            yield verify(store, name, heads.get(name), now)


def captures_of(db: Database, item_id: str) -> list[str]:
    """The ids under which spiders kept pages of an item: its own, and other forms of its address."""
    with db.read() as session:
        return [item_id, *session.scalars(select(RegistryAlias.alias).where(RegistryAlias.id == item_id))]


def _gone(home: Home, db: Database, store: Store, now: datetime, pinned: Collection[str]) -> Iterator[list[str]]:
    """Captures whose item no index holds any more; of what never became one, those past their channel's retention."""
    for kept in store.register.items():
        own = {capture: capture for capture in kept}
        with db.read() as session:
            found = session.execute(
                select(RegistryAlias.alias, RegistryAlias.id).where(RegistryAlias.alias.in_(sorted(kept)))
            )
            own.update({row.alias: row.id for row in found})
            rows = session.execute(
                select(RegistryRow.id, RegistryRow.index_name).where(RegistryRow.id.in_(sorted({*own.values()})))
            )
            held = {row.id: bool(row.index_name) for row in rows}
        gone = []
        for capture, item in own.items():
            file, at = kept[capture]
            young = at >= (now - _retention(home, file)).timestamp()
            if item not in pinned and not held.get(item, young):
                gone.append(capture)
        if gone:
            yield gone


def _retention(home: Home, file: str) -> timedelta:
    return timedelta(days=home.settings.retention(file.partition("/")[0]))


def _note_heads(session: Session, store: Store, names: Collection[str], heads: dict[str, Head], now: datetime) -> None:
    """Forward only: a file that became shorter keeps the head that it had."""
    for name in names:
        head, noted = current_head(store, name), heads.get(name)
        if head is not None and (noted is None or head.records > noted.records):
            session.merge(EvidenceHead(file=name, records=head.records, hash=head.hash, noted_at=now))


def _forget_heads(home: Home, db: Database, store: Store, now: datetime) -> None:
    """Of files that are about to be deleted, and of lost ones whose time is over."""
    lost = set(noted_heads(db)) - set(store.register.files())
    with db.write() as session:
        session.execute(delete(EvidenceHead).where(EvidenceHead.file.in_(store.empty(now))))
        for name in lost:
            old = EvidenceHead.noted_at < now - _retention(home, name)
            session.execute(delete(EvidenceHead).where(EvidenceHead.file == name, old))


def _in_short(problems: list[str]) -> str:
    more = f"；另有 {len(problems) - 3} 个文件" if len(problems) > 3 else ""
    return "；".join(problems[:3]) + more
