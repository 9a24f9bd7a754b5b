"""登录: with a one-time link, or with name and password. The only pages that nobody needs to be signed in for."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from console.desk import Desk
from console.forms import form_token, keep_form_token, read_form, same_site, sent_form_token, set_session_cookie
from pipeline.desk import accounts
from pipeline.desk.tables import User

TRIES, TRIES_WINDOW = 30, timedelta(minutes=15)  # of one network address, besides the limit per name


class Tries:
    """Failed sign-ins by network address: in memory only, never stored."""

    def __init__(self) -> None:
        self._failed: dict[str, deque[datetime]] = {}

    def too_many(self, address: str, now: datetime) -> bool:
        queue = self._failed.get(address)
        while queue and queue[0] <= now - TRIES_WINDOW:
            queue.popleft()
        return bool(queue) and len(queue or ()) >= TRIES

    def note(self, address: str, now: datetime) -> None:
        if len(self._failed) > 10_000:
            self._failed.clear()
        self._failed.setdefault(address, deque(maxlen=TRIES)).append(now)


async def sign_in(request: Request) -> Response:
    """GET: the form. POST: name and password; the same sentence for every kind of mistake."""
    desk: Desk = request.app.state.desk
    if request.method != "POST":
        return _form(
            request, "sign_in.html", next=local_path(request.query_params.get("next", "")), problem="", name=""
        )
    form = await _checked_form(request)
    return await _aside(desk, lambda: _with_password(request, form))


async def link(request: Request) -> Response:
    """GET shows a button and changes nothing, since mail scanners follow links; POST uses the link up."""
    desk: Desk = request.app.state.desk
    if request.method != "POST":
        return await _aside(desk, lambda: _link_page(request))
    await _checked_form(request)
    return await _aside(desk, lambda: _with_link(request))


def local_path(target: str) -> str:
    """Where to go after sign-in: only a path of this desk, else the first page."""
    if target.startswith("/") and not target.startswith(("//", "/\\")) and target.isprintable() and "\\" not in target:
        return target
    return "/"


def _with_password(request: Request, form: dict[str, str]) -> Response:
    desk: Desk = request.app.state.desk
    now, tries = desk.clock(), request.app.state.tries
    name, address = form.get("name", "").lower(), request.client.host if request.client else ""
    with desk.reading() as session:
        user = accounts.find_user(session, name)
        locked = user is not None and accounts.too_many_failures(session, user.name, now)
    fits = accounts.password_fits(user.password_hash if user else "", form.get("password", ""))
    if locked or tries.too_many(address, now):
        return _refused(request, form, "试错次数太多，请 15 分钟后再试，或向管理员要一次性登录链接。", 429)
    if user is None or not fits:
        tries.note(address, now)
        with desk.db.write() as session:
            accounts.note_failure(session, user, now)
        return _refused(request, form, "登录名或密码不对。", 401)
    with desk.db.write() as session:
        accounts.note_sign_in(session, user, now)
        token = accounts.start_session(session, user, now, desk.home.settings.desk.session_hours)
    return _welcome(desk, token, local_path(form.get("next", "")))


def _link_page(request: Request) -> Response:
    desk: Desk = request.app.state.desk
    with desk.reading() as session:
        user = accounts.link_user(session, request.path_params["token"], desk.clock())
    return _link_form(request, user, 200 if user else 410)


def _with_link(request: Request) -> Response:
    desk: Desk = request.app.state.desk
    now = desk.clock()
    with desk.db.write() as session:
        user = accounts.redeem_link(session, request.path_params["token"], now)
        token = accounts.start_session(session, user, now, desk.home.settings.desk.session_hours) if user else ""
    return _welcome(desk, token, "/") if user else _link_form(request, None, 410)


def _link_form(request: Request, user: User | None, status: int) -> Response:
    return _form(request, "link.html", status, person=user.display_name if user else "")


def _welcome(desk: Desk, token: str, target: str) -> Response:
    answer = RedirectResponse(target, 303)
    set_session_cookie(answer, token, desk.home.settings.desk.session_hours, desk.secure)
    return answer


def _refused(request: Request, form: dict[str, str], problem: str, status: int) -> Response:
    target = local_path(form.get("next", ""))
    return _form(request, "sign_in.html", status, next=target, problem=problem, name=form.get("name", "")[:32])


def _form(request: Request, template: str, status: int = 200, **context: Any) -> Response:
    desk: Desk = request.app.state.desk
    token = form_token(request)
    answer = HTMLResponse(desk.templates.get_template(template).render(csrf=token, **context), status)
    keep_form_token(answer, token, desk.secure)
    return answer


async def _checked_form(request: Request) -> dict[str, str]:
    form = dict(await read_form(request))
    if not same_site(request) or not accounts.same_secret(form.get("csrf", ""), sent_form_token(request)):
        raise HTTPException(403, "页面已过期或请求来源不明，没有执行。请刷新后重试。")
    return form


async def _aside(desk: Desk, work: Callable[[], Response]) -> Response:
    return await asyncio.get_running_loop().run_in_executor(desk.threads, work)
