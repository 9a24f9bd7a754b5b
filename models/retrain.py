"""Train again with the office's corrections, try the result against the current model, and use it only if it is not worse."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from models.artifact import load_model
from models.corpus_reader import CORPUS_DIR, read_corpus
from models.corrections import WEIGHT, Correction, divide, hash_of, mistakes, taught
from models.errors import ModelsError
from models.evaluate import Truth, measure
from models.features import Extractor
from models.model import Model, Scores, read_texts
from models.pin_floors import FLOORS
from models.promote import Trial, fallen, objections
from models.segment import DEFAULT_ENGINE, Segmenter
from models.shelf import Shelf, Usable
from models.splits import Split, read_split
from models.train import train_model

NAMES = {"taken": "换上了新模型", "kept": "新模型没有换上", "unchanged": "自上次训练以来没有新的校对，不必重新训练"}


@dataclass(frozen=True, slots=True)
class Outcome:
    """What retraining came to. `version`: in use from now on; `tried`: the new one; `against`: why it was not taken."""

    kind: Literal["taken", "kept", "unchanged"]
    version: str
    tried: str = ""
    taught: int = 0
    tested: int = 0
    against: list[str] = field(default_factory=list)
    measures: dict[str, float] = field(default_factory=dict)
    mistakes: list[int] = field(default_factory=list)  # on the held-out corrections: new model, current model

    def lines(self) -> list[str]:
        """In words, for a log or a mail."""
        if self.kind == "unchanged":
            return [f"{NAMES[self.kind]}，现用 {self.version}。"]
        head = f"{NAMES[self.kind]}：{self.tried}" + ("" if self.kind == "taken" else f"，现用 {self.version}")
        tested = f"；另留出 {self.tested} 条来检验" if self.tested else ""
        compared = (
            f"，新模型判错 {self.mistakes[0]} 处，原模型 {self.mistakes[1]} 处" if len(self.mistakes) == 2 else ""
        )
        return [
            f"{head}。",
            f"学了 {self.taught} 条校对{tested}{compared}。",
            *(f"原因：{why}。" for why in self.against),
        ]


def retrain(
    shelf: Shelf, corrections: Sequence[Correction], say: Callable[[str], None], corpus_dir: Path = CORPUS_DIR,
    floors: Path = FLOORS,
) -> Outcome:  # fmt: skip
    """Raises CorpusError or EngineError; the model in use stays whatever happens here."""
    current = _current(shelf)
    corpus = read_corpus(corpus_dir)
    teach, test = divide(corrections)
    learned = hash_of(teach)
    inputs = f"{corpus.hash} {learned} {current.version if current else ''}"
    known = current is not None and (_learned(current) == (corpus.hash, learned) or shelf.state().tried == inputs)
    if current is not None and known and not current.refused:
        return Outcome("unchanged", current.version)
    candidate = shelf.folder / ".candidate"
    shelf.folder.mkdir(parents=True, exist_ok=True)
    engine = current.model.engine if current else DEFAULT_ENGINE
    try:
        train_model(
            corpus_dir, candidate, engine, say, lambda material: taught(material, teach),
            corrections={"texts": len(teach), "hash": learned, "weight": WEIGHT, "held_out": len(test)},
        )  # fmt: skip
        pinned = json.loads(floors.read_text(encoding="utf-8"))
        outcome = _tried(shelf, candidate, current, read_split(corpus, corpus_dir), pinned, len(teach), test)
        shelf.note_tried(inputs)
        return outcome
    finally:
        shutil.rmtree(candidate, ignore_errors=True)


def _tried(
    shelf: Shelf, candidate: Path, current: Usable | None, split: Split, pinned: dict[str, Any], teach: int,
    test: Sequence[Correction],
) -> Outcome:  # fmt: skip
    model, _, card = load_model(candidate)
    version, scores = str(card["version"]), _read(model, split)
    new = Trial(measure(Truth.of(split.held_out), scores), mistakes(model, test))
    old, lower = None, list[str]()
    if current is not None:
        before = _read(current.model, split)
        old = Trial(measure(Truth.of(split.held_out), before), mistakes(current.model, test))
        lower = fallen(split.held_out, scores, before)
    against = objections(new, old, lower, pinned["engines"][model.engine], len(test))
    if pinned["held_out_hash"] != split.held_out_hash:
        against.append("底线（floors.json）属于另一份留出语料")
    if version in shelf.state().left:
        against.append("有人从这个版本退回过")
    wrong = [t.mistakes for t in (new, old) if t is not None] if test else []
    if against:
        return Outcome(
            "kept", current.version if current else "", version, teach, len(test), against, dict(new.measures), wrong
        )
    return Outcome("taken", shelf.take(candidate), version, teach, len(test), [], dict(new.measures), wrong)


def _read(model: Model, split: Split) -> Scores:
    texts = [example.text for example in split.held_out]
    return model.decision(model.linear.margins(read_texts(Extractor(Segmenter(model.engine)), texts)))


def _current(shelf: Shelf) -> Usable | None:
    try:
        return shelf.usable()
    except ModelsError:
        return None


def _learned(usable: Usable) -> tuple[str, str]:
    """What a model was trained on: hash of the corpus, hash of the corrections."""
    known = usable.card.get("corrections") or {}
    return str(usable.card.get("corpus_hash")), str(known.get("hash") or hash_of(()))
