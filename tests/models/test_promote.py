"""A new model replaces the current one only where it is not worse."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from models.corpus_reader import Example
from models.corrections import Correction, divide, hash_of, held_out
from models.evaluate import MEASURES
from models.model import Scores
from models.promote import Trial, fallen, objections
from models.taxonomy import ROLES

FLOORS = dict.fromkeys(MEASURES, 0.7) | {"ece": 0.05}
GOOD = dict.fromkeys(MEASURES, 0.8) | {"ece": 0.03}


def trial(mistakes: int = 4, **change: float) -> Trial:
    return Trial(GOOD | change, mistakes)


def test_the_same_or_a_better_one_is_taken() -> None:
    assert objections(trial(), trial(), [], FLOORS, 10) == []
    assert objections(trial(2, role_macro_f1=0.81, ece=0.02), trial(), [], FLOORS, 10) == []
    assert objections(trial(99), None, [], FLOORS, 10) == []
    assert objections(trial(needs_answer_f1=0.79), trial(), [], FLOORS, 10) == []  # chance


@pytest.mark.parametrize(
    ("new", "fell", "said"),
    [
        (trial(role_macro_f1=0.69), [], "角色 macro-F1 0.690，没有达到底线 0.700"),
        (trial(ece=0.06), [], "没有达到底线 0.050"),
        (trial(sensitive_f1=0.778, role_macro_f1=0.9), ["sensitive_f1"], "从 0.800 变为 0.778，不是偶然"),
        (trial(needs_answer_f1=0.782, role_macro_f1=0.781), [], "各项平均"),
        (trial(5), [], "在留出的 10 条校对上判错 5 处，现用的模型 4 处"),
    ],
)
def test_a_worse_one_is_not(new: Trial, fell: list[str], said: str) -> None:
    assert any(said in why for why in objections(new, trial(), fell, FLOORS, 10))


def test_a_floor_holds_also_where_there_is_nothing_to_compare_with() -> None:
    assert objections(trial(topics_micro_f1=0.1), None, [], FLOORS, 0)


def test_what_fell_beyond_chance() -> None:
    """300 texts of 30 families: one wrong role is chance, a third of them wrong is not."""
    examples = [example(n, f"f{n % 30}", ROLES[n % 5]) for n in range(300)]
    right = np.array([ROLES.index(e.role) for e in examples])
    one, many = right.copy(), right.copy()
    one[0] = (one[0] + 1) % 5
    many[::3] = (many[::3] + 1) % 5
    assert fallen(examples, scores(one), scores(right)) == []
    assert "role_macro_f1" in fallen(examples, scores(many), scores(right))
    assert fallen(examples, scores(right), scores(many)) == []


def scores(role: NDArray[np.int64]) -> Scores:
    n = len(role)
    return Scores(
        np.eye(5)[role],
        role,
        np.tile([0.0, 1.0, 0.0], (n, 1)),
        np.ones(n, np.int64),
        np.zeros((n, 16)),
        np.zeros((n, 16), np.bool_),
    )


def example(n: int, story: str, role: str = "subject") -> Example:
    return Example(f"i{n}", "文", "correction", story, story, role, "neutral", frozenset(), False, False)


def correction(n: int, story: str) -> Correction:
    return Correction(example(n, story), None)


def test_the_held_out_fifth_is_always_the_same_and_keeps_stories_together() -> None:
    stories = [f"{n:032x}" for n in range(2000)]
    share = sum(map(held_out, stories)) / len(stories)
    assert 0.17 < share < 0.23
    assert [held_out(s) for s in stories[:8]] == [held_out(s) for s in stories[:8]]
    teach, test = divide([correction(n, stories[n // 4]) for n in range(400)])
    assert not {c.example.family for c in teach} & {c.example.family for c in test}
    assert len(teach) + len(test) == 400 and hash_of(teach) != hash_of(test) == hash_of(list(reversed(test)))
