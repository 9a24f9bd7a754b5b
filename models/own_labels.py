"""A classifier for anyone's labelled texts (`tingjian train --data FILE`): the same features, one label of several."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix, hstack, vstack

from models.calibrate import F64, I64, Softmax
from models.evaluate import binned_error, class_f1
from models.features import Extractor, Vocabulary, batches
from models.labelled_table import LabelledTexts
from models.model import Linear
from models.ngrams import shorten
from models.segment import Segmenter

Progress = Callable[[str], object]

TEST_SHARE: Final = 0.2
FOLDS: Final = 5
MIN_TEXTS: Final = 2
COST: Final = 3.0
CURVE: Final = (0.1, 0.25, 0.5, 1.0)
_DRAWS: Final = 400
_SEED: Final = 20261125


@dataclass(frozen=True, slots=True)
class OwnModel:
    """Margins of each label, and the probabilities that they mean."""

    labels: tuple[str, ...]
    linear: Linear
    softmax: Softmax
    engine: str
    words_version: str

    def probabilities(self, texts: Sequence[str], extractor: Extractor) -> F64:
        """One row a text, one column a label; rows sum to 1."""
        raws = [extractor.extract(batch) for batch in batches([shorten(text) for text in texts])]
        return self.softmax(self.linear.margins(raws))


@dataclass(frozen=True, slots=True)
class Report:
    """How good the model is on texts that it has not seen, and what one sees from that."""

    texts: int
    trained_on: int
    accuracy: float
    macro_f1: float
    intervals: dict[str, tuple[float, float]]
    by_label: dict[str, dict[str, float]]
    confusion: list[list[int]]  # rows: true, columns: given
    reliability: list[tuple[float, float, int]]  # mean probability of the given label, share right, texts
    ece: float
    curve: list[tuple[int, float, float]]  # texts learned from, accuracy, macro F1


def train_own(data: LabelledTexts, engine: str, progress: Progress) -> tuple[OwnModel, Report]:
    """Learns from a stratified 80 % of the texts, measures on the rest. Deterministic. Raises EngineError.

    What is returned is what was measured: class-balanced logistic regression over word and character n-grams decides,
    a multinomial regression on cross-fitted margins gives the probabilities.
    """
    from sklearn.model_selection import train_test_split  # lazy: only training needs scikit-learn

    segmenter = Segmenter(engine)
    extractor = Extractor(segmenter)
    labels = tuple(sorted(set(data.labels)))
    truth = np.array([labels.index(label) for label in data.labels], dtype=np.int64)
    train_at, test_at = train_test_split(
        np.arange(len(truth)), test_size=TEST_SHARE, stratify=truth, random_state=_SEED
    )
    texts = [shorten(text) for text in data.texts]
    learned = [texts[index] for index in train_at]
    progress(f"训练: {len(learned)} 条学习, {len(test_at)} 条留出, {len(labels)} 种标签, 分词引擎 {engine}")
    vocabulary = Vocabulary.fit((extractor.extract(batch) for batch in batches(learned)), MIN_TEXTS)
    matrix, hidden = (_matrix(extractor, vocabulary, [texts[index] for index in at]) for at in (train_at, test_at))
    progress(f"训练: 特征 {vocabulary.width} 个")
    softmax = _calibrate(matrix, truth[train_at], len(labels), progress)
    curve, coefficients, intercept = [], np.zeros((0, 0)), np.zeros(0)
    order = np.random.default_rng(_SEED).permutation(len(train_at))
    for share in CURVE:
        rows = order[: max(int(len(order) * share), 1)]
        coefficients, intercept = _fit(matrix[rows], truth[train_at][rows], len(labels))
        guess = np.argmax(softmax(hidden @ coefficients + intercept), axis=1)
        curve.append((len(rows), float(np.mean(guess == truth[test_at])), class_f1(truth[test_at], guess, len(labels))))
        progress(f"训练: 学习曲线 {len(rows)} 条, 准确率 {curve[-1][1]:.3f}")
    width = vocabulary.width
    dense, weights = coefficients[width:].astype(np.float32), coefficients[:width].astype(np.float32)
    model = OwnModel(
        labels,
        Linear(vocabulary, weights, dense, intercept.astype(np.float32)),
        softmax,
        segmenter.engine,
        segmenter.words_version,
    )
    probabilities = softmax(hidden @ coefficients + intercept)
    return model, _report(labels, truth[test_at], probabilities, len(train_at), curve)


def _matrix(extractor: Extractor, vocabulary: Vocabulary, texts: Sequence[str]) -> csr_matrix:
    rows, dense = [], []
    for batch in batches(texts):
        raw = extractor.extract(batch)
        rows.append(vocabulary.matrix(raw))
        dense.append(raw.dense)
    return hstack([vstack(rows), csr_matrix(np.concatenate(dense))]).tocsr().astype(np.float64)


def _fit(matrix: csr_matrix, truth: I64, count: int) -> tuple[F64, F64]:
    from sklearn.linear_model import LogisticRegression  # lazy: only training needs scikit-learn

    coefficients, intercept = np.zeros((matrix.shape[1], count)), np.full(count, -9.0)
    for label in range(count):
        if label == 1 and count == 2:  # two labels: the second is the first turned round
            coefficients[:, 1], intercept[1] = -coefficients[:, 0], -intercept[0]
        elif (truth == label).any():
            fit = LogisticRegression(C=COST, solver="liblinear", dual=True, class_weight="balanced", tol=1e-2,
                                     max_iter=300, random_state=_SEED).fit(matrix, truth == label)  # fmt: skip
            coefficients[:, label], intercept[label] = fit.coef_[0], fit.intercept_[0]
    return coefficients, intercept


def _calibrate(matrix: csr_matrix, truth: I64, count: int, progress: Progress) -> Softmax:
    from sklearn.linear_model import LogisticRegression  # lazy: only training needs scikit-learn
    from sklearn.model_selection import StratifiedKFold

    margins = np.zeros((len(truth), count))
    folds = StratifiedKFold(FOLDS, shuffle=True, random_state=_SEED)
    for number, (train_at, test_at) in enumerate(folds.split(truth, truth), start=1):
        coefficients, intercept = _fit(matrix[train_at], truth[train_at], count)
        margins[test_at] = matrix[test_at] @ coefficients + intercept
        progress(f"训练: 交叉验证 {number}/{FOLDS}")
    fit = LogisticRegression(C=1.0, max_iter=500).fit(margins, truth)
    weights, offset = fit.coef_.T, fit.intercept_
    if count == 2:  # scikit-learn gives one column for two classes
        weights, offset = np.hstack([-weights / 2, weights / 2]), np.concatenate([-offset / 2, offset / 2])
    return Softmax(weights.astype(np.float64), offset.astype(np.float64), np.zeros(count))


def _report(
    labels: tuple[str, ...], truth: I64, probabilities: F64, trained_on: int, curve: list[tuple[int, float, float]]
) -> Report:
    guess, count = np.argmax(probabilities, axis=1), len(labels)
    confusion = np.bincount(truth * count + guess, minlength=count * count).reshape(count, count)
    right, surest = guess == truth, probabilities.max(axis=1)
    source = np.random.default_rng(_SEED)
    draws = [source.integers(0, len(truth), len(truth)) for _ in range(_DRAWS)]
    scores = np.array([(right[draw].mean(), class_f1(truth[draw], guess[draw], count)) for draw in draws])
    low, high = np.percentile(scores, [2.5, 97.5], axis=0)
    return Report(
        texts=len(truth),
        trained_on=trained_on,
        accuracy=float(right.mean()),
        macro_f1=class_f1(truth, guess, count),
        intervals={"accuracy": (float(low[0]), float(high[0])), "macro_f1": (float(low[1]), float(high[1]))},
        by_label={label: _label_row(confusion, at) for at, label in enumerate(labels)},
        confusion=confusion.tolist(),
        reliability=_reliability(surest, right),
        ece=binned_error(surest, right),
        curve=curve,
    )


def _label_row(confusion: NDArray[np.int64], at: int) -> dict[str, float]:
    hits, given, real = (float(value) for value in (confusion[at, at], confusion[:, at].sum(), confusion[at].sum()))
    precision, recall = hits / max(given, 1), hits / max(real, 1)
    return {"precision": precision, "recall": recall, "f1": 2 * hits / max(given + real, 1), "support": real}


def _reliability(surest: F64, right: NDArray[np.bool_]) -> list[tuple[float, float, int]]:
    bins = np.minimum((surest * 10).astype(int), 9)
    return [
        (float(surest[bins == at].mean()), float(right[bins == at].mean()), int((bins == at).sum()))
        for at in range(10)
        if (bins == at).any()
    ]


def as_lines(report: Report) -> list[str]:
    """The report as a data scientist expects it: scores, confusion matrix, calibration, learning curve."""
    names = list(report.by_label)
    width = max(8, *(len(name.encode("gb18030")) for name in names))

    def pad(name: str) -> str:
        return name + " " * (width - len(name.encode("gb18030")))

    lines = [f"留出 {report.texts} 条（学习 {report.trained_on} 条）"]
    for name, value in (("accuracy", report.accuracy), ("macro_f1", report.macro_f1)):
        low, high = report.intervals[name]
        lines.append(f"  {name:<10} {value:.3f}   95% [{low:.3f}, {high:.3f}]")
    lines += ["", f"{pad('label')} precision  recall      f1  support"]
    for name, row in report.by_label.items():
        scores = (row[key] for key in ("precision", "recall", "f1"))
        lines.append(pad(name) + "".join(f"{score:9.3f}" for score in scores) + f"{row['support']:9.0f}")
    lines += ["", "混淆矩阵（行：实际，列：判为）", pad("") + "".join(f"{at + 1:>7}" for at in range(len(names)))]
    lines += [
        pad(name) + "".join(f"{value:7d}" for value in row) + f"   {at}"
        for at, (name, row) in enumerate(zip(names, report.confusion, strict=True), start=1)
    ]
    lines += ["", f"校准（ECE {report.ece:.3f}）：给出的概率，实际对的比例，条数"]
    lines += [f"  {p:.2f}  {share:.2f}  {n:6d}  {'█' * round(share * 30)}" for p, share, n in report.reliability]
    lines += ["", "学习曲线：学习的条数，准确率，macro-F1"]
    lines += [f"  {n:6d}  {accuracy:.3f}  {f1:.3f}  {'█' * round(accuracy * 30)}" for n, accuracy, f1 in report.curve]
    return lines


def as_card(report: Report, data: LabelledTexts) -> dict[str, Any]:
    """The report for the model card."""
    return {
        "kind": "own_labels", "texts": len(data.texts), "repeats_dropped": data.dropped,
        "repeats_with_other_label": data.conflicting, "trained_on": report.trained_on,
        "held_out": {
            "texts": report.texts, "accuracy": report.accuracy, "macro_f1": report.macro_f1,
            "intervals": report.intervals, "labels": report.by_label, "confusion": report.confusion, "ece": report.ece,
            "reliability": report.reliability, "curve": report.curve,
        },
    }  # fmt: skip
