"""Spool → dedup → score → index and staging → registry → acknowledge: each capture once (DESIGN §3).

Output is committed before input is acknowledged. A batch whose row stands in `batches` is done; until then every write
here may be repeated: index and staging by id and revision, the rest in one transaction.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from time import monotonic

from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from pipeline import dedup, registry
from pipeline.desk import counters
from pipeline.desk.database import Database
from pipeline.desk.tables import BatchRow, Heartbeat, Quarantined, StoryBand
from pipeline.errors import QuarantineError, Unreadable
from pipeline.index.engine import Index
from pipeline.levels import item_level
from pipeline.privacy.seal import unseal
from pipeline.privacy.staging_keys import rounded_down
from pipeline.records import CANARY, Capture, Item
from pipeline.registry import Known
from pipeline.score import Reader, Reading, sent_to_us
from pipeline.settings import Home
from pipeline.spool import Batch, Spool
from pipeline.staging import Post, Staging
from pipeline.steps import canary
from pipeline.steps.crawl_reports import note_new, note_reports
from pipeline.steps.expiry import expire_staged
from pipeline.steps.locks import only_one
from pipeline.steps.shelf import shelf_of
from pipeline.steps.troubles import note_model
from pipeline.urls import keyed_id


@dataclass(slots=True)
class IngestReport:
    """Sums over the batches of one run."""

    batches: int = 0
    taken: int = 0
    items: int = 0
    staged: int = 0
    unchanged: int = 0
    quarantined: int = 0
    expired: int = 0
    expired_unheard: int = 0
    began: float = field(default_factory=monotonic)

    @property
    def changed(self) -> bool:
        return bool(self.items or self.staged or self.batches)


@dataclass(slots=True)
class _Opened:
    captures: list[Capture] = field(default_factory=list)
    numbers: list[int] = field(default_factory=list)  # of each capture's line
    reports: list[dict[str, object]] = field(default_factory=list)
    bad: list[tuple[int, QuarantineError]] = field(default_factory=list)
    partly: list[tuple[int, QuarantineError]] = field(default_factory=list)  # indexed for another office
    expired: int = 0


def ingest(
    home: Home, db: Database, index: Index, now: datetime, progress: Callable[[str], None] = lambda _: None
) -> IngestReport:
    """Take every committed batch. Raises RetryLater where another ingest runs or the index can't be written."""
    report = IngestReport()
    with only_one(home.folder, "ingest"):
        staging = Staging(home.staging)
        try:
            _, report.expired_unheard = expire_staged(db, staging, now)
            spool = Spool(home.spool)
            reader: Reader | None = None
            for batch in spool.batches():
                if reader is None:
                    usable = shelf_of(home).usable()
                    note_model(db, usable.problem, now)
                    reader = Reader(usable.scorer(), home.offices)
                reads = Reader(reader.scorer, (canary.OFFICE,)) if batch.source_id == CANARY else reader
                _ingest_batch(home, db, index, staging, spool, reads, batch, now, report)
                public = rounded_down(report.staged, home.settings.k)
                progress(f"入库 {report.batches} 批：单件 {report.items}，公众 {public}，未变 {report.unchanged}")
        finally:
            staging.close()
        with db.write() as session:
            _note_rejected(session, spool, now)
            session.merge(
                Heartbeat(name="ingest", beat_at=now, state={"batches": report.batches, "taken": report.taken})
            )
    return report


def _note_rejected(session: Session, spool: Spool, now: datetime) -> None:
    """Batches without a readable manifest: how many captures they held, nobody can say."""
    for name in spool.rejected:
        row_id = name.removesuffix(".jsonl")[:80]
        if session.get(Quarantined, row_id) is None:
            session.add(Quarantined(id=row_id, source_id="", reason="bad_manifest", detail="", seen_at=now))
            counters.add(session, "spool.rejected", 1, now)


