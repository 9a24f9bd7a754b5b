"""The corpus is large and varied enough, says what it is, and a malformed line is named."""

from __future__ import annotations

import json
import re
from collections import Counter, defaultdict
from pathlib import Path

import pytest
from datasketch import MinHash, MinHashLSH

from models.corpus_reader import CORPUS_DIR, STYLES, read_corpus
from models.errors import CorpusError
from models.segment import Segmenter
from models.taxonomy import ROLES, SENTIMENTS, TOPICS, columns

CORPUS = read_corpus()
GOOD = {
    "id": "t-1", "text": "检察院的电话打不通", "style": "topic", "scenario": "s", "family": "f", "role": "subject",
    "sentiment": "negative", "topics": ["service_access"], "needs_answer": False, "sensitive": False, "guideline": 2,
}  # fmt: skip


def test_every_label_and_style_is_there() -> None:
    assert len(CORPUS) >= 4000
    assert {e.style for e in CORPUS.examples} == set(STYLES)
    assert {e.role for e in CORPUS.examples} == set(ROLES)
    assert {e.sentiment for e in CORPUS.examples} == set(SENTIMENTS)
    topics = Counter(t for e in CORPUS.examples for t in e.topics)
    assert min(topics[t] for t in TOPICS) >= 200, topics


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


def test_no_single_word_gives_a_label_away() -> None:
    """Ratio of a word's frequency with and without a label, and lift of the label's share; the guideline lists exceptions."""
    segmenter = Segmenter()
    words = [frozenset(segmenter.words(example.text)) for example in CORPUS.examples]
    frequency = Counter(word for one in words for word in one)
    common = {word for word, count in frequency.items() if count >= len(words) / 100}
    assert len(common) > 100
    allowed = own_vocabulary()
    assert all(len(listed) <= 30 for listed in allowed.values())
    telling: dict[str, dict[str, tuple[float, float]]] = {}
    for label in columns():
        inside = [one for one, example in zip(words, CORPUS.examples, strict=True) if example.has(label)]
        share = len(inside) / len(words)
        found = Counter(word for one in inside for word in one & common)
        for word, count in found.items():
            lift = count / frequency[word] / share
            elsewhere = (frequency[word] - count) / (len(words) - len(inside))
            ratio = count / len(inside) / max(elsewhere, 1e-9)
            if (lift > 20 or ratio > 20) and word not in allowed.get(label, ()):
                telling.setdefault(label, {})[word] = (round(lift, 1), round(ratio, 1))
    assert telling == {}


def own_vocabulary() -> dict[str, list[str]]:
    """The table at the end of the guideline."""
    section = (CORPUS_DIR / "GUIDELINE.md").read_text(encoding="utf-8").split("## Own vocabulary")[1]
    return {label: listed.split() for label, listed in re.findall(r"^\| `(\w+)` \| (.+?) \|$", section, re.M)}


def test_the_language_is_varied() -> None:
    text = [example.text for example in CORPUS.examples]
    for length, least in ((4, 0.55), (8, 0.9)):
        grams = Counter(one[i : i + length] for one in text for i in range(len(one) - length + 1))
        assert len(grams) / sum(grams.values()) >= least, length
    spread = sorted(map(len, text))
    assert spread[len(spread) // 2] < 90 < 200 < spread[-len(spread) // 20]
    assert spread[-1] >= 600


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
