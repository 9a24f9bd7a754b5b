"""robots.txt as RFC 9309 says it: what can't be read allows nothing (Scrapy's own middleware fails open)."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from time import monotonic
from urllib.parse import urlsplit

from protego import Protego
from scrapy import Request
from scrapy.crawler import Crawler
from scrapy.exceptions import CannotResolveHostError, DownloadCancelledError, DownloadTimeoutError
from scrapy.http import Response
from scrapy.http.request import NO_CALLBACK

from crawlers.net.addresses import was_refused
from crawlers.net.answers import retry_after
from crawlers.net.failures import DOWNLOAD_ERRORS, Turned

PRODUCT = "Tingjian"
READ_BYTES = 512_000  # RFC 9309 asks for at least 500 KiB; what stands behind is not read
MOST_BYTES = 50_000_000  # a file that says, or unpacks to, more than this is none
FRESH_SECONDS = 86_400.0
WAIT_SECONDS = 15.0
_INTERRUPTED = "读取被中断"
ROBOTS = "tingjian_robots"  # meta key of the request for robots.txt itself: bytes received so far


@dataclass(frozen=True, slots=True)
class Robots:
    """What one host allows. `parser` None with `why` "" allows all, with a reason nothing."""

    parser: Protego | None = None
    why: str = ""
    private: bool = False
    wait: timedelta = timedelta(0)

    def allows(self, url: str) -> bool:
        if self.parser is not None:
            return bool(self.parser.can_fetch(url, PRODUCT))
        return not self.why

    @property
    def delay(self) -> float:
        """Seconds between two requests: Crawl-delay or Request-rate, whichever is slower."""
        if self.parser is None:
            return 0.0
        rate = self.parser.request_rate(PRODUCT)
        return max(
            float(self.parser.crawl_delay(PRODUCT) or 0), rate.seconds / rate.requests if rate is not None else 0.0
        )

    @property
    def sitemaps(self) -> list[str]:
        return list(self.parser.sitemaps) if self.parser is not None else []


def judge(status: int, body: bytes) -> Robots:
    """What an answer means: 2xx is read, 4xx but 429 allows all, everything else allows nothing."""
    if 200 <= status < 300:
        if len(body) > READ_BYTES:  # half a rule could say the opposite
            body = body[:READ_BYTES].rpartition(b"\n")[0]
        return Robots(Protego.parse(body.decode("utf-8", "replace").lstrip("\ufeff").replace("\0", "")))
    if 400 <= status < 500 and status != 429:
        return Robots()
    return Robots(why=f"服务器返回 {status}")


class RobotsCache:
    """One answer per scheme, host and port, shared by all spiders of a run."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[float, asyncio.Future[Robots]]] = {}

    async def get(self, url: str, crawler: Crawler) -> Robots:
        """Fetch once, wait together. Never raises for what a server does."""
        parts = urlsplit(url)
        place = f"{parts.scheme}://{parts.netloc.lower()}"
        known = self._known.get(place)
        if known is not None and monotonic() - known[0] < FRESH_SECONDS:
            return await asyncio.shield(known[1])
        waiting: asyncio.Future[Robots] = asyncio.get_running_loop().create_future()
        self._known[place] = (monotonic(), waiting)
        answer = Robots(why=_INTERRUPTED)
        try:
            answer = await _fetch(place, crawler)
        finally:
            if answer.why == _INTERRUPTED or answer.private:  # another source may be allowed to go there
                self._known.pop(place, None)
            waiting.set_result(answer)
        return answer


async def _fetch(place: str, crawler: Crawler) -> Robots:
    timeout = min(WAIT_SECONDS, crawler.settings.getfloat("DOWNLOAD_TIMEOUT"))
    request = Request(
        f"{place}/robots.txt",
        callback=NO_CALLBACK,
        meta={ROBOTS: 0, "dont_retry": True, "download_timeout": timeout, "download_maxsize": MOST_BYTES},
        dont_filter=True,
    )
    try:
        response: Response = await crawler.engine.download_async(request)
    except DOWNLOAD_ERRORS as error:
        if isinstance(error, Turned) and error.reason == "over":
            return Robots(why=_INTERRUPTED)
        private = was_refused(urlsplit(place).hostname or "") or getattr(error, "reason", "") == "private_address"
        return Robots(why=_words(error), private=private)
    robots = judge(response.status, response.body)
    wait = retry_after(response.headers, datetime.now(UTC)) if response.status in (429, 503) else None
    return replace(robots, wait=wait) if wait else robots


def _words(error: BaseException) -> str:
    if isinstance(error, DownloadTimeoutError):
        return "超时没有回应"
    if isinstance(error, CannotResolveHostError):
        return "域名解析失败"
    if isinstance(error, DownloadCancelledError):
        return "文件过大"
    return "连接失败"
