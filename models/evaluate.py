"""How good a model is on texts whose families it has not seen, with bootstrap intervals."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from models.corpus_reader import Example
from models.model import Scores
from models.taxonomy import BINARY, ROLES, SENTIMENTS, TOPICS, display_name

_BINS: Final = 10
_DRAWS: Final = 400
_SEED: Final = 7
MEASURES: Final[tuple[str, ...]] = (
    "role_macro_f1",
    "sentiment_macro_f1",
    "topics_micro_f1",
    "topics_macro_f1",
    "needs_answer_f1",
    "sensitive_f1",
    "ece",
)
MEASURE_NAMES: Final[dict[str, str]] = {
    "role_macro_f1": "角色 macro-F1",
    "sentiment_macro_f1": "情感 macro-F1",
    "topics_micro_f1": "主题 micro-F1",
    "topics_macro_f1": "主题 macro-F1",
    "needs_answer_f1": "需要答复 F1",
    "sensitive_f1": "涉及受保护利益 F1",
    "ece": "期望校准误差 (越低越好)",
}


@dataclass(frozen=True, slots=True)
class Truth:
    """The labels of examples as arrays beside the model's."""

    role: NDArray[np.int64]
    sentiment: NDArray[np.int64]
    binary: NDArray[np.bool_]

    @classmethod
    def of(cls, examples: Sequence[Example]) -> Truth:
        return cls(
            np.array([ROLES.index(example.role) for example in examples], dtype=np.int64),
            np.array([SENTIMENTS.index(example.sentiment) for example in examples], dtype=np.int64),
            np.array([[example.has(label) for label in TOPICS + BINARY] for example in examples], dtype=np.bool_),
        )


def measure(truth: Truth, scores: Scores, rows: NDArray[np.int64] | None = None) -> dict[str, float]:
    """All MEASURES on the given rows (all by default)."""
    at = np.arange(len(truth.role)) if rows is None else rows
    topics = slice(0, len(TOPICS))
    real, given = truth.binary[at], scores.given[at]
    per_label = f1_by_column(real, given)
    return {
        "role_macro_f1": class_f1(truth.role[at], scores.role[at], len(ROLES)),
        "sentiment_macro_f1": class_f1(truth.sentiment[at], scores.sentiment[at], len(SENTIMENTS)),
        "topics_micro_f1": float(f1_by_column(real[:, topics].reshape(-1, 1), given[:, topics].reshape(-1, 1))[0]),
        "topics_macro_f1": float(np.mean(per_label[topics])),
        "needs_answer_f1": float(per_label[len(TOPICS)]),
        "sensitive_f1": float(per_label[len(TOPICS) + 1]),
        "ece": calibration_error(truth, scores, at),
    }


def class_f1(truth: NDArray[np.int64], guess: NDArray[np.int64], count: int) -> float:
    """Macro F1 of exclusive classes."""
    table = np.bincount(truth * count + guess, minlength=count * count).reshape(count, count)
    return float(np.mean(2 * np.diag(table) / np.maximum(table.sum(axis=0) + table.sum(axis=1), 1)))


def f1_by_column(real: NDArray[np.bool_], given: NDArray[np.bool_]) -> NDArray[np.float64]:
    """F1 of each yes/no column; 0 where nothing is real and nothing given."""
    hits = (real & given).sum(axis=0)
    out: NDArray[np.float64] = 2 * hits / np.maximum(real.sum(axis=0) + given.sum(axis=0), 1)
    return out


def calibration_error(truth: Truth, scores: Scores, at: NDArray[np.int64]) -> float:
    """Mean over labels of |share that is right - probability given|, in ten bins of equal width."""
    role = scores.role_p[at, :], np.eye(len(ROLES), dtype=np.bool_)[truth.role[at]]
    sentiment = scores.sentiment_p[at, :], np.eye(len(SENTIMENTS), dtype=np.bool_)[truth.sentiment[at]]
    binary = scores.binary_p[at, :], truth.binary[at]
    errors: list[float] = []
    for given, real in (role, sentiment, binary):
        errors.extend(binned_error(given[:, column], real[:, column]) for column in range(given.shape[1]))
    return float(np.mean(errors))


