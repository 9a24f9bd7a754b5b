"""Cuts Chinese into words with one of two engines; a model belongs to the engine it was trained with."""

from __future__ import annotations

import hashlib
import importlib.metadata
import re
from collections.abc import Callable, Iterable
from typing import Final, Literal, cast

from models.errors import EngineError
from models.ngrams import shorten
from models.words import LEGAL_WORDS, STOP_WORDS

Engine = Literal["rjieba", "jieba"]
ENGINES: Final[tuple[Engine, ...]] = ("rjieba", "jieba")
DEFAULT_ENGINE: Final[Engine] = "rjieba"
_SURROGATES: Final = re.compile("[\ud800-\udfff]")


class Segmenter:
    """Cuts text into words, with legal terms and the given user words kept whole.

    Raises EngineError for an engine that is unknown or not installed.
    """

    def __init__(self, engine: str = DEFAULT_ENGINE, user_words: Iterable[str] = ()) -> None:
        if engine not in ENGINES:
            raise EngineError(f"未知的分词引擎 {engine!r},可选: {'、'.join(ENGINES)}")
        self.engine = engine
        terms = sorted({word.strip() for word in (*LEGAL_WORDS, *user_words) if len(word.strip()) > 1})
        try:
            self._cut = _rjieba(terms) if engine == "rjieba" else _jieba(terms)
            release = importlib.metadata.version(engine)
        except ImportError as error:
            raise EngineError(f"分词引擎 {engine} 没有安装") from error
        digest = hashlib.sha256("\n".join(terms).encode()).hexdigest()[:10]
        self.words_version = f"{engine}-{release}-{digest}"

    def cut(self, text: str) -> list[str]:
        """All tokens in order, punctuation and white space too; joined they are the text again (lone surrogates as �)."""
        tokens = self._cut(text if text.isascii() else _SURROGATES.sub("\ufffd", text))
        return tokens if sum(map(len, tokens)) == len(text) else list(text)

    def words(self, text: str) -> list[str]:
        """Content words for an index: without punctuation, single characters and function words.

        Takes any string; lone surrogates and control characters only separate words. Repeats are kept.
        """
        clean = shorten(text).encode("utf-8", "replace").decode("utf-8")
        return [word for word in map(str.lower, self._cut(clean)) if _is_content(word)]


def _is_content(word: str) -> bool:
    return len(word) > 1 and word not in STOP_WORDS and word[0].isalnum() and not (word.isdigit() and len(word) > 5)


def _rjieba(terms: list[str]) -> Callable[[str], list[str]]:
    import rjieba  # lazy: a process that only needs jieba need not have it

    engine = rjieba.Jieba()
    for term in terms:
        engine.add_word(term, None, None)
    return cast(Callable[[str], list[str]], engine.cut)


def _jieba(terms: list[str]) -> Callable[[str], list[str]]:
    import jieba  # lazy: pure Python, loading its dictionary takes a second

    engine = jieba.Tokenizer()
    # Not engine.initialize(): it would trust a marshalled cache in the shared temporary folder.
    engine.FREQ, engine.total = engine.gen_pfdict(engine.get_dict_file())
    engine.initialized = True
    for term in terms:
        engine.add_word(term)
    return cast(Callable[[str], list[str]], engine.lcut)
