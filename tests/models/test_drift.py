"""Population stability: the textbook number, silent over chance, loud over a real shift."""

from __future__ import annotations

import math

import numpy as np
import pytest

from models.drift import FEWEST, LARGE, Profile, count, drift, drifts
from models.taxonomy import columns


def test_by_hand() -> None:
    found = drift("x", [600, 400], [500, 500])
    p, q = (600.5 / 1001, 400.5 / 1001), (0.5, 0.5)
    assert found.psi == pytest.approx(sum((a - b) * math.log(a / b) for a, b in zip(p, q, strict=True)))
    assert not found.large
    assert drift("x", [900, 100], [500, 500]).large


def test_chance_alone_is_not_called_a_shift() -> None:
    """Weeks drawn from the training distribution: about one in twenty passes the chance bound, none both bounds."""
    source = np.random.default_rng(3)
    shares = np.array([0.4, 0.3, 0.2, 0.05, 0.05])
    then = (shares * 3000).astype(int).tolist()
    weeks = [drift("role", source.multinomial(150, shares).tolist(), then) for _ in range(400)]
    assert 0.01 < np.mean([w.psi > w.chance for w in weeks]) < 0.12
    assert not any(w.large for w in weeks)


def test_few_texts_are_not_judged() -> None:
    few = FEWEST - 1
    assert drift("x", [few, 0], [500, 500]).psi > LARGE
    assert not drift("x", [few, 0], [500, 500]).large
    assert drift("x", [FEWEST, 0], [500, 500]).large


def test_every_distribution_of_a_profile() -> None:
    cuts = {name: [0.25, 0.5, 0.75] for name in ("role_p", "sentiment_p", "needs_answer_p", "sensitive_p")}
    assert count([0.1, 0.25, 0.6, 0.9, 1.0], cuts["role_p"]) == [1, 1, 1, 2]
    then = Profile(1000, dict.fromkeys(columns(), 200), cuts, {name: [250] * 4 for name in cuts})
    assert Profile.from_dict(then.to_dict()) == then
    assert not any(d.large or d.psi > 1e-9 for d in drifts(then, then))
    now = Profile(
        1000, then.labels | {"sensitive": 900, "addressed": 900}, cuts, then.scores | {"role_p": [700, 100, 100, 100]}
    )
    assert {d.name for d in drifts(now, then) if d.large} == {"role", "sensitive", "role_p"}
    assert len(drifts(then, then)) == 2 + 14 + 2 + 4
