"""审计: who looked at what and who did what, for administrators."""

from __future__ import annotations

from sqlalchemy import select
from starlette.responses import Response

from console.asking import Ask, forbidden
from console.incidents_view import staff_names
from console.words import ACTIONS
from pipeline.desk.tables import AuditLine

PAGE = 100


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
        lines=lines[:PAGE],
        names=names,
        actor=actor,
        action=action,
        before=lines[PAGE - 1].id if len(lines) > PAGE else 0,
    )
