"""Files that crawling keeps for a time, and their end (charter 4, 8)."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from crawlers.drop.files import expire_done
from crawlers.evidence import expire_old_pages
from crawlers.ledger import Ledger
from pipeline.settings import Home


def expire_files(home: Home, now: datetime, pinned: Collection[str] = frozenset()) -> int:
    """Delete taken drop files after 7 days and pages kept before there were WARC files at retention; returns how many.

    `pinned` are ids of items that an open incident holds. What was last read 400 days ago leaves the ledger.
    """
    ledger = Ledger(home.folder / "crawl.db")
    ledger.forget(now)
    ledger.close()
    dropped = sum(expire_done(home, source, now) for source in home.sources if source.kind == "drop")
    return dropped + expire_old_pages(home, now, pinned)
