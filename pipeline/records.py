"""The nouns that travel from spider to index. None has a field for an author (charter 1)."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from datetime import datetime, timedelta
from typing import Any, Literal
from zoneinfo import ZoneInfo

SHANGHAI = ZoneInfo("Asia/Shanghai")
BACKFILL_AFTER = timedelta(hours=48)
CANARY = (
    "_canary"  # source, office and channel of our own test item: an id that no configuration can use, no viewer has
)

Channel = Literal["official", "media", "submission", "public"]
CHANNELS: tuple[Channel, ...] = ("official", "media", "submission", "public")
CHANNEL_NAMES: dict[str, str] = {
    "official": "官方发布",
    "media": "媒体报道",
    "submission": "群众来信来电",
    "public": "公众讨论",
}
WHOLE: frozenset[str] = frozenset({"official", "media", "submission"})  # kept as whole items (charter 3)
Precision = Literal["minute", "day", "unknown"]

# (key id, keyed digest) under each staging key live at the time; empty for what institutions wrote.
Voice = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Capture:
    """What a spider found, already masked. `id` and `aliases` are keyed digests of addresses, given once.

    `url` is empty for `public` and `submission` (charter 2, 3); `thread` is the keyed digest of the topic a reply belongs to.
    """

    id: str
    source_id: str
    site: str
    site_group: str
    channel: Channel
    title: str
    text: str
    first_seen: datetime
    published_at: datetime | None = None
    published_precision: Precision = "unknown"
    received_at: datetime | None = None
    url: str = ""
    aliases: tuple[str, ...] = ()
    outlet: str = ""
    outlet_weight: float = 1.0
    region: str = ""
    source_ref: str = ""
    thread: str = ""
    extractor: str = ""
    evidence: str = ""
    voice: Voice = ()

    @property
    def occurred_at(self) -> datetime:
        """Published (never later than seen) or first seen: the time field of search, desk and Kibana."""
        if self.published_at is None:
            return self.first_seen
        return min(self.published_at, self.first_seen)

    @property
    def backfill(self) -> bool:
        """Published more than 48 h before it was seen: baseline, never a burst or the start of a clock."""
        return self.published_at is not None and self.first_seen - self.published_at > BACKFILL_AFTER

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready form without values that are the default; datetimes as ISO 8601 in UTC."""
        values = ((f.name, getattr(self, f.name), f.default) for f in fields(self))
        return {name: _out(value) for name, value, default in values if value != default}

    @staticmethod
    def from_dict(data: dict[str, Any]) -> Capture:
        """The inverse of `to_dict`. Raises KeyError, TypeError or ValueError on foreign data."""
        d = dict(data)
        for name in ("first_seen", "published_at", "received_at"):
            if name in d:
                d[name] = datetime.fromisoformat(d[name])
                if d[name].tzinfo is None:
                    raise ValueError(f"{name} without a zone")
        if d["channel"] not in CHANNELS:
            raise ValueError("no such channel")
        if not all(isinstance(d[name], str) for name in ("id", "source_id", "site", "site_group", "title", "text")):
            raise TypeError("not a text")
        d["aliases"] = tuple(d.get("aliases", ()))
        d["voice"] = tuple((str(a), str(b)) for a, b in d.get("voice", ()))
        return Capture(**d)

    def without_voice(self) -> Capture:
        return replace(self, voice=())


@dataclass(frozen=True, slots=True)
class Item:
    """A whole document (official, media, submission) as one office reads it: a document of the index.

    `doc_id` = `id`:`office_id`. `labels` is `models.scorer.Labels.to_dict()`; `level` is 1 (red) to 4 (blue).
    """

    id: str
    office_id: str
    revision: int
    channel: Channel
    source_id: str
    site: str
    site_group: str
    title: str
    text: str
    occurred_at: datetime
    first_seen: datetime
    indexed_at: datetime
    content_hash: str
    story_id: str
    role: str
    sentiment: str
    topics: tuple[str, ...]
    needs_answer: bool
    sensitive: bool
    labels: dict[str, Any]
    level: int = 4
    words: tuple[str, ...] = ()
    published_at: datetime | None = None
    published_precision: Precision = "unknown"
    received_at: datetime | None = None
    url: str = ""
    outlet: str = ""
    outlet_weight: float = 1.0
    region: str = ""
    source_ref: str = ""
    backfill: bool = False
    evidence: str = ""
    issue_id: str = ""
    extractor: str = ""
    model: str = ""
    words_version: str = ""
    duplicates: int = 0  # other documents of the same story at indexing time

    @property
    def doc_id(self) -> str:
        return f"{self.id}:{self.office_id}"


@dataclass(frozen=True, slots=True)
class Signal:
    """A cell of public posts: never a row for a post, never below k (charter 2). `count` is a multiple of k."""

    office_id: str
    site_group: str
    period: Literal["hour", "day"]
    starts_at: datetime
    dimension: Literal["all", "topic", "sentiment", "role", "needs_answer", "sensitive"]
    label: str
    count: int

    @property
    def id(self) -> str:
        when = self.starts_at.strftime("%Y%m%d%H")
        return f"{self.office_id}:{self.site_group}:{self.period}:{when}:{self.dimension}:{self.label}"


def _out(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else value
