"""`python -m models.pin_floors`: fix the held-out families and, 0.02 under what is reached, the floors that tests check.

Run it after the corpus has changed, and say in the commit why a floor went down, if one did.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

from models.corpus_reader import CORPUS_DIR, read_corpus
from models.segment import ENGINES
from models.splits import write_split
from models.train import evaluate, train

FLOORS: Final = Path(__file__).parent / "floors.json"
_MARGIN: Final = 0.02
_CEILINGS: Final = frozenset({"ece"})  # an error: lower is better


def pin(folder: Path = CORPUS_DIR, path: Path = FLOORS) -> dict[str, Any]:
    """Choose the split, train with each engine, and write the floors; returns what was written."""
    corpus = read_corpus(folder)
    split = write_split(corpus, folder)
    floors: dict[str, Any] = {"corpus_hash": corpus.hash, "held_out_hash": split.held_out_hash, "engines": {}}
    for engine in ENGINES:
        reached = evaluate(train(split.train, engine, print), split.held_out)["measures"]
        floors["engines"][engine] = {
            name: round(value + _MARGIN if name in _CEILINGS else value - _MARGIN, 3) for name, value in reached.items()
        }
    path.write_text(json.dumps(floors, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    return floors


def below(measures: dict[str, float], floors: dict[str, float]) -> dict[str, tuple[float, float]]:
    """The measures that miss their floor (an error: exceed its ceiling) → (reached, floor)."""
    return {
        name: (measures[name], floor)
        for name, floor in floors.items()
        if (measures[name] > floor if name in _CEILINGS else measures[name] < floor)
    }


if __name__ == "__main__":
    print(json.dumps(pin(), ensure_ascii=False, indent=1))  # noqa: T201
