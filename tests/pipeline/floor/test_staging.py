"""Staging: readable through the API for 72 h, in no byte of any file, and what nobody heard is counted."""

from __future__ import annotations

import dataclasses
import sqlite3
from datetime import UTC, datetime
from pathlib import Path

import pytest
from making import HOUR, NOW, bytes_anywhere, ident, post

from pipeline.errors import RetryLater
from pipeline.privacy.staging_keys import KEY_EVERY
from pipeline.staging import Staging

SECRET = "桐花巷的灯笼在第三个路口等你"
STEP = int(KEY_EVERY.total_seconds())
START = datetime.fromtimestamp(int(NOW.timestamp()) // STEP * STEP, UTC)


def test_what_went_in_comes_out_in_order(tmp_path: Path) -> None:
    staging = Staging(tmp_path)
    live = staging.keys.live(NOW)
    one = post(1, SECRET, "a", live, ["灯笼"], title="标题", thread="t")
    two = post(2, SECRET, "b", live, seen_at=NOW - HOUR)
    staging.put([one, two], NOW)
    assert list(staging.posts()) == [two, one]
    assert staging.count() == 2
    assert staging.has(ident(1))
    assert not staging.has("x")
    staging.close()


def test_many_posts_stream_without_gap_or_repeat(tmp_path: Path) -> None:
    staging = Staging(tmp_path)
    live = staging.keys.live(NOW)
    posts = [post(n, f"第{n}条", str(n), live) for n in range(2500)]  # all of one moment: the id decides
    staging.put(posts, NOW)
    assert [p.id for p in staging.posts()] == sorted(p.id for p in posts)


def test_a_unique_sentence_is_in_no_byte_also_after_it_is_gone(tmp_path: Path) -> None:
    staging = Staging(tmp_path)
    live = staging.keys.live(NOW)
    staging.put(
        [post(n, SECRET + str(n), "灯笼的主人", live, ["灯笼"], title=SECRET, site="s") for n in range(50)], NOW
    )
    posts = list(staging.posts())
    staging.place([(p, {"issue": "issue-of-lanterns"}) for p in posts], [])
    digests = {d for p in posts for _, d in p.voice}
    secrets = [SECRET, SECRET[:5], "灯笼", "灯笼的主人", "论坛", "issue-of-lanterns", *digests]
    for secret in secrets:
        assert not bytes_anywhere(tmp_path, secret)
    sealed = [bytes(b) for (b,) in staging._db.execute("SELECT body FROM posts")]
    assert any(sealed[0] in p.read_bytes() for p in tmp_path.iterdir() if p.is_file())
    staging.expire(NOW + 80 * HOUR)
    staging.close()
    for body in sealed:  # secure_delete: not even the sealed row is left
        assert not any(body[:64] in p.read_bytes() for p in tmp_path.rglob("*") if p.is_file())


def test_after_72_hours_nothing_is_readable_and_the_unheard_is_counted(tmp_path: Path) -> None:
    staging = Staging(tmp_path)
    live = staging.keys.live(START)
    staging.put([post(n, SECRET, str(n), live, seen_at=START) for n in range(7)], START)
    some = list(staging.posts())[:3]
    staging.place([], [p.id for p in some])
    assert staging.expire(START + 71 * HOUR) == (0, 0)
    assert len(list(staging.posts())) == 7
    assert staging.expire(START + 72 * HOUR) == (7, 4)
    assert staging.count() == 0
    assert staging.expire(START + 72 * HOUR) == (0, 0)
    staging.close()


def test_a_key_that_was_destroyed_beside_it_makes_rows_unreadable_and_counted(tmp_path: Path) -> None:
    staging = Staging(tmp_path)
    live = staging.keys.live(NOW)
    staging.put([post(1, SECRET, "a", live)], NOW)
    (tmp_path / "keys" / f"{live[1].id}.key").unlink()
    assert list(staging.posts()) == []
    assert staging.expire(NOW) == (1, 1)


def test_a_late_ingest_does_not_lengthen_a_life(tmp_path: Path) -> None:
    staging = Staging(tmp_path)
    early = staging.keys.live(START)
    late = START + 40 * HOUR
    staging.put([post(1, SECRET, "a", early, seen_at=START + HOUR)], late)
    (one,) = staging.posts()
    assert (early[1].id in dict(one.voice)) and one.text == SECRET
    assert staging.expire(START + 72 * HOUR) == (1, 1)
    staging.close()


def test_voices_under_both_keys_survive_and_the_older_dies_first(tmp_path: Path) -> None:
    staging = Staging(tmp_path)
    live = staging.keys.live(START)
    staging.put([post(1, SECRET, "a", live, seen_at=START)], START)
    assert [k for k, _ in next(staging.posts()).voice] == [live[0].id, live[1].id]
    staging.expire(START + 36 * HOUR)
    assert [k for k, _ in next(staging.posts()).voice] == [live[1].id]


def test_writes_are_idempotent_by_revision(tmp_path: Path) -> None:
    staging = Staging(tmp_path)
    live = staging.keys.live(NOW)
    first = post(1, "旧的说法", "a", live)
    staging.put([first], NOW)
    staging.place([(first, {"issue": "i"})], [])
    staging.put([dataclasses.replace(first, text="同一版,不该写进去")], NOW)
    (kept,) = staging.posts()
    assert (kept.text, kept.place) == ("旧的说法", {"issue": "i"})
    staging.put([dataclasses.replace(first, text="新的说法", revision=2)], NOW)
    staging.put([first], NOW)
    (new,) = staging.posts()
    assert (new.text, new.revision, new.place) == ("新的说法", 2, {})


def test_a_write_that_fails_leaves_nothing_and_the_next_one_works(tmp_path: Path) -> None:
    staging = Staging(tmp_path)
    live = staging.keys.live(NOW)
    bad = dataclasses.replace(post(2, "x", "b", live), revision=None)  # type: ignore[arg-type]
    with pytest.raises(sqlite3.IntegrityError):
        staging.put([post(1, "x", "a", live), bad], NOW)
    assert staging.count() == 0
    staging.put([post(1, "x", "a", live)], NOW)
    assert staging.count() == 1


def test_a_locked_file_says_try_again(tmp_path: Path) -> None:
    staging, other = Staging(tmp_path), Staging(tmp_path)
    staging._db.execute("PRAGMA busy_timeout=50")
    other._db.execute("BEGIN IMMEDIATE")
    with pytest.raises(RetryLater):
        staging.put([post(1, "x", "a", staging.keys.live(NOW))], NOW)
    other._db.execute("ROLLBACK")
    staging.put([post(1, "x", "a", staging.keys.live(NOW))], NOW)
