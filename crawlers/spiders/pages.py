"""List pages: the links on them, the rows these stand in, and the way to the next page."""

from __future__ import annotations

import re
from dataclasses import dataclass

from lxml import html
from scrapy.http import Response

from crawlers.reading.page import open_page
from crawlers.reading.tree import select, select_strings, text_of
from pipeline.settings.sources import Selectors

_NEXT = re.compile(r"^(?:下一页|下页|后一页|后页|下一頁|>|»|>>|next(?: page)?)[\s>»›]*$", re.I)
# the pager of publishing systems that many government sites use: pages, this one (from 0; from 1 where the place for the
# pager comes first), name, extension
_SCRIPTED = re.compile(
    r"createPage(?:HTML)?\s*\(\s*(?P<place>['\"][\w-]{1,40}['\"]\s*,\s*)?['\"]?(\d{1,5})['\"]?\s*,\s*['\"]?(\d{1,5})['\"]?\s*,\s*['\"]([\w-]{1,60})['\"]\s*,\s*['\"](\w{1,6})['\"]"
)
# another system's list: XML with its rows as CDATA, in a script of the first page and as the answer for further ones
_XML_SCRIPT, _CDATA = re.compile(rb"<script[^>]{0,80}text/xml[^>]{0,80}>", re.I), re.compile(rb"<!\[CDATA\[|\]\]>")
_ROWS = frozenset(("li", "tr", "dl", "article", "tbody"))


@dataclass(frozen=True, slots=True)
class Link:
    href: str
    row: str  # digits of the row: counts and times, which change when something happened (never a name)


def open_list(response: Response, max_bytes: int) -> html.HtmlElement:
    """The tree of a list page. Raises QuarantineError as `open_page` does."""
    body = response.body
    if b"<datastore" in body:
        body = _CDATA.sub(b"", _XML_SCRIPT.sub(b"<div>", body))
    root, _charset = open_page(body, (response.headers.get("Content-Type") or b"").decode("latin-1"), max_bytes)
    return root


def list_links(root: html.HtmlElement, selectors: Selectors) -> list[Link]:
    """What `selectors.link` names: links, or blocks whose first link counts."""
    found = []
    for element in select(root, selectors.link):
        link = element if element.tag == "a" else next(iter(element.iter("a")), None)
        if link is not None and link.get("href"):
            found.append(Link(str(link.get("href")), _row_digits(link)))
    if not found:  # an XPath may end in @href
        found = [Link(s, "") for s in select_strings(root, selectors.link) if s]
    return found


def next_page(root: html.HtmlElement, selectors: Selectors) -> str:
    """Address of the next page: the source's selector, else a link that says 下一页, else what a pager's script would
    write; "" where there is none."""
    if selectors.next_page:
        for element in select(root, selectors.next_page):
            if element.get("href"):
                return str(element.get("href"))
        return next((s for s in select_strings(root, selectors.next_page) if s.startswith(("http", "/", "?"))), "")
    return next(iter(said_next(root)), "")


def said_next(root: html.HtmlElement) -> list[str]:
    """Where links that say 下一页 lead, and then what a pager's script would write."""
    found = [
        str(e.get("href"))
        for e in root.iter("a")
        if e.get("href") and not str(e.get("href")).startswith("javascript") and _NEXT.match(text_of(e).strip())
    ]
    for script in root.iter("script"):
        match = _SCRIPTED.search(script.text or "")
        if match and int(match[3]) + (not match["place"]) < int(match[2]):
            found.append(f"{match[4]}_{int(match[3]) + 1}.{match[5]}")
    return found


def row_of(link: html.HtmlElement) -> html.HtmlElement:
    """The entry of a list that a link stands in; where none is near, its parent."""
    row: html.HtmlElement | None = link
    for _ in range(5):
        if row is None or row.tag in _ROWS:
            break
        row = row.getparent()
    if row is None or row.tag not in _ROWS:
        parent = link.getparent()
        row = link if parent is None else parent
    return row


def _row_digits(link: html.HtmlElement) -> str:
    text = text_of(row_of(link))
    return " ".join(re.findall(r"\d+", text)) if len(text) < 2000 else ""
