"""Sealing: nothing of a public post is readable on disk, and the envelope opens only while its keys live."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from making import HOUR, NOW, capture

from pipeline.errors import QuarantineError, Unreadable
from pipeline.privacy.seal import seal, unseal
from pipeline.privacy.staging_keys import StagingKeys, voice_of
from pipeline.records import CHANNELS, Capture, Channel

SECRET = "桐花巷的灯笼在第三个路口等你"

texts = st.text(max_size=60)
times = st.datetimes(datetime(2000, 1, 1), datetime(2040, 1, 1), timezones=st.just(UTC))
captures = st.builds(
    Capture, id=texts, source_id=texts, site=texts, site_group=texts, channel=st.sampled_from(CHANNELS), title=texts, text=texts,
    first_seen=times, published_at=st.none() | times, published_precision=st.sampled_from(["minute", "day", "unknown"]),
    received_at=st.none() | times, url=texts, aliases=st.lists(texts, max_size=3).map(tuple), outlet=texts,
    outlet_weight=st.floats(0, 10), region=texts, source_ref=texts, thread=texts, extractor=texts, evidence=texts,
)  # fmt: skip


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(captures)
def test_what_is_sealed_comes_back_as_it_was(tmp_path: Path, given_capture: Capture) -> None:
    keys = StagingKeys(tmp_path)
    live = keys.live(NOW)
    voice = voice_of(live, "s", "a") if given_capture.channel in ("public", "submission") else ()
    one = Capture.from_dict({**given_capture.to_dict(), "voice": voice})
    assert one == Capture.from_dict(json.loads(json.dumps(one.to_dict())))
    assert unseal(json.loads(json.dumps(seal(one, live), ensure_ascii=False)), keys) == one


@pytest.mark.parametrize("channel", CHANNELS)
def test_what_lies_open(tmp_path: Path, channel: Channel) -> None:
    keys = StagingKeys(tmp_path)
    live = keys.live(NOW)
    person = channel in ("public", "submission")
    voice = voice_of(live, "s", "a") if person else ()
    written = json.dumps(seal(capture(1, SECRET, channel, voice=voice, title=SECRET), live), ensure_ascii=False)
    assert (SECRET in written) is (channel != "public")
    assert not any(digest in written for _, digest in voice)
    if channel == "public":
        assert set(json.loads(written)) == {"body", "sealed"}
        assert "bbs.example" not in written
        assert "forum" not in written


def test_the_voice_under_the_older_key_goes_with_it(tmp_path: Path) -> None:
    keys = StagingKeys(tmp_path)
    live = keys.live(NOW)
    one = capture(1, voice=voice_of(live, "s", "a"))
    envelope = seal(one, live)
    keys.purge(datetime.fromtimestamp(live[0].dies_at, UTC))
    assert [key_id for key_id, _ in unseal(envelope, keys).voice] == [live[1].id]
    keys.purge(datetime.fromtimestamp(live[1].dies_at, UTC))
    with pytest.raises(Unreadable):
        unseal(envelope, keys)


def test_what_institutions_wrote_outlives_the_keys_and_a_message_loses_only_its_voice(tmp_path: Path) -> None:
    keys = StagingKeys(tmp_path)
    live = keys.live(NOW)
    message = seal(capture(1, SECRET, "submission", voice=voice_of(live, "s", "a")), live)
    keys.purge(NOW + 100 * HOUR)
    assert unseal(message, keys) == capture(1, SECRET, "submission")


GOOD: dict[str, Any] = {
    "id": "a" * 32, "source_id": "s", "site": "s", "site_group": "g", "channel": "media", "title": "t", "text": "x",
    "first_seen": "2026-11-21T00:00:00+00:00",
}  # fmt: skip


@pytest.mark.parametrize(
    "envelope",
    [
        {},
        {"open": {}},
        {"open": None},
        {"open": []},
        {"open": {**GOOD, "author": "somebody"}},
        {"open": {**GOOD, "first_seen": "yesterday"}},
        {"open": {**GOOD, "first_seen": "2026-11-21T00:00:00"}},
        {"open": {**GOOD, "first_seen": None}},
        {"open": {**GOOD, "channel": "rumour"}},
        {"open": {**GOOD, "text": 5}},
        {"open": {k: v for k, v in GOOD.items() if k != "id"}},
        {"open": GOOD, "sealed": [["1"]]},
        {"open": GOOD, "sealed": 7},
        {"body": None},
        {"body": [1, 2]},
        {"body": ["1"]},
        {"body": ["%", "x"]},
    ],
)
def test_a_bad_envelope_is_quarantined_or_expired_never_more(tmp_path: Path, envelope: dict[str, Any]) -> None:
    with pytest.raises((QuarantineError, Unreadable)) as caught:
        unseal(envelope, StagingKeys(tmp_path))
    assert "somebody" not in str(caught.value)
    assert "yesterday" not in str(caught.value)


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 255))
def test_a_changed_byte_opens_nothing(tmp_path: Path, place: int, flip: int) -> None:
    import base64

    keys = StagingKeys(tmp_path)
    live = keys.live(NOW)
    envelope = seal(capture(1, SECRET), live)
    raw = bytearray(base64.b64decode(envelope["body"][1]))
    raw[place % len(raw)] ^= flip
    envelope["body"][1] = base64.b64encode(raw).decode()
    with pytest.raises((QuarantineError, Unreadable)):
        unseal(envelope, keys)


def test_no_record_has_a_field_for_who_said_it() -> None:
    from dataclasses import fields

    from pipeline.records import Item, Signal
    from pipeline.staging import Post

    for record in (Capture, Item, Signal, Post):
        names = {f.name for f in fields(record)}
        assert not names & {
            "author",
            "user",
            "handle",
            "nick",
            "nickname",
            "avatar",
            "profile",
            "ip",
            "device",
            "uid",
            "author_id",
        }
    assert "voice" not in {f.name for f in fields(Item)} | {f.name for f in fields(Signal)}


def test_backfill_and_time_of_an_event() -> None:
    late = capture(1, published_at=NOW - 49 * HOUR)
    assert late.backfill
    assert late.occurred_at == NOW - 49 * HOUR
    assert not capture(1, published_at=NOW - 48 * HOUR).backfill
    assert capture(1, published_at=NOW + timedelta(days=3)).occurred_at == NOW
    assert capture(1).occurred_at == NOW
    assert not capture(1).backfill
