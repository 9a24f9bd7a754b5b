"""A trained model as plain arrays: one linear layer for all labels, then calibration. No scikit-learn at scoring time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from models.calibrate import F64, I64, Sigmoid, Softmax
from models.features import DENSE_NAMES, Extractor, Raw, Vocabulary, batches, prepare
from models.office_names import OfficeNames
from models.taxonomy import BINARY, OFFICE_TOPICS, ROLES, SENTIMENTS, TOPICS

F32 = NDArray[np.float32]

ROLE_AT: Final = slice(0, len(ROLES))
SENTIMENT_AT: Final = slice(ROLE_AT.stop, ROLE_AT.stop + len(SENTIMENTS))
BINARY_AT: Final = slice(SENTIMENT_AT.stop, SENTIMENT_AT.stop + len(TOPICS) + len(BINARY))
WIDTH: Final = BINARY_AT.stop
_UNRELATED: Final = ROLES.index("unrelated")
_OTHER_OFFICE: Final = ROLES.index("other_office")
_OWN_NAMED, *_OTHERS = (DENSE_NAMES.index(f"lexicon:{group}") for group in ("own_office", "other_office", "elsewhere"))
_OFFICE_TOPIC: Final = np.array([label in OFFICE_TOPICS for label in TOPICS + BINARY])


@dataclass(frozen=True, slots=True)
class Linear:
    """Margins of all labels: n-gram part, dense part, intercept."""

    vocabulary: Vocabulary
    ngram_weights: F32  # vocabulary.width x labels
    dense_weights: F32
    intercept: F32

    def margins(self, raws: Sequence[Raw]) -> F64:
        """One row per text, one column per label."""
        parts = [
            self.vocabulary.matrix(raw) @ self.ngram_weights + raw.dense @ self.dense_weights + self.intercept
            for raw in raws
        ]
        if not parts:
            return np.zeros((0, WIDTH))
        return np.concatenate(parts).astype(np.float64)


@dataclass(frozen=True, slots=True)
class Scores:
    """Probabilities and decisions of a list of texts."""

    role_p: F64
    role: I64
    sentiment_p: F64
    sentiment: I64
    binary_p: F64  # topics, then needs_answer, sensitive
    given: NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Decision:
    """What turns margins into probabilities and labels."""

    role: Softmax
    sentiment: Softmax
    binary: Sigmoid
    thresholds: F64

    def __call__(self, margins: F64, own_only: NDArray[np.bool_] | None = None) -> Scores:
        """`own_only`: texts that name the office they are read for and show no other one, so that none is about another."""
        role_p = self.role(margins[:, ROLE_AT])
        if own_only is not None:
            role_p[own_only, _OTHER_OFFICE] = 1e-12  # not 0: where nothing else is likely, the sum must not vanish
            role_p /= role_p.sum(axis=1, keepdims=True)
        sentiment_p = self.sentiment(margins[:, SENTIMENT_AT])
        binary_p = self.binary(margins[:, BINARY_AT])
        role = self.role.choose(role_p)
        # The office's own topics are given only where the office is (guideline).
        given = (binary_p >= self.thresholds) & ~((role == _UNRELATED)[:, None] & _OFFICE_TOPIC)
        return Scores(role_p, role, sentiment_p, self.sentiment.choose(sentiment_p), binary_p, given)


@dataclass(frozen=True, slots=True)
class Model:
    """Everything that scoring needs besides the segmenter."""

    linear: Linear
    decision: Decision
    engine: str
    words_version: str


def names_only_its_own(raws: Sequence[Raw]) -> NDArray[np.bool_]:
    """For each text whether it names the office it was prepared for, no other office and no place elsewhere."""
    dense = np.concatenate([raw.dense for raw in raws])
    only: NDArray[np.bool_] = (dense[:, _OWN_NAMED] > 0) & ~(dense[:, _OTHERS] > 0).any(axis=1)
    return only


def read_texts(
    extractor: Extractor, texts: Sequence[str], office: OfficeNames | None = None, vocabulary: Vocabulary | None = None
) -> list[Raw]:
    """Features of texts as they come, batch by batch; with a vocabulary only what that knows."""
    known = vocabulary.known if vocabulary else None
    return [extractor.extract(batch, known) for batch in batches(prepare(texts, office))]
