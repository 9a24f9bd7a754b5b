"""The room's door: texts in, labels out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from models.artifact import load_model
from models.explain import moving_words
from models.features import Extractor
from models.model import Model, Scores, names_only_its_own, read_texts
from models.office_names import OfficeNames
from models.segment import Segmenter
from models.taxonomy import BINARY, ROLES, SENTIMENTS, TOPICS


@dataclass(frozen=True, slots=True)
class Labels:
    """What one text says, each with its calibrated probability in [0, 1]; `topics` are those given."""

    role: str
    role_p: float
    sentiment: str
    sentiment_p: float
    topics: dict[str, float]
    needs_answer: bool
    needs_answer_p: float
    sensitive: bool
    sensitive_p: float

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready; probabilities to four places."""
        return {
            "role": self.role, "role_p": round(self.role_p, 4),
            "sentiment": self.sentiment, "sentiment_p": round(self.sentiment_p, 4),
            "topics": {topic: round(p, 4) for topic, p in self.topics.items()},
            "needs_answer": self.needs_answer, "needs_answer_p": round(self.needs_answer_p, 4),
            "sensitive": self.sensitive, "sensitive_p": round(self.sensitive_p, 4),
        }  # fmt: skip


class Scorer:
    """A trained model, ready to read. Thread-safe after construction."""

    def __init__(self, model: Model, segmenter: Segmenter, version: str) -> None:
        self._model, self._segmenter, self._extractor = model, segmenter, Extractor(segmenter)
        self.version, self.words_version = version, segmenter.words_version

    @classmethod
    def load(cls, folder: Path) -> Scorer:
        """From a trained artifact. Raises ArtifactError (train again) or EngineError."""
        model, segmenter, card = load_model(folder)
        return cls(model, segmenter, str(card["version"]))

    def score(self, texts: Sequence[str], office: OfficeNames | None = None) -> list[Labels]:
        """Labels of each text as `office` reads it; without one any mainland procuratorate is the own one.

        Any string is read; an empty one is unrelated. Works in batches: memory is bounded by the texts themselves.
        """
        if not texts:
            return []
        linear = self._model.linear
        raws = read_texts(self._extractor, texts, office, linear.vocabulary)
        own_only = names_only_its_own(raws) if office else None
        return _all_labels(self._model.decision(linear.margins(raws), own_only))

    def words(self, text: str) -> list[str]:
        """Content words for the index, in order, repeats kept."""
        return self._segmenter.words(text)

    def explain(self, text: str, office: OfficeNames | None, label: str) -> list[tuple[str, float]]:
        """The words of a text with how far each moved the margin of `label` (above 0: for it), strongest first.

        Raises KeyError for a label that the taxonomy does not have.
        """
        return moving_words(self._model.linear, self._extractor, text, office, label)


def _all_labels(scores: Scores) -> list[Labels]:
    """Plain Python values from here on: an array's element is slow to take one by one."""
    needs_answer, sensitive = (len(TOPICS) + BINARY.index(name) for name in ("needs_answer", "sensitive"))
    rows = np.arange(len(scores.role))
    columns = zip(
        scores.role.tolist(),
        scores.role_p[rows, scores.role].tolist(),
        scores.sentiment.tolist(),
        scores.sentiment_p[rows, scores.sentiment].tolist(),
        scores.binary_p.tolist(),
        scores.given.tolist(),
        strict=True,
    )
    return [
        Labels(
            role=ROLES[role],
            role_p=role_p,
            sentiment=SENTIMENTS[sentiment],
            sentiment_p=sentiment_p,
            topics={topic: p for topic, p, yes in zip(TOPICS, binary, given, strict=False) if yes},
            needs_answer=given[needs_answer],
            needs_answer_p=binary[needs_answer],
            sensitive=given[sensitive],
            sensitive_p=binary[sensitive],
        )
        for role, role_p, sentiment, sentiment_p, binary, given in columns
    ]
