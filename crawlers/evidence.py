"""Evidence of a run: pages as institutions published them, without their readers' comments (charter 4, the named exception)."""

from __future__ import annotations

import re
from collections.abc import Collection
from datetime import datetime, timedelta
from http.client import responses
from typing import TYPE_CHECKING

from lxml import etree, html

from crawlers.reading.comments import cut_comments
from crawlers.reading.page import open_page
from crawlers.reading.tree import drop, select
from pipeline.errors import QuarantineError, RetryLater
from pipeline.evidence.records import Answer
from pipeline.evidence.store import KEPT, Store
from pipeline.settings import Home, Source

if TYPE_CHECKING:
    from scrapy.http import Response

_UTF8 = "text/html; charset=utf-8"
_HIDDEN = re.compile(rb"<!--(.*?)-->", re.S)
_NAMES = rb"(?:comment|repl(?:y|ies)|pinglun|gentie|liuyan)"
_NAMED = re.compile(_NAMES, re.I)
_LISTED = re.compile(
    _NAMES + rb"\w{0,30}\\?[\"']?\s{0,9}[:=]\s{0,9}(?:JSON\.parse\(\s{0,9})?[\"'`]?\s{0,9}\[\s{0,9}\{", re.I
)


class Keeper:
    """Keeps the pages of one source in one run. Of channels other than `official` and `media` it keeps nothing."""

    def __init__(self, home: Home, source: Source) -> None:
        self.source = source
        self._store = Store(home.evidence, home.evidence_register) if source.channel in KEPT else None

    def page(self, capture_id: str, response: Response, comments_cut: int, at: datetime, part: int = 1) -> str:
        """Keep an answer that was read and return its reference; "" where it can't be kept.

        `comments_cut` is how many blocks reading the same bytes cut: where that is none, they are kept as they came.
        """
        if self._store is None:
            return ""
        names = ((name.decode("latin-1"), values) for name, values in response.headers.items())
        headers = tuple((name, value.decode("latin-1")) for name, values in names for value in values)
        body, cut, content_type = response.body, 0, ""
        if comments_cut or self.source.selectors.remove or hidden_comments(body):
            given = (response.headers.get("Content-Type") or b"").decode("latin-1")
            page = _without_comments(body, given, self.source.selectors.remove)
            if page is None or (comments_cut and not page[1]):
                return ""
            if page[1]:
                (body, cut), content_type = page, _UTF8
        line = f"{response.protocol or 'HTTP/1.1'} {response.status} {_phrase(response.status)}".rstrip()
        ip = str(response.ip_address or "")
        return self._keep(capture_id, Answer(response.url, body, line, headers, content_type, ip, cut, part), at)

    def entry(self, capture_id: str, url: str, markup: str, at: datetime) -> str:
        """Keep an entry of a feed, a piece of its answer, as a page; "" where it can't be kept."""
        if self._store is None:
            return ""
        page = _without_comments(markup.encode("utf-8", "replace"), _UTF8, self.source.selectors.remove)
        if page is None:
            return ""
        return self._keep(capture_id, Answer(url, page[0], content_type=_UTF8, cut=page[1]), at)

    def sync(self) -> None:
        """What was kept is safe from now on. Raises RetryLater."""
        if self._store is not None:
            self._store.sync()

    def close(self) -> None:
        if self._store is not None:
            self._store.close()

    def _keep(self, capture_id: str, answer: Answer, at: datetime) -> str:
        if self._store is None:
            return ""
        try:
            return self._store.keep(self.source.channel, self.source.id, capture_id, answer, at)
        except RetryLater:
            return ""  # the capture is worth more than its page


def expire_old_pages(home: Home, now: datetime, pinned: Collection[str] = frozenset()) -> int:
    """Delete pages kept in files of their own (before there were WARC files) past their channel's retention; how many.

    `pinned` are ids of items that an open incident holds (charter 8).
    """
    gone = 0
    for path in sorted(home.evidence.glob("*/*/*.html.gz")):
        limit = timedelta(days=home.settings.retention(path.relative_to(home.evidence).parts[0]))
        if now.timestamp() - path.stat().st_mtime > limit.total_seconds() and path.name.partition("-")[0] not in pinned:
            path.unlink(missing_ok=True)
            gone += 1
    return gone


def hidden_comments(body: bytes) -> bool:
    """Whether readers' comments may stand where a page does not show them: in a script's data, in markup commented out."""
    return _LISTED.search(body) is not None or any(map(_is_hidden, _HIDDEN.findall(body)))


def _is_hidden(remark: bytes) -> bool:
    return b"<" in remark and _NAMED.search(remark) is not None


def _without_comments(body: bytes, content_type: str, remove: Collection[str]) -> tuple[bytes, int] | None:
    """(the page, how many blocks were cut): the bytes as they came where that is none, else written anew in UTF-8."""
    try:
        root, _charset = open_page(body, content_type)
        cut = cut_comments(root)
        for script in list(root.iter("script")):
            if _LISTED.search((script.text or "").encode("utf-8", "replace")):
                drop(script)
                cut += 1
        for selector in remove:
            for element in select(root, selector):
                drop(element)
                cut += 1
        cut += sum(map(_is_hidden, _HIDDEN.findall(body)))  # no such remark is in the tree
        if not cut:
            return body, 0
        for meta in list(root.iter("meta")):
            if meta.get("charset") or (meta.get("http-equiv") or "").lower() == "content-type":
                drop(meta)
        page = html.tostring(root, encoding="utf-8", doctype="<!DOCTYPE html>")
    except (QuarantineError, etree.LxmlError, ValueError):
        return None
    return bytes(page).replace(b"<head>", b'<head><meta charset="utf-8">', 1), cut


def _phrase(status: int) -> str:
    """The usual words: Scrapy does not tell the server's own."""
    return responses.get(status, "")
