"""What every spider of ours does alike: requests that carry their context, failures that are counted, pages that are read."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import replace
from datetime import datetime
from typing import Any
from urllib.parse import urljoin, urlsplit

from scrapy import Request, Spider
from scrapy.exceptions import (
    CannotResolveHostError,
    CloseSpider,
    DownloadCancelledError,
    DownloadTimeoutError,
    IgnoreRequest,
    ResponseDataLossError,
)
from scrapy.http import Response
from scrapy.spidermiddlewares.httperror import HttpError
from twisted.python.failure import Failure

from crawlers.evidence import keep_evidence
from crawlers.ledger import page_is_due
from crawlers.net.addresses import was_refused
from crawlers.net.gate import Turned
from crawlers.net.robots import RobotsCache
from crawlers.reading.dates import Date
from crawlers.reading.page import MAX_TEXT, PageText, read_page
from crawlers.sealing import Draft, Sink
from crawlers.spiders.parts import next_part
from pipeline.errors import QuarantineError, RetryLater
from pipeline.settings import Source
from pipeline.settings.sources import is_profile
from pipeline.urls import canonical, host_key

MOST_DETAILS = 2000  # detail pages in one run of one source; the rest comes next time
Parsed = Iterator[Request]


class SourceSpider(Spider):
    """One source in one run. `sink` takes what is found; `tally` counts; nothing is yielded but requests."""

    name = "source"

    def __init__(self, source: Source, sink: Sink, robots: RobotsCache, now: datetime, **kwargs: Any) -> None:
        super().__init__(name=source.id, **kwargs)
        self.source, self.sink, self.tally, self.robots, self.now = source, sink, sink.tally, robots, now
        self.hosts = frozenset(host_key(u) for u in source.urls)
        self.max_bytes = sink.home.settings.crawl.max_page_bytes
        self.was_complete = sink.ledger.was_complete(source.id)
        self._asked: set[str] = set()
        self._details = 0
        sink.ledger.set_complete(source.id, False)

    async def start(self) -> AsyncIterator[Request]:
        for url in self.source.urls:
            yield self.request(url, self.parse_list, page=1)

    def parse_list(self, response: Response, page: int) -> Parsed:
        """A start page. Each kind reads its own."""
        raise NotImplementedError

    def request(self, url: str, callback: Callable[..., Parsed], *, priority: int = 0, **context: Any) -> Request:
        """A request whose answer comes to `callback(response, **context)`, or whose failure is counted."""
        return Request(
            url,
            callback=self.answered,
            errback=self.failed,
            priority=priority,
            dont_filter=True,
            cb_kwargs={"reader": callback, "context": context},
        )

    def answered(self, response: Response, reader: Callable[..., Parsed], context: dict[str, Any]) -> Parsed:
        """Hand on, counting what can't be used. A full disk closes the spider: the next run fetches again."""
        self.tally.fetched += 1
        try:
            yield from reader(response, **context)
        except QuarantineError as error:
            self.tally.quarantine(error.reason, error.detail, self.sink.place(response.url))
        except RetryLater as error:
            self.tally.spool_error = str(error)
            raise CloseSpider("spool") from error

    def failed(self, failure: Failure) -> None:
        """Count a request that brought nothing; 401 and 403 end the source (charter 5)."""
        error = failure.value
        if isinstance(error, HttpError):
            status = error.response.status
            if status in (401, 403):
                self.tally.blocked = f"网站拒绝访问（服务器返回 {status}），已停止读取，不再尝试。"
                raise CloseSpider("blocked")
            if status == 429:
                self.tally.blocked = "网站要求放慢速度（服务器返回 429），已停止，下次再读。"
                raise CloseSpider("blocked")
            self.tally.failed[f"http_{status}"] += 1
        elif isinstance(error, Turned):
            return  # counted where it was refused
        elif isinstance(error, DownloadCancelledError):
            self.tally.refused["too_large"] += 1
        elif isinstance(error, IgnoreRequest):
            self.tally.refused["redirects" if "redirections" in str(error) else "too_large"] += 1
        elif isinstance(error, CannotResolveHostError):
            request = getattr(failure, "request", None)
            host = urlsplit(request.url).hostname if request is not None else ""
            if was_refused(host or ""):
                self.tally.refused["private_address"] += 1
            else:
                self.tally.failed["dns"] += 1
        elif isinstance(error, DownloadTimeoutError):
            self.tally.failed["timeout"] += 1
        elif isinstance(error, ResponseDataLossError):
            self.tally.failed["cut"] += 1
        else:
            self.tally.failed["connection"] += 1

    def links(self, response: Response, hrefs: list[str]) -> Iterator[str]:
        """Absolute addresses on the source's own hosts, each once a run; others are counted."""
        for href in hrefs:
            if not href.strip():
                continue
            try:
                url = urljoin(response.url, href.strip())
                own, same = canonical(url), host_key(url) in self.hosts
            except ValueError:
                if not href.strip().lower().startswith(("javascript:", "mailto:", "tel:", "#")):
                    self.tally.refused["scheme"] += 1
                continue
            if is_profile(url):
                self.tally.refused["profile"] += 1
            elif not same:
                self.tally.refused["offsite"] += 1
            elif own not in self._asked:
                self._asked.add(own)
                yield url

    def detail(self, url: str, *, hint: str = "", title: str = "", date: Date | None = None) -> Request | None:
        """A request for an article, or None where it is known and not due."""
        self.tally.found += 1
        mark = self.sink.ledger.get(self.sink.id_of_url(url))
        if mark is not None and not page_is_due(mark, hint, self.now):
            self.tally.unchanged += 1
            if hint and not mark.hint:
                self.sink.note(replace(mark, hint=hint))  # known from another source: from now on we notice a change
            return None
        if self._details >= MOST_DETAILS:
            self.tally.refused["too_many"] += 1
            return None
        self._details += 1
        return self.request(url, self.parse_detail, priority=1, asked=url, hint=hint, title=title, date=date)

    def parse_detail(self, response: Response, asked: str, hint: str, title: str, date: Date | None) -> Parsed:
        """Read an article and give it to the sink; `title` and `date` come from the list and stand in where the page has none."""
        kind = (response.headers.get("Content-Type") or b"").decode("latin-1")
        page = read_page(response.body, kind, response.url, self.source.selectors, self.now, max_bytes=self.max_bytes)
        self.tally.comments_cut += page.comments_cut
        identity = canonical(asked)
        evidence = keep_evidence(
            self.sink.home,
            self.source.channel,
            self.sink.id_of(identity),
            response.body,
            kind,
            self.source.selectors.remove,
            self.now,
        )
        draft = self.draft_of(page, identity, response, hint, title, date, evidence)
        yield from self.join(draft, response, first=response.url, part=1)

    def join(self, draft: Draft, response: Response, first: str, part: int) -> Parsed:
        """Ask for the article's next page, or keep the article where that was the last one."""
        url = next_part(response, first, part, self.max_bytes)
        if not url:
            self.sink.add(draft)
            return
        context = {"draft": draft, "first": first, "part": part + 1}
        request = self.request(url, self.parse_part, priority=2, **context)
        request.errback = lambda failure: self.part_failed(failure, draft)
        yield request

    def parse_part(self, response: Response, draft: Draft, first: str, part: int) -> Parsed:
        """A further page of an article: its text goes under what was read so far."""
        kind = (response.headers.get("Content-Type") or b"").decode("latin-1")
        try:
            page = read_page(
                response.body, kind, response.url, self.source.selectors, self.now, max_bytes=self.max_bytes
            )
        except QuarantineError as error:
            self.tally.quarantine(error.reason, error.detail, self.sink.place(response.url))
            self.sink.add(draft)
            return
        text = f"{draft.text}\n{page.body}"[:MAX_TEXT]
        yield from self.join(replace(draft, text=text), response, first, part)

    def part_failed(self, failure: Failure, draft: Draft) -> None:
        """What was read of the article is kept."""
        try:
            self.sink.add(draft)
        except RetryLater as error:
            self.tally.spool_error = str(error)
            raise CloseSpider("spool") from error
        self.failed(failure)

    def draft_of(
        self, page: PageText, identity: str, response: Response, hint: str, title: str, date: Date | None, evidence: str
    ) -> Draft:
        """An article as a draft. A person's page without a known author counts as one voice per site at most (charter 1)."""
        at, precision = page.published_at, page.precision
        if date is not None and (
            at is None or (precision == "day" and date.precision == "minute" and abs(date.at - at).days < 1)
        ):
            at, precision = date.at, date.precision
        aliases = {canonical(u) for u in (response.url, page.canonical_url) if u}
        return Draft(
            identity=identity,
            title=page.title or title,
            text=page.body,
            published_at=at,
            precision=precision,
            url=response.url,
            aliases=tuple(sorted(aliases - {identity})),
            outlet=page.outlet,
            extractor=page.extractor,
            evidence=evidence,
            voice=self.sink.voice(""),
            hint=hint,
        )
