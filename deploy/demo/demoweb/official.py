"""The official site: an old government template in GB18030 that declares itself gb2312."""

from __future__ import annotations

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from demoweb.site import TEMPLATES, Context, Robots, answer_robots, missing, paged
from demoweb.story import SHANGHAI, Article

PAGE_SIZE = 10


def path_of(article: Article) -> str:
    at = article.at.astimezone(SHANGHAI)
    return f"/dt/{at:%Y%m}/t{at:%Y%m%d}_{article.id}.html"


def official_site(context: Context, robots_status: str) -> Starlette:
    robots = Robots("User-agent: *\nDisallow: /admin/\n", robots_status)
    by_path = {path_of(a): a for a in context.story.official}

    def page(template: str, **values: object) -> Response:
        text = TEMPLATES.get_template(template).render(**values)
        # the header names no charset, as on many such sites: the meta element is all a reader has
        return Response(text.encode("gb18030"), headers={"Content-Type": "text/html"})

    def shown() -> list[Article]:
        now = context.clock.now()
        return sorted((a for a in context.story.official if a.at <= now), key=lambda a: (a.at, a.id), reverse=True)

    async def home(_request: Request) -> Response:
        return page("official_home.html", articles=shown()[:8], path_of=path_of)

    async def listing(request: Request) -> Response:
        number = request.path_params.get("number", 1)
        if number == 1 and "number" in request.path_params:
            raise HTTPException(404)
        return page("official_list.html", page=paged(shown(), number, PAGE_SIZE), path_of=path_of)

    async def detail(request: Request) -> Response:
        article, now = by_path.get(request.url.path), context.clock.now()
        if article is None or article.at > now:
            raise HTTPException(404)
        return page("official_detail.html", article=article, version=article.version(now))

    async def robots_txt(request: Request) -> Response:
        return await answer_robots(request, robots, context.stop)

    return Starlette(
        routes=[
            Route("/", home),
            Route("/robots.txt", robots_txt),
            Route("/dt/", listing),
            Route("/dt/index.html", listing),
            Route("/dt/index_{number:int}.html", listing),
            Route("/dt/{month}/{name}", detail),
        ],
        exception_handlers={HTTPException: missing},
    )
