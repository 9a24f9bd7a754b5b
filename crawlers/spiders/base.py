"""What every spider of ours does alike: requests that carry their context, failures that are counted, pages that are read."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, NoReturn
from urllib.parse import urljoin

from scrapy import Request, Spider
from scrapy.exceptions import CloseSpider
from scrapy.http import Response
from scrapy.spidermiddlewares.httperror import HttpError
from twisted.python.failure import Failure

from crawlers.ledger import Mark
from crawlers.net.answers import retry_after, validators
from crawlers.net.failures import Challenged, Kind, kind_of
from crawlers.net.robots import RobotsCache
from crawlers.reading.dates import Date
from crawlers.reading.page import MAX_TEXT, PageText, read_page
from crawlers.sealing import Draft, Sink
from crawlers.spiders.memory import Memory, ask_for_changes
from crawlers.spiders.parts import next_part
from pipeline.errors import QuarantineError, RetryLater
from pipeline.records import SHANGHAI
from pipeline.settings import Source
from pipeline.settings.sources import is_profile
from pipeline.urls import canonical, former, host_key

MOST_SILENCE = 10  # requests in a row without an answer: the site is down, we go
_SAID_NO = {
    **{s: f"网站拒绝访问（服务器返回 {s}），已停止读取，不再尝试。" for s in (401, 403)},
    **dict.fromkeys((200, 202), "网站要求人机验证（验证码或脚本检查），已停止读取，不再尝试。"),
}
Parsed = Iterator[Request]


class SourceSpider(Spider):
    """One source in one run. `sink` takes what is found; `tally` counts; nothing is yielded but requests."""

    name = "source"

    def __init__(self, source: Source, sink: Sink, robots: RobotsCache, now: datetime, **kwargs: Any) -> None:
        super().__init__(name=source.id, **kwargs)
        self.source, self.sink, self.tally, self.robots, self.now = source, sink, sink.tally, robots, now
        self.hosts = frozenset(host_key(u) for u in source.urls)
        self.max_bytes = sink.home.settings.crawl.max_page_bytes
        self.asked: dict[str, str] = {}  # canonical address → that of the request which brought us there
        self.over = False  # nothing more is asked for, whatever waits in the queue
        self._details = self._silence = 0
        self.memory = Memory(sink)

    async def start(self) -> AsyncIterator[Request]:
        async for url in self.starts():
            if until := self.memory.wait_until(url):
                self.tally.blocked = f"网站要求 {_clock(until)} 以后再读，这次没有读取。"
                continue
            start = self.memory.begin(url)
            self.asked[canonical(url)] = canonical(url)
            yield self._from(start, self.request(url, self.parse_list, page=1))

    async def starts(self) -> AsyncIterator[str]:
        """Addresses to begin with."""
        for url in self.source.urls:
            yield url

    def parse_list(self, response: Response, page: int) -> Parsed:
        """A start page, or one that follows it. Each kind reads its own."""
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
        self._silence = 0
        start: str = response.meta["start"]
        self.tally.fetched += 1
        if response.status == 304:
            self._unmodified(context)
            return
        try:
            for request in reader(response, **context):
                yield self._from(start, request)
        except QuarantineError as error:
            self.tally.quarantine(error.reason, error.detail, self.sink.place(response.url))
            self._missed(reader, context, start, incomplete=False)
        except RetryLater as error:
            self.tally.spool_error = str(error)
            raise CloseSpider("spool") from error
        else:
            if reader == self.parse_list:
                self.memory.list_read(response, start)

    def failed(self, failure: Failure) -> None:
        """Count a request that brought nothing. A refusal, a wish to wait or a silent site ends the source (charter 5)."""
        error, request = failure.value, failure.request  # type: ignore[attr-defined]
        reader, context, start = request.cb_kwargs["reader"], request.cb_kwargs["context"], request.meta["start"]
        kind, word = kind_of(error, request)
        if kind is Kind.UNSENT:
            return
        self._missed(reader, context, start, incomplete=kind is not Kind.AGAIN)
        if kind is Kind.AGAIN:  # a redirect to what this run has read or will read
            self.tally.unchanged += 1
        elif kind is Kind.REFUSED:
            self.tally.refused[word] += 1
        elif isinstance(error, Challenged):
            self._leave(
                _SAID_NO.get(
                    error.status, f"网站防火墙要求人机验证（服务器返回 {error.status}），已停止读取，不再尝试。"
                )
            )
        elif isinstance(error, HttpError):
            self._silence = 0
            self._leave_if_asked(error.response)
            self.tally.failed[word] += 1
        elif kind is Kind.FAILED:
            self.tally.failed[word] += 1
            self._silence += 1
            if self._silence >= MOST_SILENCE:
                self.over = True
                self.tally.gave_up = f"网站连续 {MOST_SILENCE} 次没有回应，已停止，下次再读"
                raise CloseSpider("silent")

    def links(self, response: Response, hrefs: list[str], *, offsite: bool = False) -> Iterator[str]:
        """Absolute addresses on the source's own hosts, or on any (`offsite`), each once a run; others are counted."""
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
            elif not same and not offsite:
                self.tally.refused["offsite"] += 1
            elif own not in self.asked:
                self.asked[own] = own
                yield url

    def goes_on(self, response: Response, page: int, fresh: int) -> bool:
        """Whether the list page behind this one is wanted. `fresh`: how many of its links are new since the last whole run."""
        wanted, most = self.memory.lists_wanted(response.meta["start"], fresh, page)
        if wanted and page >= most:
            self.tally.refused["more_pages"] += 1
        return wanted and page < most

    def cut_short(self, reason: str) -> None:
        """Count something found and left for the next run, which then pages through the lists again."""
        self.tally.refused[reason] += 1
        self.memory.broken()

    def detail(self, url: str, *, hint: str = "", title: str = "", date: Date | None = None) -> Request | None:
        """A request for an article, or None where it is known and not due."""
        self.tally.found += 1
        mark = self.memory.mark_of(url)
        if mark is not None and not self.memory.is_due(mark, hint):
            self.tally.unchanged += 1
            if hint and not mark.hint:
                self.sink.note(replace(mark, hint=hint))  # known from another source: from now on we notice a change
            return None
        return self._detail(url, mark, hint, title, date)

    def read_again(self) -> Parsed:
        """Articles whose age asks for another look, wherever the lists have them by now."""
        if self.tally.blocked or self.tally.gave_up:
            return
        for mark in self.memory.to_read_again():
            own = canonical(mark.url)
            if own not in self.asked and host_key(mark.url) in self.hosts:
                self.asked[own] = own
                request = self._detail(mark.url, mark, "", "", None)
                if request is not None:
                    yield self._from("", request)

    def parse_detail(self, response: Response, asked: str, hint: str, title: str, date: Date | None) -> Parsed:
        """Read an article and give it to the sink; `title` and `date` come from the list and stand in where the page has none."""
        kind = (response.headers.get("Content-Type") or b"").decode("latin-1")
        page = read_page(response.body, kind, response.url, self.source.selectors, self.now, max_bytes=self.max_bytes)
        self.tally.comments_cut += page.comments_cut
        identity = self.sink.identity_of(asked)
        evidence = self.sink.keep_page(identity, response, page.comments_cut)
        draft = self.draft_of(page, identity, response, hint, title, date, evidence)
        whole = page.title and page.published_at is not None  # says all of itself: next time no list is needed
        etag, modified = validators(response.headers)
        draft = replace(draft, again=asked if whole else "", etag=etag, modified=modified)
        self.memory.read(identity)
        yield from self.join(draft, response, first=response.url, part=1)

    def join(self, draft: Draft, response: Response, first: str, part: int) -> Parsed:
        """Ask for the article's next page, or keep the article where that was the last one."""
        url = next_part(response, first, part, self.max_bytes)
        if not url:
            self.sink.add(draft)
            return
        draft = replace(draft, etag="", modified="")  # the first page does not say whether the others changed
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
        self.tally.comments_cut += page.comments_cut
        self.sink.keep_page(draft.identity, response, page.comments_cut, part)
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
        aliases = {f for u in (response.url, page.canonical_url) if u for f in (canonical(u), *former(u))}
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

    def _detail(self, url: str, mark: Mark | None, hint: str, title: str, date: Date | None) -> Request | None:
        if self._details >= self.sink.most_details:
            self.cut_short("too_many")
            return None
        self._details += 1
        request = self.request(url, self.parse_detail, priority=1, asked=url, hint=hint, title=title, date=date)
        if mark is not None:
            ask_for_changes(request, mark)
        return request

    def _from(self, start: str, request: Request) -> Request:
        """The request, which now says from which start address it comes."""
        request.meta["start"] = start
        if request.cb_kwargs["reader"] == self.parse_list:
            self.memory.ask_for_list(request, start)
        return request

    def _unmodified(self, context: dict[str, Any]) -> None:
        self.tally.unmodified += 1
        if "asked" in context:
            self.tally.unchanged += 1
            self.memory.unmodified(context["asked"])
        else:
            self.tally.found += 1  # the list stands for its entries

    def _missed(
        self, reader: Callable[..., Parsed], context: dict[str, Any], start: str, *, incomplete: bool = True
    ) -> None:
        """Note that a page could not be read, so that it, or the list, is tried again in time."""
        if reader == self.parse_list:
            self.memory.broken(start)
        elif not ("asked" in context and self.memory.missed(context["asked"])) and incomplete:
            self.memory.incomplete(start)

    def _leave_if_asked(self, response: Response) -> None:
        """Raises CloseSpider where an answer says that we come too often."""
        status = response.status
        wait = retry_after(response.headers, datetime.now(UTC)) if status in (429, 503) else None
        if wait:
            self._leave(f"网站要求 {self.stay_away(response.url, wait)} 以后再读（服务器返回 {status}），已停止。")
        if status == 429:
            self._leave("网站要求放慢速度（服务器返回 429），已停止，下次再读。")

    def _leave(self, why: str) -> NoReturn:
        self.over, self.tally.blocked = True, why
        raise CloseSpider("blocked")

    def stay_away(self, url: str, wait: timedelta) -> str:
        """Remember that a host asked us to wait, over this run; returns until when, in words."""
        return _clock(self.memory.stay_away(url, wait))


def _clock(at: datetime) -> str:
    return f"{at.astimezone(SHANGHAI):%m-%d %H:%M}"
