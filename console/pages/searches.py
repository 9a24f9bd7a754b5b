"""保存的检索: kept under a name, for oneself or for an office. What it finds is searched anew each time it is opened."""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy.orm import Session
from starlette.responses import RedirectResponse, Response

from console.asking import Ask, missing
from console.pages.search import read_search, show
from console.saved_view import Saved, find_saved, may_change, may_see, saved_searches
from pipeline.alerts import saved
from pipeline.desk.tables import SavedSearch
from pipeline.errors import Conflict, Refused

_WHAT = "这个保存的检索"


def searches(ask: Ask) -> Response:
    ask.looked("view", "page:searches")
    return ask.page("searches.html", saved=saved_searches(ask))


def keep(ask: Ask) -> Response:
    """Save what the form on the search page holds; what is refused is said there."""
    asked = read_search(ask, ask.form)
    office = ask.form.get("office", "")
    if asked.problem:
        return show(ask, asked)
    try:
        if office and office not in ask.viewer.office_ids:
            raise Refused("只能给自己的单位共用")
        with ask.desk.db.write() as session:
            row = saved.save(
                session,
                owner=ask.viewer.name,
                office_ids=[office] if office else ask.viewer.office_ids,
                shared=bool(office),
                name=ask.form.get("name", ""),
                query=asked.query,
                filters=asked.values,
                offices=ask.desk.home.offices,
                now=ask.now,
            )
    except Refused as error:
        return show(ask, asked, f"没有保存：{error}。")
    return RedirectResponse(f"/searches/{row.id}", 303)


def open_saved(ask: Ask) -> Response:
    """Search what was saved, with the viewer's own rights."""
    found = _found(ask)
    ask.looked("view", f"saved:{found.row.id}", found.row.office_ids, name=found.row.name)
    return RedirectResponse(found.address, 303)


def edit(ask: Ask) -> Response:
    return _edit(ask)


def rename(ask: Ask) -> Response:
    name = ask.form.get("name", "")
    return _change(
        ask, lambda s, row, v: saved.rename(s, row, name, ask.viewer.name, ask.desk.home.offices, ask.now, v)
    )


def confirm_discard(ask: Ask) -> Response:
    return ask.page("discard.html", s=_changeable(ask))


def discard(ask: Ask) -> Response:
    return _change(ask, lambda s, row, v: saved.discard(s, row, ask.viewer.name, ask.now, v))


def _edit(ask: Ask, status: int = 200, problem: str = "") -> Response:
    return ask.page("search_name.html", status, s=_changeable(ask), problem=problem)


def _change(ask: Ask, do: Callable[[Session, SavedSearch, int], None]) -> Response:
    version = ask.form.get("version", "")
    try:
        with ask.desk.db.write() as session:
            row = session.get(SavedSearch, ask.path["id"])
            if row is None or not may_see(ask, row) or not may_change(ask, row):
                raise missing(_WHAT)
            do(session, row, int(version) if version.isdecimal() and len(version) < 10 else 0)
    except Conflict as error:
        return _edit(ask, 409, f"{error}，您刚才的操作没有执行。")
    except Refused as error:
        return _edit(ask, 422, f"没有改名：{error}。")
    return RedirectResponse("/searches", 303)


def _found(ask: Ask) -> Saved:
    found = find_saved(ask, ask.path["id"])
    if found is None:
        raise missing(_WHAT)
    return found


def _changeable(ask: Ask) -> Saved:
    found = _found(ask)
    if not found.may_change:
        raise missing(_WHAT)
    return found
