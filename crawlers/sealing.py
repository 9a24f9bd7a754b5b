"""From what a spider found to what lies in the spool: masked, voiced, sealed, in atomic batches."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from time import monotonic
from typing import TYPE_CHECKING

from crawlers.evidence import Keeper
from crawlers.ledger import BACK_OFF, Ledger, Mark
from crawlers.report import CrawlReport, Tally
from pipeline.errors import RetryLater
from pipeline.privacy.mask import Masker
from pipeline.privacy.seal import Envelope, seal
from pipeline.privacy.staging_keys import StagingKeys, voice_of
from pipeline.records import WHOLE, Capture, Precision, Voice
from pipeline.settings import Home, Source
from pipeline.spool import BATCH_SIZE, Spool
from pipeline.urls import canonical, former, keyed_id

if TYPE_CHECKING:
    from scrapy.http import Response

FLUSH_SECONDS = 30.0  # a slow source commits at least this often
_FIELDS = ("title", "text", "published_at", "received_at", "source_ref", "region", "outlet")  # whose filling is counted
_HANDLE = re.compile(r"(?<![A-Za-z0-9._%+-])[@＠][^\s@＠:：,，。;；!！?？、()（）<>《》【】\[\]“”\"']{1,30}")


@dataclass(frozen=True, slots=True)
class Draft:
    """One thing found, not yet masked and never written. `identity` is a canonical address or `source/own id`.

    `voice` was computed while parsing: the author's name is gone by now.
    """

    identity: str
    title: str
    text: str
    published_at: datetime | None = None
    precision: Precision = "unknown"
    received_at: datetime | None = None
    url: str = ""
    aliases: tuple[str, ...] = ()  # canonical forms of other addresses of the same page
    outlet: str = ""
    region: str = ""
    source_ref: str = ""
    thread: str = ""  # canonical address of the topic
    extractor: str = ""
    evidence: str = ""
    voice: Voice = ()
    hint: str = ""
    again: str = ""  # address at which an institution's article can be read once more, with what its server said of it
    etag: str = ""
    modified: str = ""


class Sink:
    """Takes the drafts of one run of one source; commits batches, then the ledger, then says so."""

    most_details = 2000  # detail pages or topics in one run of one source; the rest comes next time

    def __init__(self, home: Home, source: Source, now: datetime, ledger: Ledger) -> None:
        self.home, self.source, self.now, self.ledger = home, source, now, ledger
        self.tally = Tally(k=home.settings.k if source.channel == "public" else 1)
        self._key = home.installation_key()
        self._keys = StagingKeys(home.staging / "keys").live(now)
        self._nobody = voice_of(self._keys, source.site, "")
        self._masker = Masker(frozenset(n for office in home.offices for n in office.numbers))
        self._spool = Spool(home.spool)
        self._keeper = Keeper(home, source)
        self._started = self._flushed = monotonic()
        self._envelopes: list[Envelope] = []
        self._marks: list[Mark] = []
        self._pending: set[str] = set()
        self._ended: list[tuple[str, bool]] = []
        self.report: CrawlReport | None = None

    def id_of(self, identity: str) -> str:
        return keyed_id(self._key, identity)

    def id_of_url(self, url: str) -> str:
        """Raises ValueError where `url` is no web address."""
        return keyed_id(self._key, canonical(url))

    def identity_of(self, url: str, kind: str = "") -> str:
        """The canonical form under which an address is known, of whichever canonicaliser; else today's.

        Raises ValueError where `url` is no web address.
        """
        form, older = canonical(url), former(url)
        if not older or self.ledger.get(self.id_of(kind + form)) is not None:
            return form
        return next((f for f in older if self.ledger.get(self.id_of(kind + f)) is not None), form)

    def place(self, url: str) -> str:
        """How a page is named in a report: its address for institutions, a keyed id for people (charter 2)."""
        if self.source.channel in ("official", "media"):
            return self._masker.mask(url[:300])
        try:
            return self.id_of_url(url)
        except ValueError:
            return "?"

    def voice(self, author: str) -> Voice:
        """Digests of an author for what a person wrote; empty for institutions. Drop `author` after this call."""
        return voice_of(self._keys, self.source.site, author) if self.source.channel in ("public", "submission") else ()

    def mask(self, text: str) -> str:
        return self._masker.mask(text)

    def keyed_digest(self, text: str) -> str:
        return self.id_of("hint\0" + text)[:16]

    def knows(self, identity: str) -> bool:
        """Whether this was spooled before or waits in the buffer."""
        mark_id = self.id_of(identity)
        return mark_id in self._pending or self.ledger.get(mark_id) is not None

    def add(self, draft: Draft) -> bool:
        """Mask, seal and buffer; False where it was heard before and hasn't changed.

        Raises RetryLater where the spool can't be written.
        """
        if draft.url and draft.identity == canonical(draft.url) != (known_as := self.identity_of(draft.url)):
            draft = replace(draft, identity=known_as)
        self._note_read(draft)
        capture_id = self.id_of(draft.identity)
        known = self.ledger.get(capture_id)
        public = self.source.channel == "public"
        if capture_id in self._pending or (public and known is not None):
            self.tally.unchanged += 1
            return False
        capture = self._capture(draft, capture_id, known.first_seen if known else self.now)
        content = "" if public else self._content(capture)
        born = capture.received_at or capture.occurred_at
        if draft.precision == "day":
            born += timedelta(days=1)  # at the latest
        born = min(born, self.now)
        again = draft.again if capture.url and self.now < born + BACK_OFF[-1] else ""
        self._marks.append(
            Mark(
                capture_id,
                capture.first_seen,
                born,
                self.now,
                content,
                draft.hint,
                again,
                "" if public else draft.etag,
                draft.modified,
            )
        )
        self._pending.add(capture_id)
        if known is not None and known.content == content:
            self.tally.unchanged += 1
        else:
            self._envelopes.append(seal(capture, self._keys))
            self.tally.captured += 1
        if len(self._envelopes) >= BATCH_SIZE or monotonic() - self._flushed > FLUSH_SECONDS:
            self.flush()
        return True

    def keep_page(self, identity: str, response: Response, comments_cut: int, part: int = 1) -> str:
        """Keep a page that was read as evidence, where an institution published it; its reference, else ""."""
        return self._keeper.page(self.id_of(identity), response, comments_cut, self._time, part)

    def keep_entry(self, identity: str, url: str, markup: str) -> str:
        """Keep an entry of a feed as evidence, where an institution published it; its reference, else ""."""
        return self._keeper.entry(self.id_of(identity), url, markup, self._time)

    def note(self, mark: Mark) -> None:
        """Remember a page that is no capture itself (a topic), with the next commit."""
        self._marks.append(mark)

    def ended(self, start: str, complete: bool) -> None:
        """All lists from one start address (keyed) were read; so it is said when what they brought is committed."""
        self._ended.append((start, complete))

    def flush(self, report: CrawlReport | None = None) -> None:
        """Commit what is buffered. Raises RetryLater where the spool can't be written: then nothing was forgotten."""
        if self._envelopes or report is not None:
            self._keeper.sync()
            reports = [report.to_dict()] if report is not None else []
            self._spool.write(self.source.id, self._envelopes, reports, self.now)
        self.ledger.commit(self.source.id, self._marks)
        self._envelopes, self._marks = [], []
        self._pending.clear()
        if report is not None:
            for start, complete in self._ended:
                self.ledger.end(start, complete, self.now)
        self._flushed = monotonic()

    def finish(self, finished_at: datetime) -> CrawlReport:
        """Commit the rest with the report; a second call returns the first one's report."""
        if self.report is None:
            report = self.tally.report(self.source, self.now, finished_at)
            try:
                self.flush(report)
            except RetryLater as error:
                self.tally.spool_error = str(error)
                self.tally.captured -= len(self._envelopes)
                report = self.tally.report(self.source, self.now, finished_at)
            self._keeper.close()
            self.report = report
        return self.report

    @property
    def _time(self) -> datetime:
        return self.now + timedelta(seconds=self.elapsed)

    @property
    def elapsed(self) -> float:
        return monotonic() - self._started

    def _capture(self, draft: Draft, capture_id: str, first_seen: datetime) -> Capture:
        source, whole = self.source, self.source.channel in WHOLE
        institution = source.channel in ("official", "media")
        title, text = (
            (self.mask(draft.title), self.mask(draft.text))
            if institution
            else (self.mask(_without_handles(draft.title)), self.mask(_without_handles(draft.text)))
        )
        return Capture(
            id=capture_id,
            source_id=source.id,
            site=source.site,
            site_group=source.site_group,
            channel=source.channel,
            title=title,
            text=text,
            first_seen=first_seen,
            published_at=draft.published_at,
            published_precision=draft.precision,
            received_at=draft.received_at if whole else None,
            url=self._url(draft.url) if institution else "",
            aliases=tuple(self.id_of(a) for a in self._aliases(draft)),
            outlet=self.mask(draft.outlet or source.outlet or (source.name if source.channel != "submission" else "")),
            outlet_weight=source.outlet_weight,
            region=self.mask(draft.region or source.region),
            source_ref=draft.source_ref if whole else "",
            thread=self.id_of(draft.thread) if draft.thread else "",
            extractor=draft.extractor,
            evidence=draft.evidence if institution else "",
            voice=draft.voice,
        )

    def _note_read(self, draft: Draft) -> None:
        filled = [name for name in _FIELDS if getattr(draft, name)]
        if draft.voice and draft.voice != self._nobody:
            filled.append("author")
        if self.source.channel in ("official", "media") and not self.tally.sample:
            self.tally.opened(filled, self.mask(draft.title), self._url(draft.url))
        else:
            self.tally.opened(filled)

    def _aliases(self, draft: Draft) -> list[str]:
        """Canonical forms of the page's other addresses; where it is named by its own, also what that was called before."""
        own = {canonical(draft.url), *former(draft.url)} if draft.url else set()
        return sorted({*draft.aliases, *(own if draft.identity in own else ())} - {draft.identity})

    def _url(self, url: str) -> str:
        return url[:2000]

    def _content(self, capture: Capture) -> str:
        whole = f"{capture.title}\0{capture.text}\0{capture.published_at}"
        return self.id_of("content\0" + hashlib.sha256(whole.encode("utf-8", "surrogatepass")).hexdigest())[:16]


def _without_handles(text: str) -> str:
    """`@somebody` names a person: what people call each other stays out (charter 1)."""
    return _HANDLE.sub("@某网友", text)
