"""Tables of what came in and of how that went: registry, batches, sources, our own tests, quarantine, counts, heartbeats."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, Integer, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from pipeline.desk.base import Base


class RegistryRow(Base):
    """Identity, given once (DESIGN §3). Holds keyed values only; outlives the item."""

    __tablename__ = "registry"
    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    channel: Mapped[str] = mapped_column(String(16))
    source_id: Mapped[str] = mapped_column(String(64))
    first_seen: Mapped[datetime]
    last_seen: Mapped[datetime]
    revision: Mapped[int] = mapped_column(Integer, default=1)
    content_hash: Mapped[str] = mapped_column(String(32))
    story_id: Mapped[str] = mapped_column(String(32), default="")
    index_name: Mapped[str] = mapped_column(String(64), default="")
    canonicaliser: Mapped[str] = mapped_column(String(16), default="1")


class RegistryAlias(Base):
    """Later forms of an address (mobile twin, rel=canonical, redirect) → the id that was given first."""

    __tablename__ = "registry_aliases"
    alias: Mapped[str] = mapped_column(String(32), primary_key=True)
    id: Mapped[str] = mapped_column(String(32), ForeignKey("registry.id"), index=True)


class BatchRow(Base):
    """One row per spool batch whose output is committed: replaying it is then a no-op. Sums are the stage counts."""

    __tablename__ = "batches"
    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    source_id: Mapped[str] = mapped_column(String(64), index=True)
    created_at: Mapped[datetime]
    committed_at: Mapped[datetime] = mapped_column(index=True)
    taken: Mapped[int] = mapped_column(Integer)
    items: Mapped[int] = mapped_column(Integer)  # new or revised whole items
    staged: Mapped[int] = mapped_column(Integer)  # new or revised public posts
    unchanged: Mapped[int] = mapped_column(Integer)
    quarantined: Mapped[int] = mapped_column(Integer)
    expired: Mapped[int] = mapped_column(Integer)
    reasons: Mapped[dict[str, Any]]


class StoryBand(Base):
    """MinHash bands of whole items: where near-copies find their story."""

    __tablename__ = "story_bands"
    band: Mapped[str] = mapped_column(String(32), primary_key=True)
    story_id: Mapped[str] = mapped_column(String(32))
    seen_at: Mapped[datetime] = mapped_column(index=True)


class SourceState(Base):
    """What is known of a source's health, from crawl reports."""

    __tablename__ = "source_states"
    source_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    last_run_at: Mapped[datetime | None]
    last_ok_at: Mapped[datetime | None]
    last_new_at: Mapped[datetime | None]
    last_status: Mapped[str] = mapped_column(String(32), default="")  # ok, failing, blocked, empty
    message: Mapped[str] = mapped_column(Text, default="")  # Chinese, no page text
    fetched: Mapped[int] = mapped_column(Integer, default=0)
    captured: Mapped[int] = mapped_column(Integer, default=0)
    quarantined: Mapped[int] = mapped_column(Integer, default=0)
    refused: Mapped[int] = mapped_column(Integer, default=0)  # robots, size, address


class SourceRun(Base):
    """What one run of a source read, where it read something: how many entries, and in how many each field was filled.

    `sample`: title and link of one entry, of institutions only. Kept for 30 days. Of public sources counts, no text;
    what is shown of them is rounded down (charter 2).
    """

    __tablename__ = "source_runs"
    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    source_id: Mapped[str] = mapped_column(String(64))
    at: Mapped[datetime]
    read: Mapped[int] = mapped_column(Integer)
    captured: Mapped[int] = mapped_column(Integer)  # new or revised
    filled: Mapped[dict[str, Any]]  # field → count
    sample: Mapped[dict[str, Any]]
    __table_args__ = (Index("ix_source_runs_source_id_at", "source_id", "at"),)


class CanaryRun(Base):
    """Our own test item on its way; `reached`: stage → ISO time. No office sees it. Kept for 30 days."""

    __tablename__ = "canary_runs"
    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    started_at: Mapped[datetime] = mapped_column(index=True)
    reached: Mapped[dict[str, Any]]


class OwnChannelRow(Base):
    """What the last check found of one of the offices' own sites. `failures`: checks in a row that did not reach it."""

    __tablename__ = "own_channels"
    id: Mapped[str] = mapped_column(String(80), primary_key=True)  # office:channel
    office_ids: Mapped[list[str]]
    checked_at: Mapped[datetime]
    reached_at: Mapped[datetime | None]
    failures: Mapped[int] = mapped_column(Integer, default=0)
    problem: Mapped[str] = mapped_column(Text, default="")  # Chinese
    certificate_until: Mapped[datetime | None]
    certificate_problem: Mapped[str] = mapped_column(Text, default="")
    newest_at: Mapped[datetime | None]  # of the articles that its page lists


class OwnPageRow(Base):
    """A key page of an own channel: digest and length of its words now, and as somebody accepted them. No text."""

    __tablename__ = "own_pages"
    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    channel_id: Mapped[str] = mapped_column(String(80), index=True)
    office_ids: Mapped[list[str]]
    name: Mapped[str]
    url: Mapped[str] = mapped_column(Text)
    seen_at: Mapped[datetime | None]  # when it was last read
    problem: Mapped[str] = mapped_column(Text, default="")
    digest: Mapped[str] = mapped_column(String(32), default="")
    length: Mapped[int] = mapped_column(Integer, default=0)  # characters
    changed_at: Mapped[datetime | None]
    accepted_digest: Mapped[str] = mapped_column(String(32), default="")
    accepted_length: Mapped[int] = mapped_column(Integer, default=0)
    accepted_at: Mapped[datetime | None]
    accepted_by: Mapped[str] = mapped_column(String(64), default="")  # sign-in name; system: as first read


class Quarantined(Base):
    """What could not be used, by reason and place; never its text."""

    __tablename__ = "quarantined"
    id: Mapped[str] = mapped_column(String(80), primary_key=True)
    source_id: Mapped[str] = mapped_column(String(64), index=True)
    reason: Mapped[str] = mapped_column(String(64))
    detail: Mapped[str] = mapped_column(String(255), default="")  # row number, field, size; never content
    seen_at: Mapped[datetime]


class Counter(Base):
    """Running totals by name (`staging.expired`, `dispatch.sent` …) and Shanghai day."""

    __tablename__ = "counters"
    name: Mapped[str] = mapped_column(String(64), primary_key=True)
    day: Mapped[str] = mapped_column(String(10), primary_key=True)
    value: Mapped[int] = mapped_column(Integer, default=0)


class Heartbeat(Base):
    """When each step or process last finished a round, and how it went."""

    __tablename__ = "heartbeats"
    name: Mapped[str] = mapped_column(String(64), primary_key=True)
    beat_at: Mapped[datetime]
    state: Mapped[dict[str, Any]]


class EvidenceHead(Base):
    """How far an evidence file reached at the last upkeep: a cut end is found, also where `evidence.db` was cut with it."""

    __tablename__ = "evidence_heads"
    file: Mapped[str] = mapped_column(String(120), primary_key=True)
    records: Mapped[int] = mapped_column(Integer)
    hash: Mapped[str] = mapped_column(String(80))
    noted_at: Mapped[datetime]
