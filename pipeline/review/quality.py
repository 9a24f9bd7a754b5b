"""How good the model is on what the office really receives: from items drawn at random, decided without seeing its labels."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import sqrt
from typing import Any

from models.taxonomy import BINARY, ROLES, SENTIMENTS, TOPICS

FEW = 20  # texts under a share: below, its interval is too wide to act on
_Z = 1.959964  # 95 %


@dataclass(frozen=True, slots=True)
class Share:
    """`hits` of `of`, with the Wilson interval (E. B. Wilson, JASA 22, 1927): it stays honest for few and for 0 or 1."""

    hits: int
    of: int

    @property
    def value(self) -> float:
        return self.hits / self.of if self.of else 0.0

    @property
    def few(self) -> bool:
        return self.of < FEW

    @property
    def interval(self) -> tuple[float, float]:
        """95 %; all of [0, 1] where there is nothing to go by."""
        if not self.of:
            return 0.0, 1.0
        n, p = self.of, self.value
        middle, width = p + _Z**2 / (2 * n), _Z * sqrt(p * (1 - p) / n + _Z**2 / (4 * n * n))
        scale = 1 + _Z**2 / n
        return max(0.0, (middle - width) / scale), min(1.0, (middle + width) / scale)


@dataclass(frozen=True, slots=True)
class LabelQuality:
    """`precision`: of the texts to which the model gave the label; `recall`: of those that have it."""

    label: str
    precision: Share
    recall: Share


def quality(pairs: Sequence[tuple[Mapping[str, Any], Mapping[str, Any]]]) -> list[LabelQuality]:
    """(labels given, labels decided) of each text → every label, in the order of the taxonomy."""
    found = []
    for label in ROLES + SENTIMENTS + TOPICS + BINARY:
        given, real = (
            ([_has(side, label) for side in sides] for sides in zip(*pairs, strict=True)) if pairs else ([], [])
        )
        hits = sum(g and r for g, r in zip(given, real, strict=True))
        found.append(LabelQuality(label, Share(hits, sum(given)), Share(hits, sum(real))))
    return found


def differences(given: Mapping[str, Any], decided: Mapping[str, Any]) -> list[str]:
    """Which of the five labels were corrected."""
    return [
        key
        for key in ("role", "sentiment", "topics", "needs_answer", "sensitive")
        if (set(given[key]) != set(decided[key]) if key == "topics" else given[key] != decided[key])
    ]


def _has(labels: Mapping[str, Any], label: str) -> bool:
    if label in BINARY:
        return bool(labels[label])
    return label in (labels["role"], labels["sentiment"]) or label in _topics(labels["topics"])


def _topics(topics: Iterable[str]) -> set[str]:
    return set(topics)
