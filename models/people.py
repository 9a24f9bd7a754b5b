"""Where a short text may name a person: the dictionary's tagger, and what no dictionary knows."""

from __future__ import annotations

from functools import cache
from typing import Any

from models.words import LEGAL_WORDS

Span = tuple[int, int]


def may_be_names(run: str) -> list[Span]:
    """Spans of `run` (Chinese characters) that the tagger takes for a person's name: 检察官张伟 gives 张伟."""
    spans, at = [], 0
    for word, tag in _tagger().tag(run):
        if tag.startswith("nr") and len(word) > 1:
            spans.append((at, at + len(word)))
        at += len(word)
    return spans


def in_dictionary(word: str) -> bool:
    """Whether the general dictionary or our legal terms hold `word`."""
    return bool(_tagger().has_word(word))


@cache
def _tagger() -> Any:
    import rjieba  # lazy: its dictionary takes a third of a second, and only a standing search needs it

    engine = rjieba.Jieba()
    for term in LEGAL_WORDS:
        engine.add_word(term, None, None)
    return engine
