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

from crawlers.evidence import keep_evidence
from crawlers.ledger import Mark, Run, page_is_due
from crawlers.net.answers import retry_after, validators
from crawlers.net.failures import Challenged, Kind, kind_of
from crawlers.net.robots import RobotsCache
from crawlers.reading.dates import Date
from crawlers.reading.page import MAX_TEXT, PageText, read_page
from crawlers.sealing import Draft, Sink
from crawlers.spiders.parts import next_part
from pipeline.errors import QuarantineError, RetryLater
from pipeline.records import SHANGHAI
from pipeline.settings import Source
from pipeline.settings.sources import is_profile
from pipeline.urls import canonical, former, host_key

MOST_LISTS = 200  # list pages from one start address, also where much is to be caught up
MOST_SILENCE = 10  # requests in a row without an answer: the site is down, we go
MISSED = "missed"  # content of a mark whose page could not be read
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
        self._runs: dict[str, Run] = {}
        self._broken: set[str] = set()  # start addresses one of whose lists could not be read whole
        self._incomplete: set[str] = set()  # those one of whose pages could not be read
        self._lists: list[tuple[str, Mark]] = []

    async def start(self) -> AsyncIterator[Request]:
        async for url in self.starts():
            until = self.sink.ledger.wait_until(self._host(url))
            if until is not None and until > self.now:
                self.tally.blocked = f"网站要求 {until.astimezone(SHANGHAI):%m-%d %H:%M} 以后再读，这次没有读取。"
                continue
            start = f"{self.source.id}/{self.sink.id_of_url(url)}"
            self._runs[start] = self.sink.ledger.last_run(start)
            self.sink.ledger.begin(start)
            self.asked[canonical(url)] = canonical(url)
            request = self.request(url, self.parse_list, page=1)
            self._conditional(request, start)
            yield request

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
                self._conditional(request, start)
                yield request
        except QuarantineError as error:
            self.tally.quarantine(error.reason, error.detail, self.sink.place(response.url))
            self._missed(reader, context, start, incomplete=False)
        except RetryLater as error:
            self.tally.spool_error = str(error)
            raise CloseSpider("spool") from error
        else:
            if reader == self.parse_list:
                self._note_list(response, start)

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
            elif own not in self.asked:
                self.asked[own] = own
                yield url

    def goes_on(self, response: Response, page: int, fresh: int) -> bool:
        """Whether the list page behind this one is wanted. `fresh`: how many of its links are new since the last whole run.

        As many pages are read as the runs that were missed would have read; all `max_pages` where the last was cut short.
        """
        run = self._runs.get(response.meta["start"], Run())
        if not fresh and (run.complete or page >= self.source.max_pages):
            return False
        missed = 1.0
        if run.whole_at is not None:
            missed = max(1.0, (self.now - run.whole_at) / timedelta(minutes=self.source.every_minutes))
        if page < min(MOST_LISTS, self.source.max_pages * missed):
            return True
        self.tally.refused["more_pages"] += 1
        return False

    def cut_short(self, reason: str) -> None:
        """Count something found and left for the next run, which then pages through the lists again."""
        self.tally.refused[reason] += 1
        self._broken.update(self._runs)

    def is_fresh(self, response: Response, mark: Mark | None) -> bool:
        """Whether a link was not known when the lists were last read to where they were known."""
        whole_at = self._runs.get(response.meta["start"], Run()).whole_at
        if mark is None or whole_at is None or mark.first_seen > whole_at:
            return True
        return self.source.channel == "submission" and page_is_due(mark, "", self.now)  # only the list leads there

    def mark_of(self, url: str) -> Mark | None:
        """What is known of an article, read or missed."""
        identity = self.sink.identity_of(url)
        return self.sink.ledger.get(self.sink.id_of(identity)) or self.sink.ledger.get(self._missed_id(identity))

    def detail(self, url: str, *, hint: str = "", title: str = "", date: Date | None = None) -> Request | None:
        """A request for an article, or None where it is known and not due."""
        self.tally.found += 1
        mark = self.mark_of(url)
        if mark is not None and not self._is_due(mark, hint):
            self.tally.unchanged += 1
            if hint and not mark.hint:
                self.sink.note(replace(mark, hint=hint))  # known from another source: from now on we notice a change
            return None
        return self._detail(url, mark, hint, title, date)

    def read_again(self) -> Parsed:
        """Articles whose age asks for another look, wherever the lists have them by now."""
        if self.tally.blocked or self.tally.gave_up:
            return
        for mark in self.sink.ledger.to_read_again(self.source.id, self.now):
            own = canonical(mark.url)
            if own not in self.asked and host_key(mark.url) in self.hosts:
                self.asked[own] = own
                request = self._detail(mark.url, mark, "", "", None)
                if request is not None:
                    request.meta["start"] = ""
                    yield request

    def finish(self) -> None:
        """All that was asked for was answered: what is not listed as broken was read whole."""
        for start in self._runs:
            if start not in self._broken:
                self.sink.ended(start, start not in self._incomplete)
        for start, mark in self._lists:
            if start not in self._broken:
                self.sink.note(mark)

    def parse_detail(self, response: Response, asked: str, hint: str, title: str, date: Date | None) -> Parsed:
        """Read an article and give it to the sink; `title` and `date` come from the list and stand in where the page has none."""
        kind = (response.headers.get("Content-Type") or b"").decode("latin-1")
        page = read_page(response.body, kind, response.url, self.source.selectors, self.now, max_bytes=self.max_bytes)
        self.tally.comments_cut += page.comments_cut
        identity = self.sink.identity_of(asked)
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
        whole = page.title and page.published_at is not None  # says all of itself: next time no list is needed
        etag, modified = validators(response.headers)
        draft = replace(draft, again=asked if whole else "", etag=etag, modified=modified)
        missed = self.sink.ledger.get(self._missed_id(identity))
        if missed is not None and missed.url:
            self.sink.note(replace(missed, url=""))
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

    def _is_due(self, mark: Mark, hint: str) -> bool:
        """A public page that was heard is never heard again (charter 2), so it isn't fetched either."""
        heard = self.source.channel == "public" and mark.content != MISSED
        return not heard and page_is_due(mark, hint, self.now)

    def _detail(self, url: str, mark: Mark | None, hint: str, title: str, date: Date | None) -> Request | None:
        if self._details >= self.sink.most_details:
            self.cut_short("too_many")
            return None
        self._details += 1
        request = self.request(url, self.parse_detail, priority=1, asked=url, hint=hint, title=title, date=date)
        if mark is not None:
            _ask_for_changes(request, mark)
        return request

    def _conditional(self, request: Request, start: str) -> None:
        """Note which start address a request belongs to; a list is asked for only if it changed since it was read whole.

        Lists of submissions are always read: what stands there is read again by the list only, since we keep no address.
        """
        request.meta.setdefault("start", start)
        run = self._runs.get(start, Run())
        if request.cb_kwargs["reader"] == self.parse_list and run.complete and self.source.channel != "submission":
            mark = self.sink.ledger.get(self._list_id(request.url))
            if mark is not None:
                _ask_for_changes(request, mark)

    def _note_list(self, response: Response, start: str) -> None:
        etag, modified = validators(response.headers)
        if etag or modified:
            first = response.meta.get("redirect_urls", [response.url])[0]
            etag = "" if self.source.channel == "public" else etag
            self._lists.append((start, self._mark(self._list_id(first), etag=etag, modified=modified)))

    def _unmodified(self, context: dict[str, Any]) -> None:
        self.tally.unmodified += 1
        if "asked" not in context:
            self.tally.found += 1  # the list stands for its entries
        else:
            self.tally.unchanged += 1
            mark = self.mark_of(context["asked"])
            if mark is not None:
                self.sink.note(replace(mark, read_at=self.now))

    def _missed(
        self, reader: Callable[..., Parsed], context: dict[str, Any], start: str, *, incomplete: bool = True
    ) -> None:
        """What can't be read now is tried again as it ages, not in every run; a list that can't be read stays unread."""
        if "asked" in context:
            url: str = context["asked"]
            institution = self.source.channel in ("official", "media")
            mark = self.mark_of(url) or self._mark(
                self._missed_id(self.sink.identity_of(url)), content=MISSED, url=url if institution else ""
            )
            self.sink.note(replace(mark, read_at=self.now))
            if institution:
                return
        elif reader == self.parse_list:
            self._broken.add(start)
        if incomplete:
            self._incomplete.add(start)

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
        until = self.now + timedelta(seconds=self.sink.elapsed) + wait
        self.sink.ledger.set_wait(self._host(url), until)
        return f"{until.astimezone(SHANGHAI):%m-%d %H:%M}"

    def _mark(self, mark_id: str, **what: str) -> Mark:
        return Mark(mark_id, self.now, self.now, self.now, **what)

    def _host(self, url: str) -> str:
        return self.sink.id_of("host\0" + host_key(url))

    def _list_id(self, url: str) -> str:
        return self.sink.id_of("list\0" + canonical(url))

    def _missed_id(self, identity: str) -> str:
        return self.sink.id_of("missed\0" + identity)


def _ask_for_changes(request: Request, mark: Mark) -> None:
    if mark.etag:
        request.headers["If-None-Match"] = mark.etag
    if mark.modified:
        request.headers["If-Modified-Since"] = mark.modified
    if mark.etag or mark.modified:
        request.meta["handle_httpstatus_list"] = [304]
