"""Files that crawling keeps for a time, and their end (charter 4, 8)."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from crawlers.drop.files import expire_done
from crawlers.evidence import expire_evidence
from crawlers.ledger import Ledger
from pipeline.settings import Home


def expire_files(home: Home, now: datetime, pinned: Collection[str] = frozenset()) -> int:
    """Delete evidence past its channel's retention and taken drop files after 7 days; returns how many.

    `pinned` are the evidence paths that an open incident holds. What was last read 400 days ago leaves the ledger.
    """
    ledger = Ledger(home.folder / "crawl.db")
    ledger.forget(now)
    ledger.close()
    dropped = sum(expire_done(home, source, now) for source in home.sources if source.kind == "drop")
    return dropped + expire_evidence(home, now, pinned)
