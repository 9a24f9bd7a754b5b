"""The web sources of one crawl, in Scrapy: one spider a source, one reactor, one robots.txt a host."""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack, suppress
from datetime import datetime
from typing import Any

from scrapy import signals
from scrapy.crawler import AsyncCrawlerProcess, Crawler
from scrapy.exceptions import DontCloseSpider
from scrapy.settings import Settings
from twisted.python.failure import Failure

from crawlers.net.options import run_settings, source_settings
from crawlers.net.robots import RobotsCache
from crawlers.sealing import Sink
from crawlers.spiders.api import ApiSpider
from crawlers.spiders.base import SourceSpider
from crawlers.spiders.feed import FeedSpider
from crawlers.spiders.listing import ListingSpider
from crawlers.spiders.sitemap import SitemapSpider
from crawlers.spiders.thread import ThreadSpider
from pipeline.settings import Home
from pipeline.urls import host_key

AT_ONCE = 12
SPIDERS: dict[str, type[SourceSpider]] = {
    "feed": FeedSpider,
    "listing": ListingSpider,
    "sitemap": SitemapSpider,
    "thread": ThreadSpider,
    "api": ApiSpider,
}


def crawl_web(
    home: Home,
    sinks: Sequence[Sink],
    now: datetime,
    done: Callable[[Sink], None],
    *,
    spiders: Mapping[str, type[SourceSpider]] = SPIDERS,
    most_pages: int = 0,
) -> None:
    """Run a spider for each sink and call `done(sink)` as each ends. Returns when all have, or after SIGTERM or SIGINT.

    `most_pages`: a source ends after about so many answers (0: no limit).
    """
    _quiet()
    process = AsyncCrawlerProcess(
        {**run_settings(home, [s.source for s in sinks]), "CLOSESPIDER_PAGECOUNT": most_pages}
    )
    _quiet()  # once more: Scrapy configures its loggers at the start
    robots, room, hosts = RobotsCache(), asyncio.Semaphore(AT_ONCE), defaultdict[str, asyncio.Lock](asyncio.Lock)

    async def one(sink: Sink) -> None:
        async with AsyncExitStack() as stack:
            # sorted, so that two sources on the same hosts can't wait for each other; then polite delays hold per host
            for host in sorted({host_key(u) for u in sink.source.urls}):
                await stack.enter_async_context(hosts[host])
            await stack.enter_async_context(room)
            crawler = _crawler(sink, process.settings, spiders)
            with suppress(asyncio.CancelledError):
                await process.crawl(crawler, source=sink.source, sink=sink, robots=robots, now=now)
            done(sink)

    async def everything() -> None:
        await asyncio.gather(*(one(s) for s in sinks), return_exceptions=True)

    loop = asyncio.get_event_loop()
    task = loop.create_task(everything())
    task.add_done_callback(process._stop_reactor)
    process.start(stop_after_crawl=False)
    if not task.done():
        task.cancel()


def _crawler(sink: Sink, base: Settings, spiders: Mapping[str, type[SourceSpider]]) -> Crawler:
    settings = base.copy()
    settings.setdict(source_settings(sink.source), priority="cmdline")
    crawler = Crawler(spiders[sink.source.kind], settings)

    def idle(spider: SourceSpider) -> None:
        again = list(spider.read_again())
        for request in again:
            crawler.engine.crawl(request)
        if again:
            raise DontCloseSpider

    def closed(spider: SourceSpider, reason: str) -> None:
        if reason == "finished":
            spider.memory.finish()
        elif reason not in ("blocked", "silent", "spool"):
            sink.tally.stopped = True

    def broke(failure: Failure, response: Any, spider: SourceSpider) -> None:
        # a mistake of ours or an input nobody thought of: that page is set aside, the others go on
        sink.tally.quarantine("unexpected", failure.type.__name__ if failure.type else "", sink.place(response.url))

    crawler.signals.connect(idle, signal=signals.spider_idle, weak=False)
    crawler.signals.connect(closed, signal=signals.spider_closed, weak=False)
    crawler.signals.connect(broke, signal=signals.spider_error, weak=False)
    return crawler


def _quiet() -> None:
    """Scrapy and Twisted log addresses and pieces of pages; the reports say what is to be said (charter 2)."""
    for name in ("scrapy", "twisted", "asyncio", "filelock", "py.warnings"):
        logger = logging.getLogger(name)
        logger.setLevel(logging.CRITICAL)
        logger.propagate = False
        logger.addHandler(logging.NullHandler())
