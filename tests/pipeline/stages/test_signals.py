"""Cells of public posts: from k voices of one key on, in multiples of k."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from making import HOUR, NOW, post, reading

from pipeline.privacy.staging_keys import KEY_EVERY, StagingKeys
from pipeline.records import Signal
from pipeline.signals import Cells
from pipeline.staging import Post

K = 5


def cells(posts: list[Post], k: int = K) -> list[Signal]:
    collected = Cells()
    for one in posts:
        collected.add(one)
    return list(collected.signals(k))


@pytest.mark.parametrize(("people", "count"), [(1, 0), (K - 1, 0), (K, K), (K + 1, K), (2 * K - 1, K), (2 * K, 2 * K)])
def test_a_cell_exists_from_k_voices_on_in_steps_of_k(tmp_path: Path, people: int, count: int) -> None:
    live = StagingKeys(tmp_path).live(NOW)
    found = cells(
        [
            post(n, "电话没人接", f"a{n}", live, offices={"city": reading(topics=["service_access"])})
            for n in range(people)
        ]
    )
    assert {s.count for s in found} == ({count} if count else set())
    assert {(s.period, s.dimension, s.label) for s in found} == (
        {
            (period, dimension, label)
            for period in ("hour", "day")
            for dimension, label in (
                ("all", ""),
                ("role", "subject"),
                ("sentiment", "neutral"),
                ("topic", "service_access"),
            )
        }
        if count
        else set()
    )


def test_many_posts_of_few_people_are_few_people(tmp_path: Path) -> None:
    live = StagingKeys(tmp_path).live(NOW)
    assert cells([post(n, "又打不通", f"a{n % (K - 1)}", live) for n in range(60)]) == []
    nameless = [post(n, "匿名说一句", "", live) for n in range(60)]  # one voice per site at most
    assert cells(nameless) == []


def test_a_person_of_two_key_windows_counts_once(tmp_path: Path) -> None:
    keys = StagingKeys(tmp_path)
    day = datetime(2026, 11, 21, 0, tzinfo=UTC)  # one Shanghai day that a key window's border crosses
    border = next(
        at for at in (day + n * HOUR for n in range(0, 36)) if int(at.timestamp()) % int(KEY_EVERY.total_seconds()) == 0
    )
    before, after = keys.live(border - HOUR), keys.live(border)
    assert before[1] == after[0] and before != after
    people = [f"a{n}" for n in range(K - 1)]
    both = [post(f"{p}1", "打不通", p, before, occurred_at=border - HOUR / 2) for p in people]
    both += [post(f"{p}2", "还打不通", p, after, occurred_at=border - HOUR / 2) for p in people]
    assert cells(both) == []  # four people, eight digests under three keys
    assert {s.count for s in cells([*both, post("e", "也打不通", "e", after, occurred_at=border - HOUR / 2)])} == {K}


def test_what_is_old_or_not_ours_is_no_signal(tmp_path: Path) -> None:
    live = StagingKeys(tmp_path).live(NOW)
    assert cells([post(n, "旧帖", f"a{n}", live, backfill=True) for n in range(20)]) == []
    assert cells([post(n, "外省的事", f"a{n}", live, offices={"city": reading("unrelated")}) for n in range(20)]) == []


def test_cells_begin_at_shanghai_hours_and_days(tmp_path: Path) -> None:
    live = StagingKeys(tmp_path).live(NOW)
    late = datetime(2026, 11, 21, 16, 30, tzinfo=UTC)  # half past midnight in Shanghai, the 22nd
    found = cells([post(n, "夜里说", f"a{n}", live, occurred_at=late) for n in range(K)])
    assert {s.starts_at for s in found if s.period == "day"} == {datetime(2026, 11, 21, 16, tzinfo=UTC)}
    assert {s.starts_at for s in found if s.period == "hour"} == {late - timedelta(minutes=30)}


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(0, 9), st.sampled_from(["论坛", "问答"]), st.integers(0, 3), st.booleans()), max_size=60
    )
)
def test_no_cell_tells_of_fewer_than_k_or_of_one_more(posts: list[tuple[int, str, int, bool]]) -> None:
    spoken = [
        post(n, "x", "", (), voice=(("1", str(author)),), site_group=group, occurred_at=NOW + hour * HOUR,
             offices={"city": reading(needs_answer=asks)})
        for n, (author, group, hour, asks) in enumerate(posts)
    ]  # fmt: skip
    for signal in cells(spoken, 3):
        authors = {
            p.voice[0][1] for p in spoken
            if p.site_group == signal.site_group
            and signal.starts_at <= p.occurred_at < signal.starts_at + (HOUR if signal.period == "hour" else 24 * HOUR)
            and (signal.dimension != "needs_answer" or p.offices["city"]["needs_answer"])
        }  # fmt: skip
        assert signal.count == len(authors) - len(authors) % 3 >= 3
