"""From raw margins to probabilities and decisions, fitted on margins of texts whose family the model had not seen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

F64 = NDArray[np.float64]
I64 = NDArray[np.int64]

_THRESHOLD_RANGE: Final = (0.15, 0.75)
_PRIOR_TEXTS: Final = 25  # so much weight has "0.5 is a fine threshold" against a label's own few positives


@dataclass(frozen=True, slots=True)
class Sigmoid:
    """Platt's sigmoid for each of several yes/no labels: p = 1 / (1 + exp(-(slope * margin + offset)))."""

    slope: F64
    offset: F64

    def __call__(self, margins: F64) -> F64:
        return logistic(margins * self.slope + self.offset)


@dataclass(frozen=True, slots=True)
class Softmax:
    """Probabilities of exclusive classes from all their margins, and how each is weighed when one must be chosen."""

    matrix: F64
    offset: F64
    choice: F64  # added to log p before the largest is taken

    def __call__(self, margins: F64) -> F64:
        scores = margins @ self.matrix + self.offset
        scores -= scores.max(axis=1, keepdims=True)
        powers = np.exp(scores)
        out: F64 = powers / powers.sum(axis=1, keepdims=True)
        return out

    def choose(self, probabilities: F64) -> I64:
        """The chosen class of each row."""
        chosen: I64 = np.argmax(np.log(np.maximum(probabilities, 1e-12)) + self.choice, axis=1)
        return chosen


def logistic(values: F64) -> F64:
    """1 / (1 + exp(-x)) without overflow."""
    out: F64 = 1.0 / (1.0 + np.exp(-np.clip(values, -60.0, 60.0)))
    return out


def fit_sigmoid(margins: F64, truth: NDArray[np.bool_]) -> Sigmoid:
    """One sigmoid per column, by logistic regression on the margin alone with Platt's smoothed targets."""
    from sklearn.linear_model import LogisticRegression  # lazy: only training needs scikit-learn

    slopes, offsets = [], []
    for column in range(margins.shape[1]):
        scale = margins[:, column].std() or 1.0
        fit = LogisticRegression(C=10.0).fit(margins[:, [column]] / scale, truth[:, column])
        slopes.append(max(float(fit.coef_[0, 0]), 1e-3) / scale)
        offsets.append(float(fit.intercept_[0]))
    return Sigmoid(np.array(slopes), np.array(offsets))


def fit_softmax(margins: F64, classes: I64, count: int) -> Softmax:
    """Multinomial regression on the margins, and weights that make the macro F1 of the choice largest."""
    from sklearn.linear_model import LogisticRegression  # lazy: only training needs scikit-learn

    fit = LogisticRegression(C=1.0, max_iter=500).fit(margins, classes)
    fitted = Softmax(fit.coef_.T.astype(np.float64), fit.intercept_.astype(np.float64), np.zeros(count))
    logs = np.log(np.maximum(fitted(margins), 1e-12))
    choice = np.zeros(count)
    best = _macro_f1(classes, np.argmax(logs, axis=1), count)
    for _ in range(3):
        for label in range(count):
            for step in np.linspace(-1.0, 1.5, 26):
                trial = choice.copy()
                trial[label] = step
                score = _macro_f1(classes, np.argmax(logs + trial, axis=1), count)
                if score > best + 1e-4:
                    best, choice = score, trial
    # Half way back to the plain maximum: the rest of what was found is chance.
    return Softmax(fitted.matrix, fitted.offset, choice * 0.7)


def fit_thresholds(probabilities: F64, truth: NDArray[np.bool_]) -> F64:
    """For each label the probability from which on it is given: best F1, drawn towards 0.5 where positives are few."""
    found = []
    grid = np.linspace(*_THRESHOLD_RANGE, 61)
    for column in range(probabilities.shape[1]):
        given = probabilities[:, [column]] >= grid
        real = truth[:, [column]]
        scores = 2 * (given & real).sum(axis=0) / np.maximum(given.sum(axis=0) + real.sum(), 1)
        # The middle of all thresholds within half a point of the best, not the lucky one.
        good = grid[scores >= scores.max() - 0.005]
        weight = real.sum() / (real.sum() + _PRIOR_TEXTS)
        found.append(weight * float(np.mean(good)) + (1 - weight) * 0.4)
    return np.array(found)


def _macro_f1(truth: I64, guess: I64, count: int) -> float:
    table = np.bincount(truth * count + guess, minlength=count * count).reshape(count, count)
    return float(np.mean(2 * np.diag(table) / np.maximum(table.sum(axis=0) + table.sum(axis=1), 1)))
