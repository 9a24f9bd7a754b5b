"""`api`: public JSON, read by JMESPath. An author becomes a voice while parsing and ends there (charter 1)."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl, urlencode, urljoin, urlsplit, urlunsplit

import jmespath
from jmespath.exceptions import JMESPathError
from scrapy.http import Response

from crawlers.reading.dates import parse_date
from crawlers.spiders.base import Parsed
from crawlers.spiders.entries import Entry, EntrySpider, load_json, plain_text
from crawlers.spiders.xml import inflate
from pipeline.errors import QuarantineError
from pipeline.settings.json_api import Fields, Paging
from pipeline.settings.sources import is_profile
from pipeline.urls import canonical

MOST_ITEMS = 10_000  # of one answer


class ApiSpider(EntrySpider):
    def parse_list(self, response: Response, page: int) -> Parsed:
        """Entries of one answer and the next one; paging ends where nothing is new and the last run was whole."""
        api = self.source.api
        if api is None:  # the model of a source says that an `api` has one
            return
        answer = load_json(inflate(response.body, self.max_bytes))
        items = search(api.items, answer)
        if not isinstance(items, list):
            raise QuarantineError("no_items", "api.items")
        before = self.tally.captured + self._details
        for item in items[:MOST_ITEMS]:
            try:
                if api.fields.text:
                    self.take(item, api.fields, response.url)
                else:
                    yield from self.page_of(item, api.fields, response)
            except QuarantineError as error:  # this entry, not its neighbours
                self.tally.quarantine(error.reason, error.detail, "")
        new = self.tally.captured + self._details - before
        if api.paging and items and self.goes_on(response, page, new):
            for url in self.links(response, [next_address(response.url, api.paging, answer, page)]):
                yield self.request(url, self.parse_list, priority=2, page=page + 1)

    def page_of(self, item: Any, fields: Fields, response: Response) -> Parsed:
        """A request for the page of an entry that does not bring its text."""
        date = parse_date(value(item, fields.published_at), self.now)
        for url in self.links(response, [value(item, fields.url)]):
            request = self.detail(url, title=_line(item, fields.title), date=date)
            if request is not None:
                yield request

    def take(self, item: Any, fields: Fields, base: str) -> None:
        """Keep an entry with its own text. Raises QuarantineError `no_identity` where it has neither address nor number."""
        self.tally.found += 1
        url, own = _address(value(item, fields.url), base), value(item, fields.id)
        if not own and not url:
            raise QuarantineError("no_identity", "api.fields")
        # where addresses differ in their fragment only, a site's pages would all be one
        by_url = bool(url) and not (own and urlsplit(url).fragment)
        self.keep(
            Entry(
                identity=canonical(url) if by_url else f"{self.source.id}/{own}",
                markup=value(item, fields.text),
                title=_line(item, fields.title),
                url=url,
                date=parse_date(value(item, fields.published_at), self.now),
                outlet=_line(item, fields.outlet)[:40],
                region=_line(item, fields.region)[:40],
                voice=self.sink.voice(value(item, fields.author)),
            )
        )


def search(expression: str, data: Any) -> Any:
    """What a JMESPath finds. Raises QuarantineError `bad_mapping` where it asks a function for what the data isn't."""
    try:
        return jmespath.search(expression, data)
    except (JMESPathError, RecursionError):
        raise QuarantineError("bad_mapping", expression) from None


def value(item: Any, expression: str) -> str:
    """Words or a number of an entry as text; "" for everything else, and for an empty expression."""
    found = search(expression, item) if expression else None
    if isinstance(found, bool) or not isinstance(found, (str, int, float)):
        return ""
    if isinstance(found, float) and found.is_integer():
        found = int(found)
    return str(found).strip()


def next_address(url: str, paging: Paging, answer: Any, page: int) -> str:
    """Address of the answer after this one, the `page`-th; "" where it is the last."""
    following = value(answer, paging.next)
    if paging.next and not following:
        return ""
    if not paging.parameter:
        return urljoin(url, following)
    parts = urlsplit(url)
    rest = [(k, v) for k, v in parse_qsl(parts.query, keep_blank_values=True) if k != paging.parameter]
    given = following if paging.next else str(paging.first + paging.step * page)
    return urlunsplit(parts._replace(query=urlencode([*rest, (paging.parameter, given)])))


def _line(item: Any, expression: str) -> str:
    return plain_text(value(item, expression)).replace("\n", " ")


def _address(href: str, base: str) -> str:
    """An entry's own page, or "" where it is none or one person's."""
    try:
        url = urljoin(base, href) if href else ""
        return url if url and canonical(url) and not is_profile(url) else ""
    except ValueError:
        return ""
