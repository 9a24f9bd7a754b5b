"""One request of a signed-in person, in the desk's own words, and the guard in front of every page."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeVar
from urllib.parse import urlencode

from sqlalchemy import func, select
from starlette.datastructures import QueryParams
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from console.desk import Desk
from console.forms import cookie_name, read_form, same_site
from console.shield import FRAMING_POLICY
from console.viewer import Viewer, viewer_of
from pipeline.desk.accounts import same_secret, signed_in
from pipeline.desk.audit import record
from pipeline.desk.tables import Incident
from pipeline.errors import ConfigurationError, Conflict, Refused, RetryLater
from pipeline.steps.canary import judge, passages
from pipeline.steps.troubles import standing

NAV: tuple[tuple[str, str, str], ...] = (
    ("/", "今日", "today"),
    ("/incidents", "处置", "incidents"),
    ("/issues", "议题", "issues"),
    ("/search", "检索", "search"),
    ("/review", "校对", "review"),
    ("/digests", "周报", "digests"),
    ("/sources", "信源", "sources"),
    ("/inbox", "收件箱", "inbox"),
)


T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Ask:
    """What a page needs to answer. `form` is filled for POST only, and its CSRF token was checked.

    `away`: why the index could not be asked for parts of this page.
    """

    desk: Desk
    viewer: Viewer
    now: datetime
    path: Mapping[str, str]
    query: QueryParams
    form: Mapping[str, str]
    url_path: str
    away: list[str] = field(default_factory=list)

    def indexed(self, read: Callable[[], T], instead: T) -> T:
        """A part of the page that comes from the index. Where that is away: `instead`, and the page says so at its top."""
        words = self.desk.index_away(self.now)
        if not words:
            try:
                return read()
            except (RetryLater, ConfigurationError) as error:
                words = str(error)
                self.desk.note_away(words, self.now)
        self.away.append(words)
        return instead

    def page(self, template: str, status: int = 200, framing: bool = False, **context: Any) -> Response:
        """Render a template; `framing` lets the page hold one frame of our own."""
        html = self.desk.templates.get_template(template).render(
            viewer=self.viewer,
            now=self.now,
            nav=NAV,
            here=self.url_path,
            waiting=self._waiting(),
            troubles=self._troubles(),
            desk=self.desk,
            **context,
        )
        return HTMLResponse(html, status, headers={"content-security-policy": FRAMING_POLICY} if framing else None)

    def looked(self, action: str, subject: str, office_ids: Iterable[str] | None = None, **detail: Any) -> None:
        """Write the audit line of a look (charter 8); without it there is no page."""
        offices = self.viewer.office_ids if office_ids is None else tuple(office_ids)
        with self.desk.db.write() as session:
            record(session, self.now, self.viewer.name, offices, action, subject, **detail)

    def _troubles(self) -> list[str]:
        """What does not work now: in words, at the top of every page."""
        with self.desk.reading() as session:
            known = [trouble.words for trouble in standing(session)]
            verdict = judge(passages(session, most=8), self.desk.started, self.now)
        if verdict.state in ("late", "missing"):
            known.append(f"{verdict.words}。详见“系统状态”。")
        return [f"索引用不了，这一页缺少来自索引的内容：{words}" for words in self.away[:1]] + known

    def _waiting(self) -> int:
        """Incidents that nobody acknowledged yet: the number beside 处置."""
        with self.desk.reading() as session:
            found = (
                select(func.count())
                .select_from(Incident)
                .where(Incident.state == "open", self.viewer.sees(Incident.office_ids))
            )
            return session.scalar(found) or 0


Page = Callable[[Ask], Response]


def missing(what: str = "这一页") -> HTTPException:
    """Also for what exists but belongs to another office: the two must look the same."""
    return HTTPException(404, f"没有找到{what}。它可能已超过保存期限，或不属于您的单位。")


def forbidden(why: str) -> HTTPException:
    return HTTPException(403, why)


def guarded(page: Page) -> Callable[[Request], Awaitable[Response]]:
    """Sign-in, CSRF and errors in words around a page; the page itself runs in a worker thread."""

    async def endpoint(request: Request) -> Response:
        form: Mapping[str, str] = {}
        if request.method == "POST":
            if not same_site(request):
                raise HTTPException(403, "这个请求不是从值班台自己的页面发出的，没有执行。")
            form = await read_form(request)
        desk: Desk = request.app.state.desk
        return await asyncio.get_running_loop().run_in_executor(desk.threads, _answer, desk, page, request, form)

    return endpoint


def _answer(desk: Desk, page: Page, request: Request, form: Mapping[str, str]) -> Response:
    now = desk.clock()
    try:
        viewer = _viewer(desk, request, now)
        if viewer is None:
            return _to_sign_in(request)
        ask = Ask(desk, viewer, now, request.path_params, request.query_params, form, request.url.path)
        return _told(page, ask, request)
    except (RetryLater, ConfigurationError) as error:  # the database, before there is anybody to show a page to
        raise HTTPException(503, str(error)) from None


def _told(page: Page, ask: Ask, request: Request) -> Response:
    """Run the page; what it refuses is said in words, within the desk's frame."""
    try:
        if request.method == "POST" and not same_secret(ask.form.get("csrf", ""), ask.viewer.csrf):
            raise HTTPException(403, "页面已过期或请求来源不明，没有执行。请返回上一页刷新后重试。")
        return page(ask)
    except HTTPException as error:
        return ask.page("error.html", error.status_code, code=error.status_code, message=error.detail)
    except Refused as error:
        return ask.page("error.html", 422, code=422, message=str(error))
    except Conflict as error:
        return ask.page("error.html", 409, code=409, message=str(error))
    except (RetryLater, ConfigurationError) as error:
        return ask.page("error.html", 503, code=503, message=str(error))


def _viewer(desk: Desk, request: Request, now: datetime) -> Viewer | None:
    token = request.cookies.get(cookie_name(desk.secure), "")
    if not token:
        return None
    with desk.reading() as session:
        found = signed_in(session, token, now)
        return viewer_of(found, desk.home) if found else None


def _to_sign_in(request: Request) -> Response:
    back = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    target = "/sign-in" if request.method == "POST" or back == "/" else "/sign-in?" + urlencode({"next": back})
    return RedirectResponse(target, 303)
