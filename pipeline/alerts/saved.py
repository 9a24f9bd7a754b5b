"""Saved searches of the desk: kept under a name by one person, for that person or for an office.

What is saved is a query with its filters; whoever opens it searches with their own rights. Each change writes its audit
line in the caller's transaction (charter 8). A person's name is refused, in the query as in the name (charter 6).
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from datetime import datetime
from itertools import pairwise

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from pipeline.alerts.persons import refuse_persons
from pipeline.desk.audit import record
from pipeline.desk.tables import SavedSearch
from pipeline.errors import Conflict, Refused
from pipeline.index.query import And, Between, Is, Node, Not, Or, Text, parse
from pipeline.privacy.names import surname_width
from pipeline.settings.offices import Office

NAME_MOST = 40  # characters
EACH_MOST = 100  # searches of one person
_FULL_TEXT = frozenset({"title", "words"})  # fields whose values are words of a text


def save(
    session: Session, *, owner: str, office_ids: Sequence[str], shared: bool, name: str, query: str,
    filters: Mapping[str, str], offices: Sequence[Office], now: datetime,
) -> SavedSearch:  # fmt: skip
    """Keep a search. Raises Refused for a person's name, an empty search, a name used already or too many; QueryError."""
    wanted = {key: value for key, value in filters.items() if value}
    node = parse(query)
    if node is None and not wanted:
        raise Refused("先写检索词或选筛选条件，再保存")
    refuse_persons(terms(node), offices)
    kept = session.scalar(select(func.count()).select_from(SavedSearch).where(SavedSearch.owner == owner))
    if (kept or 0) >= EACH_MOST:
        raise Refused(f"每人最多保存 {EACH_MOST} 个检索，请先取消几个不用的")
    row = SavedSearch(
        id=secrets.token_hex(16), owner=owner, office_ids=list(office_ids), shared=shared,
        name=_own_name(session, owner, name, offices), query=query, filters=wanted, created_at=now, updated_at=now, version=1,
    )  # fmt: skip
    session.add(row)
    record(
        session,
        now,
        owner,
        office_ids,
        "save_search",
        f"saved:{row.id}",
        name=row.name,
        q=query,
        shared="是" if shared else "",
        **wanted,
    )
    return row


def rename(
    session: Session, row: SavedSearch, name: str, actor: str, offices: Sequence[Office], now: datetime, version: int
) -> None:
    """Raises Refused as `save`, Conflict where somebody changed it since `version`."""
    _same(row, version)
    before, row.name = row.name, _own_name(session, row.owner, name, offices, row.id)
    row.version, row.updated_at = row.version + 1, now
    record(session, now, actor, row.office_ids, "rename_search", f"saved:{row.id}", name=row.name, was=before)


def discard(session: Session, row: SavedSearch, actor: str, now: datetime, version: int) -> None:
    """The search is kept no longer; what it found is not touched. Raises Conflict as `rename`."""
    _same(row, version)
    session.delete(row)
    record(
        session,
        now,
        actor,
        row.office_ids,
        "discard_search",
        f"saved:{row.id}",
        name=row.name,
        q=row.query,
        **row.filters,
    )


def terms(node: Node | None) -> list[str]:
    """Each word and phrase that a query looks for in texts, also where it is excluded.

    Words side by side are given together too, so that a name cut in two (王 小明) is one.
    """
    match node:
        case Text(text):
            return [text]
        case Is(field, value) if field in _FULL_TEXT:
            return [value]
        case Not(inner):
            return terms(inner)
        case And(nodes) | Or(nodes):
            found = [term for inner in nodes for term in terms(inner)]
            beside = [n.text for n in nodes if isinstance(n, Text)] if isinstance(node, And) else []
            return found + [a + b for a, b in pairwise(beside) if surname_width(a + b) == len(a)]
        case Is() | Between() | None:
            return []


def _own_name(session: Session, owner: str, name: str, offices: Sequence[Office], own_id: str = "") -> str:
    name = " ".join(name.split())
    if not 1 <= len(name) <= NAME_MOST or not name.isprintable():
        raise Refused(f"名称要写 1 到 {NAME_MOST} 个字")
    refuse_persons(name.split(), offices)
    same = select(SavedSearch.id).where(SavedSearch.owner == owner, SavedSearch.name == name, SavedSearch.id != own_id)
    if session.scalar(same):
        raise Refused(f"您已经有一个叫“{name}”的检索，请换个名称")
    return name


def _same(row: SavedSearch, version: int) -> None:
    if row.version != version:
        raise Conflict("这个检索刚被别人改过")
