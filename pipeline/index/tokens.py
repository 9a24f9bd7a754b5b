"""Tokens for SQLite's FTS5 that find what Elasticsearch's cjk_bigram finds (DESIGN §5).

A run of Han becomes its overlapping pairs and its last character: 不起诉 → 不起 起诉 诉. So a phrase is a sequence of
pairs, and a single character is a prefix. Latin words and numbers stay whole, lower case. A mark at each sentence end
keeps phrases from running across it.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

SENTENCE_END = "zzsentencezz"
_HAN = "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003134f"
_END = r"[。!?;\n]"  # of folded text
_RUN = re.compile(rf"([{_HAN}]+)|([^\W_{_HAN}]+)|({_END})")


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
    folded = fold(text)
    tokens = list(_stream(folded))
    while tokens and tokens[0] == SENTENCE_END:
        del tokens[0]
    while tokens and tokens[-1] == SENTENCE_END:
        del tokens[-1]
    if not tokens:
        return ""
    last = [han for han, word, _ in _RUN.findall(folded) if han or word][-1]
    if len(last) > 1:
        tokens.pop()  # the last run's closing character: something may follow it in the document
    return '"' + " ".join(tokens) + '"' + ("*" if len(last) == 1 else "")


def _stream(folded: str) -> Iterator[str]:
    ended = False  # 。” and a line break are one end
    for han, word, end in _RUN.findall(folded):
        if han:
            yield from (han[i : i + 2] for i in range(len(han) - 1))
            yield han[-1]
        elif word:
            yield word
        elif not ended:
            yield SENTENCE_END
        ended = bool(end)
