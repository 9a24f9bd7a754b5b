"""The corpus is large and varied enough, says what it is, and a malformed line is named."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from pathlib import Path

import pytest
from datasketch import MinHash, MinHashLSH

from models.corpus_reader import STYLES, read_corpus
from models.errors import CorpusError
from models.taxonomy import ROLES, SENTIMENTS, TOPICS

CORPUS = read_corpus()
GOOD = {
    "id": "t-1", "text": "检察院的电话打不通", "style": "topic", "scenario": "s", "family": "f", "role": "subject",
    "sentiment": "negative", "topics": ["service_access"], "needs_answer": False, "sensitive": False, "guideline": 2,
}  # fmt: skip


def test_every_label_and_style_is_there() -> None:
    assert len(CORPUS) >= 1500
    assert {e.style for e in CORPUS.examples} == set(STYLES)
    assert {e.role for e in CORPUS.examples} == set(ROLES)
    assert {e.sentiment for e in CORPUS.examples} == set(SENTIMENTS)
    topics = Counter(t for e in CORPUS.examples for t in e.topics)
    assert min(topics[t] for t in TOPICS) >= 40, topics


def test_no_two_scenarios_tell_the_same_text() -> None:
    index: MinHashLSH = MinHashLSH(threshold=0.6, num_perm=64)
    sketches: dict[str, MinHash] = {}
    scenario = {e.id: e.scenario for e in CORPUS.examples}
    for example in CORPUS.examples:
        sketch = MinHash(num_perm=64, seed=1)
        text = "".join(example.text.split())
        sketch.update_batch({text[i : i + 4].encode() for i in range(max(1, len(text) - 3))})
        sketches[example.id] = sketch
        index.insert(example.id, sketch)
    near = [
        (one, other)
        for one, sketch in sketches.items()
        for other in index.query(sketch)
        if one < other and scenario[one] != scenario[other] and sketch.jaccard(sketches[other]) >= 0.6
    ]
    assert near == []


def test_texts_do_not_come_from_a_template() -> None:
    openings: dict[str, set[str]] = defaultdict(set)
    for example in CORPUS.examples:
        openings[example.text[:6]].add(example.scenario)
    shared = {opening for opening, scenarios in openings.items() if len(scenarios) > 6}
    assert len(shared) <= 6, shared
    lengths = sorted(len(e.text) for e in CORPUS.examples)
    assert lengths[len(lengths) // 10] <= 40
    assert lengths[-len(lengths) // 10] >= 150


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"role": "boss"}, "role"),
        ({"topics": ["stability"]}, "topics"),
        ({"topics": "praise"}, "topics"),
        ({"text": "  "}, "text"),
        ({"sensitive": "yes"}, "sensitive"),
        ({"author": "某人"}, "author"),
        ({"guideline": 99}, "guideline"),
    ],
)
def test_a_malformed_line_names_file_line_and_field(tmp_path: Path, change: dict[str, object], field: str) -> None:
    lines = [json.dumps(GOOD), json.dumps({**GOOD, "id": "t-2", **change})]
    (tmp_path / "bad.jsonl").write_text("\n".join(lines), encoding="utf-8")
    with pytest.raises(CorpusError) as caught:
        read_corpus(tmp_path)
    assert caught.value.file.endswith("bad.jsonl")
    assert (caught.value.line, caught.value.field) == (2, field)


def test_an_id_twice_and_an_empty_folder_are_errors(tmp_path: Path) -> None:
    with pytest.raises(CorpusError):
        read_corpus(tmp_path)
    (tmp_path / "a.jsonl").write_text(json.dumps(GOOD) + "\n" + json.dumps(GOOD), encoding="utf-8")
    with pytest.raises(CorpusError, match="t-1"):
        read_corpus(tmp_path)
