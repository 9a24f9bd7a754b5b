"""An artifact that does not fit is refused in words that say what to do; nothing is unpickled."""

from __future__ import annotations

import hashlib
import json
import pickle
import shutil
from pathlib import Path

import numpy as np
import pytest

from models.artifact import ARRAYS, CARD, WORDS, load_frequencies, load_model, read_card
from models.errors import ArtifactMissing, ArtifactOutdated, ArtifactTampered

TRAINED = Path(__file__).resolve().parents[2] / "models" / "artifact"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Path(shutil.copytree(TRAINED, tmp_path / "artifact"))


def edit_card(folder: Path, **changes: object) -> None:
    card = json.loads((folder / CARD).read_text(encoding="utf-8"))
    (folder / CARD).write_text(json.dumps({**card, **changes}), encoding="utf-8")


def test_what_was_saved_is_loaded(folder: Path) -> None:
    model, segmenter, card = load_model(folder)
    assert model.engine == segmenter.engine == card["engine"]
    assert card["version"].startswith(model.engine)
    assert card["held_out"]["measures"]["role_macro_f1"] > 0
    words = load_frequencies(folder)
    assert words.of("检察院") > words.of("不起诉") > words.of("从未见过的词") == 0


def test_nothing_there(tmp_path: Path) -> None:
    for load in (load_model, load_frequencies, read_card):
        with pytest.raises(ArtifactMissing, match="tingjian train"):
            load(tmp_path / "none")


def test_changed_bytes_are_refused(folder: Path) -> None:
    raw = bytearray((folder / ARRAYS).read_bytes())
    raw[len(raw) // 2] ^= 1
    (folder / ARRAYS).write_bytes(raw)
    with pytest.raises(ArtifactTampered):
        load_model(folder)


def test_a_pickle_is_not_opened(folder: Path, tmp_path: Path) -> None:
    mark = tmp_path / "opened"

    class Bomb:
        def __reduce__(self) -> tuple[object, ...]:
            return Path.touch, (mark,)

    np.savez(folder / ARRAYS, buckets=np.array([Bomb()], dtype=object))
    edit_card(folder, sha256=hashlib.sha256((folder / ARRAYS).read_bytes()).hexdigest())
    with pytest.raises(ArtifactTampered):
        load_model(folder)
    (folder / WORDS).write_bytes(pickle.dumps(Bomb()))
    with pytest.raises(ArtifactTampered):
        load_frequencies(folder)
    assert not mark.exists()


@pytest.mark.parametrize("changes", [{"features": 0}, {"taxonomy": 0}, {"labels": []}, {"words_version": "rjieba-0"}])
def test_an_older_make_is_refused(folder: Path, changes: dict[str, object]) -> None:
    edit_card(folder, **changes)
    with pytest.raises(ArtifactOutdated, match="tingjian train"):
        load_model(folder)


def test_a_broken_card_is_refused(folder: Path) -> None:
    (folder / CARD).write_text("[1]", encoding="utf-8")
    with pytest.raises(ArtifactTampered):
        load_model(folder)
