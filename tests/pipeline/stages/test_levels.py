"""Named factors, and nothing but them: how harshly something is said is none (charter 6)."""

from __future__ import annotations

import inspect
from dataclasses import fields, replace
from datetime import timedelta

import pytest
from making import NOW

from models.taxonomy import SENTIMENTS, TOPIC_NAMES
from pipeline.levels import HARM, LEVEL_NAMES, Facts, issue_level, item_level, level_of

QUIET = Facts(
    topics={}, voices=0, outlets=0, outlet_weight=0.0, burst=1.0, media=False, official=False, addressed=0,
    sensitive=False, needs_answer_since=None, answered_at=None,
)  # fmt: skip

FACTORS = [
    ("harm", "对人的损害", {"topics": {"impersonation_scam": 0.9}}, 3, "冒充检察机关诈骗"),
    ("harm", "对人的损害", {"topics": {"privacy_leak": 0.9}, "sensitive": True}, 5, "受保护的利益"),
    ("reach", "传播范围", {"voices": 20, "outlets": 2, "outlet_weight": 2.0}, 3, "20 人以上谈论，2 家媒体报道"),
    ("speed", "升温速度", {"burst": 8.0}, 2, "8 倍"),
    ("uptake", "媒体跟进", {"media": True, "voices": 5}, 1, "媒体报道"),
    ("unanswered", "未答复时间", {"needs_answer_since": NOW - timedelta(hours=80)}, 2, "80 小时"),
]


@pytest.mark.parametrize(("factor", "name", "change", "points", "words"), FACTORS)
def test_each_factor_is_named_with_its_points(
    factor: str, name: str, change: dict[str, object], points: int, words: str
) -> None:
    _, reasons = issue_level(replace(QUIET, **change), NOW)  # type: ignore[arg-type]
    (reason,) = [r for r in reasons if r.factor == factor]
    assert (reason.name, reason.points) == (name, points) and words in reason.text


def test_a_quiet_issue_is_blue_without_reasons_and_the_points_sum_up() -> None:
    assert issue_level(QUIET, NOW) == (4, [])
    loud = replace(
        QUIET, topics={"minors_victims": 1.0}, sensitive=True, voices=100, outlets=6, outlet_weight=6.0, burst=9.0, media=True,
        needs_answer_since=NOW - timedelta(days=4),
    )  # fmt: skip
    level, reasons = issue_level(loud, NOW)
    assert level == 1 == level_of(sum(r.points for r in reasons)) and len(reasons) == 5
    assert [level_of(n) for n in (0, 3, 4, 5, 6, 8, 9, 30)] == [4, 4, 3, 3, 2, 2, 1, 1]


def test_an_answer_ends_the_wait_and_a_side_remark_is_no_harm() -> None:
    waiting = replace(QUIET, needs_answer_since=NOW - timedelta(days=9))
    assert issue_level(replace(waiting, answered_at=NOW), NOW) == (4, [])
    assert issue_level(replace(QUIET, topics={"privacy_leak": 0.1}), NOW) == (4, [])


def test_every_level_only_grows_with_what_it_is_made_of() -> None:
    for voices in range(0, 120, 5):
        assert (
            issue_level(replace(QUIET, voices=voices + 5), NOW)[0] <= issue_level(replace(QUIET, voices=voices), NOW)[0]
        )


def test_sentiment_is_no_input() -> None:
    told = {f.name for f in fields(Facts)} | set(inspect.signature(item_level).parameters)
    assert not any(word in name for name in told for word in ("sentiment", "negative", "tone", "emotion"))
    assert not set(HARM) & set(SENTIMENTS) and set(HARM) <= set(TOPIC_NAMES)
    assert not set(HARM) & {"praise", "legal_policy"}


def test_no_topic_speaks_of_politics_religion_or_stability() -> None:
    forbidden = ("政治", "宗教", "民族", "维稳", "稳定", "涉稳", "敏感人员")
    assert not any(word in name for name in (*TOPIC_NAMES.values(), *LEVEL_NAMES.values()) for word in forbidden)


def test_an_item_alone_is_never_red_and_what_is_not_ours_is_blue() -> None:
    worst = {"privacy_leak": 0.9, "minors_victims": 0.9}
    assert item_level(worst, True, "addressed", True, 9.0) == 2
    for role in ("unrelated", "other_office"):
        assert item_level(worst, True, role, True, 9.0) == 4
    assert item_level({}, False, "addressed", False, 1.0) == 4


def test_the_office_s_own_news_is_no_harm_until_somebody_speaks_of_it() -> None:
    told = {"impersonation_scam": 1.0, "official_release": 0.8}
    own = replace(QUIET, topics=told, official=True, media=True, outlets=1, outlet_weight=2.0)
    assert issue_level(own, NOW)[0] == 4
    assert "harm" in [r.factor for r in issue_level(replace(own, voices=5), NOW)[1]]
    assert "harm" in [r.factor for r in issue_level(replace(own, addressed=1), NOW)[1]]
    topics = dict.fromkeys(told, 0.9)
    assert item_level(topics, False, "subject", False, 2.0) == 4
    assert item_level({"impersonation_scam": 0.9}, False, "subject", False, 2.0) == 3
