"""The gate: what ships reaches its floors on texts whose families it has not seen (models/floors.json)."""

from __future__ import annotations

import json

import pytest

from models.corpus_reader import CORPUS_DIR, read_corpus
from models.evaluate import table
from models.pin_floors import FLOORS, below
from models.segment import ENGINES
from models.splits import read_split
from models.train import evaluate, train

CORPUS = read_corpus()
SPLIT = read_split(CORPUS)
PINNED = json.loads(FLOORS.read_text(encoding="utf-8"))


def test_the_floors_belong_to_this_corpus() -> None:
    assert PINNED["corpus_hash"] == CORPUS.hash, "the corpus has changed: python -m models.pin_floors, and say why"
    assert PINNED["held_out_hash"] == SPLIT.held_out_hash


@pytest.mark.parametrize("engine", ENGINES)
def test_no_score_is_under_its_floor(engine: str, capsys: pytest.CaptureFixture[str]) -> None:
    result = evaluate(train(SPLIT.train, engine), SPLIT.held_out)
    with capsys.disabled():
        print(f"\n{engine}:")
        table(result, print)
    assert below(result["measures"], PINNED["engines"][engine]) == {}


def test_a_missed_floor_is_noticed() -> None:
    floors = PINNED["engines"]["rjieba"]
    reached = dict.fromkeys(floors, 1.0) | {"ece": 0.0}
    assert below(reached, floors) == {}
    assert set(below(reached | {"role_macro_f1": 0.1, "ece": 0.5}, floors)) == {"role_macro_f1", "ece"}


def test_no_family_is_on_both_sides() -> None:
    assert not {e.family for e in SPLIT.train} & {e.family for e in SPLIT.held_out}
    assert not {e.scenario for e in SPLIT.train} & {e.scenario for e in SPLIT.held_out}
    assert 0.18 <= len(SPLIT.held_out) / len(CORPUS) <= 0.22
    assert (CORPUS_DIR / "GUIDELINE.md").exists()
