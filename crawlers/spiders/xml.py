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
    """One link of a sitemap; `title` and `published` where it speaks of news."""

    url: str
    changed: str = ""  # lastmod
    title: str = ""
    published: str = ""


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


def sitemap_entries(body: bytes) -> tuple[bool, list[Entry]]:
    """(is an index of sitemaps, entries). Raises QuarantineError `not_xml` or `not_sitemap`."""
    root = parse_xml(body)
    kind = local_name(root)
    if kind not in ("urlset", "sitemapindex"):
        raise QuarantineError("not_sitemap", kind[:30])
    found = []
    for item in children(root, "sitemap" if kind == "sitemapindex" else "url"):
        url = child_text(item, "loc")
        if url:
            news = next(children(item, "news"), item)
            found.append(
                Entry(url, child_text(item, "lastmod"), child_text(news, "title"), child_text(news, "publication_date"))
            )
        if len(found) >= MOST_ENTRIES:
            break
    return kind == "sitemapindex", found


def child_text(item: etree._Element, *names: str) -> str:
    """Text of the first child by one of these names, in their order, that has some; namespaces make no difference."""
    for name in names:
        for child in children(item, name):
            text = "".join(str(t) for t in child.itertext()).strip()
            if text:
                return text
    return ""


def children(item: etree._Element, name: str) -> Iterator[etree._Element]:
    """Children by name, whatever their namespace."""
    return (c for c in item if local_name(c) == name)


def local_name(element: etree._Element) -> str:
    """An element's name without its namespace."""
    tag = element.tag
    return tag.rpartition("}")[2] if isinstance(tag, str) else ""
