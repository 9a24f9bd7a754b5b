"""A saved page of any kind, an article or a thread, for people who tune a source. Spiders never read threads this way."""

from __future__ import annotations

from datetime import datetime

from crawlers.reading.page import PageText, look_at
from pipeline.settings.sources import Selectors


def read_saved(body: bytes, content_type: str, url: str, selectors: Selectors, now: datetime) -> PageText:
    """Like `read_page`, but a page with a title and no body comes back too. Raises QuarantineError: too_large,
    not_html, empty_text (no bytes)."""
    return look_at(body, content_type, url, selectors, now)
