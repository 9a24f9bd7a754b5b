"""A source tried out: read once as it would be, masked as it would be, and nothing kept."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from crawlers.drop.take import read_files
from crawlers.ledger import Ledger, Mark
from crawlers.report import CrawlReport
from crawlers.sealing import Draft, Sink
from pipeline.records import Capture, Voice
from pipeline.settings import Home, Source

MOST_PAGES = 20  # answers, robots.txt and lists among them: few topics may have many pages
_FIELDS = ("title", "text", "published_at", "received_at", "source_ref", "region", "outlet", "thread")


class TryingSink(Sink):
    """Takes what is found and keeps it in memory, masked; writes no batch and no mark."""

    most_details = 5

    def __init__(self, home: Home, source: Source, now: datetime, ledger: Ledger) -> None:
        super().__init__(home, source, now, ledger)
        self.found: dict[str, Capture] = {}
        self.authors = 0  # how many came with one; which, is not kept

    def voice(self, author: str) -> Voice:
        self.authors += bool(author.strip())
        return super().voice(author)

    def add(self, draft: Draft) -> bool:
        capture = self._capture(draft, self.id_of(draft.identity), self.now)
        self.tally.captured += capture.id not in self.found
        self.found[capture.id] = capture
        return True

    def note(self, mark: Mark) -> None:
        return

    def flush(self, report: CrawlReport | None = None) -> None:
        return

    @property
    def filled(self) -> Counter[str]:
        """How many captures have each field."""
        counts = Counter(name for c in self.found.values() for name in _FIELDS if getattr(c, name))
        counts["author"] = min(self.authors, len(self.found))
        return counts


def try_source(home: Home, source: Source, now: datetime) -> TryingSink:
    """Read `source` once: of the web a list and five pages or topics, of a drop folder every waiting file, which stays where it is.

    To be called once in a process, like `crawl`. Keys and ledger lie in a folder of their own that is deleted at the end.
    """
    with TemporaryDirectory(prefix="tingjian-check-") as folder:
        scratch = replace(home, folder=Path(folder))
        ledger = Ledger(scratch.folder / "crawl.db")
        tried = source.model_copy(
            update={"max_pages": 1, "folder": str(home.path(source.folder)) if source.folder else ""}
        )
        sink = TryingSink(scratch, tried, now, ledger)
        if source.kind == "drop":
            read_files(sink)
        else:
            from crawlers.web import crawl_web  # Scrapy takes a second to import; a drop folder doesn't need it

            crawl_web(scratch, [sink], now, lambda _sink: None, most_pages=MOST_PAGES)
        ledger.close()
    for cut in ("too_many", "more_pages"):  # by us, now
        sink.tally.refused.pop(cut, None)
    sink.tally.stopped = False
    return sink
