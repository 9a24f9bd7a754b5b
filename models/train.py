"""Trains all labels: one logistic regression each, calibrated and thresholded on families it had not seen."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix, hstack, vstack

from models.artifact import save_model
from models.calibrate import F64, fit_sigmoid, fit_softmax, fit_thresholds
from models.corpus_reader import Example, read_corpus
from models.drift import profile_of
from models.evaluate import report, table
from models.features import F32, Extractor, Raw, Vocabulary, batches, prepare
from models.frequencies import count_words
from models.model import BINARY_AT, ROLE_AT, SENTIMENT_AT, Decision, Linear, Model, Scores, read_texts
from models.office_names import OTHER, OWN, RELATED, OfficeNames
from models.segment import DEFAULT_ENGINE, Segmenter
from models.splits import read_split
from models.study_file import read_study
from models.taxonomy import ROLES, SENTIMENTS, columns

Progress = Callable[[str], None]

COST: Final = 10.0
FOLDS: Final = 5
MIN_TEXTS: Final = 2
SEED: Final = 20261121
VARIANT_WEIGHT: Final = 0.5
# An office that no text names: read for it, every procuratorate named with its place is another one.
_NOWHERE: Final = OfficeNames.of(own=["本处检察院"])


@dataclass(frozen=True, slots=True)
class Material:
    """Training texts as they are learned from: prepared, with label matrix, family and weight."""

    texts: list[str]
    labels: NDArray[np.bool_]
    families: NDArray[np.str_]
    weights: F64
    original: NDArray[np.bool_]


def silent(_: str) -> None:
    """Progress that goes nowhere."""


def train(examples: Sequence[Example], engine: str = DEFAULT_ENGINE, progress: Progress = silent) -> Model:
    """Fits a model on the given examples. Deterministic. Raises EngineError for an unknown engine."""
    return fit(material_of(examples), engine, progress)[0]


def fit(material: Material, engine: str = DEFAULT_ENGINE, progress: Progress = silent) -> tuple[Model, Scores]:
    """A model, and what models that had not seen their family say of the original texts. Raises EngineError."""
    began = time.monotonic()
    segmenter = Segmenter(engine)
    extractor = Extractor(segmenter)
    progress(f"训练: {len(material.texts)} 条, {len(set(material.families))} 个场景族, 分词引擎 {engine}")
    margins = cross_margins(material, extractor, progress)[material.original]
    decision = fit_decision(margins, material.labels[material.original])
    progress(f"训练: 校准完成, 拟合全部标签 ({time.monotonic() - began:.0f} 秒)")
    linear = fit_linear(extract(extractor, material.texts), material.labels, material.weights)
    progress(f"训练: 完成, 特征 {linear.vocabulary.width} 个, 用时 {time.monotonic() - began:.0f} 秒")
    return Model(linear, decision, segmenter.engine, segmenter.words_version), decision(margins)


def train_model(
    corpus_dir: Path, out: Path, engine: str = DEFAULT_ENGINE, progress: Progress = silent,
    more: Callable[[Material], Material] = lambda material: material, **card: Any,
) -> None:  # fmt: skip
    """Train on the corpus without its held-out families, measure on these, and save model and card to `out`.

    What is saved is what was measured: it never saw the held-out part. `more` may add texts (of the office's corrections), `card`
    says so. Raises CorpusError or EngineError.
    """
    corpus = read_corpus(corpus_dir)
    split = read_split(corpus, corpus_dir)
    model, unseen = fit(more(material_of(split.train)), engine, progress)
    result = evaluate(model, split.held_out)
    table(result, progress)
    card = {
        "corpus_hash": corpus.hash, "held_out_hash": split.held_out_hash, "trained_on": len(split.train), "held_out": result,
        "profile": profile_of(unseen), "note": "One hand wrote texts and labels (guideline beside the corpus).", **card,
    }  # fmt: skip
    if (study := read_study())["corpus_hash"] == corpus.hash:
        card["study"] = study
    words = count_words(Segmenter(engine), (example.text for example in split.train))
    save_model(out, model, words, card)


def evaluate(model: Model, examples: Sequence[Example]) -> dict[str, Any]:
    """The report on texts that the model has not seen."""
    texts = read_texts(Extractor(Segmenter(model.engine)), [example.text for example in examples])
    return report(examples, model.decision(model.linear.margins(texts)))


def material_of(examples: Sequence[Example]) -> Material:
    """The examples, and of those that name a procuratorate with its place also how another office would read them."""
    texts = prepare([example.text for example in examples], None)
    labels = [[example.has(label) for label in columns()] for example in examples]
    families = [example.family for example in examples]
    weights = [1.0] * len(examples)
    elsewhere = prepare([example.text for example in examples], _NOWHERE)
    for example, plain, other in zip(examples, list(texts), elsewhere, strict=True):
        if other == plain or OTHER not in other:
            continue
        if example.role != "other_office" and (OWN in other or RELATED in other):
            continue  # it also names an office without a place: the own one would still be in it
        role = "unrelated" if example.role == "unrelated" else "other_office"
        texts.append(other)
        labels.append([label == role if label in ROLES else example.has(label) for label in columns()])
        families.append(example.family)
        weights.append(VARIANT_WEIGHT)
    return Material(
        texts,
        np.array(labels, dtype=np.bool_),
        np.array(families),
        np.array(weights),
        np.arange(len(texts)) < len(examples),
    )


def extract(extractor: Extractor, texts: Sequence[str]) -> list[Raw]:
    """Features of texts that are prepared already."""
    return [extractor.extract(batch) for batch in batches(texts)]


def cross_margins(material: Material, extractor: Extractor, progress: Progress) -> F64:
    """For each text the margins of a model that saw no text of its family."""
    from sklearn.model_selection import StratifiedGroupKFold  # lazy: only training needs scikit-learn

    margins = np.zeros(material.labels.shape)
    strata = _strata(material.labels)
    folds = StratifiedGroupKFold(FOLDS, shuffle=True, random_state=SEED)
    for number, (train_at, test_at) in enumerate(folds.split(material.texts, strata, material.families), start=1):
        raws = extract(extractor, [material.texts[index] for index in train_at])
        linear = fit_linear(raws, material.labels[train_at], material.weights[train_at])
        margins[test_at] = linear.margins(extract(extractor, [material.texts[index] for index in test_at]))
        progress(f"训练: 交叉验证 {number}/{FOLDS}")
    return margins


def _strata(labels: NDArray[np.bool_]) -> NDArray[np.int64]:
    role = np.argmax(labels[:, ROLE_AT], axis=1)
    out: NDArray[np.int64] = role * len(SENTIMENTS) + np.argmax(labels[:, SENTIMENT_AT], axis=1)
    return out


def fit_linear(raws: Sequence[Raw], labels: NDArray[np.bool_], weights: F64) -> Linear:
    """One class-balanced logistic regression per label over the same features."""
    vocabulary = Vocabulary.fit(raws, MIN_TEXTS)
    dense = np.concatenate([raw.dense for raw in raws])
    matrix = hstack([vstack([vocabulary.matrix(raw) for raw in raws]), csr_matrix(dense)]).tocsr().astype(np.float64)
    coefficients, intercept = fit_weights(matrix, labels, weights)
    return Linear(vocabulary, coefficients[: vocabulary.width], coefficients[vocabulary.width :], intercept)


def fit_weights(matrix: csr_matrix, labels: NDArray[np.bool_], weights: F64) -> tuple[F32, F32]:
    """Coefficients (features x labels) and intercepts."""
    from sklearn.linear_model import LogisticRegression  # lazy: only training needs scikit-learn

    coefficients = np.zeros((matrix.shape[1], labels.shape[1]), dtype=np.float32)
    intercept = np.zeros(labels.shape[1], dtype=np.float32)
    for column in range(labels.shape[1]):
        truth = labels[:, column]
        if truth.all() or not truth.any():  # a label that these texts never, or always, carry
            intercept[column] = 3.0 if truth.all() else -3.0
            continue
        fit = LogisticRegression(
            C=COST, solver="liblinear", dual=True, class_weight="balanced", tol=1e-2, max_iter=300, random_state=SEED
        ).fit(matrix, truth, sample_weight=weights)
        coefficients[:, column] = fit.coef_[0]
        intercept[column] = fit.intercept_[0]
    return coefficients, intercept


def fit_decision(margins: F64, labels: NDArray[np.bool_]) -> Decision:
    """Calibration and thresholds from out-of-family margins."""
    binary = fit_sigmoid(margins[:, BINARY_AT], labels[:, BINARY_AT])
    return Decision(
        role=fit_softmax(margins[:, ROLE_AT], np.argmax(labels[:, ROLE_AT], axis=1), len(ROLES)),
        sentiment=fit_softmax(margins[:, SENTIMENT_AT], np.argmax(labels[:, SENTIMENT_AT], axis=1), len(SENTIMENTS)),
        binary=binary,
        thresholds=fit_thresholds(binary(margins[:, BINARY_AT]), labels[:, BINARY_AT]),
    )
