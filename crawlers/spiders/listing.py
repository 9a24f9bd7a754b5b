"""`listing`: list pages → article pages."""

from __future__ import annotations

from scrapy.http import Response

from crawlers.spiders.base import Parsed, SourceSpider
from crawlers.spiders.pages import list_links, next_page, open_list


class ListingSpider(SourceSpider):
    def parse_list(self, response: Response, page: int) -> Parsed:
        """Articles of one list page and the next list page; paging ends where nothing is new."""
        root = open_list(response, self.max_bytes)
        links = list_links(root, self.source.selectors)
        fresh = 0
        for link in links:
            for url in self.links(response, [link.href]):
                fresh += self.memory.is_fresh(response.meta["start"], self.memory.mark_of(url))
                request = self.detail(url)
                if request is not None:
                    yield request
        following = next_page(root, self.source.selectors) if links else ""
        if following and self.goes_on(response, page, fresh):
            for url in self.links(response, [following]):
                yield self.request(url, self.parse_list, priority=2, page=page + 1)
