"""One page read: HTML bytes in; title, body, date and outlet out, with how each was found."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import datetime
from urllib.parse import urljoin, urlsplit

from lxml import html

from crawlers.reading.body import EXTRACTOR, generic_body, selected_body, tidy
from crawlers.reading.comments import cut_bylines, cut_comments
from crawlers.reading.dates import parse_date
from crawlers.reading.decode import decode
from crawlers.reading.published import find_date
from crawlers.reading.title import find_title
from crawlers.reading.tree import drop, elements, first_text, parse_html, prose, select, text_of, words_with
from pipeline.errors import QuarantineError
from pipeline.records import Precision
from pipeline.settings.sources import Selectors

MAX_BYTES = 20_000_000
MAX_TEXT = 200_000
MOST_ELEMENTS = 50_000  # ten times what large articles have; more would hold up every other source
_OUTLET = re.compile(
    r"(?:来\s?源|稿源|信息来源|文章来源|消息来源)\s*[:：]\s*(?P<name>[^\s|｜(（【\[<>,，。;；\]】)）]{2,24}?)"
    r"(?:发布|发表|作者|责任?编|编辑|点击|浏览|阅读|时间|日期|记者|字[号体]|分享|点赞|[\s|｜(（【\[<>,，。;；\]】)）]|$)"
)
_SOURCE_TAGS = frozenset(("span", "div", "p", "td", "a", "li", "em", "i", "h5"))
_NOT_HTML = (
    b"%PDF",
    b"PK\x03\x04",
    b"\x89PNG",
    b"\xff\xd8\xff",
    b"GIF8",
    b"\x1f\x8b",
    b"Rar!",
    b"\xd0\xcf\x11\xe0",
    b"RIFF",
)


@dataclass(frozen=True, slots=True)
class PageText:
    """What a page says, unmasked: sealing masks. `published_at` is UTC; `how` names what decided each field."""

    title: str
    body: str
    published_at: datetime | None
    precision: Precision
    outlet: str
    extractor: str
    canonical_url: str = ""
    charset: str = ""
    comments_cut: int = 0
    how: dict[str, str] = field(default_factory=dict)


def read_page(
    body: bytes, content_type: str, url: str, selectors: Selectors, now: datetime, *, max_bytes: int = MAX_BYTES
) -> PageText:
    """Read an article or release. Raises QuarantineError: too_large, not_html, empty_text. Nothing else."""
    root, charset = open_page(body, content_type, max_bytes)
    page = read_root(root, charset, url, selectors, now)
    if not page.body:
        raise QuarantineError("empty_text", page.how["body"])
    return page


def read_root(root: html.HtmlElement, charset: str, url: str, selectors: Selectors, now: datetime) -> PageText:
    """What a page says, also where that is a title and no body. Cuts `root`."""
    _alive = elements(root)  # as long as someone holds them, lxml need not make them anew for each pass
    link = _canonical_link(root, url)
    cut = cut_comments(root)
    for selector in selectors.remove:
        for element in select(root, selector):
            drop(element)
    how: dict[str, str] = {"charset": charset}
    weights = prose(root)
    title, how["title"] = first_text(root, selectors.title).replace("\n", " "), "selector"
    if not title:
        title, how["title"] = find_title(root)
    date, how["date"] = parse_date(first_text(root, selectors.date), now) if selectors.date else None, "selector"
    if date is None:
        date, how["date"] = find_date(root, url, title, now, weights)
    outlet, how["outlet"] = find_outlet(root, selectors)
    cut_bylines(root, weights)
    text, how["body"] = tidy(selected_body(root, selectors.body), title), "selector"
    if not text:
        text, how["body"] = generic_body(root, title, weights)
    at = date.at if date is not None else None
    precision: Precision = date.precision if date is not None else "unknown"
    return PageText(title[:300], text[:MAX_TEXT], at, precision, outlet, EXTRACTOR, link, charset, cut, how)


def open_page(body: bytes, content_type: str, max_bytes: int = MAX_BYTES) -> tuple[html.HtmlElement, str]:
    """(tree, charset). Raises QuarantineError: too_large, not_html, empty_text."""
    if len(body) > max_bytes:
        raise QuarantineError("too_large", f"{len(body)} bytes")
    kind = content_type.partition(";")[0].strip().lower()
    if body[:8].startswith(_NOT_HTML) or (
        kind and not any(k in kind for k in ("html", "xml", "text/plain", "octet-stream"))
    ):
        raise QuarantineError("not_html", kind[:60] if kind.isascii() else "")
    if not body.strip():
        raise QuarantineError("empty_text", "no bytes")
    text, charset = decode(body, content_type)
    if "<" not in text:
        raise QuarantineError("not_html", "no tags")
    root = parse_html(text)
    if sum(1 for _ in root.iter("*")) > MOST_ELEMENTS:
        raise QuarantineError("too_large", "elements")
    return root, charset


def _canonical_link(root: html.HtmlElement, url: str) -> str:
    """What the page calls its own address, where that is on the same host or its mobile twin and is no front page."""
    for link in root.iter("link"):
        if "canonical" not in (link.get("rel") or "").lower().split():
            continue
        try:
            target = urljoin(url, (link.get("href") or "").strip())
            parts, own = urlsplit(target), urlsplit(url)
            if parts.scheme in ("http", "https") and _bare(parts.netloc) == _bare(own.netloc) and len(parts.path) > 1:
                return target
        except ValueError:
            return ""
    return ""


def _bare(host: str) -> str:
    return re.sub(r"^(?:www|m|wap|3g|amp|mip)\.", "", host.lower())


def find_outlet(root: html.HtmlElement, selectors: Selectors) -> tuple[str, str]:
    """(whose text it is, how it was found)."""
    if selectors.outlet:
        own = first_text(root, selectors.outlet)
        match = _OUTLET.search(own)
        name = match["name"] if match else own.partition("\n")[0]
        if name:
            return name[:40], "selector"
    for meta in root.iter("meta"):
        named = (meta.get("name") or meta.get("property") or "").lower() in (
            "contentsource",
            "article:source",
        )
        if named and meta.get("content"):
            return (meta.get("content") or "").strip()[:40], "meta"
    for found in words_with(root, "源"):
        for element in _outside_in(found):
            match = _OUTLET.search(text_of(element)) if element.tag in _SOURCE_TAGS else None
            if match:
                return match["name"][:40], "source line"
    return "", ""


def _outside_in(element: html.HtmlElement) -> list[html.HtmlElement]:
    """What stands around an element in few words, and the element, outer ones first."""
    around: list[html.HtmlElement] = []
    for e in (element, *element.iterancestors()):
        if len(e) > 40 or len(e.text_content()) >= 160:
            break
        around.append(e)
    return around[::-1]
