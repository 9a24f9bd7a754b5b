"""A saved page of any kind, an article or a thread, for people who tune a source. Spiders never read threads this way."""

from __future__ import annotations

from datetime import datetime

from lxml import html

from crawlers.reading.body import EXTRACTOR
from crawlers.reading.dates import parse_date
from crawlers.reading.page import PageText, open_page, read_root
from crawlers.reading.posts import first_date, post_text, without_labels
from crawlers.reading.published import find_date
from crawlers.reading.thread import Post, card_of, find_posts
from crawlers.reading.title import find_title
from crawlers.reading.tree import drop, first_text, select
from pipeline.settings.sources import Selectors


def read_saved(body: bytes, content_type: str, url: str, selectors: Selectors, now: datetime) -> PageText:
    """Like `read_page`, but a thread's posts are its body, and a page with a title and no body comes back too.
    Raises QuarantineError: too_large, not_html, empty_text (no bytes)."""
    root, charset = open_page(body, content_type)
    posts, how = [[e] for e in select(root, selectors.post)] if selectors.post else [], "selector"
    if not posts and not selectors.body:
        posts, how = find_posts(root, url)
    if not posts:
        return read_root(root, charset, url, selectors, now)
    return _thread(root, posts, how, charset, url, selectors, now)


def _thread(
    root: html.HtmlElement, posts: list[Post], found: str, charset: str, url: str, selectors: Selectors, now: datetime
) -> PageText:
    how = {"charset": charset, "title": "selector", "date": "selector", "outlet": "", "body": f"thread: {found}"}
    title = first_text(root, selectors.title).replace("\n", " ")
    if not title:
        title, how["title"] = find_title(root)
    card = card_of(posts[0], posts)
    date = parse_date(first_text(card, selectors.post_date), now) if selectors.post_date else None
    if date is None:
        date, how["date"] = first_date(card, now), "first post"
    if date is None:
        date, how["date"] = find_date(root, url, title, now)
    for element in (
        e for s in (selectors.post_author, selectors.post_date, *selectors.remove) for e in select(root, s)
    ):
        drop(element)
    if selectors.post_text:
        posts = [[e for block in post for e in select(block, selectors.post_text)] for post in posts]
    body = "\n".join(without_labels([t for post in posts if (t := post_text(post, title))], found == "rows"))
    at, precision = (date.at, date.precision) if date is not None else (None, "unknown")
    return PageText(title[:300], body, at, precision, "", EXTRACTOR, "", charset, 0, how)  # type: ignore[arg-type]
