"""Versions of an installation: the last one taken is used, what can't be used is refused in words, and there is a way back."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from models.artifact import ARRAYS, CARD, WORDS
from models.errors import ArtifactMissing
from models.shelf import KEEP, SHIPPED, NothingBefore, Shelf

TRAINED = Path(__file__).resolve().parents[2] / "models" / "artifact"


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    return Shelf(tmp_path / "models", TRAINED)


def add(shelf: Shelf, version: str, **card: object) -> Path:
    """Take a copy of the shipped model under another name."""
    candidate = shelf.folder / ".candidate"
    candidate.mkdir(parents=True)
    for name in (ARRAYS, WORDS):
        (candidate / name).hardlink_to(TRAINED / name)
    body = json.loads((TRAINED / CARD).read_text(encoding="utf-8"))
    (candidate / CARD).write_text(json.dumps({**body, "version": version, **card}), encoding="utf-8")
    assert shelf.take(candidate) == version
    return shelf.place(version)


def test_the_shipped_model_is_used_first(shelf: Shelf) -> None:
    usable = shelf.usable()
    assert usable.problem == "" and usable.scorer().score(["检察院"])
    with pytest.raises(NothingBefore):
        shelf.back()


def test_the_last_taken_is_used_and_left_again(shelf: Shelf) -> None:
    add(shelf, "one")
    add(shelf, "two")
    assert shelf.usable().version == "two"
    assert shelf.back() == ("two", "one") and shelf.usable().version == "one"
    assert shelf.back() == ("one", SHIPPED) and shelf.usable().version == shelf.usable().card["version"]
    assert shelf.state().left == ("two", "one")
    assert [version for version, _ in shelf.versions()][-1] == SHIPPED


def test_what_cannot_be_used_is_refused_in_words_and_the_one_before_is_used(shelf: Shelf) -> None:
    add(shelf, "good")
    changed = add(shelf, "changed")
    raw = bytearray((changed / ARRAYS).read_bytes())
    raw[len(raw) // 2] ^= 1
    (changed / ARRAYS).unlink()
    (changed / ARRAYS).write_bytes(raw)
    add(shelf, "older", taxonomy=0)
    add(shelf, "other", words_version="rjieba-0")
    add(shelf, "strange", engine="nobody")
    usable = shelf.usable()
    assert usable.version == "good" and len(usable.refused) == 4
    for words in ("strange 不能用", "other 不能用（分词引擎或词表的版本已变）", "older 不能用（训练它的标签体系不是现在的）",
                  "changed 不能用（model.npz 与 card.json 记录的校验值不符）", "现在用的是 good"):  # fmt: skip
        assert words in usable.problem
    assert shelf.frequencies().texts > 0


def test_taking_the_same_again_mends_it(shelf: Shelf) -> None:
    place = add(shelf, "one")
    (place / ARRAYS).unlink()
    assert shelf.usable().refused
    add(shelf, "one")
    assert shelf.usable().version == "one" and shelf.state().line == (SHIPPED, "one")


def test_old_versions_go_but_never_the_way_back(shelf: Shelf) -> None:
    for n in range(KEEP + 5):
        add(shelf, f"v{n}")
    kept = [version for version, _ in shelf.versions() if version]
    assert len(kept) == KEEP + 2 and {f"v{KEEP + 4}", f"v{KEEP + 3}"} <= set(kept)
    assert shelf.state().line[-2:] == (f"v{KEEP + 3}", f"v{KEEP + 4}")
    assert all(shelf.place(version).exists() for version in shelf.state().line)


def test_a_broken_state_or_nothing_at_all(shelf: Shelf, tmp_path: Path) -> None:
    shelf.folder.mkdir()
    (shelf.folder / "state.json").write_text("{", encoding="utf-8")
    assert shelf.usable().problem == ""
    with pytest.raises(ArtifactMissing, match="tingjian train"):
        Shelf(tmp_path / "models", tmp_path / "none").usable()


def test_a_version_that_lost_its_words(shelf: Shelf) -> None:
    place = add(shelf, "one")
    (place / WORDS).unlink()
    assert shelf.frequencies().texts > 0
    shutil.rmtree(place)
    assert "one 不能用（还没有训练过）" in shelf.usable().problem
