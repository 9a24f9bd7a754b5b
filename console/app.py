"""The desk as an ASGI application."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from console import push
from console.asking import Page, guarded
from console.desk import FOLDER, Desk
from console.forms import MAX_FORM_BYTES
from console.pages import (
    account,
    actions,
    audit,
    digests,
    help,
    inbox,
    incidents,
    issues,
    items,
    quality,
    review,
    search,
    searches,
    sign_in,
    sources,
    system,
    today,
)
from console.shield import Shield, allowed_hosts, protect
from pipeline.desk.database import Database
from pipeline.index.engine import Index
from pipeline.settings import Home

log = logging.getLogger(__name__)

PAGES: tuple[tuple[str, Page], ...] = (
    ("/", today.today),
    ("/issues", issues.issues),
    ("/issues/{id}", issues.issue),
    ("/search", search.search),
    ("/search.csv", search.export),
    ("/searches", searches.searches),
    ("/searches/{id}", searches.open_saved),
    ("/searches/{id}/name", searches.edit),
    ("/searches/{id}/discard", searches.confirm_discard),
    ("/items/{id}", items.item),
    ("/items/{id}/evidence", items.evidence),
    ("/incidents", incidents.incidents),
    ("/incidents/{id}", incidents.incident),
    ("/incidents/{id}/close", incidents.confirm_close),
    ("/digests", digests.digests),
    ("/digests/{id}", digests.digest),
    ("/digests/{id}/page", digests.digest_page),
    ("/sources", sources.sources),
    ("/system", system.system),
    ("/inbox", inbox.inbox),
    ("/inbox/{name}", inbox.mail),
    ("/inbox/{name}/page", inbox.mail_page),
    ("/review", review.review),
    ("/review/quality", quality.quality_page),
    ("/audit", audit.audit),
    ("/account", account.account),
    ("/people", account.people),
    ("/help", help.help_page),
)
ACTIONS: tuple[tuple[str, Page], ...] = (
    ("/incidents/{id}/acknowledge", actions.acknowledge),
    ("/incidents/{id}/answered", actions.mark_answered),
    ("/incidents/{id}/close", actions.close),
    ("/incidents/{id}/note", actions.add_note),
    ("/incidents/{id}/tasks/{task}/complete", actions.complete_task),
    ("/incidents/{id}/tasks/{task}/skip", actions.skip_task),
    ("/incidents/{id}/clocks/{clock}/met", actions.meet_clock),
    ("/searches", searches.keep),
    ("/searches/{id}/name", searches.rename),
    ("/searches/{id}/discard", searches.discard),
    ("/review/next", review.fill),
    ("/review/undo", review.undo),
    ("/review/{id}", review.decide),
    ("/review/{id}/skip", review.skip),
    ("/own-pages/{id}/accept", sources.accept_page),
    ("/account", account.change_password),
    ("/people", account.change_people),
    ("/sign-out", account.sign_out),
)


def create_app(home: Home, db: Database, index: Index, clock: Callable[[], datetime]) -> Starlette:
    """The whole desk. `db` is migrated; `clock` gives aware UTC; both and `index` stay the caller's to close."""
    desk = Desk(home, db, index, clock)

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        desk.load_scorer()
        yield
        desk.threads.shutdown(wait=True, cancel_futures=True)

    app = Starlette(
        routes=[
            *(Route(path, guarded(page), methods=["GET"]) for path, page in PAGES),
            *(Route(path, guarded(page), methods=["POST"]) for path, page in ACTIONS),
            Route("/sign-in", sign_in.sign_in, methods=["GET", "POST"]),
            Route("/sign-in/{token}", sign_in.link, methods=["GET", "POST"]),
            Route("/healthz", _alive, methods=["GET"]),
            Route("/healthz/canary", system.canary_health, methods=["GET"]),
            Route("/push/{source}", push.receive, methods=["POST"], max_body_size=push.MOST_BYTES),
            Mount("/static", _Static(directory=FOLDER / "static")),
        ],
        middleware=[Middleware(Shield, hosts=allowed_hosts(home))],
        exception_handlers={HTTPException: _refused, Exception: _failed},
        lifespan=lifespan,
        max_body_size=MAX_FORM_BYTES,
    )
    app.state.desk = desk
    app.state.tries = sign_in.Tries()
    app.state.pushes = push.Pushes(home)
    return app


class _Static(StaticFiles):
    """Addresses carry a digest of the content, so that browsers may keep them."""

    async def get_response(self, path: str, scope: object) -> Response:
        answer = await super().get_response(path, scope)  # type: ignore[arg-type]
        if answer.status_code == 200:
            answer.headers["cache-control"] = "public, max-age=604800, immutable"
        return answer


async def _alive(_request: Request) -> Response:
    return PlainTextResponse("ok")


async def _refused(request: Request, error: Exception) -> Response:
    """Errors outside the signed-in pages: unknown addresses, refused forms."""
    status = error.status_code if isinstance(error, HTTPException) else 400
    words = {404: "没有这一页。", 405: "这个地址不接受这种请求。"}
    message = words.get(status) or (str(error.detail) if isinstance(error, HTTPException) else "请求有误。")
    return _plain_page(request, status, message)


async def _failed(request: Request, error: Exception) -> Response:
    """A mistake of ours: said plainly, logged with its trace, never shown."""
    log.error("the desk failed at %s", request.url.path, exc_info=error)
    answer = _plain_page(request, 500, "值班台出错了，这次操作没有完成。请稍后重试；若一再出现，请告诉管理员。")
    protect(answer.headers)
    return answer


def _plain_page(request: Request, status: int, message: str) -> Response:
    desk: Desk = request.app.state.desk
    return HTMLResponse(desk.templates.get_template("plain_error.html").render(code=status, message=message), status)
