"""The registry: an identity is given once and never recomputed (DESIGN §3). Keyed values only."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from pipeline.desk.tables import IssueItem, RegistryAlias, RegistryRow
from pipeline.records import Capture
from pipeline.urls import CANONICALISER_VERSION

_CHUNK = 400  # values in one IN list


@dataclass(slots=True)
class Known:
    """What the registry holds of one document, or will hold when the batch commits."""

    id: str
    first_seen: datetime
    revision: int
    content_hash: str
    story_id: str
    new: bool = False
    changed: bool = False


def resolve(session: Session, captures: Sequence[Capture], hashes: Sequence[str]) -> list[Known]:
    """For each capture its identity: found by id or any alias, or new. `changed` where its content differs.

    Nothing is written. Later captures of the same batch see what earlier ones gave.
    """
    wanted = {form for c in captures for form in (c.id, *c.aliases)}
    ids = dict.fromkeys(wanted, "")
    for chunk in chunks(sorted(wanted)):
        found = session.execute(select(RegistryAlias.alias, RegistryAlias.id).where(RegistryAlias.alias.in_(chunk)))
        ids.update({row.alias: row.id for row in found})
    known: dict[str, Known] = {}
    for chunk in chunks(sorted(wanted | set(ids.values()))):
        rows = session.execute(
            select(
                RegistryRow.id,
                RegistryRow.first_seen,
                RegistryRow.revision,
                RegistryRow.content_hash,
                RegistryRow.story_id,
            ).where(RegistryRow.id.in_(chunk))
        )
        known.update({row.id: Known(*row) for row in rows})
    resolved: list[Known] = []
    for capture, digest in zip(captures, hashes, strict=True):
        forms = (capture.id, *capture.aliases)
        own = next((ids[f] or f for f in forms if ids[f] or f in known), capture.id)
        entry = known.get(own)
        if entry is None:
            entry = known[own] = Known(own, capture.first_seen, 1, digest, "", new=True)
        elif entry.content_hash != digest:
            entry = known[own] = Known(
                own, entry.first_seen, entry.revision + 1, digest, entry.story_id, new=entry.new, changed=True
            )
        else:
            entry = Known(own, entry.first_seen, entry.revision, digest, entry.story_id)
        ids.update(dict.fromkeys(forms, own))
        resolved.append(entry)
    return resolved


def commit(session: Session, captures: Sequence[Capture], entries: Sequence[Known]) -> None:
    """Write what `resolve` found, in the caller's transaction: new rows, revisions, last_seen and aliases."""
    new: dict[str, dict[str, Any]] = {}
    changed: list[dict[str, Any]] = []
    seen: list[dict[str, Any]] = []
    for capture, entry in zip(captures, entries, strict=True):
        if entry.new and not entry.changed:
            new[entry.id] = {
                "id": entry.id, "channel": capture.channel, "source_id": capture.source_id, "first_seen": entry.first_seen,
                "last_seen": capture.first_seen, "revision": entry.revision, "content_hash": entry.content_hash,
                "story_id": entry.story_id, "index_name": capture.channel, "canonicaliser": CANONICALISER_VERSION,
            }  # fmt: skip
        elif entry.changed:
            changed.append({
                "id": entry.id, "revision": entry.revision, "content_hash": entry.content_hash, "last_seen": capture.first_seen,
                "story_id": entry.story_id, "index_name": capture.channel,
            })  # fmt: skip
        else:
            seen.append({"id": entry.id, "last_seen": capture.first_seen})
    if new:
        session.execute(RegistryRow.__table__.insert(), list(new.values()))  # type: ignore[attr-defined]
    if changed:
        session.execute(update(RegistryRow), changed)
    if seen:
        session.execute(update(RegistryRow), seen)
    aliases = {
        form: entry.id
        for capture, entry in zip(captures, entries, strict=True)
        for form in (capture.id, *capture.aliases)
        if form != entry.id
    }
    for chunk in chunks(sorted(aliases)):
        there = set(session.scalars(select(RegistryAlias.alias).where(RegistryAlias.alias.in_(chunk))))
        fresh = [{"alias": a, "id": aliases[a]} for a in chunk if a not in there]
        if fresh:
            session.execute(RegistryAlias.__table__.insert(), fresh)  # type: ignore[attr-defined]


def forget_index(session: Session, ids: Iterable[str]) -> None:
    """Note, before a purge, that no index and no issue holds these documents any more; the identity stays.

    A revision puts it back.
    """
    for chunk in chunks(sorted(ids)):
        session.execute(delete(IssueItem).where(IssueItem.item_id.in_(chunk)))
        session.execute(update(RegistryRow).where(RegistryRow.id.in_(chunk)).values(index_name=""))


def await_again(session: Session, ids: Iterable[str]) -> None:
    """The next reading of these documents counts as an edit, whatever it says: what there is of them is not whole."""
    for chunk in chunks(sorted(ids)):
        session.execute(update(RegistryRow).where(RegistryRow.id.in_(chunk)).values(content_hash=""))


def chunks(values: Sequence[str]) -> Iterator[Sequence[str]]:
    """Pieces short enough for one IN list."""
    for start in range(0, len(values), _CHUNK):
        yield values[start : start + _CHUNK]
