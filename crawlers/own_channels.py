"""The offices' own sites, looked at as politely as any other: reachable, certificate, newest article, words of key pages.

What is found goes into the spool as a report, like all that crawlers say of themselves; of a page only a digest.
"""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import urljoin, urlsplit

from lxml import html
from scrapy import Request
from scrapy.http import Response
from twisted.python.failure import Failure

from crawlers.check import TryingSink
from crawlers.ledger import Ledger
from crawlers.net.certificate import certificate_of
from crawlers.net.failures import kind_of
from crawlers.reading.dates import Date, date_in_url, find_dates
from crawlers.reading.tree import select, text_of
from crawlers.report import why
from crawlers.spiders.base import Parsed, SourceSpider
from crawlers.spiders.pages import open_list, row_of
from crawlers.web import crawl_web
from pipeline.errors import QuarantineError
from pipeline.records import CANARY
from pipeline.settings import Home, Office, Source
from pipeline.settings.own_channels import OwnChannel
from pipeline.settings.sources import Selectors
from pipeline.spool import Spool

LEAST_TITLE = 5  # characters of a link that may be an article's
LONGEST_ROW = 300
Target = tuple[str, str]  # address, selector


@dataclass(slots=True)
class _Found:
    """Of one site: what was read at each target, why others could not be, and the newest date that the list shows."""

    channel: OwnChannel
    words: dict[Target, str] = field(default_factory=dict)
    problems: dict[Target, str] = field(default_factory=dict)
    newest: datetime | None = None


class OwnSpider(SourceSpider):
    """Asks for the pages of one own site, nothing else."""

    found: _Found

    async def start(self) -> AsyncIterator[Request]:
        channel = self.found.channel
        for target in dict.fromkeys([(channel.url, ""), *((p.url, p.selector) for p in channel.key_pages)]):
            request = self.request(target[0], self.parse_target, target=target)
            request.meta["start"] = ""
            yield request

    def parse_target(self, response: Response, target: Target) -> Parsed:
        try:
            root = open_list(response, self.max_bytes)
        except QuarantineError:
            self.found.problems[target] = "不是网页"
            return
        if target[0] == self.found.channel.url and self.found.newest is None:
            self.found.newest = newest_of(root, response.url, self.now)
        parts = select(root, target[1]) if target[1] else [root]
        if parts:
            self.found.words[target] = plain_words("\n".join(map(text_of, parts)))
        else:
            self.found.problems[target] = "页面上没有 selector 指的部分"
        yield from ()

    def failed(self, failure: Failure) -> None:
        request = failure.request  # type: ignore[attr-defined]
        self.found.problems[request.cb_kwargs["context"]["target"]] = why(kind_of(failure.value, request)[1])
        super().failed(failure)


def check_own_channels(home: Home, now: datetime, progress: Callable[[str], None]) -> int:
    """Look at every own site once and spool what was found; returns how many. To be called once in a process.

    Raises RetryLater where the spool can't be written.
    """
    wanted = [(office, channel) for office in home.offices for channel in office.own_channels]
    if not wanted:
        return 0
    found = {f"{office.id}:{channel.id}": _Found(channel) for office, channel in wanted}
    with TemporaryDirectory(prefix="tingjian-own-") as folder:
        scratch = replace(home, folder=Path(folder))
        ledger = Ledger(scratch.folder / "crawl.db")
        sinks = [TryingSink(scratch, _source(key, f.channel), now, ledger) for key, f in found.items()]
        spider = type(
            "Own", (_Own,), {"by_source": {s.source.id: f for s, f in zip(sinks, found.values(), strict=True)}}
        )
        crawl_web(scratch, sinks, now, lambda _sink: None, spiders={"listing": spider})
        ledger.close()
    reports = []
    for (office, channel), sink in zip(wanted, sinks, strict=True):
        report = _report(home, office, channel, found[f"{office.id}:{channel.id}"], sink, now)
        progress(f"{channel.name}：{report['problem'] or '打得开'}")
        reports.append(report)
    Spool(home.spool).write(CANARY, [], reports, now)
    return len(reports)


class _Own(OwnSpider):
    by_source: dict[str, _Found]

    def __init__(self, source: Source, *args: Any, **kwargs: Any) -> None:
        super().__init__(source, *args, **kwargs)
        self.found = self.by_source[source.id]


def _source(key: str, channel: OwnChannel) -> Source:
    urls = list(dict.fromkeys([channel.url, *(page.url for page in channel.key_pages)]))
    return Source(
        id="own", name=channel.name, kind="listing", channel="official", urls=urls, selectors=Selectors(link="a"),
        allow_private=channel.allow_private, delay_seconds=0 if channel.allow_private else 2,
    ).model_copy(update={"id": key})  # fmt: skip


def _report(
    home: Home, office: Office, channel: OwnChannel, found: _Found, sink: TryingSink, now: datetime
) -> dict[str, Any]:
    at = now + timedelta(seconds=sink.elapsed)
    parts = urlsplit(channel.url)
    until, problem = None, ""
    if parts.scheme == "https":
        seconds = home.settings.crawl.timeout_seconds
        certificate = certificate_of(parts.hostname or "", parts.port or 443, seconds, channel.allow_private)
        until, problem = certificate.until, certificate.problem
    return {
        "kind": "own_channel",
        "id": f"{office.id}:{channel.id}",
        "office_ids": [office.id],
        "at": at.isoformat(),
        "problem": _problem(found, (channel.url, ""), sink),
        "certificate_until": until.isoformat() if until else None,
        "certificate_problem": problem,
        "newest_at": found.newest.isoformat() if found.newest else None,
        "pages": [_page(found, page.name, (page.url, page.selector), sink) for page in channel.key_pages],
    }


def _page(found: _Found, name: str, target: Target, sink: TryingSink) -> dict[str, Any]:
    words = found.words.get(target, "")
    return {
        "name": name,
        "url": target[0],
        "selector": target[1],
        "problem": "" if target in found.words else _problem(found, target, sink),
        "digest": hashlib.sha256(words.encode("utf-8", "surrogatepass")).hexdigest()[:32],
        "length": len(words),
    }


def _problem(found: _Found, target: Target, sink: TryingSink) -> str:
    """Why a target was not read, in Chinese; empty where it was."""
    if target in found.words:
        return ""
    return (sink.tally.blocked or found.problems.get(target) or sink.tally.gave_up or "没有读到").rstrip("。")


def newest_of(root: html.HtmlElement, url: str, now: datetime) -> datetime | None:
    """The newest date that stands beside a link to an article, or in its address.

    A day alone counts from its end: an article of today is fresh. Today's date in a page's head is no article's.
    """
    newest: datetime | None = None
    for link in root.iter("a"):
        if not link.get("href") or len(text_of(link)) < LEAST_TITLE:
            continue
        row = text_of(row_of(link))
        dates: list[Date] = list(find_dates(row, now)) if len(row) <= LONGEST_ROW else []
        if not dates and (said := date_in_url(urljoin(url, str(link.get("href"))), now)) is not None:
            dates = [said]
        for date in dates:
            at = min(date.at + timedelta(days=1), now) if date.precision == "day" else date.at
            newest = at if newest is None else max(newest, at)
    return newest


def plain_words(text: str) -> str:
    """The words alone: full width as half, any white space as one space."""
    return " ".join(unicodedata.normalize("NFKC", text).split())
