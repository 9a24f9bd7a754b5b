"""`feed`: RSS or Atom → article pages."""

from __future__ import annotations

from scrapy.http import Response

from crawlers.reading.dates import parse_date
from crawlers.spiders.base import Parsed, SourceSpider
from crawlers.spiders.xml import feed_entries, inflate


class FeedSpider(SourceSpider):
    def parse_list(self, response: Response, page: int) -> Parsed:
        for entry in feed_entries(inflate(response.body, self.max_bytes)):
            for url in self.links(response, [entry.url]):
                request = self.detail(url, title=entry.title, date=parse_date(entry.date, self.now))
                if request is not None:
                    yield request
