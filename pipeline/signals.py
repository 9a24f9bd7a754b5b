"""Cells of public posts: (office, site group, hour or day, label) → voices, only from k on (charter 2)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Literal

from pipeline.privacy.staging_keys import rounded_down
from pipeline.records import SHANGHAI, Signal
from pipeline.staging import Post

Dimension = Literal["all", "topic", "sentiment", "role", "needs_answer", "sensitive"]
Period = Literal["hour", "day"]
_Cell = tuple[str, str, Period, datetime, Dimension, str]
COUNTED_ROLES = frozenset({"addressed", "subject", "mentioned"})


class Cells:
    """Collects voices per cell over a stream of posts; memory grows with distinct voices, not with text."""

    def __init__(self) -> None:
        self._voices: dict[_Cell, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))

    def add(self, post: Post) -> None:
        """Count one post in every cell it belongs to; backfill and what does not concern the office is left out."""
        if post.backfill:
            return
        for office_id, reading in post.offices.items():
            if reading["role"] not in COUNTED_ROLES:
                continue
            labels: list[tuple[Dimension, str]] = [
                ("all", ""),
                ("sentiment", reading["sentiment"]),
                ("role", reading["role"]),
            ]
            labels += [("topic", topic) for topic in reading["topics"]]
            labels += [(flag, "true") for flag in ("needs_answer", "sensitive") if reading[flag]]
            for period, starts_at in _periods(post.occurred_at):
                for dimension, label in labels:
                    cell = self._voices[(office_id, post.site_group, period, starts_at, dimension, label)]
                    for key_id, digest in post.voice:
                        cell[key_id].add(digest)

    def signals(self, k: int) -> Iterator[Signal]:
        """The cells that k voices fill, with counts in multiples of k; per key, never a sum over keys."""
        for (office, group, period, starts_at, dimension, label), keys in self._voices.items():
            count = rounded_down(max((len(s) for s in keys.values()), default=0), k)
            if count:
                yield Signal(office, group, period, starts_at, dimension, label, count)


def _periods(time: datetime) -> Iterable[tuple[Period, datetime]]:
    local = time.astimezone(SHANGHAI).replace(minute=0, second=0, microsecond=0)
    return ("hour", local.astimezone(UTC)), ("day", local.replace(hour=0).astimezone(UTC))
