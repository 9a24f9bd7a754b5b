"""`sitemap`: index or urlset → article pages, newest first. A source may name the site's robots.txt, which lists them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from urllib.parse import urljoin, urlsplit

from scrapy.http import Response

from crawlers.reading.dates import parse_date
from crawlers.spiders.base import Parsed, SourceSpider
from crawlers.spiders.xml import inflate, sitemap_entries

DEEPEST = 3


class SitemapSpider(SourceSpider):
    _maps = 0

    async def starts(self) -> AsyncIterator[str]:
        """The source's addresses; for one of a robots.txt, the sitemaps that stand there."""
        for url in self.source.urls:
            if urlsplit(url).path != "/robots.txt":
                yield url
                continue
            robots = await self.robots.get(url, self.crawler)
            if robots.why:
                self.tally.blocked = f"该网站的 robots.txt 无法读取（{robots.why}），没有读取页面。"
            elif not robots.sitemaps:
                self.tally.quarantine("no_sitemaps", "", self.sink.place(url))
            for sitemap in robots.sitemaps[: self.source.max_pages]:
                yield urljoin(url, sitemap)

    def parse_list(self, response: Response, page: int) -> Parsed:
        """`page` counts how deep in indices we are."""
        is_index, entries = sitemap_entries(inflate(response.body, self.max_bytes))
        entries.sort(key=lambda e: e.changed or e.published, reverse=True)
        for entry in entries:
            for url in self.links(response, [entry.url]):
                if not is_index:
                    # lastmod by day and minute: seconds and zones differ between generators of one site
                    published = parse_date(entry.published, self.now) if entry.published else None
                    request = self.detail(url, hint=entry.changed[:16], title=entry.title, date=published)
                    if request is not None:
                        yield request
                elif page < DEEPEST and self._maps < self.source.max_pages:
                    self._maps += 1
                    yield self.request(url, self.parse_list, priority=2, page=page + 1)
                else:
                    self.tally.refused["too_many"] += 1