def binned_error(given: NDArray[np.float64], real: NDArray[np.bool_]) -> float:
    """Expected calibration error of one label."""
    bins = np.minimum((given * _BINS).astype(np.int64), _BINS - 1)
    gap = np.bincount(bins, weights=given - real, minlength=_BINS)
    return float(np.abs(gap).sum() / max(len(given), 1))


def bootstrap(truth: Truth, scores: Scores, families: Sequence[str]) -> dict[str, tuple[float, float]]:
    """95 % intervals of each measure, drawing whole families: texts of one family are not independent."""
    source = np.random.default_rng(_SEED)
    names = np.array(families)
    groups = [np.flatnonzero(names == name) for name in sorted(set(families))]
    draws: dict[str, list[float]] = {name: [] for name in MEASURES}
    for _ in range(_DRAWS):
        chosen = source.integers(0, len(groups), len(groups))
        for name, value in measure(truth, scores, np.concatenate([groups[index] for index in chosen])).items():
            draws[name].append(value)
    return {
        name: (float(np.percentile(values, 2.5)), float(np.percentile(values, 97.5))) for name, values in draws.items()
    }


def report(examples: Sequence[Example], scores: Scores) -> dict[str, Any]:
    """Measures with intervals, F1 and support of every label, and accuracy by style and by length."""
    truth = Truth.of(examples)
    right = scores.role == truth.role
    return {
        "texts": len(examples),
        "measures": measure(truth, scores),
        "intervals": bootstrap(truth, scores, [example.family for example in examples]),
        "labels": _by_label(truth, scores),
        "role_accuracy_by_style": _by_group([example.style for example in examples], right),
        "role_accuracy_by_length": _by_group([_length_name(example.text) for example in examples], right),
    }


def _by_label(truth: Truth, scores: Scores) -> dict[str, dict[str, float]]:
    table: dict[str, dict[str, float]] = {}

    def add(name: str, real: NDArray[np.bool_], given: NDArray[np.bool_]) -> None:
        hits = float((real & given).sum())
        table[name] = {
            "precision": hits / max(float(given.sum()), 1.0),
            "recall": hits / max(float(real.sum()), 1.0),
            "f1": float(f1_by_column(real[:, None], given[:, None])[0]),
            "support": float(real.sum()),
        }

    for index, name in enumerate(ROLES):
        add(name, truth.role == index, scores.role == index)
    for index, name in enumerate(SENTIMENTS):
        add(name, truth.sentiment == index, scores.sentiment == index)
    for index, name in enumerate(TOPICS + BINARY):
        add(name, truth.binary[:, index], scores.given[:, index])
    return table


def _by_group(names: Sequence[str], right: NDArray[np.bool_]) -> dict[str, dict[str, float]]:
    keys = np.array(names)
    return {
        key: {"accuracy": float(right[keys == key].mean()), "texts": float((keys == key).sum())}
        for key in sorted(set(names))
    }


def _length_name(text: str) -> str:
    for limit in (30, 60, 120, 300):
        if len(text) < limit:
            return f"<{limit:03d}"
    return ">=300"


def table(result: dict[str, Any], write: Callable[[str], object]) -> None:
    """Writes the table that a data scientist expects, line by line."""
    write(f"留出集 {result['texts']} 条 (整族留出)")
    for name in MEASURES:
        low, high = result["intervals"][name]
        write(f"  {MEASURE_NAMES[name]:<24} {result['measures'][name]:.3f}   95% [{low:.3f}, {high:.3f}]")
    write(f"  {'标签':<24} {'精确率':>6} {'召回率':>6} {'F1':>6} {'条数':>5}")
    for name, row in result["labels"].items():
        title = f"{display_name(name)} {name}"
        write(f"  {title:<24} {row['precision']:8.2f} {row['recall']:8.2f} {row['f1']:8.2f} {row['support']:6.0f}")
