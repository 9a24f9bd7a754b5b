"""Whether a newly trained model may replace the current one. Pure: numbers in, reasons against it out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from models.evaluate import MEASURE_NAMES, MEASURES

# A dozen corrections, good ones too, move a measure of the held-out part by 0.01 and their mean by a few thousandths: what lies
# within is chance. The floors keep many such steps from adding up.
LEEWAY: Final = 0.02
MEAN_LEEWAY: Final = 0.005
_ERRORS: Final = frozenset({"ece"})


@dataclass(frozen=True, slots=True)
class Trial:
    """One model's measures on the pinned held-out part, and its mistakes on the held-out corrections."""

    measures: Mapping[str, float]
    mistakes: int


def objections(new: Trial, current: Trial | None, floors: Mapping[str, float], corrections: int) -> list[str]:
    """Why the new model is not taken, in words; empty where it is not worse. `current` is None where there is no usable one.

    Each floor is reached; against the current model no measure falls by more than LEEWAY, nor their mean by more than
    MEAN_LEEWAY (errors count negative); of `corrections` held-out texts it does not decide more wrongly.
    """
    found = [
        f"{MEASURE_NAMES[name]} {new.measures[name]:.3f}，没有达到底线 {floor:.3f}"
        for name, floor in floors.items()
        if _good(name, new.measures[name]) < _good(name, floor)
    ]
    if current is None:
        return found
    for name in MEASURES:
        if _good(name, new.measures[name]) < _good(name, current.measures[name]) - LEEWAY:
            found.append(f"{MEASURE_NAMES[name]} 从 {current.measures[name]:.3f} 变为 {new.measures[name]:.3f}")
    before, after = (sum(_good(name, t.measures[name]) for name in MEASURES) / len(MEASURES) for t in (current, new))
    if after < before - MEAN_LEEWAY:
        found.append(f"各项平均从 {before:.4f} 降到 {after:.4f}")
    if new.mistakes > current.mistakes:
        found.append(f"在留出的 {corrections} 条校对上判错 {new.mistakes} 处，现用的模型 {current.mistakes} 处")
    return found


def _good(name: str, value: float) -> float:
    return -value if name in _ERRORS else value
