"""信源: how each source is, what was set aside and why, and the charter's two exceptions by name."""

from __future__ import annotations

from datetime import timedelta

from starlette.responses import Response

from console.asking import Ask
from console.sources_view import quarantine_reasons, source_views


def sources(ask: Ask) -> Response:
    home = ask.desk.home
    with ask.desk.reading() as session:
        views = source_views(session, ask.viewer, home, ask.now)
        aside = quarantine_reasons(session, ask.viewer, home, ask.now - timedelta(days=30))
    ask.looked("view", "page:sources")
    return ask.page(
        "sources.html",
        views=views,
        troubled=sum(v.bad for v in views),
        aside=aside,
        drops=[s for s in (v.source for v in views) if s.kind == "drop"],
        evidence=home.evidence.name,
    )
