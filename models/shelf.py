"""The models of one installation: versions in its data folder, which of them is used, and the shipped one beneath them.

A version that can't be used (changed bytes, an older taxonomy, another segmenter) is refused in words, and the one before
it is used. The shipped model is the last resort; `""` names it.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Final

from models.artifact import load_frequencies, load_model, read_card
from models.errors import ArtifactError, ModelsError
from models.frequencies import Frequencies
from models.model import Model
from models.scorer import Scorer
from models.segment import Segmenter

SHIPPED: Final = ""
STATE: Final = "state.json"
KEEP: Final = 5  # versions on the shelf, besides those that are used or may be returned to


class NothingBefore(Exception):
    """There is no version to return to."""


@dataclass(frozen=True, slots=True)
class State:
    """`line`: versions in the order in which they were taken, the last one in use; `left`: those that somebody returned from.

    `tried`: what the last training was made from, which would come to the same again.
    """

    line: tuple[str, ...] = (SHIPPED,)
    left: tuple[str, ...] = ()
    tried: str = ""


@dataclass(frozen=True, slots=True)
class Usable:
    """A model that can be used, and what was refused on the way to it, in words."""

    version: str  # as its card says
    model: Model
    segmenter: Segmenter
    card: dict[str, Any]
    refused: tuple[str, ...]

    @property
    def problem(self) -> str:
        """Empty where it is the one that should be used."""
        return f"{'；'.join(self.refused)}；现在用的是 {self.version}" if self.refused else ""

    def scorer(self) -> Scorer:
        return Scorer(self.model, self.segmenter, self.version)


@dataclass(frozen=True, slots=True)
class Shelf:
    """`folder`: where trained versions lie; `shipped`: the model of the installed software."""

    folder: Path
    shipped: Path

    def state(self) -> State:
        """What is used; the shipped model alone where nothing was trained or the file can't be read."""
        try:
            body = json.loads((self.folder / STATE).read_text(encoding="utf-8"))
            line, left = (tuple(str(version) for version in body[key]) for key in ("line", "left"))
            return State(line or (SHIPPED,), left, str(body["tried"]))
        except (OSError, ValueError, KeyError, TypeError):
            return State()

    def place(self, version: str) -> Path:
        return self.folder / Path(version).name if version else self.shipped

    def usable(self) -> Usable:
        """The model in use, or the last one before it that can be. Raises ModelsError where the shipped one can't either."""
        refused: list[str] = []
        for version in self._downwards():
            try:
                model, segmenter, card = load_model(self.place(version))
                return Usable(str(card["version"]), model, segmenter, card, tuple(refused))
            except ModelsError as error:
                if version == SHIPPED:
                    raise
                refused.append(f"{version} 不能用（{error.why if isinstance(error, ArtifactError) else error}）")
        raise AssertionError("the shipped model ends every line")

    def frequencies(self) -> Frequencies:
        """Word frequencies that belong to the model in use. Raises ArtifactError where the shipped model has none either."""
        for version in self._downwards():
            try:
                return load_frequencies(self.place(version))
            except ArtifactError:
                if version == SHIPPED:
                    raise
        raise AssertionError("the shipped model ends every line")

    def take(self, candidate: Path) -> str:
        """Use the model in `candidate`, a folder beside the versions. Returns its version."""
        version = str(read_card(candidate)["version"])
        place = self.place(version)
        if place.exists():  # the same model, whose bytes somebody may have changed
            shutil.rmtree(place)
        candidate.rename(place)
        state = self.state()
        self._write(replace(state, line=(*(v for v in state.line if v != version), version)))
        self._clear()
        return version

    def note_tried(self, inputs: str) -> None:
        """Remember what the last training was made from."""
        self._write(replace(self.state(), tried=inputs))

    def back(self) -> tuple[str, str]:
        """Return to the version before; (left, used now), with `""` for the shipped one. Raises NothingBefore."""
        state = self.state()
        if len(state.line) < 2:
            raise NothingBefore
        left, now = state.line[-1], state.line[-2]
        self._write(replace(state, line=state.line[:-1], left=(*(v for v in state.left if v != left), left)))
        return left, now

    def versions(self) -> Iterator[tuple[str, dict[str, Any] | None]]:
        """Every version with its card, newest first, the shipped one last; None where the card can't be read."""
        kept = [p for p in self.folder.iterdir() if (p / "card.json").exists()] if self.folder.is_dir() else []
        for path in sorted(kept, key=lambda p: (p / "card.json").stat().st_mtime, reverse=True):
            if not path.name.startswith("."):
                yield path.name, _card(path)
        yield SHIPPED, _card(self.shipped)

    def _downwards(self) -> Iterator[str]:
        line = [v for v in reversed(self.state().line) if v != SHIPPED]
        yield from (*line, SHIPPED)

    def _write(self, state: State) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        scratch = self.folder / f".{STATE}.{os.getpid()}"
        scratch.write_text(json.dumps(asdict(state), indent=1) + "\n", encoding="utf-8")
        scratch.replace(self.folder / STATE)

    def _clear(self) -> None:
        """Older versions go; the two last of the line stay."""
        line = self.state().line
        spare = [version for version, _ in self.versions() if version and version not in line[-2:]]
        gone = set(spare[KEEP:])
        for version in gone:
            shutil.rmtree(self.place(version), ignore_errors=True)
        if gone & set(line):
            self._write(replace(self.state(), line=tuple(v for v in line if v not in gone)))


def _card(folder: Path) -> dict[str, Any] | None:
    try:
        return read_card(folder)
    except ArtifactError:
        return None
