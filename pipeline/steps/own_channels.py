"""The offices' own sites: what a check found → their state, and what is wrong with them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from sqlalchemy import select
from sqlalchemy.orm import Session

from pipeline.alerts.source_health import day_words
from pipeline.desk.audit import record
from pipeline.desk.tables import OwnChannelRow, OwnPageRow
from pipeline.errors import Conflict, Refused
from pipeline.settings import Office
from pipeline.settings.own_channels import OwnChannel

UNREACHED = 2  # checks in a row: one may have met a restart
CERTIFICATE_DAYS = 14
Kind = Literal["unreachable", "certificate", "stale", "changed", "page"]


@dataclass(frozen=True, slots=True)
class ChannelTrouble:
    """One thing wrong with an own site, in Chinese. `key` stays the same while it lasts."""

    kind: Kind
    key: str
    words: str


def note_check(session: Session, report: Mapping[str, Any]) -> None:
    """Fold one check, as the crawler reports it, into the state. An older one than is known changes nothing."""
    at = datetime.fromisoformat(report["at"])
    row = session.get(OwnChannelRow, report["id"])
    if row is None:
        row = OwnChannelRow(id=report["id"], office_ids=[], checked_at=at, failures=0)
        session.add(row)
    elif at <= row.checked_at:
        return
    row.office_ids, row.checked_at, row.problem = list(report["office_ids"]), at, str(report["problem"])
    row.failures = row.failures + 1 if row.problem else 0
    row.certificate_problem = str(report["certificate_problem"])
    row.certificate_until = _time(report["certificate_until"])
    if not row.problem:
        row.reached_at, row.newest_at = at, _time(report["newest_at"])
    for page in report["pages"]:
        _note_page(session, row, page, at)
    session.flush()


def _note_page(session: Session, channel: OwnChannelRow, page: Mapping[str, Any], at: datetime) -> None:
    page_id = hashlib.blake2b(f"{channel.id}\0{page['url']}\0{page['selector']}".encode(), digest_size=16).hexdigest()
    row = session.get(OwnPageRow, page_id)
    if row is None:
        row = OwnPageRow(
            id=page_id, channel_id=channel.id, digest="", length=0, accepted_digest="", accepted_length=0, problem=""
        )
        session.add(row)
    row.office_ids, row.name, row.url = channel.office_ids, str(page["name"])[:255], str(page["url"])
    row.problem = str(page["problem"])
    if row.problem:
        return
    row.seen_at = at
    if page["digest"] != row.digest:
        row.digest, row.length, row.changed_at = page["digest"], int(page["length"]), at
    if not row.accepted_digest:  # as first read
        row.accepted_digest, row.accepted_length = row.digest, row.length
        row.accepted_at, row.accepted_by, row.changed_at = at, "system", None


def accept(session: Session, page_id: str, digest: str, actor: str, now: datetime) -> None:
    """An administrator says that the page's words are as they should be. Writes the audit line.

    Raises Refused where there is no such page, Conflict where it changed again since it was looked at.
    """
    row = session.get(OwnPageRow, page_id)
    if row is None:
        raise Refused("没有这个页面。")
    if row.digest != digest:
        raise Conflict("这个页面刚刚又变了，请先重新看一看。")
    record(
        session, now, actor, row.office_ids, "accept_page", f"own_page:{row.id}",
        name=row.name, digest_before=row.accepted_digest, digest_after=row.digest,
    )  # fmt: skip
    row.accepted_digest, row.accepted_length, row.accepted_at, row.accepted_by = digest, row.length, now, actor


def channel_troubles(
    channel: OwnChannel, row: OwnChannelRow | None, pages: Iterable[OwnPageRow], now: datetime
) -> list[ChannelTrouble]:
    """What is wrong with one site as last checked; a pure rule of data and `now`."""
    if row is None:
        return []
    found = []

    def add(kind: Kind, words: str, more: str = "") -> None:
        found.append(ChannelTrouble(kind, f"{row.id}:{kind}:{more}", words))

    if row.failures >= UNREACHED:
        add("unreachable", f"打不开：{row.problem}（最近一次正常：{day_words(row.reached_at)}）")
    if row.certificate_problem:
        add("certificate", f"证书有问题：{row.certificate_problem}")
    elif row.certificate_until is not None and (left := days_left(row.certificate_until, now)) <= CERTIFICATE_DAYS:
        add(
            "certificate",
            f"证书还有 {left} 天到期（{day_words(row.certificate_until)}）" if left >= 0 else "证书已过期",
        )
    promise = timedelta(hours=channel.fresh_within_hours)
    if promise and not row.problem and row.newest_at is None:
        add("stale", "列表上读不到文章的日期，可能改版了")
    elif promise and row.newest_at is not None and now - row.newest_at > promise:
        hours = int((now - row.newest_at).total_seconds() // 3600)
        add("stale", f"最新文章已是 {hours} 小时前的（约定 {channel.fresh_within_hours} 小时内）")
    for page in pages:
        if page.problem and not row.failures:  # of a site that was not reached, that alone is told
            add("page", f"重点页面“{page.name}”读不到：{page.problem}", page.id)
        elif page.digest != page.accepted_digest:
            add(
                "changed",
                f"重点页面“{page.name}”的内容变了：{change_words(page)} {page.url}",
                f"{page.id}:{page.digest}",
            )
    return found


def change_words(page: OwnPageRow) -> str:
    """Digest and length before and after."""
    before = f"{page.accepted_digest[:12]}（{page.accepted_length} 字）"
    return f"原为 {before}，现为 {page.digest[:12]}（{page.length} 字）"


def days_left(until: datetime, now: datetime) -> int:
    """Whole days until a certificate ends; negative where it has."""
    return (until - now) // timedelta(days=1)


def rows_of(session: Session, office: Office) -> dict[str, tuple[OwnChannelRow | None, list[OwnPageRow]]]:
    """Channel id → its row and the rows of those key pages that the configuration still names."""
    found: dict[str, tuple[OwnChannelRow | None, list[OwnPageRow]]] = {}
    for channel in office.own_channels:
        row_id, urls = f"{office.id}:{channel.id}", {page.url for page in channel.key_pages}
        pages = session.scalars(select(OwnPageRow).where(OwnPageRow.channel_id == row_id).order_by(OwnPageRow.name))
        found[channel.id] = session.get(OwnChannelRow, row_id), [page for page in pages if page.url in urls]
    return found


def _time(value: object) -> datetime | None:
    return datetime.fromisoformat(str(value)) if value else None
