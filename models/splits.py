"""Which scenario families are held out: whole families, never lines, so that a test text has no sibling in training."""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from models.corpus_reader import CORPUS_DIR, Corpus, Example, hash_examples
from models.errors import CorpusError
from models.taxonomy import columns

SPLIT_FILE: Final = "split.json"
HELD_OUT_SHARE: Final = 0.2
_TRIES: Final = 4000
_SEED: Final = 20261121


@dataclass(frozen=True, slots=True)
class Split:
    """Training and held-out examples; `held_out_hash` pins the latter."""

    train: tuple[Example, ...]
    held_out: tuple[Example, ...]
    families: frozenset[str]
    held_out_hash: str


def choose_held_out(examples: Sequence[Example], share: float = HELD_OUT_SHARE, seed: int = _SEED) -> frozenset[str]:
    """Families to hold out: about `share` of the texts with each label (and each style) near the same share.

    Looks only at label counts, never at texts or scores. Deterministic for the same examples.
    """
    families = sorted({example.family for example in examples})
    counts = {family: _counts([one for one in examples if one.family == family]) for family in families}
    total = _counts(examples)
    source = random.Random(seed)  # noqa: S311 - a choice to repeat, not a secret
    best: tuple[float, frozenset[str]] = (float("inf"), frozenset())
    for _ in range(_TRIES):
        source.shuffle(families)
        held: Counter[str] = Counter()
        chosen: list[str] = []
        for family in families:
            if held["*"] + counts[family]["*"] <= total["*"] * (share + 0.01):
                chosen.append(family)
                held.update(counts[family])
            if held["*"] >= total["*"] * (share - 0.01):
                break
        # A label missing on either side weighs so much that such a split is never chosen if another one exists.
        cost = sum(abs(held[key] / total[key] - share) + 10.0 * (held[key] in (0, total[key])) for key in total)
        if cost < best[0]:
            best = (cost, frozenset(chosen))
    return best[1]


def _counts(examples: Sequence[Example]) -> Counter[str]:
    counter: Counter[str] = Counter({"*": len(examples)})
    for example in examples:
        counter.update(label for label in columns() if example.has(label))
        counter.update(["style:" + example.style])
    return counter


def split_by(corpus: Corpus, families: frozenset[str]) -> Split:
    """Cuts a corpus at the given families."""
    held_out = tuple(example for example in corpus.examples if example.family in families)
    train = tuple(example for example in corpus.examples if example.family not in families)
    return Split(train, held_out, families, hash_examples(held_out))


def write_split(corpus: Corpus, folder: Path = CORPUS_DIR) -> Split:
    """Stores which families are held out, with the hash of their texts.

    A family stays on the side where it is: the choice is only among families that the stored file does not name.
    """
    path = folder / SPLIT_FILE
    stored = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    held, trained = (frozenset(stored.get(key, ())) for key in ("held_out_families", "train_families"))
    new = [example for example in corpus.examples if example.family not in held | trained]
    chosen = held.intersection(corpus.families) | (choose_held_out(new) if new else frozenset())
    split = split_by(corpus, chosen)
    body = {"held_out_families": sorted(chosen), "train_families": sorted(set(corpus.families) - chosen),
            "held_out_hash": split.held_out_hash, "held_out": len(split.held_out), "train": len(split.train)}  # fmt: skip
    path.write_text(json.dumps(body, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    return split


def read_split(corpus: Corpus, folder: Path = CORPUS_DIR) -> Split:
    """The stored split; if none is stored, the one that `choose_held_out` gives.

    Raises CorpusError if the held-out texts are not the pinned ones.
    """
    path = folder / SPLIT_FILE
    if not path.exists():
        return split_by(corpus, choose_held_out(corpus.examples))
    try:
        body = json.loads(path.read_text(encoding="utf-8"))
        families, pinned = frozenset(body["held_out_families"]), str(body["held_out_hash"])
    except (json.JSONDecodeError, KeyError, TypeError) as error:
        raise CorpusError(path, 1, "held_out_families", "文件损坏,请运行 python -m models.pin_floors") from error
    split = split_by(corpus, families)
    if split.held_out_hash != pinned:
        raise CorpusError(path, 1, "held_out_hash", "留出的语料已改变;确认后运行 python -m models.pin_floors 重新固定")
    return split
