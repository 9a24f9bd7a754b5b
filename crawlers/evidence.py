"""Evidence: the page as an institution published it, without its readers' comments (charter 4, the named exception)."""

from __future__ import annotations

import gzip
import hashlib
import os
import secrets
from collections.abc import Collection
from datetime import datetime, timedelta
from pathlib import Path

from lxml import etree, html

from crawlers.reading.comments import cut_comments
from crawlers.reading.page import open_page
from crawlers.reading.tree import drop, select
from pipeline.errors import QuarantineError
from pipeline.records import SHANGHAI, Channel
from pipeline.settings import Home

KEPT: tuple[Channel, ...] = ("official", "media")


def keep_evidence(
    home: Home,
    channel: Channel,
    capture_id: str,
    body: bytes,
    content_type: str,
    remove: Collection[str],
    now: datetime,
) -> str:
    """Write the page, comments cut, and return its path relative to `home.evidence`; "" where it can't be kept.

    The same page twice is one file. `remove` are the source's own selectors of what else people wrote.
    """
    if channel not in KEPT:
        return ""
    page = _without_comments(body, content_type, remove)
    if page is None:
        return ""
    name = f"{capture_id}-{hashlib.sha256(page).hexdigest()[:8]}.html.gz"
    relative = f"{channel}/{now.astimezone(SHANGHAI):%Y%m}/{name}"
    path = home.evidence / relative
    if path.exists():
        return relative
    scratch = path.with_name(f".{secrets.token_hex(8)}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with scratch.open("wb") as f:
            f.write(gzip.compress(page, 6, mtime=0))
            f.flush()
            os.fsync(f.fileno())
        os.utime(scratch, (now.timestamp(), now.timestamp()))
        scratch.rename(path)
    except OSError:
        scratch.unlink(missing_ok=True)
        return ""  # the capture is worth more than its page
    return relative


def expire_evidence(home: Home, now: datetime, pinned: Collection[str] = frozenset()) -> int:
    """Delete pages older than their channel's retention, and half-written ones; returns how many.

    `pinned` are relative paths that an open incident holds (charter 8).
    """
    gone = 0
    for path in sorted(home.evidence.glob("*/*/*")):
        relative = path.relative_to(home.evidence)
        limit = timedelta(days=home.settings.retention(relative.parts[0]))
        age = now.timestamp() - path.stat().st_mtime
        stale_scratch = path.name.startswith(".") and age > 86_400
        if stale_scratch or (age > limit.total_seconds() and str(relative) not in pinned):
            path.unlink(missing_ok=True)
            gone += 1
    _remove_empty(home.evidence)
    return gone


def read_evidence(home: Home, relative: str) -> bytes:
    """The kept page (UTF-8 HTML). Raises FileNotFoundError; ValueError for a path outside the folder."""
    path = (home.evidence / relative).resolve()
    if not path.is_relative_to(home.evidence.resolve()):
        raise ValueError("not in the evidence folder")
    return gzip.decompress(path.read_bytes())


def _without_comments(body: bytes, content_type: str, remove: Collection[str]) -> bytes | None:
    try:
        root, _charset = open_page(body, content_type)
        cut_comments(root)
        for selector in remove:
            for element in select(root, selector):
                drop(element)
        for meta in list(root.iter("meta")):
            if meta.get("charset") or (meta.get("http-equiv") or "").lower() == "content-type":
                drop(meta)
        page = html.tostring(root, encoding="utf-8", doctype="<!DOCTYPE html>")
    except (QuarantineError, etree.LxmlError, ValueError):
        return None
    return bytes(page).replace(b"<head>", b'<head><meta charset="utf-8">', 1)


def _remove_empty(folder: Path) -> None:
    for month in folder.glob("*/*"):
        if month.is_dir() and not any(month.iterdir()):
            month.rmdir()
