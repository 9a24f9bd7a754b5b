"""Whether a newly trained model may replace the current one: numbers in, reasons against it out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from models.corpus_reader import Example
from models.evaluate import MEASURE_NAMES, MEASURES, Truth, measure
from models.model import Scores

MEAN_LEEWAY: Final = 0.005  # a dozen corrections, good ones too, move the mean of the measures by a few thousandths
_ERRORS: Final = frozenset({"ece"})
_DRAWS: Final = 300
_SEED: Final = 11


@dataclass(frozen=True, slots=True)
class Trial:
    """One model's measures on the pinned held-out part, and its mistakes on the held-out corrections."""

    measures: Mapping[str, float]
    mistakes: int


def objections(
    new: Trial, current: Trial | None, fallen: Sequence[str], floors: Mapping[str, float], corrections: int
) -> list[str]:
    """Why the new model is not taken, in words; empty where it is not worse. `current` is None where there is no usable one.

    Each floor is reached; against the current model no measure has `fallen` beyond chance, nor their mean by more than
    MEAN_LEEWAY (errors count negative); of `corrections` held-out texts it does not decide more wrongly.
    """
    found = [
        f"{MEASURE_NAMES[name]} {new.measures[name]:.3f}，没有达到底线 {floor:.3f}"
        for name, floor in floors.items()
        if _good(name, new.measures[name]) < _good(name, floor)
    ]
    if current is None:
        return found
    for name in fallen:
        found.append(f"{MEASURE_NAMES[name]} 从 {current.measures[name]:.3f} 变为 {new.measures[name]:.3f}，不是偶然")
    before, after = (sum(_good(name, t.measures[name]) for name in MEASURES) / len(MEASURES) for t in (current, new))
    if after < before - MEAN_LEEWAY:
        found.append(f"各项平均从 {before:.4f} 降到 {after:.4f}")
    if new.mistakes > current.mistakes:
        found.append(f"在留出的 {corrections} 条校对上判错 {new.mistakes} 处，现用的模型 {current.mistakes} 处")
    return found


def fallen(examples: Sequence[Example], new: Scores, current: Scores) -> list[str]:
    """Measures that are worse in 97.5 of 100 paired bootstrap draws of whole families."""
    truth, source = Truth.of(examples), np.random.default_rng(_SEED)
    names = np.array([example.family for example in examples])
    groups = [np.flatnonzero(names == name) for name in sorted(set(names))]
    better: dict[str, list[float]] = {name: [] for name in MEASURES}
    for _ in range(_DRAWS):
        rows = np.concatenate([groups[at] for at in source.integers(0, len(groups), len(groups))])
        now, then = measure(truth, new, rows), measure(truth, current, rows)
        for name in MEASURES:
            better[name].append(_good(name, now[name]) - _good(name, then[name]))
    return [name for name, values in better.items() if np.percentile(values, 97.5) < 0]


def _good(name: str, value: float) -> float:
    return -value if name in _ERRORS else value
