"""Tokens for SQLite's FTS5 that find what Elasticsearch's cjk_bigram finds (DESIGN §5).

A run of Han becomes its overlapping pairs and its last character: 不起诉 → 不起 起诉 诉. So a phrase is a sequence of
pairs, and a single character is a prefix. Latin words and numbers stay whole, lower case. A mark at each sentence end
keeps phrases from running across it.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from operator import add

SENTENCE_END, GAP = "zzsentencezz", "zzgapzz"
HAN = "\u3005\u3007\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003134f"
_END = r"[。!?;\n]"  # of folded text
# SQLite's tokenizer splits at ASCII marks: they move to code points that nothing else uses.
_ONE_TOKEN = {code: 0xE000 + code for code in range(128) if not chr(code).isalnum()}
_RUN = re.compile(rf"([{HAN}]+)|([^\W_{HAN}]+)|({_END})")


def fold(text: str) -> str:
    """Full-width forms folded, lower case; lone surrogates replaced."""
    return unicodedata.normalize("NFKC", text.encode("utf-8", "replace").decode("utf-8")).lower()


def index_tokens(text: str) -> str:
    """The token stream of a document's field, joined by spaces."""
    return " ".join(_stream(fold(text)))


def match_expression(text: str) -> str:
    """The FTS5 expression that finds `text` as one phrase; empty where it holds nothing to look for.

    A sentence end inside is looked for too; one before or after is not.
    """
    tokens = phrase_tokens(text)
    if not tokens:
        return ""
    alone = len(tokens[-1]) == 1 and re.fullmatch(rf"[{HAN}]", tokens[-1]) is not None
    return '"' + " ".join(t for t in tokens if t != GAP) + '"' + ("*" if alone else "")


def folded_words(words: Sequence[str]) -> list[str]:
    """Each of the segmenter's words folded."""
    return fold("\0".join(words)).split("\0") if words else []


def word_token(folded: str) -> str:
    """A folded word as one token, whatever marks and spaces it holds."""
    return folded.translate(_ONE_TOKEN)


def phrase_tokens(text: str) -> list[str]:
    """The tokens of `text` as a phrase, with a GAP between two Chinese runs (检，察 is not 检察)."""
    folded = fold(text)
    tokens = list(_stream(folded, gaps=True))
    while tokens and tokens[0] == SENTENCE_END:
        del tokens[0]
    while tokens and tokens[-1] == SENTENCE_END:
        del tokens[-1]
    if tokens:
        last = [han for han, word, _ in _RUN.findall(folded) if han or word][-1]
        if len(last) > 1:
            tokens.pop()  # the last run's closing character: something may follow it in the document
    return tokens


def _stream(folded: str, gaps: bool = False) -> Iterator[str]:
    ended = han_before = False  # 。” and a line break are one end
    for han, word, end in _RUN.findall(folded):
        if han:
            if gaps and han_before:
                yield GAP
            yield from map(add, han, han[1:])
            yield han[-1]
        elif word:
            yield word
        elif not ended:
            yield SENTENCE_END
        ended, han_before = bool(end), bool(han)