def _ingest_batch(
    home: Home, db: Database, index: Index, staging: Staging, spool: Spool, reader: Reader, batch: Batch, now: datetime,
    report: IngestReport,
) -> None:  # fmt: skip
    with db.read() as session:
        done = session.get(BatchRow, batch.id) is not None
    if done:  # killed between commit and acknowledge
        spool.acknowledge(batch)
        return
    times = {"taken": _at(now, report)}
    opened = _open(batch, staging, spool)
    key = home.installation_key()
    hashes = [_hash(c, key) for c in opened.captures]
    with db.read() as session:
        entries = registry.resolve(session, opened.captures, hashes)
        bands = _stories(session, opened.captures, entries)
    latest = {entry.id: n for n, entry in enumerate(entries) if entry.new or entry.changed}
    fresh = sorted(latest.values())
    offices = {s.id: s.offices for s in home.sources}
    readings = reader.read(
        [
            (opened.captures[n].title, opened.captures[n].text, offices.get(opened.captures[n].source_id, []))
            for n in fresh
        ]
    )
    times["scored"] = _at(now, report)
    items: list[Item] = []
    posts: list[Post] = []
    for n, read in zip(fresh, readings, strict=True):
        capture, entry = replace(opened.captures[n], id=entries[n].id, first_seen=entries[n].first_seen), entries[n]
        if capture.channel == "public":
            posts.append(_post(capture, entry, read, reader, now))
        else:
            items += _items(capture, entry, read, reader, now)
    refused = dict(index.write_items(items).refused)
    if refused:
        _set_aside(batch, spool, opened, items, refused, {entries[n].id: opened.numbers[n] for n in fresh})
    not_whole = {item.id for item in items if item.doc_id in refused}
    nowhere = not_whole - {item.id for item in items if item.doc_id not in refused}
    staging.put(posts, now)
    whole = len(fresh) - len(posts) - len(nowhere)
    row = BatchRow(
        id=batch.id, source_id=batch.source_id, created_at=batch.created_at, committed_at=now, taken=batch.captures,
        items=whole, staged=len(posts), unchanged=len(opened.captures) - len(fresh), quarantined=len(opened.bad),
        expired=opened.expired, reasons=_reasons(opened.bad),
    )  # fmt: skip
    with db.write() as session:
        registry.commit(session, opened.captures, entries)
        registry.forget_index(session, nowhere)
        registry.await_again(session, not_whole)
        if bands:
            rows = [{"band": band, "story_id": story_id, "seen_at": now} for band, story_id in bands.items()]
            session.execute(insert(StoryBand), rows)
        session.add(row)
        for number, error in [*opened.bad, *opened.partly]:
            session.merge(
                Quarantined(
                    id=f"{batch.id}-{number}",
                    source_id=batch.source_id,
                    reason=error.reason,
                    detail=error.detail,
                    seen_at=now,
                )
            )
        counters.add(session, "spool.expired", opened.expired, now)
        note_reports(session, opened.reports, now)
        if batch.source_id == CANARY:
            for capture in opened.captures:
                canary.reach(session, canary.token_of(capture.title), **times, indexed=_at(now, report))
        elif fresh:
            note_new(session, batch.source_id, batch.created_at)
    spool.acknowledge(batch)
    report.batches += 1
    if batch.source_id == CANARY:  # in no count
        return
    report.taken += row.taken
    report.items += row.items
    report.staged += row.staged
    report.unchanged += row.unchanged
    report.quarantined += row.quarantined
    report.expired += row.expired


def _at(now: datetime, report: IngestReport) -> datetime:
    """What time it is, where this run began at `now`."""
    return now + timedelta(seconds=monotonic() - report.began)


def _open(batch: Batch, staging: Staging, spool: Spool) -> _Opened:
    opened = _Opened()
    for number, line in batch.lines():
        if isinstance(line.get("report"), dict):
            opened.reports.append(line["report"])
            continue
        try:
            capture = unseal(line, staging.keys)
            if not capture.text.strip() and not capture.title.strip():
                raise QuarantineError("empty_text")
            opened.captures.append(capture)
            opened.numbers.append(number)
        except Unreadable:
            opened.expired += 1
        except QuarantineError as error:
            spool.set_aside(batch, number, line, error)
            opened.bad.append((number, error))
    return opened


def _set_aside(
    batch: Batch, spool: Spool, opened: _Opened, items: Sequence[Item], refused: dict[str, str], numbers: dict[str, int]
) -> None:  # fmt: skip
    """What the index would not take: its envelope goes to quarantine, the rest of the batch goes on.

    `refused`: doc id → reason; `numbers`: item id → its line. An item that another office's reading brought in is no loss.
    """
    readings: dict[int, list[str]] = {}
    for item in items:
        readings.setdefault(numbers[item.id], []).append(refused.get(item.doc_id, ""))
    for number, line in batch.lines():
        reasons = [reason for reason in readings.get(number, ()) if reason]
        if reasons:
            partly = len(reasons) < len(readings[number])
            part = f"（{len(readings[number])} 个单位中的 {len(reasons)} 个）" if partly else ""
            error = QuarantineError("index_refused", reasons[0] + part)
            spool.set_aside(batch, number, line, error)
            (opened.partly if partly else opened.bad).append((number, error))


