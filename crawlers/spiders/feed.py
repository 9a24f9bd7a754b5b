"""`feed`: RSS, Atom or JSON Feed. An entry with its whole text is read from the feed, else its page is."""

from __future__ import annotations

import re

from scrapy.http import Response

from crawlers.reading.dates import parse_date
from crawlers.spiders.base import Parsed
from crawlers.spiders.entries import Entry, EntrySpider, plain_text
from crawlers.spiders.feeds import feed_entries
from crawlers.spiders.xml import inflate
from pipeline.urls import canonical

WHOLE_FROM = 120  # characters; what is shorter, or ends in dots, is a summary whatever the feed calls it
_CUT_SHORT = re.compile(
    r"(?:…|\.\.\.|\[…\]|\[\.\.\.\]|(?:阅读|查看|点击)(?:全文|更多|原文).{0,6}|Read more\W*)\s*$", re.I
)


class FeedSpider(EntrySpider):
    def parse_list(self, response: Response, page: int) -> Parsed:
        person = self.source.channel in ("public", "submission")
        own = self.source.allow_private  # a bridge of the office makes feeds of other sites, whole ones
        for found in feed_entries(inflate(response.body, self.max_bytes), authors=person, descriptions=own):
            title = plain_text(found.title)
            whole = _is_whole(plain_text(found.content, title))
            for url in self.links(response, [found.url], offsite=whole and own):
                date = parse_date(found.date, self.now)
                request = self.detail(url, title=title, date=date)
                if request is None:
                    continue
                if whole:
                    voice = self.sink.voice(found.author)
                    self.keep(Entry(canonical(url), found.content, title, url, date, voice=voice))
                else:
                    yield request


def _is_whole(text: str) -> bool:
    return len(text) >= WHOLE_FROM and not _CUT_SHORT.search(text)
