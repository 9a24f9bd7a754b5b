"""Precision and recall from the random part: honest for few, and right where the other parts would mislead."""

from __future__ import annotations

import random
from typing import Any

import pytest

from pipeline.review.quality import Share, differences, quality


def labels(role: str = "subject", topics: tuple[str, ...] = (), needs: bool = False) -> dict[str, Any]:
    return {
        "role": role,
        "sentiment": "neutral",
        "topics": list(topics),
        "needs_answer": needs,
        "sensitive": False,
    }


@pytest.mark.parametrize(
    ("hits", "of", "low", "high"),
    [(8, 10, 0.4902, 0.9433), (0, 10, 0.0, 0.2775), (10, 10, 0.7225, 1.0), (81, 263, 0.2553, 0.3662), (0, 0, 0.0, 1.0)],
)
def test_wilson(hits: int, of: int, low: float, high: float) -> None:
    """Against published values (Newcombe 1998 has 81/263)."""
    assert Share(hits, of).interval == pytest.approx((low, high), abs=2e-4)
    assert Share(hits, of).few is (of < 20)


def test_counts_of_a_label() -> None:
    pairs = [
        (labels(topics=("praise",)), labels(topics=("praise",))),
        (labels(topics=("praise",)), labels()),
        (labels(), labels(topics=("praise", "integrity"))),
        (labels("unrelated", needs=True), labels(needs=True)),
    ]
    found = {q.label: q for q in quality(pairs)}
    assert (found["praise"].precision, found["praise"].recall) == (Share(1, 2), Share(1, 2))
    assert (found["integrity"].precision, found["integrity"].recall) == (Share(0, 0), Share(0, 1))
    assert (found["subject"].precision, found["subject"].recall) == (Share(3, 3), Share(3, 4))
    assert (found["needs_answer"].precision, found["unrelated"].precision) == (Share(1, 1), Share(0, 1))
    assert {q.precision.of for q in quality([])} == {0}


def test_the_interval_holds_the_truth_as_often_as_it_says() -> None:
    source = random.Random(7)
    for truth in (0.5, 0.8, 0.95):
        held = 0
        for _ in range(400):
            low, high = Share(sum(source.random() < truth for _ in range(40)), 40).interval
            held += low <= truth <= high
        assert held / 400 > 0.91


def test_what_was_corrected() -> None:
    assert differences(labels(topics=("praise", "integrity")), labels(topics=("integrity", "praise"))) == []
    assert differences(labels(), labels("mentioned", ("praise",), True)) == ["role", "topics", "needs_answer"]
