"""`listing`: list pages → article pages."""

from __future__ import annotations

from scrapy.http import Response

from crawlers.spiders.base import Parsed, SourceSpider
from crawlers.spiders.pages import list_links, next_page, open_list


class ListingSpider(SourceSpider):
    def parse_list(self, response: Response, page: int) -> Parsed:
        """Articles of one list page and the next list page; paging ends where nothing is new and the last run was whole."""
        root = open_list(response, self.max_bytes)
        links = list_links(root, self.source.selectors)
        due = 0
        for link in links:
            for url in self.links(response, [link.href]):
                request = self.detail(url)
                if request is not None:
                    due += 1
                    yield request
        if links and (due or not self.was_complete) and page < self.source.max_pages:
            for url in self.links(response, [next_page(root, self.source.selectors)]):
                yield self.request(url, self.parse_list, priority=2, page=page + 1)
