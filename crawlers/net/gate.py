"""What every request must pass, redirected ones too: scheme, host, address, robots.txt; and what ends a source."""

from __future__ import annotations

from datetime import timedelta
from typing import Protocol, cast
from urllib.parse import urlsplit

from scrapy import Request, signals
from scrapy.crawler import Crawler
from scrapy.exceptions import StopDownload
from scrapy.http import Response

from crawlers.net.addresses import ALLOWED_SETTING, is_number, is_private
from crawlers.net.answers import is_challenge
from crawlers.net.failures import Challenged, Turned
from crawlers.net.robots import READ_BYTES, ROBOTS, RobotsCache
from crawlers.report import Tally
from pipeline.settings import Source
from pipeline.urls import canonical, host_key

LONGEST_DELAY = 300.0  # a robots.txt that asks for more than five minutes is obeyed by not reading


class Gated(Protocol):
    """What the gate needs of a spider."""

    source: Source
    tally: Tally
    robots: RobotsCache
    hosts: frozenset[str]
    asked: dict[str, str]
    over: bool

    def stay_away(self, url: str, wait: timedelta) -> str:
        """Remember that a host asked us to wait."""


class GateMiddleware:
    """A downloader middleware: counts and raises `Turned`, or lets pass."""

    def __init__(self, crawler: Crawler) -> None:
        self.crawler = crawler

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> GateMiddleware:
        self = cls(crawler)
        crawler.signals.connect(self.received, signal=signals.bytes_received)
        return self

    def received(self, data: bytes, request: Request) -> None:
        """The rest of an endless robots.txt isn't waited for."""
        if ROBOTS in request.meta:
            request.meta[ROBOTS] += len(data)
            if request.meta[ROBOTS] > READ_BYTES:
                raise StopDownload(fail=False)

    async def process_request(self, request: Request) -> None:
        gated = cast(Gated, self.crawler.spider)  # every spider of ours is one
        for_robots = ROBOTS in request.meta
        reason = self._refusal(request.url, gated, for_robots)
        if reason:
            if not for_robots:
                gated.tally.refused[reason] += 1
            raise Turned(reason)
        if for_robots:
            return
        if "redirect_urls" in request.meta and _is_asked(request, gated):
            raise Turned("again")
        robots = await gated.robots.get(request.url, self.crawler)
        if robots.wait:
            until = gated.stay_away(request.url, robots.wait)
            gated.tally.blocked = f"网站要求 {until} 以后再读（{robots.why}），没有读取页面。"
        elif robots.why and not robots.private:
            gated.tally.blocked = f"该网站的 robots.txt 无法读取（{robots.why}），按规定视为不允许抓取，没有读取页面。"
        if not robots.allows(request.url) or robots.delay > LONGEST_DELAY:
            gated.tally.refused["private_address" if robots.private else "robots"] += 1
            raise Turned("robots")
        if robots.delay:
            self._slow_down(request, robots.delay)

    def process_response(self, request: Request, response: Response) -> Response:
        """Raises Challenged; from then on nothing that waits in the queue leaves."""
        if ROBOTS not in request.meta and is_challenge(response.status, response.body):
            cast(Gated, self.crawler.spider).over = True
            raise Challenged(response.status)
        return response

    def _refusal(self, url: str, gated: Gated, for_robots: bool) -> str:
        """The reason not to ask for `url`, or ""."""
        try:
            key, parts = host_key(url), urlsplit(url)
        except ValueError:
            return "scheme"
        host = (parts.hostname or "").lower()
        if parts.username is not None or parts.password is not None:
            return "scheme"  # public pages have no password (charter 5)
        if not gated.source.allow_private and (
            (is_number(host) and is_private(host))
            or host.rstrip(".") == "localhost"
            or host in self.crawler.settings.getlist(ALLOWED_SETTING)  # allowed to another source of this run
        ):
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


def _is_asked(request: Request, gated: Gated) -> bool:
    """Whether a redirect leads to a page that another request of this run asked for; else it is noted as asked for."""
    own, first = canonical(request.url), canonical(request.meta["redirect_urls"][0])
    return gated.asked.setdefault(own, first) != first
