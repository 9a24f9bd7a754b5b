"""Elasticsearch cuts Chinese as `pipeline.index.tokens` does, so that both engines find the same."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import pytest
from engines import drop, open_elastic
from hypothesis import given, settings
from hypothesis import strategies as st

from models.corpus_reader import read_corpus
from pipeline.index.elastic import ElasticIndex
from pipeline.index.tokens import GAP, index_tokens

PIECES = [
    "检察", "院", "不起诉", "12309", "2.0", "C++", "ＡＰＰ", "wifi_5g", "，", "。", "！？", "；", "：", "“", "”", "\n", " ", "《", "①",
    "㎡", "〇", "二〇二六", "😀", "e-mail", "a.b", "…", "—", "·", "%", "3,000", "㐂", "𠮷",
]  # fmt: skip


@pytest.fixture(scope="module")
def analyser(elasticsearch_url: str) -> Iterator[ElasticIndex]:
    index = open_elastic(elasticsearch_url)
    index.server.client.indices.create(index=f"{index.server.prefix}items-media-2026.11")
    yield index
    drop(index)


def cut(index: ElasticIndex, text: str) -> str:
    """Elasticsearch's tokens as the other engine writes them: at each position the longest, gaps left out."""
    found = index.server.client.indices.analyze(index=f"{index.server.prefix}items-media-2026.11", analyzer="han", text=text)
    at_place = itertools.groupby(found["tokens"], key=lambda token: token["position"])
    longest = (max((t["token"] for t in tokens), key=len) for _, tokens in at_place)
    return " ".join(token for token in longest if token != GAP)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.sampled_from(PIECES), max_size=12).map("".join))
def test_made_up_texts_are_cut_alike(analyser: ElasticIndex, text: str) -> None:
    assert cut(analyser, text) == index_tokens(text)


def test_real_texts_are_cut_alike(analyser: ElasticIndex) -> None:
    different = [e.id for e in read_corpus().examples[::15] if cut(analyser, e.text) != index_tokens(e.text)]
    assert different == []
