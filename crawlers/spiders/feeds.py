"""What a feed says: RSS 0.9-2.0, Atom or JSON Feed."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from lxml import etree

from crawlers.spiders.entries import load_json
from crawlers.spiders.xml import MOST_ENTRIES, child_text, children, local_name, parse_xml
from pipeline.errors import QuarantineError


@dataclass(frozen=True, slots=True)
class FeedEntry:
    """One entry. `content` is the whole text where the feed carries it; `author` is read only when asked for."""

    url: str
    title: str = ""
    date: str = ""
    content: str = ""
    author: str = field(default="", repr=False)


def feed_entries(body: bytes, *, authors: bool = False, descriptions: bool = False) -> list[FeedEntry]:
    """Entries by place. `descriptions`: where an entry has no content, its description is that. Raises QuarantineError: not_xml, not_json, not_feed."""
    if body.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"{"):
        return _json_feed(load_json(body), authors)
    root = parse_xml(body)
    if local_name(root) not in ("rss", "RDF", "feed"):
        raise QuarantineError("not_feed", local_name(root)[:30])
    found: list[FeedEntry] = []
    for item in root.iter("{*}item", "{*}entry", "item", "entry"):
        if len(found) >= MOST_ENTRIES:
            break
        if url := _link(item):
            date = child_text(item, "pubDate", "published", "date", "updated", "issued")
            author = child_text(item, "creator", "author") if authors else ""
            found.append(FeedEntry(url, child_text(item, "title"), date, _content(item, descriptions), author))
    return found


def _json_feed(data: Any, authors: bool) -> list[FeedEntry]:
    """https://jsonfeed.org, versions 1 and 1.1."""
    if not isinstance(data, dict) or not isinstance(data.get("items"), list):
        raise QuarantineError("not_feed", "json")
    found = []
    for item in data["items"][:MOST_ENTRIES]:
        if not isinstance(item, dict):
            continue
        url = _words(item, "url", "external_url") or _words(item, "id")
        if url.startswith(("http://", "https://", "/")):
            date = _words(item, "date_published", "date_modified")
            content = _words(item, "content_html", "content_text")
            found.append(FeedEntry(url, _words(item, "title"), date, content, _json_author(item) if authors else ""))
    return found


def _json_author(item: dict[str, Any]) -> str:
    people = item.get("authors") or [item.get("author")]
    first = people[0] if isinstance(people, list) and people else None
    return _words(first, "name", "url") if isinstance(first, dict) else ""


def _words(item: dict[str, Any], *names: str) -> str:
    return next((v.strip() for n in names if isinstance(v := item.get(n), str) and v.strip()), "")


def _content(item: etree._Element, descriptions: bool) -> str:
    """`content:encoded` of RSS, `content` of Atom; not the description, which is a summary on most sites."""
    names = ("encoded", "content", "description") if descriptions else ("encoded", "content")
    for element in (e for name in names for e in children(item, name)):
        if element.get("src") or element.get("url"):  # elsewhere, or a picture (Media RSS)
            continue
        if len(element):
            return "".join(etree.tostring(e, encoding="unicode") for e in element)
        if element.text and element.text.strip():
            return element.text.strip()
    return ""


def _link(item: etree._Element) -> str:
    for link in children(item, "link"):
        href = link.get("href")
        if href and link.get("rel", "alternate") == "alternate":
            return href.strip()
        if link.text and link.text.strip():
            return link.text.strip()
    guid = next(children(item, "guid"), None)
    text = (guid.text or "").strip() if guid is not None and guid.get("isPermaLink", "true") != "false" else ""
    return text if text.startswith(("http://", "https://")) else ""
