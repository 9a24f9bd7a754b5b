"""How many background texts hold a word: what is rare in general, known before the first post comes in."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from models.segment import Segmenter

LEAST: Final = 2  # a word of fewer texts is as rare as an unknown one


@dataclass(frozen=True, slots=True)
class Frequencies:
    """`counts`: word → texts that hold it, of `texts` in all."""

    texts: int = 0
    counts: Mapping[str, int] | None = None

    def of(self, word: str) -> int:
        """Texts that hold `word`; 0 where none is known."""
        return self.counts.get(word, 0) if self.counts else 0


def count_words(segmenter: Segmenter, texts: Iterable[str]) -> Frequencies:
    """Content words of the given texts."""
    counts: Counter[str] = Counter()
    total = 0
    for text in texts:
        counts.update(set(segmenter.words(text)))
        total += 1
    return Frequencies(total, {word: n for word, n in sorted(counts.items()) if n >= LEAST})
