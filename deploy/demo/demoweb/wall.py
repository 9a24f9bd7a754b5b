"""问政清江: messages that people addressed to the office, some with its reply."""

from __future__ import annotations

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from demoweb.forum import avatar, handle_of
from demoweb.site import Context, Robots, answer_robots, html, missing, page_number, paged
from demoweb.story import OFFICE, Thread

PAGE_SIZE = 15


def wall_site(context: Context, robots_status: str) -> Starlette:
    handles = context.story.handles

    def shown() -> list[Thread]:
        now = context.clock.now()
        return sorted((t for t in context.story.wall if t.at <= now), key=lambda t: (t.at, t.id), reverse=True)

    def handle(name: str) -> str:
        return handle_of(handles, name)

    async def home(_request: Request) -> Response:
        return RedirectResponse("/wall/")

    async def listing(request: Request) -> Response:
        page = paged(shown(), page_number(request), PAGE_SIZE)
        return html("wall_list.html", page=page, office=OFFICE, now=context.clock.now())

    async def message(request: Request) -> Response:
        thread = next((t for t in shown() if t.id == request.path_params["number"]), None)
        if thread is None:
            raise HTTPException(404)
        posts = thread.shown(context.clock.now())
        return html("wall_message.html", thread=thread, posts=posts, office=OFFICE, handle=handle)

    async def profile(request: Request) -> Response:
        known = {handle(t.posts[0].author): t.posts[0].author for t in shown()}
        name = known.get(request.path_params["handle"])
        if name is None:
            raise HTTPException(404)
        return html("wall_profile.html", name=name, handle=handle, office=OFFICE)

    async def picture(request: Request) -> Response:
        return avatar(request.path_params["handle"])

    async def robots_txt(request: Request) -> Response:
        return await answer_robots(request, Robots("User-agent: *\nDisallow:\n", robots_status), context.stop)

    return Starlette(
        routes=[
            Route("/", home),
            Route("/robots.txt", robots_txt),
            Route("/wall/", listing),
            Route("/wall/{number:int}", message),
            Route("/u/{handle}", profile),
            Route("/avatar/{handle}.svg", picture),
        ],
        exception_handlers={HTTPException: missing},
    )
