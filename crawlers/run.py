"""One crawl: all given sources in one process and one reactor, several at a time, each host by one spider at a time."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from types import FrameType

from crawlers.drop.take import take_files
from crawlers.ledger import Ledger
from crawlers.report import CrawlReport
from crawlers.sealing import Sink
from pipeline.settings import Home, Source

Progress = Callable[[str], None]


def crawl(home: Home, sources: Sequence[Source], now: datetime, progress: Progress) -> dict[str, CrawlReport]:
    """Read every enabled source of `sources` as at `now`; captures and reports go to the spool.

    To be called once in a process, in its main thread (Twisted's reactor can't start again). SIGTERM and SIGINT stop it
    gracefully: what was found is spooled, and the reports so far are returned. `progress` gets a Chinese line a source.
    Never raises for what a site, a file or a full disk does; that stands in the reports, by source id.
    """
    ledger = Ledger(home.folder / "crawl.db")
    sinks = {s.id: Sink(home, s, now, ledger) for s in sources if s.enabled}
    with _stop_signals() as stopping:
        for sink in sinks.values():
            if sink.source.kind == "drop" and not stopping():
                take_files(sink, stopping)
                _finish(sink, progress)
        web = [s for s in sinks.values() if s.source.kind != "drop"]
        if web and not stopping():
            from crawlers.web import crawl_web  # Scrapy takes a second to import; a drop folder doesn't need it

            crawl_web(home, web, now, lambda sink: _finish(sink, progress))
    reports = {}
    for source_id, sink in sinks.items():
        if sink.report is None:
            sink.tally.stopped = True
            _finish(sink, progress)
        if sink.report is not None:
            reports[source_id] = sink.report
    ledger.close()
    return reports


def _finish(sink: Sink, progress: Progress) -> None:
    if sink.report is None:
        report = sink.finish(sink.now + timedelta(seconds=sink.elapsed))
        progress(f"{sink.source.name}：{report.message}")


@contextmanager
def _stop_signals() -> Iterator[Callable[[], bool]]:
    """While reading files, SIGTERM and SIGINT only raise a flag; Scrapy installs its own handlers for the web."""
    asked: list[int] = []

    def remember(number: int, frame: FrameType | None) -> None:
        asked.append(number)

    before = {number: signal.signal(number, remember) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield lambda: bool(asked)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