def _hash(capture: Capture, key: bytes) -> str:
    """Of a public post the registry outlives the text: a plain hash would let anybody try what was said (DESIGN §3)."""
    plain = dedup.content_hash(capture.title, capture.text)
    return keyed_id(key, f"content/{plain}") if capture.channel == "public" else plain


def _stories(session: Session, captures: Sequence[Capture], entries: list[Known]) -> dict[str, str]:
    """Give each new or changed whole document its story; returns the bands that are new."""
    own = {
        n: dedup.bands(capture.text)
        for n, (capture, entry) in enumerate(zip(captures, entries, strict=True))
        if capture.channel != "public" and (entry.new or entry.changed)
    }
    known: dict[str, str] = {}
    for chunk in registry.chunks(sorted({band for bands in own.values() for band in bands})):
        rows = session.execute(select(StoryBand.band, StoryBand.story_id).where(StoryBand.band.in_(chunk)))
        known.update({row.band: row.story_id for row in rows})
    remember: dict[str, str] = {}
    for n, bands in own.items():
        story_id = entries[n].story_id or dedup.story_of(entries[n].id, bands, known)
        entries[n] = replace(entries[n], story_id=story_id)
        remember |= {band: story_id for band in bands if band not in known}
        known |= {band: story_id for band in bands if band not in known}
    return remember


def _items(capture: Capture, entry: Known, readings: Sequence[Reading], reader: Reader, now: datetime) -> list[Item]:
    words = reader.words(capture.title, capture.text)
    items = []
    for reading in readings:
        labels = sent_to_us(reading.labels) if capture.channel == "submission" else reading.labels
        level = item_level(labels.topics, labels.sensitive, labels.role, labels.needs_answer, capture.outlet_weight)
        items.append(Item(
            id=entry.id, office_id=reading.office_id, revision=entry.revision, channel=capture.channel,
            source_id=capture.source_id, site=capture.site, site_group=capture.site_group, title=capture.title,
            text=capture.text, occurred_at=capture.occurred_at, first_seen=entry.first_seen, indexed_at=now,
            content_hash=entry.content_hash, story_id=entry.story_id or entry.id, role=labels.role, sentiment=labels.sentiment,
            topics=tuple(labels.topics), needs_answer=labels.needs_answer, sensitive=labels.sensitive, labels=labels.to_dict(),
            level=4 if capture.backfill else level, words=words, published_at=capture.published_at,
            published_precision=capture.published_precision, received_at=capture.received_at, url=capture.url,
            outlet=capture.outlet, outlet_weight=capture.outlet_weight, region=capture.region, source_ref=capture.source_ref,
            backfill=capture.backfill, evidence=capture.evidence, extractor=capture.extractor, model=reader.scorer.version,
            words_version=reader.scorer.words_version,
        ))  # fmt: skip
    return items


def _post(capture: Capture, entry: Known, readings: Sequence[Reading], reader: Reader, now: datetime) -> Post:
    offices = {
        r.office_id: {
            "role": r.labels.role, "sentiment": r.labels.sentiment, "topics": sorted(r.labels.topics),
            "needs_answer": r.labels.needs_answer, "sensitive": r.labels.sensitive,
        }
        for r in readings
    }  # fmt: skip
    return Post(
        id=entry.id, revision=entry.revision, site_group=capture.site_group, thread=capture.thread, title=capture.title,
        text=capture.text, occurred_at=capture.occurred_at, seen_at=entry.first_seen, backfill=capture.backfill,
        voice=capture.voice, offices=offices, words=reader.words(capture.title, capture.text), place={},
    )  # fmt: skip


def _reasons(bad: Sequence[tuple[int, QuarantineError]]) -> dict[str, int]:
    reasons: dict[str, int] = {}
    for _, error in bad:
        reasons[error.reason] = reasons.get(error.reason, 0) + 1
    return reasons
