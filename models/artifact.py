"""A trained model on disk: arrays in one .npz without pickle, and a manifest with versions, hash and scores."""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
import zipfile
from pathlib import Path
from typing import Any, Final

import numpy as np

from models.calibrate import Sigmoid, Softmax
from models.errors import ArtifactMissing, ArtifactOutdated, ArtifactTampered
from models.features import FEATURES_VERSION, Vocabulary
from models.frequencies import Frequencies
from models.model import Decision, Linear, Model
from models.segment import Segmenter
from models.taxonomy import TAXONOMY_VERSION, columns

ARRAYS: Final = "model.npz"
CARD: Final = "card.json"
WORDS: Final = "words.json"


def save_model(folder: Path, model: Model, words: Frequencies, card: dict[str, Any]) -> None:
    """Write arrays and card. The folder is replaced whole; a reader sees the old or the new one, never a mixture."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(prefix=".artifact-", dir=folder.parent))
    try:
        np.savez_compressed(scratch / ARRAYS, **_arrays(model))
        (scratch / WORDS).write_text(
            json.dumps({"texts": words.texts, "counts": words.counts}, ensure_ascii=False), encoding="utf-8"
        )
        digest = hashlib.sha256((scratch / ARRAYS).read_bytes()).hexdigest()
        body = {
            "version": f"{model.engine}-{digest[:12]}", "sha256": digest, "engine": model.engine,
            "words_version": model.words_version, "features": FEATURES_VERSION, "taxonomy": TAXONOMY_VERSION,
            "labels": columns(), **card,
        }  # fmt: skip
        (scratch / CARD).write_text(json.dumps(body, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
        old = Path(f"{scratch}.old")
        if folder.exists():
            folder.rename(old)
        scratch.rename(folder)
        shutil.rmtree(old, ignore_errors=True)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def load_model(folder: Path) -> tuple[Model, Segmenter, dict[str, Any]]:
    """The model, the segmenter that it was trained with, and its card.

    Raises ArtifactMissing, ArtifactTampered or ArtifactOutdated: each says to train again. EngineError passes through.
    """
    card = read_card(folder)
    try:
        raw = (folder / ARRAYS).read_bytes()
    except OSError as error:
        raise ArtifactTampered(folder, f"{ARRAYS} 读不出来") from error
    if hashlib.sha256(raw).hexdigest() != card.get("sha256"):
        raise ArtifactTampered(folder, f"{ARRAYS} 与 {CARD} 记录的校验值不符")
    versions = (card.get("features"), card.get("taxonomy"), tuple(card.get("labels", ())))
    if versions != (FEATURES_VERSION, TAXONOMY_VERSION, columns()):
        raise ArtifactOutdated(folder, "训练它的特征或标签体系是旧版本")
    segmenter = Segmenter(str(card.get("engine")))
    if segmenter.words_version != card.get("words_version"):
        raise ArtifactOutdated(folder, "分词引擎或词表的版本已变")
    try:
        with np.load(folder / ARRAYS, allow_pickle=False) as arrays:
            return _model(arrays, segmenter), segmenter, card
    except (OSError, KeyError, ValueError, zipfile.BadZipFile) as error:
        raise ArtifactTampered(folder, f"{ARRAYS} 不是一个完整的模型") from error


def load_frequencies(folder: Path) -> Frequencies:
    """Word frequencies of the texts that the model was trained on. Raises ArtifactMissing or ArtifactTampered."""
    try:
        body = json.loads((folder / WORDS).read_text(encoding="utf-8"))
        return Frequencies(int(body["texts"]), {str(word): int(n) for word, n in body["counts"].items()})
    except FileNotFoundError as error:
        raise ArtifactMissing(folder, "还没有训练过") from error
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise ArtifactTampered(folder, f"{WORDS} 读不出来") from error


def read_card(folder: Path) -> dict[str, Any]:
    """The card alone. Raises ArtifactMissing or ArtifactTampered."""
    try:
        card = json.loads((folder / CARD).read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise ArtifactMissing(folder, "还没有训练过") from error
    except (OSError, ValueError) as error:
        raise ArtifactTampered(folder, f"{CARD} 读不出来") from error
    if not isinstance(card, dict):
        raise ArtifactTampered(folder, f"{CARD} 不是一个 JSON 对象")
    return card


def _arrays(model: Model) -> dict[str, Any]:
    linear, decision = model.linear, model.decision
    return {
        "buckets": linear.vocabulary.buckets, "idf": linear.vocabulary.idf, "block": linear.vocabulary.block,
        "ngram_weights": linear.ngram_weights, "dense_weights": linear.dense_weights, "intercept": linear.intercept,
        "role_matrix": decision.role.matrix, "role_offset": decision.role.offset, "role_choice": decision.role.choice,
        "sentiment_matrix": decision.sentiment.matrix, "sentiment_offset": decision.sentiment.offset,
        "sentiment_choice": decision.sentiment.choice, "slope": decision.binary.slope, "offset": decision.binary.offset,
        "thresholds": decision.thresholds,
    }  # fmt: skip


def _model(arrays: Any, segmenter: Segmenter) -> Model:
    linear = Linear(
        Vocabulary(arrays["buckets"], arrays["idf"], arrays["block"]),
        arrays["ngram_weights"],
        arrays["dense_weights"],
        arrays["intercept"],
    )
    decision = Decision(
        role=Softmax(arrays["role_matrix"], arrays["role_offset"], arrays["role_choice"]),
        sentiment=Softmax(arrays["sentiment_matrix"], arrays["sentiment_offset"], arrays["sentiment_choice"]),
        binary=Sigmoid(arrays["slope"], arrays["offset"]),
        thresholds=arrays["thresholds"],
    )
    return Model(linear, decision, segmenter.engine, segmenter.words_version)
