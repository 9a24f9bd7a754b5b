"""Feeds and sitemaps: XML from strangers, parsed without entities, network or hope of being well formed."""

from __future__ import annotations

import gzip
import io
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

from lxml import etree

from crawlers.reading.decode import decode
from pipeline.errors import QuarantineError

MOST_ENTRIES = 50_000  # a sitemap's own limit


@dataclass(frozen=True, slots=True)
class Entry:
    """One link of a feed or sitemap. Who wrote it is never read."""

    url: str
    title: str = ""
    date: str = ""


def inflate(body: bytes, most: int) -> bytes:
    """The body, unzipped where it is gzip. Raises QuarantineError: too_large, bad_gzip."""
    if not body.startswith(b"\x1f\x8b"):
        return body
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(body)) as f:
            plain = f.read(most + 1)
    except (OSError, EOFError, zlib.error):
        raise QuarantineError("bad_gzip") from None
    if len(plain) > most:
        raise QuarantineError("too_large", "unzipped")
    return plain


def parse_xml(body: bytes) -> etree._Element:
    """Root of a document. Raises QuarantineError `not_xml`."""
    parser = etree.XMLParser(
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        recover=True,
        huge_tree=False,
        remove_comments=True,
        remove_pis=True,
    )
    try:
        root = etree.fromstring(body.strip(), parser)
    except (etree.LxmlError, ValueError):
        root = None
    if root is None:  # a wrong declaration of the encoding: decode by our own rules
        text, _charset = decode(body)
        try:
            root = etree.fromstring(text.strip().encode(), parser)
        except (etree.LxmlError, ValueError):
            root = None
    if root is None:
        raise QuarantineError("not_xml")
    return root


def feed_entries(body: bytes) -> list[Entry]:
    """Entries of RSS 0.9-2.0 or Atom. Raises QuarantineError `not_xml` or `not_feed`."""
    root = parse_xml(body)
    if _name(root) not in ("rss", "RDF", "feed"):
        raise QuarantineError("not_feed", _name(root)[:30])
    found: list[Entry] = []
    for item in root.iter("{*}item", "{*}entry", "item", "entry"):
        if len(found) >= MOST_ENTRIES:
            break
        url = _feed_link(item)
        if url:
            found.append(
                Entry(url, _child(item, "title"), _child(item, "pubDate", "published", "date", "updated", "issued"))
            )
    return found


def sitemap_entries(body: bytes) -> tuple[bool, list[Entry]]:
    """(is an index of sitemaps, entries). Raises QuarantineError `not_xml` or `not_sitemap`."""
    root = parse_xml(body)
    kind = _name(root)
    if kind not in ("urlset", "sitemapindex"):
        raise QuarantineError("not_sitemap", kind[:30])
    found = []
    for item in _children(root, "sitemap" if kind == "sitemapindex" else "url"):
        url = _child(item, "loc")
        if url:
            found.append(Entry(url, "", _child(item, "lastmod")))
        if len(found) >= MOST_ENTRIES:
            break
    return kind == "sitemapindex", found


def _feed_link(item: etree._Element) -> str:
    for link in _children(item, "link"):
        href = link.get("href")
        if href and link.get("rel", "alternate") == "alternate":
            return href.strip()
        if link.text and link.text.strip():
            return link.text.strip()
    guid = next(_children(item, "guid"), None)
    text = (guid.text or "").strip() if guid is not None and guid.get("isPermaLink", "true") != "false" else ""
    return text if text.startswith(("http://", "https://")) else ""


def _child(item: etree._Element, *names: str) -> str:
    for name in names:
        for child in _children(item, name):
            text = "".join(str(t) for t in child.itertext()).strip()
            if text:
                return text
    return ""


def _children(item: etree._Element, name: str) -> Iterator[etree._Element]:
    return (c for c in item if _name(c) == name)


def _name(element: etree._Element) -> str:
    tag = element.tag
    return tag.rpartition("}")[2] if isinstance(tag, str) else ""
