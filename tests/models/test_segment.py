"""Two engines, one dictionary: nothing is lost in cutting, legal terms stay whole, and the engines mostly agree."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.corpus_reader import read_corpus
from models.errors import EngineError
from models.segment import ENGINES, Segmenter

SEGMENTERS = {engine: Segmenter(engine) for engine in ENGINES}


@pytest.mark.parametrize("engine", ENGINES)
@settings(max_examples=80, deadline=None)
@given(text=st.text(st.characters(exclude_categories=["Cs"]), max_size=80))
def test_tokens_join_to_the_text(engine: str, text: str) -> None:
    assert "".join(SEGMENTERS[engine].cut(text)) == text


@pytest.mark.parametrize("engine", ENGINES)
def test_legal_terms_stay_whole(engine: str) -> None:
    assert {"附条件不起诉", "检察建议"} <= set(SEGMENTERS[engine].cut("对其作出附条件不起诉并制发检察建议"))
    assert SEGMENTERS[engine].words("我们的检察院，在 2024 年也有电话。") == ["检察院", "2024", "电话"]


def test_the_engines_agree_on_most_texts() -> None:
    texts = [e.text for e in read_corpus().examples[:400]]
    cut = {engine: [tuple(s.words(t)) for t in texts] for engine, s in SEGMENTERS.items()}
    same = sum(a == b for a, b in zip(cut["rjieba"], cut["jieba"], strict=True)) / len(texts)
    assert same >= 0.75, same


def test_an_unknown_engine_is_an_error() -> None:
    with pytest.raises(EngineError, match="rjieba"):
        Segmenter("thulac")
