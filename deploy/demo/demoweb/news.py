"""The news site: a feed with summaries, a sitemap with everything, articles with the usual trimmings around them."""

from __future__ import annotations

from email.utils import format_datetime

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from demoweb.site import TEMPLATES, Context, Robots, answer_robots, html, missing, paged
from demoweb.story import SHANGHAI, Article

FEED_SIZE = 15
PAGE_SIZE = 20
SUMMARY = 58


def path_of(article: Article) -> str:
    at = article.at.astimezone(SHANGHAI)
    return f"/{at:%Y}/{at:%m%d}/c{article.id}.html"


def feed_link_of(article: Article) -> str:
    """Feeds link some articles with tracking parameters, some by their mobile twin."""
    if article.feed_link == "tracked":
        return f"{path_of(article)}?utm_source=rss&utm_medium=feed&spm=a1z.{article.id}"
    if article.feed_link == "mobile":
        return f"/m{path_of(article)}?from=rss"
    return path_of(article)


def news_site(context: Context, robots_status: str) -> Starlette:
    by_path = {path_of(a): a for a in context.story.news}

    def shown() -> list[Article]:
        now = context.clock.now()
        return sorted((a for a in context.story.news if a.at <= now), key=lambda a: (a.at, a.id), reverse=True)

    def base(request: Request) -> str:
        return str(request.base_url).rstrip("/")

    def xml(template: str, **values: object) -> Response:
        return Response(TEMPLATES.get_template(template).render(**values), media_type="application/xml")

    async def home(request: Request) -> Response:
        page = paged(shown(), request.path_params.get("number", 1), PAGE_SIZE)
        return html("news_home.html", page=page, path_of=path_of)

    async def feed(request: Request) -> Response:
        now = context.clock.now()
        items = [
            {
                "article": a,
                "title": a.version(now).title,
                "link": base(request) + feed_link_of(a),
                "summary": a.version(now).paragraphs[0][:SUMMARY] + "……",
                "date": format_datetime(a.at),
            }
            for a in shown()[:FEED_SIZE]
        ]
        return xml("news_feed.xml", items=items, base=base(request))

    async def sitemap(request: Request) -> Response:
        now = context.clock.now()
        rows = [(base(request) + path_of(a), a.version(now).at.isoformat()) for a in shown()]
        return xml("news_sitemap.xml", rows=rows)

    async def article_page(request: Request) -> Response:
        path, now = request.url.path, context.clock.now()
        mobile = path.startswith("/m/")
        article = by_path.get(path.removeprefix("/m") if mobile else path)
        if article is None or article.at > now or (mobile and not article.mobile):
            raise HTTPException(404)
        related = [a for a in shown() if a.at < article.at and a.section == article.section][:3]
        return html(
            "news_mobile.html" if mobile else "news_article.html",
            article=article,
            version=article.version(now),
            comments=[c for c in article.comments if c.at <= now],
            related=[(path_of(a), a.version(now).title) for a in related],
            canonical=base(request) + path_of(article),
            handles=context.story.handles,
            path_of=path_of,
        )

    async def robots_txt(request: Request) -> Response:
        text = f"User-agent: *\nDisallow: /search\nSitemap: {base(request)}/sitemap.xml\n"
        return await answer_robots(request, Robots(text, robots_status), context.stop)

    return Starlette(
        routes=[
            Route("/", home),
            Route("/page/{number:int}", home),
            Route("/robots.txt", robots_txt),
            Route("/rss.xml", feed),
            Route("/sitemap.xml", sitemap),
            Route("/{year:int}/{day}/{name}", article_page),
            Route("/m/{year:int}/{day}/{name}", article_page),
        ],
        exception_handlers={HTTPException: missing},
    )
