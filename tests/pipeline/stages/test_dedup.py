"""Near-copies meet, different stories do not; of a circulating text only what k voices wrote is told."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from making import NOW

from pipeline.dedup import SPAN, bands, content_hash, shared_spans, story_of
from pipeline.privacy.staging_keys import StagingKeys, distinct_voices, voice_of
from pipeline.records import Voice

K = 5
STORY = (
    "本报清江11月20日电（记者）清江市人民检察院20日通报，该院对一起跨省电信网络诈骗案提起公诉。起诉书指控，被告人李某等人自2025年起"
    "冒充检察机关工作人员，以涉嫌洗钱为由要求被害人将存款转入所谓安全账户，先后骗取数十人财物。检察机关提醒，办案不会通过电话要求转账。"
)
SAME_DATELINE = (
    "本报清江11月20日电（记者）清江市人民检察院20日通报，该院联合教育部门走进三所中学开展法治课。检察官结合身边的故事，向同学们讲解"
    "未成年人保护法，回答了关于网络欺凌和校园安全的提问。活动结束后，学校设立了法治信箱，由检察官定期回信。"
)


def meet(one: str, other: str) -> bool:
    return bool(set(bands(one)) & set(bands(other)))


@pytest.mark.parametrize(
    "copy",
    [
        STORY,
        STORY.replace("，", ",").replace("。", "."),
        "　　" + STORY.replace("。", "。\n\n"),
        "【转载】" + STORY + "（责任编辑：某某）",
        STORY.replace("记者", "通讯员"),
        STORY.removesuffix("检察机关提醒，办案不会通过电话要求转账。"),
    ],
)
def test_near_copies_meet(copy: str) -> None:
    assert meet(STORY, copy)


@pytest.mark.parametrize("other", [SAME_DATELINE, STORY[:45] + SAME_DATELINE[45:], STORY[::-1]])
def test_different_stories_under_one_dateline_do_not(other: str) -> None:
    assert not meet(STORY, other)


def test_short_texts_have_no_story_but_their_own() -> None:
    assert bands("电话没人接") == [] and story_of("a", [], {"x": "s"}) == "a"


def test_a_text_joins_the_earliest_story_it_knows() -> None:
    own = bands(STORY)
    assert own == bands(STORY) and len(own) == len(set(own)) == 16
    assert story_of("b", own, {own[3]: "first", own[9]: "second"}) == "first"


def test_the_hash_sees_what_a_reader_sees() -> None:
    assert content_hash("题", "一段 话") == content_hash("题 ", "一段\n话")
    assert content_hash("题", "一段话。") != content_hash("题", "一段话！")
    assert content_hash("题", "一段话") != content_hash("", "题一段话")


CHAIN = "孩子在清江一中读书的家长注意了，明天起校门口不让停车"
DETAIL = "我家住在桐花巷尽头挂红灯笼的那一户，孩子叫小满"


@pytest.fixture
def voices(tmp_path: Path) -> list[Voice]:
    live = StagingKeys(tmp_path).live(NOW)
    return [voice_of(live, "bbs.example", f"author {n}") for n in range(12)]


@pytest.mark.parametrize(("people", "told"), [(1, []), (K - 1, []), (K, [CHAIN]), (K + 1, [CHAIN])])
def test_a_span_is_told_from_k_voices_on(voices: list[Voice], people: int, told: list[str]) -> None:
    assert shared_spans([(CHAIN + f"。{n}号楼转", voices[n]) for n in range(people)], K) == told


def test_one_person_with_many_copies_is_one_voice(voices: list[Voice]) -> None:
    assert shared_spans([(CHAIN, voices[0])] * 40, K) == []
    assert shared_spans([(CHAIN, voices[n % (K - 1)]) for n in range(40)], K) == []


@pytest.mark.parametrize("place", ["before", "after", "within"])
def test_one_members_detail_beside_the_circulating_text_stays_private(voices: list[Voice], place: str) -> None:
    middle = len(CHAIN) // 2
    own = {"before": DETAIL + CHAIN, "after": CHAIN + DETAIL, "within": CHAIN[:middle] + DETAIL + CHAIN[middle:]}[place]
    posts = [(CHAIN, voices[n]) for n in range(K)] + [(own, voices[K])]
    told = "".join(shared_spans(posts, K))
    assert told and not any(DETAIL[i : i + 3] in told for i in range(len(DETAIL) - 2))
    # the same where the member with the detail is one of the k
    told = "".join(shared_spans(posts[1:], K))
    assert not any(DETAIL[i : i + 3] in told for i in range(len(DETAIL) - 2))


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(st.text("甲乙丙", min_size=8, max_size=40), st.integers(0, 7)), max_size=14))
def test_every_span_stands_in_k_voices_texts(posts: list[tuple[str, int]]) -> None:
    spoken: list[tuple[str, Voice]] = [(text, (("1", str(author)),)) for text, author in posts]
    for span in shared_spans(spoken, 3):
        assert len(span) >= SPAN
        assert distinct_voices([voice for text, voice in spoken if span in text]) >= 3
