"""What earlier runs of a source left in the ledger, and what this one will leave there: what to fetch, and how far to page."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta

from scrapy import Request
from scrapy.http import Response

from crawlers.ledger import Mark, Run, page_is_due
from crawlers.net.answers import validators
from crawlers.sealing import Sink
from pipeline.urls import canonical, host_key

MOST_LISTS = 200  # list pages from one start address, also where much is to be caught up
_MISSED = "missed"  # content of a mark whose page could not be read


class Memory:
    """Of one source in one run. A start address and the lists that follow it are known by its key."""

    def __init__(self, sink: Sink) -> None:
        self.sink, self.source, self.ledger, self.now = sink, sink.source, sink.ledger, sink.now
        self._runs: dict[str, Run] = {}
        self._broken: set[str] = set()  # starts one of whose lists could not be read whole
        self._incomplete: set[str] = set()  # starts one of whose pages could not be read
        self._lists: list[tuple[str, Mark]] = []

    def begin(self, url: str) -> str:
        """The key of a start address, which until `finish` counts as cut short."""
        start = f"{self.source.id}/{self.sink.id_of_url(url)}"
        self._runs[start] = self.ledger.last_run(start)
        self.ledger.begin(start)
        return start

    def finish(self) -> None:
        """All that was asked for was answered: what is not noted as broken was read whole."""
        for start in self._runs.keys() - self._broken:
            self.sink.ended(start, start not in self._incomplete)
        for start, mark in self._lists:
            if start not in self._broken:
                self.sink.note(mark)

    def broken(self, *starts: str) -> None:
        """A list from here could not be read; of none given, something was left from all of them."""
        self._broken.update(starts or self._runs)

    def incomplete(self, start: str) -> None:
        """A page from here could not be read, and only the lists lead there again."""
        self._incomplete.add(start)

    def lists_wanted(self, start: str, fresh: int, page: int) -> tuple[bool, int]:
        """(whether more is wanted behind a list page with so many fresh links, the most pages that are read).

        As many as the runs that were missed would have read; all `max_pages` where the last run was cut short.
        """
        run, most = self._run(start), self.source.max_pages
        wanted = bool(fresh) or (not run.complete and page < most)
        if run.whole_at is not None:
            most = int(most * max(1.0, (self.now - run.whole_at) / timedelta(minutes=self.source.every_minutes)))
        return wanted, min(MOST_LISTS, most)

    def is_fresh(self, start: str, mark: Mark | None) -> bool:
        """Whether a link was not known when the lists were last read to where they were known."""
        whole_at = self._run(start).whole_at
        if mark is None or whole_at is None or mark.first_seen > whole_at:
            return True
        return self.source.channel == "submission" and page_is_due(mark, "", self.now)  # only the list leads there

    def ask_for_list(self, request: Request, start: str) -> None:
        """A list is asked for only if it changed since it was read whole, by this source as it is written now.

        Lists of submissions are always read: what stands there is read again by the list only, since we keep no address.
        """
        if self._run(start).complete and self.source.channel != "submission":
            mark = self.ledger.get(self._list_id(request.url))
            if mark is not None:
                ask_for_changes(request, mark)

    def list_read(self, response: Response, start: str) -> None:
        """Keep what the server said of a list, once all that it brought is committed."""
        etag, modified = validators(response.headers)
        if etag or modified:
            mark_id = self._list_id(response.meta.get("redirect_urls", [response.url])[0])
            self._lists.append(
                (start, self._mark(mark_id, "", "" if self.source.channel == "public" else etag, modified))
            )

    def mark_of(self, url: str) -> Mark | None:
        """What is known of an article, read or missed."""
        identity = self.sink.identity_of(url)
        return self.ledger.get(self.sink.id_of(identity)) or self.ledger.get(self._missed_id(identity))

    def is_due(self, mark: Mark, hint: str) -> bool:
        """A public page that was heard is never heard again (charter 2), so it isn't fetched either."""
        heard = self.source.channel == "public" and mark.content != _MISSED
        return not heard and page_is_due(mark, hint, self.now)

    def to_read_again(self) -> Iterator[Mark]:
        """Articles whose age asks for another look, wherever the lists have them by now."""
        yield from self.ledger.to_read_again(self.source.id, self.now)

    def unmodified(self, url: str) -> None:
        """An article was asked for and did not change."""
        mark = self.mark_of(url)
        if mark is not None:
            self.sink.note(replace(mark, read_at=self.now))

    def read(self, identity: str) -> None:
        """An article that may have been missed was read."""
        missed = self.ledger.get(self._missed_id(identity))
        if missed is not None and missed.url:
            self.sink.note(replace(missed, url=""))

    def missed(self, url: str) -> bool:
        """An article can't be read now: it is tried again as it ages, not in every run. False where only a list leads there."""
        institution = self.source.channel in ("official", "media")
        mark = self.mark_of(url)
        if mark is None:
            missed_id = self._missed_id(self.sink.identity_of(url))
            mark = replace(self._mark(missed_id, _MISSED), url=url if institution else "")
        self.sink.note(replace(mark, read_at=self.now))
        return institution

    def wait_until(self, url: str) -> datetime | None:
        """Until when a host asked not to be read; None where it did not, or the time has come."""
        until = self.ledger.wait_until(self._host_id(url))
        return until if until is not None and until > self.now else None

    def stay_away(self, url: str, wait: timedelta) -> datetime:
        """Remember over this run that a host asked us to wait; returns until when."""
        until = self.now + timedelta(seconds=self.sink.elapsed) + wait
        self.ledger.set_wait(self._host_id(url), until)
        return until

    def _run(self, start: str) -> Run:
        return self._runs.get(start, Run())

    def _mark(self, mark_id: str, content: str, etag: str = "", modified: str = "") -> Mark:
        return Mark(mark_id, self.now, self.now, self.now, content, etag=etag, modified=modified)

    def _host_id(self, url: str) -> str:
        return self.sink.id_of("host\0" + host_key(url))

    def _list_id(self, url: str) -> str:
        return self.sink.id_of(f"list\0{canonical(url)}\0{self.source.model_dump_json()}")

    def _missed_id(self, identity: str) -> str:
        return self.sink.id_of("missed\0" + identity)


def ask_for_changes(request: Request, mark: Mark) -> None:
    """Make a request conditional on what the server said last time."""
    if mark.etag:
        request.headers["If-None-Match"] = mark.etag
    if mark.modified:
        request.headers["If-Modified-Since"] = mark.modified
    if mark.etag or mark.modified:
        request.meta["handle_httpstatus_list"] = [304]
