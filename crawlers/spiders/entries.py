"""Entries that bring their own text (a feed with full text, a JSON answer): read like pages, without fetching one."""

from __future__ import annotations

import json
from dataclasses import dataclass
from html import escape
from typing import Any

from crawlers.reading.body import EXTRACTOR, tidy
from crawlers.reading.dates import Date
from crawlers.reading.decode import decode
from crawlers.reading.page import MAX_TEXT
from crawlers.reading.tree import parse_html, text_of
from crawlers.sealing import Draft
from crawlers.spiders.base import SourceSpider
from pipeline.errors import QuarantineError
from pipeline.records import Voice


@dataclass(frozen=True, slots=True)
class Entry:
    """One whole entry, its author already a digest. `markup` is HTML or plain text."""

    identity: str
    markup: str
    title: str = ""
    url: str = ""
    date: Date | None = None
    outlet: str = ""
    region: str = ""
    voice: Voice = ()


def load_json(body: bytes) -> Any:
    """A JSON document in any encoding that pages have. Raises QuarantineError `not_json`."""
    text, _charset = decode(body)
    try:
        return json.loads(text.strip())
    except (ValueError, RecursionError):
        raise QuarantineError("not_json") from None


def plain_text(markup: str, title: str = "") -> str:
    """Words of a piece of HTML, one paragraph a line; text without tags stays as it is."""
    if "<" not in markup and "&" not in markup:
        return markup.strip()
    try:
        return tidy(text_of(parse_html(f"<div>{markup}</div>")), title)
    except QuarantineError:
        return ""


class EntrySpider(SourceSpider):
    """A spider whose lists hold whole entries."""

    def keep(self, entry: Entry) -> None:
        """Give an entry to the sink, with its markup as evidence where an institution published it."""
        title = plain_text(entry.title).replace("\n", " ")[:300]
        text = plain_text(entry.markup, title)[:MAX_TEXT]
        if not text:
            self.tally.quarantine("empty_text", "", self.sink.place(entry.url) if entry.url else "")
            return
        page = f"<html><head><title>{escape(title)}</title></head><body>{entry.markup}</body></html>"
        evidence = self.sink.keep_entry(entry.identity, entry.url or self.source.urls[0], page)
        self.sink.add(
            Draft(
                identity=entry.identity,
                title=title,
                text=text,
                published_at=entry.date.at if entry.date else None,
                precision=entry.date.precision if entry.date else "unknown",
                url=entry.url,
                outlet=entry.outlet,
                region=entry.region,
                extractor=EXTRACTOR,
                evidence=evidence,
                voice=entry.voice,
            )
        )
