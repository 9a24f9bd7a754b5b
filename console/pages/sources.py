"""信源: how each source and each own site is, what was set aside and why, and the charter's two exceptions by name."""

from __future__ import annotations

from datetime import timedelta

from starlette.responses import RedirectResponse, Response

from console.asking import Ask, forbidden
from console.own_view import own_views
from console.sources_view import quarantine_reasons, source_views
from pipeline.steps.own_channels import accept


def sources(ask: Ask) -> Response:
    home = ask.desk.home
    with ask.desk.reading() as session:
        views = source_views(session, ask.viewer, home, ask.now)
        own = own_views(session, ask.viewer, home, ask.now)
        aside = quarantine_reasons(session, ask.viewer, home, ask.now - timedelta(days=30))
    ask.looked("view", "page:sources")
    return ask.page(
        "sources.html",
        views=views,
        troubled=sum(v.bad for v in views),
        own=own,
        aside=aside,
        drops=[s for s in (v.source for v in views) if s.kind == "drop"],
        evidence=home.evidence.name,
    )


def accept_page(ask: Ask) -> Response:
    """An administrator says that a key page was changed on purpose."""
    if not ask.viewer.admin:
        raise forbidden("只有管理员能确认重点页面的变化。")
    with ask.desk.db.write() as session:
        accept(session, ask.path["id"], ask.form.get("digest", ""), ask.viewer.name, ask.now)
    return RedirectResponse("/sources#own", 303)
