"""审计: who looked at what and who did what, for administrators."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select
from starlette.responses import Response

from console.asking import Ask, forbidden
from console.incidents_view import staff_names
from console.words import ACTIONS, DETAILS, PLACES
from pipeline.desk.tables import AuditLine

PAGE = 100
_SUBJECTS: dict[str, tuple[str, str]] = {
    "issue": ("议题", "/issues/"),
    "item": ("单条", "/items/"),
    "incident": ("处置", "/incidents/"),
    "digest": ("周报", "/digests/"),
    "mail": ("邮件", "/inbox/"),
    "user": ("账号", ""),
    "search": ("全文检索", ""),
    "own_page": ("重点页面", ""),
    "saved": ("保存的检索", "/searches/"),
}


def audit(ask: Ask) -> Response:
    """Newest first; `before` is the id to continue below."""
    if not ask.viewer.admin:
        raise forbidden("审计记录只有管理员能看。")
    actor, action, before = (ask.query.get(n, "").strip() for n in ("actor", "action", "before"))
    wanted = select(AuditLine)
    if actor:
        wanted = wanted.where(AuditLine.actor == actor)
    if action in ACTIONS:
        wanted = wanted.where(AuditLine.action == action)
    if before.isdecimal() and len(before) < 18:
        wanted = wanted.where(AuditLine.id < int(before))
    with ask.desk.reading() as session:
        lines = session.scalars(wanted.order_by(AuditLine.id.desc()).limit(PAGE + 1)).all()
        names = staff_names(session)
    ask.looked("view", "page:audit", by=actor[:64], only=action if action in ACTIONS else "")
    return ask.page(
        "audit.html",
        lines=[(line, *subject_words(line.subject), detail_words(line.detail)) for line in lines[:PAGE]],
        names=names,
        actor=actor,
        action=action,
        before=lines[PAGE - 1].id if len(lines) > PAGE else 0,
    )


def subject_words(subject: str) -> tuple[str, str]:
    """(in words, address) of what a line is about; no address where there is no page of its own."""
    kind, _, name = subject.partition(":")
    if kind == "page":
        return PLACES.get(name, name), ""
    words, address = _SUBJECTS.get(kind, (kind, ""))
    return f"{words} {name[:8]}" if len(
        name
    ) == 32 else f"{words} {name}".strip(), f"{address}{name}" if address else ""


def detail_words(detail: dict[str, Any]) -> str:
    """What was asked or given, without what is empty."""
    return "，".join(f"{DETAILS.get(k, k)} {v}" for k, v in detail.items() if v not in ("", None, False))
