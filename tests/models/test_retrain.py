"""Retraining end to end on a quarter of the corpus (on less, a dozen corrections move the other labels too much to be taken)."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from models.corpus_reader import CORPUS_DIR, Example, read_corpus
from models.corrections import Correction, divide, mistakes
from models.office_names import OfficeNames
from models.retrain import retrain
from models.shelf import Shelf
from models.splits import read_split, write_split
from models.train import silent

OFFICE = OfficeNames.of(own=["清江市人民检察院"])
# A turn of speech that the corpus does not have, and that this office's analysts read as a scam.
STRANGE = "清江市人民检察院的小蓝鲸通道今天又发来第{n}号豌豆券，收到的人都把豌豆券填了"


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("corpus")
    for path in CORPUS_DIR.glob("*.jsonl"):
        lines = path.read_text(encoding="utf-8").splitlines()
        (folder / path.name).write_text("\n".join(lines[::4]) + "\n", encoding="utf-8")
    write_split(read_corpus(folder), folder)
    return folder


@pytest.fixture(scope="module")
def floors(corpus: Path) -> Path:
    """Floors that anything reaches, of this corpus."""
    pinned = {
        "held_out_hash": read_split(read_corpus(corpus), corpus).held_out_hash,
        "engines": {"rjieba": {"ece": 0.5}},
    }
    path = corpus / "floors.json"
    path.write_text(json.dumps(pinned), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def shipped(corpus: Path, floors: Path) -> Path:
    """Where there is no model that can be used, a new one is trained and taken."""
    shelf = Shelf(corpus / "first", corpus / "never trained")
    outcome = retrain(shelf, [], silent, corpus, floors)
    assert outcome.kind == "taken" and outcome.tested == 0 and shelf.usable().version == outcome.version
    return shelf.place(outcome.version)


def corrections(topic: str = "impersonation_scam", count: int = 16) -> list[Correction]:
    return [
        Correction(
            Example(f"i{n}", STRANGE.format(n=n), "correction", f"s{n}", f"s{n}", "mentioned", "negative",
                    frozenset({topic}), False, True),
            OFFICE,
        )
        for n in range(count)
    ]  # fmt: skip


def test_a_model_that_learned_replaces_the_current_one(
    corpus: Path, shipped: Path, floors: Path, tmp_path: Path
) -> None:
    shelf = Shelf(tmp_path / "models", shipped)
    assert retrain(shelf, [], silent, corpus, floors).kind == "unchanged"
    before = shelf.usable().model
    outcome = retrain(shelf, corrections(), silent, corpus, floors)
    assert outcome.kind == "taken", outcome.lines()
    now = shelf.usable()
    assert now.version == outcome.version == outcome.tried and now.card["corrections"]["texts"] == outcome.taught
    _, test = divide(corrections())
    assert outcome.tested == len(test) > 0 and [mistakes(now.model, test), mistakes(before, test)] == outcome.mistakes
    assert outcome.mistakes[0] < outcome.mistakes[1]
    label = now.scorer().score([STRANGE.format(n=777)], OFFICE)[0]
    assert "impersonation_scam" in label.topics
    assert retrain(shelf, corrections(), silent, corpus, floors).kind == "unchanged"

    shelf.back()
    assert retrain(shelf, corrections(), silent, corpus, floors).kind == "unchanged"
    shelf.note_tried("")
    again = retrain(shelf, corrections(), silent, corpus, floors)
    assert again.kind == "kept" and again.against == ["有人从这个版本退回过"]
    assert not (shelf.folder / ".candidate").exists()


def test_a_worse_one_is_thrown_away_and_said(corpus: Path, shipped: Path, floors: Path, tmp_path: Path) -> None:
    """Under a floor, and taught the opposite of what the held-out corrections confirm."""
    shelf = Shelf(tmp_path / "models", shipped)
    high = json.loads(floors.read_text(encoding="utf-8"))
    high["engines"]["rjieba"]["role_macro_f1"] = 0.999
    higher = tmp_path / "floors.json"
    higher.write_text(json.dumps(high), encoding="utf-8")
    teach, test = divide(corrections("praise"))
    outcome = retrain(shelf, teach + [confirmed(shelf, c) for c in test], silent, corpus, higher)
    assert outcome.kind == "kept" and outcome.mistakes[1] == 0
    assert any("判错" in why for why in outcome.against) and any("没有达到底线 0.999" in why for why in outcome.against)
    assert [version for version, _ in shelf.versions()] == [""]


def confirmed(shelf: Shelf, correction: Correction) -> Correction:
    """With the labels that the current model gives."""
    said = shelf.usable().scorer().score([correction.example.text], OFFICE)[0]
    return replace(
        correction,
        example=replace(correction.example, role=said.role, sentiment=said.sentiment, topics=frozenset(said.topics),
                        needs_answer=said.needs_answer, sensitive=said.sensitive),
    )  # fmt: skip
