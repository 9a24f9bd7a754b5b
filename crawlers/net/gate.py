"""What every request must pass, redirected ones too: scheme, host, address, robots.txt; and what ends a source."""

from __future__ import annotations

from typing import Protocol, cast
from urllib.parse import urlsplit

from scrapy import Request
from scrapy.crawler import Crawler
from scrapy.exceptions import IgnoreRequest

from crawlers.net.addresses import is_number, is_private
from crawlers.net.robots import ROBOTS, RobotsCache
from crawlers.report import Tally
from pipeline.settings import Source
from pipeline.urls import host_key

LONGEST_DELAY = 300.0  # a robots.txt that asks for more than five minutes is obeyed by not reading


class Turned(IgnoreRequest):
    """A request refused by us; `reason` is counted in the report."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Gated(Protocol):
    """What the gate needs of a spider."""

    source: Source
    tally: Tally
    robots: RobotsCache
    hosts: frozenset[str]


class GateMiddleware:
    """A downloader middleware: counts and raises `Turned`, or lets pass."""

    def __init__(self, crawler: Crawler) -> None:
        self.crawler = crawler

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> GateMiddleware:
        return cls(crawler)

    async def process_request(self, request: Request) -> None:
        gated = cast(Gated, self.crawler.spider)  # every spider of ours is one
        for_robots = bool(request.meta.get(ROBOTS))
        reason = self._refusal(request.url, gated, for_robots)
        if reason:
            if not for_robots:
                gated.tally.refused[reason] += 1
            raise Turned(reason)
        if for_robots:
            return
        robots = await gated.robots.get(request.url, self.crawler)
        if not robots.allows(request.url) or robots.delay > LONGEST_DELAY:
            gated.tally.refused["private_address" if robots.private else "robots"] += 1
            if robots.why and not robots.private:
                gated.tally.blocked = (
                    f"该网站的 robots.txt 无法读取（{robots.why}），按规定视为不允许抓取，没有读取页面。"
                )
            raise Turned("robots")
        if robots.delay:
            self._slow_down(request, robots.delay)

    def _refusal(self, url: str, gated: Gated, for_robots: bool) -> str:
        """The reason not to ask for `url`, or ""."""
        try:
            key = host_key(url)
            host = urlsplit(url).hostname or ""
        except ValueError:
            return "scheme"
        if not gated.source.allow_private and ((is_number(host) and is_private(host)) or host == "localhost"):
            return "private_address"
        if key not in gated.hosts and not for_robots:
            return "offsite"
        return ""

    def _slow_down(self, request: Request, delay: float) -> None:
        """Honour crawl-delay: for slots to come and for the one that is open."""
        downloader = self.crawler.engine.downloader
        key = downloader.get_slot_key(request)
        wanted = max(delay, self.crawler.settings.getfloat("DOWNLOAD_DELAY"))
        downloader.per_slot_settings[key] = {"delay": wanted, "concurrency": 1, "jitter": 0}
        slot = downloader.slots.get(key)
        if slot is not None and slot.delay < wanted:
            slot.delay, slot.concurrency, slot.jitter = wanted, 1, 0.0
