"""A trained model on disk: arrays in one .npz without pickle, and a manifest with versions, hash and scores."""

from __future__ import annotations

import hashlib
import io
import json
import shutil
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import numpy as np

from models.calibrate import Sigmoid, Softmax
from models.card_text import card_page
from models.errors import ArtifactMissing, ArtifactOutdated, ArtifactTampered
from models.features import FEATURES_VERSION, Vocabulary
from models.frequencies import Frequencies
from models.model import Decision, Linear, Model
from models.own_labels import OwnModel
from models.segment import Segmenter
from models.taxonomy import TAXONOMY_VERSION, columns

ARRAYS: Final = "model.npz"
CARD: Final = "card.json"
CARD_PAGE: Final = "card.md"
WORDS: Final = "words.json"


def save_model(folder: Path, model: Model, words: Frequencies, card: dict[str, Any]) -> None:
    """Write arrays, word frequencies and the card, as JSON and as a page."""
    head = {"taxonomy": TAXONOMY_VERSION, "labels": columns(), **card}
    frequencies = json.dumps({"texts": words.texts, "counts": words.counts}, ensure_ascii=False)
    _save(
        folder,
        model,
        _linear_arrays(model.linear) | _decision_arrays(model.decision),
        head,
        {WORDS: frequencies},
        card_page,
    )


def save_own(folder: Path, model: OwnModel, card: dict[str, Any]) -> None:
    """Write a classifier of somebody's own labels. Raises FileExistsError where the folder holds anything else."""
    if folder.exists() and any(folder.iterdir()) and not (folder / CARD).exists():
        raise FileExistsError(folder)
    softmax = {"matrix": model.softmax.matrix, "offset": model.softmax.offset, "choice": model.softmax.choice}
    _save(folder, model, _linear_arrays(model.linear) | softmax, {"labels": model.labels, **card}, {})


def _save(
    folder: Path, model: Model | OwnModel, arrays: dict[str, Any], card: dict[str, Any], files: dict[str, str],
    page: Callable[[dict[str, Any]], str] | None = None,
) -> None:  # fmt: skip
    """The folder is replaced whole; a reader sees the old or the new one, never a mixture."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(prefix=".artifact-", dir=folder.parent))
    try:
        np.savez_compressed(scratch / ARRAYS, **arrays)
        for name, content in files.items():
            (scratch / name).write_text(content, encoding="utf-8")
        digest = hashlib.sha256((scratch / ARRAYS).read_bytes()).hexdigest()
        body = {
            "version": f"{model.engine}-{digest[:12]}", "sha256": digest, "engine": model.engine,
            "words_version": model.words_version, "features": FEATURES_VERSION, **card,
        }  # fmt: skip
        (scratch / CARD).write_text(json.dumps(body, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
        if page is not None:
            (scratch / CARD_PAGE).write_text(page(body), encoding="utf-8")
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
    if (card.get("taxonomy"), tuple(card.get("labels", ()))) != (TAXONOMY_VERSION, columns()):
        raise ArtifactOutdated(folder, "训练它的标签体系不是现在的")
    arrays, segmenter = _load(folder, card)
    try:
        return _model(arrays, segmenter), segmenter, card
    except KeyError as error:
        raise ArtifactTampered(folder, f"{ARRAYS} 不是一个完整的模型") from error


def load_own(folder: Path) -> tuple[OwnModel, Segmenter]:
    """A classifier of somebody's own labels. Raises as `load_model`."""
    card = read_card(folder)
    arrays, segmenter = _load(folder, card)
    try:
        softmax = Softmax(arrays["matrix"], arrays["offset"], arrays["choice"])
        labels = tuple(str(label) for label in card["labels"])
        return OwnModel(labels, _linear(arrays), softmax, segmenter.engine, segmenter.words_version), segmenter
    except KeyError as error:
        raise ArtifactTampered(folder, f"{ARRAYS} 不是一个完整的模型") from error


def _load(folder: Path, card: dict[str, Any]) -> tuple[dict[str, Any], Segmenter]:
    try:
        raw = (folder / ARRAYS).read_bytes()
    except OSError as error:
        raise ArtifactTampered(folder, f"{ARRAYS} 读不出来") from error
    if hashlib.sha256(raw).hexdigest() != card.get("sha256"):
        raise ArtifactTampered(folder, f"{ARRAYS} 与 {CARD} 记录的校验值不符")
    if card.get("features") != FEATURES_VERSION:
        raise ArtifactOutdated(folder, "训练它的特征是旧版本")
    segmenter = Segmenter(str(card.get("engine")))
    if segmenter.words_version != card.get("words_version"):
        raise ArtifactOutdated(folder, "分词引擎或词表的版本已变")
    try:
        with np.load(io.BytesIO(raw), allow_pickle=False) as arrays:
            return {name: arrays[name] for name in arrays.files}, segmenter
    except (OSError, ValueError, zipfile.BadZipFile) as error:
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


def _linear_arrays(linear: Linear) -> dict[str, Any]:
    return {
        "buckets": linear.vocabulary.buckets, "idf": linear.vocabulary.idf, "block": linear.vocabulary.block,
        "ngram_weights": linear.ngram_weights, "dense_weights": linear.dense_weights, "intercept": linear.intercept,
    }  # fmt: skip


def _decision_arrays(decision: Decision) -> dict[str, Any]:
    return {
        "role_matrix": decision.role.matrix, "role_offset": decision.role.offset, "role_choice": decision.role.choice,
        "sentiment_matrix": decision.sentiment.matrix, "sentiment_offset": decision.sentiment.offset,
        "sentiment_choice": decision.sentiment.choice, "slope": decision.binary.slope, "offset": decision.binary.offset,
        "thresholds": decision.thresholds,
    }  # fmt: skip


def _linear(arrays: dict[str, Any]) -> Linear:
    vocabulary = Vocabulary(arrays["buckets"], arrays["idf"], arrays["block"])
    return Linear(vocabulary, arrays["ngram_weights"], arrays["dense_weights"], arrays["intercept"])


def _model(arrays: dict[str, Any], segmenter: Segmenter) -> Model:
    decision = Decision(
        role=Softmax(arrays["role_matrix"], arrays["role_offset"], arrays["role_choice"]),
        sentiment=Softmax(arrays["sentiment_matrix"], arrays["sentiment_offset"], arrays["sentiment_choice"]),
        binary=Sigmoid(arrays["slope"], arrays["offset"]),
        thresholds=arrays["thresholds"],
    )
    return Model(_linear(arrays), decision, segmenter.engine, segmenter.words_version)
