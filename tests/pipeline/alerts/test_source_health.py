"""What is wrong with a source: a pure rule of what its runs read, its state and the time."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from making import HOUR, NOW

from pipeline.alerts.source_health import Run, evidence_lines, filled_words, lost_fields, troubles_of
from pipeline.desk.tables import SourceState
from pipeline.settings import Source

DAY = timedelta(days=1)
K = 5


def source(**more: Any) -> Source:
    values = {"id": "gov", "name": "官网", "kind": "feed", "channel": "official", "urls": ["https://a.example/f"]}
    return Source(**{**values, "fresh_within_hours": 400, **more})


def state(**more: Any) -> SourceState:
    values = {
        "last_run_at": NOW,
        "last_ok_at": NOW,
        "last_new_at": NOW,
        "last_status": "ok",
        "message": "",
        "captured": 9,
    }
    return SourceState(source_id="gov", **{**values, **more})


def run(ago: timedelta, read: int, captured: int = 0, **filled: int) -> Run:
    return Run(NOW - ago, read, captured, {"text": read, **filled}, {"title": "一则消息", "url": "https://a.example/1"})


def kinds(runs: Sequence[Run], now: datetime = NOW, own: Source | None = None, **more: Any) -> list[str]:
    return [t.kind for t in troubles_of(own or source(), state(**more), runs, now, K)]


def test_a_field_that_was_filled_and_now_is_empty() -> None:
    runs = [run(HOUR, 3, published_at=0), run(2 * HOUR, 2, published_at=0), run(DAY, 8, published_at=8), run(2 * DAY, 7, published_at=7)]  # fmt: skip
    assert lost_fields(runs) == {"published_at": NOW - DAY}
    (trouble,) = troubles_of(source(), state(), runs, NOW, K)
    assert trouble.kind == "layout" and "发布时间" in trouble.words and trouble.last_good == NOW - DAY
    lines = evidence_lines(source(), [trouble], runs, K)
    assert lines[0] == "最近正常的一天：2026-11-20"
    assert lines[1] == "最近一次读到：3 条，其中正文 3、发布时间 0" and "《一则消息》 https://a.example/1" in lines[2]


def test_the_run_in_which_it_changed_may_have_some_of_both() -> None:
    runs = [run(HOUR, 5, outlet=0), run(2 * HOUR, 6, outlet=3), run(DAY, 12, outlet=12)]
    assert lost_fields(runs) == {"outlet": NOW - 2 * HOUR}


@pytest.mark.parametrize("runs", [
    [run(HOUR, 3, region=0), run(DAY, 20, region=20)],  # too few to say
    [run(HOUR, 9, region=0), run(DAY, 6, region=6)],  # not long enough filled
    [run(HOUR, 9, region=0), run(DAY, 20, region=14)],  # never was in all
    [run(HOUR, 9, region=4), run(DAY, 20, region=20)],  # some still have it
    [run(HOUR, 9, region=9), run(DAY, 20, region=0)],  # the other way round
    [],
])  # fmt: skip
def test_what_is_no_change(runs: list[Run]) -> None:
    assert lost_fields(runs) == {}


@given(st.lists(st.tuples(st.integers(1, 9), st.integers(0, 9)), max_size=12))
def test_a_lost_field_was_filled_before_and_is_empty_now(pairs: list[tuple[int, int]]) -> None:
    runs = [run(n * HOUR, read, region=min(read, filled)) for n, (read, filled) in enumerate(pairs, 1)]
    lost = lost_fields(runs)
    assert "text" not in lost
    if "region" in lost:
        assert runs[0].share("region") <= 0.1 and any(r.share("region") >= 0.9 for r in runs)
        assert lost["region"] in {r.at for r in runs}


def test_suddenly_nothing_though_it_can_be_read() -> None:
    runs = [run(n * DAY, 4, captured=4) for n in range(2, 12)]
    quiet = {"last_new_at": NOW - 2 * DAY}
    (trouble,) = troubles_of(source(), state(**quiet), runs, NOW, K)
    assert trouble.kind == "emptied" and "每天约 4 条" in trouble.words and trouble.last_good == NOW - 2 * DAY
    assert kinds(runs, last_new_at=NOW - HOUR) == []
    assert kinds(runs, **quiet, last_status="failing") == ["failing"]  # not reachable: another trouble
    assert kinds(runs[:4], **quiet) == []  # not known for long enough
    assert (
        kinds([], last_status="empty", captured=9) == ["emptied"] and kinds([], last_status="empty", captured=0) == []
    )


def test_a_weekend_is_no_emptiness() -> None:
    friday = NOW - 5 * DAY
    runs = [run(NOW - (friday - n * DAY), 4, captured=4) for n in (0, 1, 2, 5, 6, 7, 8)]  # two days' pause, a week ago
    assert kinds(runs, friday + 3 * DAY, last_new_at=friday) == []
    assert kinds(runs, friday + 5 * DAY, last_new_at=friday) == ["emptied"]


def test_several_troubles_worst_first() -> None:
    late = {"last_new_at": NOW - 30 * HOUR, "last_ok_at": NOW - 2 * DAY, "message": "服务器返回 403"}
    own = source(fresh_within_hours=24)
    (blocked, over) = troubles_of(own, state(**late, last_status="blocked"), [], NOW, K)
    assert (blocked.kind, blocked.last_good) == ("blocked", NOW - 2 * DAY) and "403" in blocked.words
    assert (over.kind, over.last_good) == ("late", NOW - 30 * HOUR) and "已有 30 小时" in over.words
    assert kinds([], own=own.model_copy(update={"enabled": False}), **late, last_status="blocked") == []
    assert troubles_of(own, None, [], NOW, K) == []


def test_of_public_sources_only_counts_in_steps_of_k() -> None:
    forum = source(channel="public", name="论坛")
    one = Run(NOW, 13, 7, {"text": 13, "author": 4}, {"title": "不该有", "url": "x"})
    words = filled_words(forum, one, K)
    assert words == "10+ 条，其中正文 10+、发布时间 不足 5、发言人（只用来数人数，不保存） 不足 5"
    assert not any("不该有" in line for line in evidence_lines(forum, [], [one], K))
    runs = [run(n * DAY, 7, captured=7) for n in range(2, 12)]
    (trouble,) = troubles_of(forum, state(last_new_at=NOW - 2 * DAY), runs, NOW, K)
    assert "每天约 5 条" in trouble.words
