"""What may be said of an issue: nothing that fewer than k voices share, and no count that shows one person (charter 2)."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from making import HOUR, NOW, item, post, reading

from models.taxonomy import SENTIMENTS
from pipeline.issues import Before, IssueFacts, describe
from pipeline.privacy.staging_keys import StagingKey, StagingKeys
from pipeline.records import Item
from pipeline.staging import Post

K = 5
CHAIN = "检察院的咨询热线连续三天没有人接听，谁能管一管"
DETAIL = "我家住在桐花巷挂红灯笼的那一户"
WORDS = ("热线", "咨询", "接听")
TELLING = dict.fromkeys((*WORDS, "灯笼", "桐花巷", "公诉", "诈骗"), 3.0)
Keys = Sequence[StagingKey]


@pytest.fixture
def keys(tmp_path: Path) -> Keys:
    return StagingKeys(tmp_path).live(NOW)


def said(n: int, keys: Keys, text: str = CHAIN, **fields: Any) -> Post:
    values: dict[str, Any] = {
        "offices": {"city": reading("addressed", ["service_access"], needs_answer=True)},
        "words": WORDS,
    }
    return post(n, text, f"author {n}", keys, **{**values, **fields})


def facts(items: Sequence[Item] = (), posts: Sequence[Post] = (), before: Before | None = None) -> IssueFacts | None:
    return describe(items, posts, before or Before(), K, NOW, TELLING)


def text_of(found: IssueFacts) -> str:
    return json.dumps(asdict(found), ensure_ascii=False, default=str)


@pytest.mark.parametrize(("people", "voices"), [(1, 0), (K - 1, 0), (K, K), (K + 1, K), (2 * K, 2 * K)])
def test_public_posts_are_heard_from_k_voices_on(keys: Keys, people: int, voices: int) -> None:
    found = facts(posts=[said(n, keys) for n in range(people)])
    if not voices:
        assert found is None
        return
    assert found is not None
    assert (found.voices, found.items, found.office_ids) == (voices, 0, ["city"])
    assert CHAIN in found.phrases and set(found.keywords) <= set(WORDS) and found.needs_answer
    assert found.site_groups == {"论坛": voices} and found.trend == [["2026-11-21", 0, voices]]
    assert f"{voices} 人以上" in text_of(found)


def test_below_k_the_whole_documents_speak_alone(keys: Keys) -> None:
    items = [item(n, f"检察院提起公诉之{n}", "某案进展", words=("公诉",)) for n in range(2)]
    alone, beside = facts(items), facts(items, [said(n, keys) for n in range(K - 1)])
    assert alone is not None and alone == beside
    assert facts(items[:1], [said(n, keys) for n in range(K - 1)]) is None


def test_one_person_in_two_key_windows_is_one_voice(tmp_path: Path) -> None:
    ring = StagingKeys(tmp_path)
    early, late = ring.live(NOW), ring.live(NOW + timedelta(hours=36))
    posts = [said(n, early) for n in range(K - 1)]
    posts += [replace(said(n, late), id=f"again{n}") for n in range(K - 1)]
    assert facts(posts=posts) is None


@pytest.mark.parametrize("extra", [0, 1, 3])
def test_one_members_private_detail_is_nowhere(keys: Keys, extra: int) -> None:
    posts = [said(n, keys) for n in range(K - 1 + extra)]
    posts.append(said(99, keys, CHAIN + "，" + DETAIL, title=DETAIL, words=(*WORDS, "灯笼", "桐花巷")))
    found = facts(posts=posts)
    assert found is not None
    for secret in ("灯笼", "桐花巷", DETAIL):
        assert secret not in text_of(found)


ONE_MORE = [
    {},
    {"text": "完全不同的另一句话，说的是别的事情", "words": ("公诉", "诈骗")},
    {"offices": {"city": reading("subject", ["privacy_leak"], sensitive=True)}},
    {"offices": {"district": reading("subject", ["integrity"])}},
    {"site_group": "问答"},
    {"occurred_at": NOW - 30 * HOUR},
]


@pytest.mark.parametrize("fields", ONE_MORE)
def test_one_more_person_changes_nothing_that_is_shown(keys: Keys, fields: dict[str, Any]) -> None:
    """From k to k+1, and with whole documents beside."""
    posts = [said(n, keys) for n in range(K)]
    for items in ([], [item(n, f"报道之{n}", words=("热线",)) for n in range(2)]):
        assert facts(items, posts) == facts(items, [*posts, said(99, keys, **fields)])


@settings(max_examples=80, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 9), st.sets(st.sampled_from(sorted(TELLING))), st.integers(0, 60)), max_size=40)
)
def test_every_word_is_shared_and_every_count_a_multiple(posts: list[tuple[int, set[str], int]]) -> None:
    spoken = [
        post(n, "，".join(sorted(words)), "", (), words=sorted(words), voice=(("1", str(author)),), occurred_at=NOW - hours * HOUR)
        for n, (author, words, hours) in enumerate(posts)
    ]  # fmt: skip
    found = facts(posts=spoken)
    if found is None:
        return
    users = {w: {p.voice for p in spoken if w in p.words} for w in TELLING}
    assert all(len(users[w]) >= K for w in {*found.keywords, *found.profile})
    assert all(phrase == "" or len({p.voice for p in spoken if phrase in p.text}) >= K for phrase in found.phrases)
    counts = [found.voices, *found.site_groups.values(), *(v for _, _, v in found.trend), *found.profile.values()]
    assert all(count % K == 0 for count in counts)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from(SENTIMENTS), min_size=8, max_size=8), st.integers(0, 8))
def test_a_harsher_wording_leaves_everything_as_it_was(sentiments: list[str], asking: int) -> None:
    def told(of: list[str]) -> IssueFacts | None:
        items = [
            item(
                n, f"报道{n}", sentiment=s, labels={"sentiment": s}, topics=("staff_conduct",), needs_answer=n < asking
            )
            for n, s in enumerate(of[:3])
        ]
        posts = [
            post(
                n,
                CHAIN,
                "",
                (),
                voice=(("1", str(n)),),
                offices={"city": reading(topics=["staff_conduct"], sentiment=s)},
            )
            for n, s in enumerate(of)
        ]
        return facts(items, posts)

    assert told(sentiments) == told(["neutral"] * 8)


def test_what_was_heard_stays_when_the_posts_are_gone(keys: Keys) -> None:
    first = facts(posts=[said(n, keys) for n in range(2 * K)])
    assert first is not None
    before = Before(
        voices=first.voices, phrases=tuple(first.phrases), trend=tuple((d, n, v) for d, n, v in first.trend),
        site_groups=first.site_groups, topics=first.topics, first_at=first.first_at, needs_answer=first.needs_answer,
        office_ids=tuple(first.office_ids), profile=first.profile,
    )  # fmt: skip
    later = facts(posts=[said(77, keys, "一句新的话，" + DETAIL, words=("灯笼",))], before=before)
    assert later is not None
    for name in (
        "title",
        "office_ids",
        "keywords",
        "phrases",
        "voices",
        "site_groups",
        "topics",
        "needs_answer",
        "first_at",
    ):
        assert getattr(later, name) == getattr(first, name), name


def test_reports_give_the_title_and_the_weight() -> None:
    items = [
        item(1, "热线没人接", "群众反映热线", words=("热线",), outlet_weight=1.0),
        item(2, "咨询热线三天无人接听", "热线", words=("热线", "咨询", "接听"), outlet="省报", outlet_weight=3.0),
        item(3, "", "我打不通热线", channel="submission", outlet="", role="addressed", needs_answer=True),
    ]  # fmt: skip
    found = facts(items)
    assert found is not None
    assert found.title == "咨询热线三天无人接听" and found.outlets == ["清江日报", "省报"]
    assert (found.items, found.media_items, found.submissions, found.voices) == (3, 2, 1, 0)
    assert found.phrases == [] and found.site_groups == {}


def test_backfill_alone_is_no_burst_and_no_wait() -> None:
    old = [item(n, "旧报道", backfill=True, needs_answer=True, occurred_at=NOW - timedelta(days=90)) for n in range(2)]
    found = facts(old)
    assert found is not None and not found.needs_answer
    assert not {r["factor"] for r in found.reasons} & {"speed", "unanswered"}
