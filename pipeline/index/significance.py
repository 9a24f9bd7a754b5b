"""Which words stand out in some documents against all: the same sum for every engine."""

from __future__ import annotations

from collections.abc import Mapping

from pipeline.index.engine import Bucket


def least_count(hits: int) -> int:
    """A word that fewer of the hits hold says nothing of them."""
    return max(3, hits // 100)


def significant(
    here: Mapping[str, int], hits: int, there: Mapping[str, int], documents: int, size: int
) -> list[Bucket]:
    """The `size` words of highest JLH score, as Elasticsearch reckons it: gain in share times the times of it.

    `here` and `there`: word → documents that hold it, among `hits` and among all `documents`.
    """
    least = least_count(hits)
    scores: dict[str, float] = {}
    for word, count in here.items():
        share, usual = count / hits, max(count, there.get(word, 0)) / documents
        if count >= least and share > usual:
            scores[word] = (share - usual) * (share / usual)
    ranked = sorted(scores, key=lambda word: (-round(scores[word], 9), word))
    return [Bucket(word, here[word]) for word in ranked[:size]]
