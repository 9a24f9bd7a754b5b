"""What clustering promises whatever it is given: every document has a place, ids last, merges leave redirects."""

from __future__ import annotations

import itertools
import random
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from making import NOW

from models.frequencies import Frequencies
from pipeline.cluster import Clustering, Document, cluster

WORDS = "热线 咨询 接听 没人接 不起诉 申诉 家属 证据 诈骗 转账 安全账户 检察官 停车 校门口 家长 开放日".split()
EVERYDAY = [f"词{n}" for n in range(1200)]
USUAL = Frequencies(1500, {"检察院": 700, "某某": 300, **dict.fromkeys(EVERYDAY, 15)})


def document(
    number: int, words: Sequence[str], issue_id: str = "", kin: Sequence[str] = (), minutes: int | None = None
) -> Document:
    at = NOW + timedelta(minutes=number if minutes is None else minutes)
    return Document(f"d{number}", tuple(words), frozenset(), frozenset(), at, tuple(kin), issue_id)


def place(documents: Sequence[Document], profiles: Mapping[str, Mapping[str, float]] | None = None) -> Clustering:
    ids = (f"new{n}" for n in itertools.count())
    return cluster(documents, profiles or {}, USUAL, lambda: next(ids))


documents_of = st.lists(
    st.tuples(
        st.lists(st.sampled_from(WORDS), min_size=0, max_size=8),
        st.sampled_from(["", "", "", "i1", "i2", "i3"]),
        st.lists(st.sampled_from(["story:a", "thread:b", "thread:c"]), max_size=1),
    ),
    max_size=25,
).map(lambda rows: [document(n, words, issue, kin) for n, (words, issue, kin) in enumerate(rows)])


@settings(max_examples=120, deadline=None)
@given(documents_of, st.sets(st.sampled_from(["i1", "i2"])))
def test_every_document_has_one_place_and_leaves_it_only_by_a_redirect(
    documents: list[Document], known: set[str]
) -> None:
    profiles = {issue: dict.fromkeys(WORDS[:3], 2.0) for issue in sorted(known)}
    found = place(documents, profiles)
    assert set(found.places) == {d.id for d in documents}
    for d in documents:
        if d.issue_id:
            assert found.places[d.id] == found.redirects.get(d.issue_id, d.issue_id)
    assert not set(found.redirects) & set(found.redirects.values())  # no chains: the survivor was not merged itself
    assert set(found.redirects) <= {*known, *(d.issue_id for d in documents)}
    for kin in {k for d in documents for k in d.kin}:
        assert len({found.places[d.id] for d in documents if kin in d.kin}) == 1
    assert place(documents, profiles) == found  # the same again, to the letter


@settings(max_examples=60, deadline=None)
@given(documents_of)
def test_hearing_again_what_was_heard_moves_nothing(documents: list[Document]) -> None:
    first = place(documents)
    settled = [replace(d, issue_id=first.places[d.id]) for d in documents]
    again = place(settled)
    assert {d: again.redirects.get(i, i) for d, i in first.places.items()} == again.places
    third = place([replace(d, issue_id=again.places[d.id]) for d in documents])
    assert len(set(third.places.values())) <= len(set(again.places.values())) <= len(set(first.places.values()))


def test_the_older_of_two_merged_issues_lives_on() -> None:
    apart = [document(n, WORDS[:4], "older" if n % 2 else "younger", minutes=n) for n in range(4)]
    words = dict.fromkeys(WORDS[:4], 2.0)
    found = place(apart, {"older": words, "younger": words})
    assert found.redirects == {"younger": "older"} and set(found.places.values()) == {"older"}


@pytest.mark.parametrize(("about", "others"), [(6, 60), (40, 60), (60, 40), (90, 10), (20, 0)])
def test_a_matter_is_one_issue_also_when_everybody_speaks_of_it(about: int, others: int) -> None:
    """The louder a matter, the more usual its words: they must not be taken for words that tell nothing."""
    rng = random.Random(about)
    documents = [document(n, ["检察院", *rng.sample(WORDS[:8], 6), *rng.sample(EVERYDAY, 5)]) for n in range(about)]
    documents += [document(about + n, ["检察院", "某某", *rng.sample(EVERYDAY, 9)]) for n in range(others)]
    places = place(documents).places
    sizes = Counter(places[f"d{n}"] for n in range(about))
    (issue, held), *_ = sizes.most_common(1)
    assert held >= 0.95 * about
    assert sum(places[f"d{about + n}"] == issue for n in range(others)) <= 1


def test_more_than_can_be_compared_at_once_is_still_placed_and_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """In parts first, the largest and newest together at the end: a loud matter is one issue, and nothing is lost."""
    monkeypatch.setattr("pipeline.cluster.MOST", 40)
    rng = random.Random(4)
    about = [document(n, [*rng.sample(WORDS[:8], 6), *rng.sample(EVERYDAY, 4)]) for n in range(0, 600, 3)]
    others = [document(n, rng.sample(EVERYDAY, 9)) for n in range(1, 600, 3)]
    documents = sorted(about + others, key=lambda d: d.at)
    found = place(documents)
    assert set(found.places) == {d.id for d in documents}
    (_, held), *_ = Counter(found.places[d.id] for d in about).most_common(1)
    assert held >= 0.9 * len(about)
    assert found.uncompared > 0 and place(documents[:40]).uncompared == 0
