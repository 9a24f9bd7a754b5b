"""A page looked at, to draft a source for it: the page, the feeds and sitemaps it names, one topic of a forum."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import urljoin

from scrapy import Request
from scrapy.http import Response

from crawlers.check import TryingSink
from crawlers.drafting import Looked, feed_links, first_topic
from crawlers.ledger import Ledger
from crawlers.spiders.base import Parsed, SourceSpider
from crawlers.spiders.feeds import feed_entries
from crawlers.spiders.xml import inflate, sitemap_entries
from crawlers.web import crawl_web
from pipeline.errors import Refused
from pipeline.settings import Home, Source
from pipeline.settings.sources import Selectors, is_profile

MOST_PAGES = 8


class LookSpider(SourceSpider):
    """Asks for one page and for at most four addresses that it names."""

    looked: Looked

    async def start(self) -> AsyncIterator[Request]:
        async for request in super().start():
            yield request
        robots = await self.robots.get(self.source.urls[0], self.crawler)
        for url in (robots.sitemaps or [urljoin(self.source.urls[0], "/sitemap.xml")])[:1]:
            request = self.request(url, self.parse_sitemap)
            request.meta["start"] = ""
            yield request

    def parse_list(self, response: Response, page: int) -> Parsed:
        looked = self.looked
        looked.url, looked.body = response.url, response.body
        looked.content_type = _type_of(response)
        if is_profile(response.url):
            looked.body, looked.profile = b"", True
            return
        for url in self.links(response, feed_links(looked.body, looked.content_type)[:2]):
            yield self.request(url, self.parse_feed)
        for url in self.links(response, [first_topic(looked.body, looked.content_type, response.url)]):
            yield self.request(url, self.parse_topic)

    def parse_feed(self, response: Response) -> Parsed:
        if feed_entries(inflate(response.body, self.max_bytes)):
            self.looked.feeds.append(response.url)
        yield from ()

    def parse_sitemap(self, response: Response) -> Parsed:
        if sitemap_entries(inflate(response.body, self.max_bytes))[1]:
            self.looked.sitemaps.append(response.url)
        yield from ()

    def parse_topic(self, response: Response) -> Parsed:
        self.looked.topic_url, self.looked.topic = response.url, response.body
        self.looked.topic_type = _type_of(response)
        yield from ()


def look(home: Home, url: str, now: datetime, allow_private: bool = False) -> Looked:
    """Look at `url`, politely and once. To be called once in a process.

    Raises Refused with the reason in Chinese where it is no source or can't be read; ValueError where it is no address.
    """
    looked = Looked()
    source = Source(
        id="new", name="new", kind="listing", channel="media", urls=[url], selectors=Selectors(link="a"),
        allow_private=allow_private, delay_seconds=0 if allow_private else 2,  # our own network, or somebody's site
    )  # fmt: skip
    with TemporaryDirectory(prefix="tingjian-look-") as folder:
        scratch = replace(home, folder=Path(folder))
        ledger = Ledger(scratch.folder / "crawl.db")
        sink = TryingSink(scratch, source, now, ledger)
        spider = type("Looking", (LookSpider,), {"looked": looked})
        crawl_web(scratch, [sink], now, lambda _sink: None, spiders={"listing": spider}, most_pages=MOST_PAGES)
        ledger.close()
    if looked.profile:
        raise Refused("这个地址转到了个人主页，个人主页不能作为来源（章程第 2 条）。")
    if not looked.body:
        raise Refused(sink.tally.report(source, now, now).message)
    return looked


def _type_of(response: Response) -> str:
    return (response.headers.get("Content-Type") or b"").decode("latin-1")
