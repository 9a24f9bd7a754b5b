"""Who is asked about what: three parts in their shares, and a random part that owes nothing to the model."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest

from pipeline.review.choosing import BATCH, Candidate, candidate_of, choose, rare_topics

COMMON, RARE = "case_handling", "integrity"


def candidate(n: int, **change: object) -> Candidate:
    """Doubt falls with n; every fiftieth has the rare topic, with a probability that rises with n."""
    topics = {COMMON: 0.8} | ({RARE: 0.5 + n / 1000} if n % 50 == 0 else {})
    base = Candidate(f"c{n:03}", 1, f"s{n}", "media", {"role": 1 - n / 300, "sentiment": 0.0}, topics)
    return replace(base, **change)  # type: ignore[arg-type]


POOL = [candidate(n) for n in range(300)]


def test_a_batch_has_its_three_parts() -> None:
    chosen = choose(POOL, "seed")
    assert Counter(c.part for c in chosen) == {"uncertain": 12, "rare": 4, "random": 4}
    assert len({c.item.id for c in chosen}) == BATCH
    drawn = {c.item.id for c in chosen if c.part == "random"}
    rare = [c.item for c in chosen if c.part == "rare"]
    highest = [c.id for c in sorted(POOL, key=lambda c: -c.topics.get(RARE, 0)) if c.id not in drawn][:4]
    assert {c.id for c in rare} == set(highest) and {c.why for c in chosen if c.part == "rare"} == {RARE}
    least_sure = [c.id for c in POOL if c.id not in drawn | {r.id for r in rare}][:12]
    assert {c.item.id for c in chosen if c.part == "uncertain"} == set(least_sure)
    assert {c.why for c in chosen if c.part == "uncertain"} == {"role"}


def test_only_the_seed_and_the_items_decide() -> None:
    assert choose(POOL, "one") == choose(reversed(POOL), "one") != choose(POOL, "two")


def test_the_random_part_does_not_look_at_doubt_topics_or_what_was_decided() -> None:
    pool = [replace(c, asked=n < 150) for n, c in enumerate(POOL)]
    drawn = Counter(c.item.id for seed in range(600) for c in choose(pool, str(seed)) if c.part == "random")
    assert sum(drawn.values()) == 2400
    decided = sum(n for name, n in drawn.items() if name < "c150")
    assert 1100 < decided < 1300  # half of them, ± 4 standard deviations
    assert max(drawn.values()) < 25  # 8 each on average


def test_nothing_is_drawn_twice_or_asked_again() -> None:
    pool = [replace(c, drawn=True, asked=True) for c in POOL[:290]] + POOL[290:]
    chosen = choose(pool, "seed")
    assert {c.item.id for c in chosen} == {c.id for c in POOL[290:]}
    assert Counter(c.part for c in chosen)["random"] == 4


def test_near_copies_are_asked_about_once_except_at_random() -> None:
    copies = [replace(c, story_id="same") for c in POOL]
    assert Counter(c.part for c in choose(copies, "seed")) == {"random": 4}


@pytest.mark.parametrize("size", [0, 1, 3, 7])
def test_a_small_pool_is_asked_whole(size: int) -> None:
    assert len(choose(POOL[:size], "seed")) == size


def test_a_topic_is_rare_below_a_twentieth() -> None:
    assert rare_topics(POOL) == [RARE]
    assert rare_topics([]) == []


def test_doubt_of_an_item(make_item: object) -> None:
    sure = {"role_p": 1.0, "sentiment_p": 1.0, "topics": {}, "needs_answer_p": 0.0, "sensitive_p": 1.0}
    torn = {"role_p": 0.2, "sentiment_p": 1 / 3, "topics": {COMMON: 0.5}, "needs_answer_p": 0.5, "sensitive_p": 0.5}
    assert candidate_of(make_item(sure)).mean_doubt == 0  # type: ignore[operator]
    assert candidate_of(make_item(torn)).mean_doubt == pytest.approx(1)  # type: ignore[operator]
