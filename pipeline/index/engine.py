"""What every index engine does: SQLite (`sqlite.py`) and Elasticsearch (`elastic.py`) pass the same contract tests.

Order of hits is (occurred_at, id) newest first. Writes are idempotent: a document carries its revision as external
version, and an older or equal one is a counted no-op.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, Protocol

from pipeline.index.query import Node
from pipeline.records import Item, Signal

Field = Literal[
    "channel", "source_id", "outlet", "site_group", "region", "role", "sentiment", "topics", "level", "issue_id"
]
Number = Literal["outlet_weight", "duplicates", "role_p", "sentiment_p", "needs_answer_p", "sensitive_p"]


@dataclass(frozen=True, slots=True)
class Search:
    """What to look for. `office_ids` is the reader's right, always given; times half-open, aware.

    `filters`: field → any of these values. `query`: a parsed query (`pipeline.index.query.parse`) or None.
    """

    office_ids: tuple[str, ...]
    query: Node | None = None
    since: datetime | None = None
    until: datetime | None = None
    filters: dict[Field, tuple[str, ...]] = field(default_factory=dict)
    needs_answer: bool | None = None
    sensitive: bool | None = None
    collapse_stories: bool = False  # lists and totals: newest document of each story only; charts count all


@dataclass(frozen=True, slots=True)
class Hit:
    """A document and where the query matched: `snippet` is plain text, `marks` are (start, end) in it."""

    item: Item
    snippet: str
    marks: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True, slots=True)
class Page:
    """`after` continues it (pass to `search`); None at the end. How many there are in all, `count` says."""

    hits: tuple[Hit, ...]
    after: str | None


@dataclass(frozen=True, slots=True)
class Bucket:
    key: str
    count: int


@dataclass(frozen=True, slots=True)
class Written:
    """What a write did: `written` new or revised, `stale` older or equal revisions left alone, `refused` (doc_id, reason)."""

    written: int
    stale: int
    refused: tuple[tuple[str, str], ...] = ()


class Index(Protocol):
    def write_items(self, items: Iterable[Item]) -> Written:
        """Add or revise whole items; a revision keeps the issue that was noted. Raises RetryLater, as every call here."""
        ...

    def write_signals(self, signals: Iterable[Signal]) -> int:
        """Set cells to their counts; a cell never falls. Returns how many changed."""
        ...

    def set_issue(self, doc_ids: Sequence[str], issue_id: str, level: int) -> None:
        """Note on documents which issue holds them and its level."""
        ...

    def get(self, item_id: str, office_ids: Sequence[str]) -> Item | None:
        """The document as the first of these offices that has it reads it."""
        ...

    def indexed_since(self, after: datetime, office_ids: Sequence[str]) -> Iterator[Item]:
        """Every document from `after` on (inclusive), by (indexed_at, id); streams."""
        ...

    def search(self, search: Search, size: int = 20, after: str | None = None) -> Page:
        """One page. Raises QueryError on a value that no field has, or where `after` is no place in a list."""
        ...

    def count(self, search: Search) -> int:
        """All hits, exactly (collapsed: stories; beyond 40,000 Elasticsearch estimates those)."""
        ...

    def histogram(self, search: Search, interval: Literal["hour", "day"] = "day") -> list[Bucket]:
        """Counts by Shanghai hour (`2026-11-21T08`) or day (`2026-11-21`), empty ones left out, oldest first."""
        ...

    def terms(self, search: Search, name: Field, size: int = 10) -> list[Bucket]:
        """The most frequent values of a field."""
        ...

    def words(self, search: Search, size: int = 30, sample: int = 2000) -> list[Bucket]:
        """Most frequent content words over the newest `sample` hits."""
        ...

    def significant_words(self, search: Search, size: int = 10, sample: int = 2000) -> list[Bucket]:
        """Words more usual in the hits than elsewhere (`significance`), with the hits that hold them.

        Hits are those at least as new as the `sample`th newest; elsewhere is every document of the installation.
        """
        ...

    def percentiles(self, search: Search, name: Number, percents: Sequence[float]) -> list[float]:
        """Values below which so many percent of the hits lie; empty where no hit has one. Within 2 % of exact."""
        ...

    def signals(
        self, office_ids: Sequence[str], since: datetime, until: datetime, period: Literal["hour", "day"]
    ) -> list[Signal]:
        """Cells of public posts; counts are multiples of k."""
        ...

    def older(self, channel: str, before: datetime) -> set[str]:
        """Ids of items of a channel that occurred before: what `purge` would delete."""
        ...

    def purge(self, channel: str, before: datetime, keep: Iterable[str]) -> int:
        """Delete documents of a channel that occurred before, except those whose item id is in `keep`; of `public`, cells."""
        ...

    def close(self) -> None: ...
