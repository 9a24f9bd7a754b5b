"""校对: an analyst confirms or corrects the model's labels, one whole item after the other. Never a personal post."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import Any

from sqlalchemy.orm import Session
from starlette.responses import RedirectResponse, Response

from console.asking import Ask, forbidden, missing
from console.review_view import KEYS, Task, answered, entered, task_of
from pipeline.desk.tables import Review
from pipeline.errors import Conflict, Refused
from pipeline.records import WHOLE, Item
from pipeline.review import reviews

REVIEWERS = ("analyst", "admin")
_WHAT = "这一条校对"


def review(ask: Ask) -> Response:
    """The next item that this analyst was asked about; others see how good the model is instead."""
    if ask.viewer.role not in REVIEWERS:
        return RedirectResponse("/review/quality", 303)
    return _show(ask, _office(ask, ask.query.get("office", "")))


def fill(ask: Ask) -> Response:
    """Choose the next batch for whom nothing waits."""
    office = _office(ask, ask.form.get("office", ""))
    with ask.desk.reading() as session:
        waits = bool(reviews.waiting(session, office, ask.viewer.name))
    if not waits:
        found = reviews.candidates(ask.desk.index, office, ask.now)
        with ask.desk.db.write() as session:
            if not reviews.waiting(session, office, ask.viewer.name):
                rows = reviews.fill(session, found, office, ask.viewer.name, ask.now, secrets.token_hex(16))
                if not rows:
                    return RedirectResponse(f"/review?office={office}&none=1", 303)
    return RedirectResponse(f"/review?office={office}", 303)


def decide(ask: Ask) -> Response:
    """Confirm or correct all five labels."""
    found = _own(ask)
    item = _item(ask, found)
    if item is None or ask.form.get("revision") != str(item.revision):
        raise Conflict("这一条的原文刚改动过或已到期，没有保存。请回到“校对”继续")
    labels = entered(ask.form)
    try:
        with ask.desk.db.write() as session:
            changed = reviews.decide(session, _waiting(session, found.id), item, labels, ask.now)
    except Refused as error:
        return _show(ask, found.office_id, f"没有保存：{error}。", labels, 422)
    return RedirectResponse(f"/review?office={found.office_id}&done={found.id}{'&changed=1' if changed else ''}", 303)


def skip(ask: Ask) -> Response:
    found = _own(ask)
    with ask.desk.db.write() as session:
        reviews.skip(session, _waiting(session, found.id), ask.now)
    return RedirectResponse(f"/review?office={found.office_id}", 303)


def undo(ask: Ask) -> Response:
    """Take back one's own last decision or skip."""
    office = _office(ask, ask.form.get("office", ""))
    with ask.desk.db.write() as session:
        reviews.undo(session, office, ask.viewer.name, ask.now)
    return RedirectResponse(f"/review?office={office}&undone=1", 303)


def _show(
    ask: Ask, office: str, problem: str = "", labels: Mapping[str, Any] | None = None, status: int = 200
) -> Response:
    task, left, total = _next(ask, office)
    if task is not None:
        ask.looked("view", f"item:{task.item.id}", [office], by="校对")
    else:
        ask.looked("view", "page:review", [office])
    with ask.desk.reading() as session:
        last = answered(session, ask, office, ask.query.get("done", ""))
    return ask.page(
        "review.html",
        status,
        office=office,
        offices=[(o, ask.desk.office_name(o)) for o in ask.viewer.office_ids],
        task=task,
        chosen=labels if labels is not None else task.prefilled if task else {},
        place=total - left + 1,
        total=total,
        problem=problem,
        last=last,
        none="none" in ask.query,
        undone="undone" in ask.query,
        keys=KEYS,
    )


def _next(ask: Ask, office: str) -> tuple[Task | None, int, int]:
    """The next item, how many wait, and how many the batch had. What is no longer there is passed over."""
    with ask.desk.reading() as session:
        rows = reviews.waiting(session, office, ask.viewer.name)
    for passed, row in enumerate(rows):
        item = _item(ask, row)
        if item is not None and item.revision == row.revision:
            with ask.desk.reading() as session:
                total = reviews.batch_size(session, row)
            return task_of(ask, row, item), len(rows) - passed, total
        with ask.desk.db.write() as session:
            reviews.set_gone(session, _waiting(session, row.id), ask.now)
    return None, 0, 0


def _office(ask: Ask, wanted: str) -> str:
    """The office whose items are read: the one asked for, else the viewer's first. Others are missing."""
    if ask.viewer.role not in REVIEWERS:
        raise forbidden("校对由分析员来做。")
    if not ask.viewer.office_ids or (wanted and wanted not in ask.viewer.office_ids):
        raise missing("这个单位的校对")
    return wanted or ask.viewer.office_ids[0]


def _own(ask: Ask) -> Review:
    """The viewer's own task, of an office that is still theirs."""
    with ask.desk.reading() as session:
        found = session.get(Review, ask.path["id"])
    if found is None or found.actor != ask.viewer.name:
        raise missing(_WHAT)
    _office(ask, found.office_id)
    return found


def _waiting(session: Session, review_id: str) -> Review:
    found = session.get(Review, review_id)
    if found is None:
        raise missing(_WHAT)
    return found


def _item(ask: Ask, found: Review) -> Item | None:
    item = ask.desk.index.get(found.item_id, [found.office_id])
    return item if item is not None and item.channel in WHOLE else None
