"""The town forum: threads with replies, profile links and avatars, and a section that robots.txt closes."""

from __future__ import annotations

import zlib

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from demoweb.site import Context, Robots, answer_robots, html, missing, page_number, paged
from demoweb.story import Thread

THREADS_A_PAGE = 20
POSTS_A_PAGE = 10
ROBOTS = "User-agent: *\nDisallow: /neibu/\nDisallow: /u/\n"
_COLOURS = ("#5b8c5a", "#b5651d", "#4a6fa5", "#8e5572", "#7a7a52", "#a23b3b")


def handle_of(handles: object, name: str) -> str:
    """The name in profile and avatar addresses: the story's, or a number made from the nickname."""
    if isinstance(handles, dict) and name in handles:
        return str(handles[name])
    return str(20000 + zlib.crc32(name.encode()) % 70000)


def avatar(handle: str) -> Response:
    colour = _COLOURS[zlib.crc32(handle.encode()) % len(_COLOURS)]
    svg = f'<svg xmlns="http://www.w3.org/2000/svg" width="48" height="48"><rect width="48" height="48" fill="{colour}"/></svg>'
    return Response(svg, media_type="image/svg+xml")


def forum_site(context: Context, robots_status: str) -> Starlette:
    handles = context.story.handles
    names = {handle_of(handles, p.author): p.author for t in context.story.forum for p in t.posts if p.author}

    def shown(closed: bool) -> list[Thread]:
        now = context.clock.now()
        threads = [t for t in context.story.forum if t.closed is closed and t.at <= now]
        return sorted(threads, key=lambda t: (t.shown(now)[-1].at, t.id), reverse=True)

    def list_page(request: Request, closed: bool) -> Response:
        page = paged(shown(closed), page_number(request), THREADS_A_PAGE)
        here, now = ("/neibu/" if closed else "/forum/shequ"), context.clock.now()
        return html("forum_list.html", page=page, closed=closed, here=here, now=now, handle=handle)

    def handle(name: str) -> str:
        return handle_of(handles, name)

    async def home(_request: Request) -> Response:
        return html("forum_home.html")

    async def board(request: Request) -> Response:
        return list_page(request, closed=False)

    async def closed_board(request: Request) -> Response:
        return list_page(request, closed=True)

    async def topic(request: Request) -> Response:
        closed = request.url.path.startswith("/neibu/")
        number = request.path_params["number"]
        thread = next((t for t in shown(closed) if t.id == number), None)
        if thread is None:
            raise HTTPException(404)
        posts = thread.shown(context.clock.now())
        page = paged(posts, page_number(request), POSTS_A_PAGE)
        return html("forum_thread.html", thread=thread, posts=posts, page=page, here=request.url.path, handle=handle)

    async def profile(request: Request) -> Response:
        name = names.get(request.path_params["handle"])
        if name is None:
            raise HTTPException(404)
        return html("forum_profile.html", name=name, handle=handle)

    async def picture(request: Request) -> Response:
        return avatar(request.path_params["handle"])

    async def robots_txt(request: Request) -> Response:
        return await answer_robots(request, Robots(ROBOTS, robots_status), context.stop)

    return Starlette(
        routes=[
            Route("/", home),
            Route("/robots.txt", robots_txt),
            Route("/forum/shequ", board),
            Route("/t/{number:int}", topic),
            Route("/neibu/", closed_board),
            Route("/neibu/{number:int}", topic),
            Route("/u/{handle}", profile),
            Route("/avatar/{handle}.svg", picture),
        ],
        exception_handlers={HTTPException: missing},
    )
