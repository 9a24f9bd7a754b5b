"""How far what comes in has moved from what the model learned from: population stability indices, with what chance alone gives."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from models.model import Scores
from models.taxonomy import BINARY, ROLES, SENTIMENTS, TOPICS

BINS: Final = 10
LARGE: Final = 0.25
FEWEST: Final = 100  # texts: fewer are shown and not judged
SCORES: Final = ("role_p", "sentiment_p", "needs_answer_p", "sensitive_p")
_CLASSES: Final[dict[str, tuple[str, ...]]] = {"role": ROLES, "sentiment": SENTIMENTS}


@dataclass(frozen=True, slots=True)
class Profile:
    """Of a number of texts: counts of every label, and of each score by the edges of `cuts` (nine, eight or fewer where they fall together)."""

    texts: int
    labels: dict[str, int]
    cuts: dict[str, list[float]]
    scores: dict[str, list[int]]

    def to_dict(self) -> dict[str, Any]:
        return {"texts": self.texts, "labels": self.labels, "cuts": self.cuts, "scores": self.scores}

    @staticmethod
    def from_dict(data: Mapping[str, Any]) -> Profile:
        """The inverse. Raises KeyError, TypeError or ValueError where it is none."""
        return Profile(
            int(data["texts"]),
            {str(label): int(n) for label, n in data["labels"].items()},
            {str(name): [float(cut) for cut in cuts] for name, cuts in data["cuts"].items()},
            {str(name): [int(n) for n in counts] for name, counts in data["scores"].items()},
        )


@dataclass(frozen=True, slots=True)
class Drift:
    """`psi` of one distribution; `large`: above LARGE and above what chance gives in 95 of 100 weeks of so many texts."""

    name: str
    psi: float
    chance: float
    large: bool


def profile_of(scores: Scores) -> dict[str, Any]:
    """The profile of the training texts as models read them that had not seen their family; for the card."""
    binary = list(TOPICS + BINARY)
    labels = {label: int((scores.role == at).sum()) for at, label in enumerate(ROLES)}
    labels |= {label: int((scores.sentiment == at).sum()) for at, label in enumerate(SENTIMENTS)}
    labels |= {label: int(scores.given[:, at].sum()) for at, label in enumerate(binary)}
    rows = np.arange(len(scores.role))
    values = {
        "role_p": scores.role_p[rows, scores.role],
        "sentiment_p": scores.sentiment_p[rows, scores.sentiment],
        **{f"{label}_p": scores.binary_p[:, binary.index(label)] for label in BINARY},
    }
    cuts = {name: _deciles(column) for name, column in values.items()}
    counts = {name: count(column.tolist(), cuts[name]) for name, column in values.items()}
    return Profile(len(rows), labels, cuts, counts).to_dict()


def count(values: Sequence[float], cuts: Sequence[float]) -> list[int]:
    """How many values lie in each bin between the cuts."""
    bins = np.searchsorted(np.array(cuts), np.array(values), side="right")
    return [int(n) for n in np.bincount(bins, minlength=len(cuts) + 1)]


def drifts(now: Profile, then: Profile) -> list[Drift]:
    """Of role, sentiment, each topic, needs_answer, sensitive, and the scores of the four."""
    found = [
        drift(name, [now.labels.get(v, 0) for v in values], [then.labels.get(v, 0) for v in values])
        for name, values in _CLASSES.items()
    ]
    for label in TOPICS + BINARY:
        mine, other = now.labels.get(label, 0), then.labels.get(label, 0)
        found.append(drift(label, [mine, now.texts - mine], [other, then.texts - other]))
    return found + [drift(name, now.scores[name], then.scores[name]) for name in SCORES if name in then.scores]


def drift(name: str, now: Sequence[int], then: Sequence[int]) -> Drift:
    """Population stability index Σ (p - q) ln(p / q) of two counts over the same bins, half a text added to each bin.

    The usual reading (N. Siddiqi, Credit Risk Scorecards, 2006): under 0.1 stable, over 0.25 a large shift. Without any shift
    it is about χ²(bins - 1) · (1/n + 1/m) (B. Yurdakul, Statistical Properties of Population Stability Index, 2018); so few
    texts alone make it large, and it is called so only above that distribution's 95th percentile too.
    """
    from scipy.stats import chi2  # lazy: half a second that only drift needs

    p, q = _shares(now), _shares(then)
    psi = float(((p - q) * np.log(p / q)).sum())
    n, m = sum(now), sum(then)
    chance = float(chi2.ppf(0.95, len(now) - 1)) * (1 / max(n, 1) + 1 / max(m, 1)) if len(now) > 1 else 0.0
    return Drift(name, psi, chance, n >= FEWEST and psi > max(LARGE, chance))


def _shares(counts: Sequence[int]) -> NDArray[np.float64]:
    smoothed = np.array(counts, dtype=np.float64) + 0.5
    out: NDArray[np.float64] = smoothed / smoothed.sum()
    return out


def _deciles(values: NDArray[np.float64]) -> list[float]:
    return sorted({round(float(cut), 4) for cut in np.quantile(values, np.linspace(0, 1, BINS + 1)[1:-1])})
