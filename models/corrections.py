"""What analysts corrected, as training texts and as a test: a fifth of the stories is held out by a stable hash."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from models.corpus_reader import Example
from models.evaluate import Truth
from models.features import Extractor, prepare
from models.model import Model, Scores, read_texts
from models.office_names import OfficeNames
from models.segment import Segmenter
from models.taxonomy import columns
from models.train import Material

WEIGHT = 2.0  # of a corrected text against one of the corpus: it is of the kind that is read here
HELD_OUT_OF = 5


@dataclass(frozen=True, slots=True)
class Correction:
    """One text with the labels that an analyst decided; `example.family` is its story, `office` reads it."""

    example: Example
    office: OfficeNames | None


def held_out(story: str) -> bool:
    """Whether a story's texts test and never teach: always the same answer, near-copies together."""
    return int(hashlib.sha256(f"held-out/{story}".encode()).hexdigest(), 16) % HELD_OUT_OF == 0


def divide(corrections: Sequence[Correction]) -> tuple[list[Correction], list[Correction]]:
    """(those that teach, those that test)."""
    teach = [c for c in corrections if not held_out(c.example.family)]
    return teach, [c for c in corrections if held_out(c.example.family)]


def hash_of(corrections: Sequence[Correction]) -> str:
    """Changes with any text or label; for the card."""
    digest = hashlib.sha256()
    for e in sorted((c.example for c in corrections), key=lambda e: e.id):
        labels = (e.role, e.sentiment, sorted(e.topics), e.needs_answer, e.sensitive)
        digest.update(repr((e.id, e.text, labels)).encode("utf-8", "surrogatepass"))
    return digest.hexdigest()[:16]


def taught(material: Material, corrections: Sequence[Correction], weight: float = WEIGHT) -> Material:
    """The material with corrections beside it. They do not calibrate: most were chosen because the model was in doubt."""
    if not corrections:
        return material
    labels = [[c.example.has(label) for label in columns()] for c in corrections]
    return Material(
        [*material.texts, *(prepare([c.example.text], c.office)[0] for c in corrections)],
        np.concatenate([material.labels, np.array(labels, dtype=np.bool_)]),
        np.concatenate([material.families, np.array([f"correction/{c.example.family}" for c in corrections])]),
        np.concatenate([material.weights, np.full(len(corrections), weight)]),
        np.concatenate([material.original, np.zeros(len(corrections), dtype=np.bool_)]),
    )


def mistakes(model: Model, corrections: Sequence[Correction]) -> int:
    """Wrong decisions on these texts: role, sentiment, each topic given wrongly or not given, needs_answer, sensitive."""
    extractor = Extractor(Segmenter(model.engine))
    wrong = 0
    for office in {c.office for c in corrections}:
        examples = [c.example for c in corrections if c.office == office]
        raws = read_texts(extractor, [e.text for e in examples], office)
        wrong += _wrong(model.decision(model.linear.margins(raws)), Truth.of(examples))
    return wrong


def _wrong(scores: Scores, truth: Truth) -> int:
    wrong = (scores.role != truth.role).sum() + (scores.sentiment != truth.sentiment).sum()
    return int(wrong + (scores.given != truth.binary).sum())
