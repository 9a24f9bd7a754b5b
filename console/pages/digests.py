"""周报: the list, and one week as it was sent."""

from __future__ import annotations

import re

from sqlalchemy import select
from starlette.responses import HTMLResponse, Response

from console.asking import Ask, missing
from console.shield import FRAMED_POLICY
from pipeline.desk.tables import DigestRow

_HEAD = re.compile(r"<head[^>]*>", re.I)


def digests(ask: Ask) -> Response:
    with ask.desk.reading() as session:
        rows = session.scalars(
            select(DigestRow)
            .where(ask.viewer.sees(DigestRow.office_ids))
            .order_by(DigestRow.starts_at.desc(), DigestRow.id)
            .limit(120)
        ).all()
    ask.looked("view", "page:digests")
    return ask.page("digests.html", rows=rows)


def digest(ask: Ask) -> Response:
    row = _find(ask)
    ask.looked("view", f"digest:{row.id}", row.office_ids)
    return ask.page("digest.html", framing=True, digest=row, offices=[ask.desk.office_name(o) for o in row.office_ids])


def digest_page(ask: Ask) -> Response:
    """The stored HTML itself, without scripts, network or origin."""
    row = _find(ask)
    ask.looked("view", f"digest:{row.id}", row.office_ids, page="html")
    return framed(row.html)


def framed(html: str) -> Response:
    """A stored document for a sandboxed frame; its links open in a new page."""
    base = '<base target="_blank">'
    whole = _HEAD.sub(lambda m: m[0] + base, html, count=1) if _HEAD.search(html) else base + html
    return HTMLResponse(whole, headers={"content-security-policy": FRAMED_POLICY})


def _find(ask: Ask) -> DigestRow:
    with ask.desk.reading() as session:
        row = session.get(DigestRow, ask.path["id"])
    if row is None or not ask.viewer.may_see(row.office_ids):
        raise missing("这份周报")
    return row
