"""Staging keys: two live, 72 h by the injected clock, one key per window for all processes; voices are never summed."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from making import HOUR, NOW

from pipeline.errors import Unreadable
from pipeline.privacy.staging_keys import KEY_EVERY, KEY_LIFE, StagingKeys, distinct_voices, rounded_down, voice_of

START = datetime.fromtimestamp(
    int(NOW.timestamp()) // int(KEY_EVERY.total_seconds()) * int(KEY_EVERY.total_seconds()), UTC
)


def test_two_keys_live_at_any_time(tmp_path: Path) -> None:
    keys = StagingKeys(tmp_path)
    older, newest = keys.live(START)
    assert int(newest.id) == int(older.id) + 1
    assert newest.dies_at == START.timestamp() + KEY_LIFE.total_seconds()
    assert keys.live(START + 35 * HOUR) == (older, newest)
    assert keys.live(START + 36 * HOUR)[0] == newest
    assert older.secret != newest.secret
    assert len(newest.secret) == 32


@given(st.integers(0, 10**6))
def test_every_live_key_has_life_left(minutes: int) -> None:
    now = START + timedelta(minutes=minutes)
    for window in (int(now.timestamp()) // 129600 - 1, int(now.timestamp()) // 129600):
        assert window * 129600 + 259200 > now.timestamp()


def test_a_key_dies_after_72_hours_and_takes_what_it_sealed_with_it(tmp_path: Path) -> None:
    keys = StagingKeys(tmp_path)
    _, key = keys.live(START)
    sealed = key.encrypt(b"secret")
    file = tmp_path / f"{key.id}.key"
    inode = file.open("rb")
    assert keys.purge(START + 72 * HOUR - timedelta(seconds=1)) == [str(int(key.id) - 1)]
    assert keys.get(key.id).decrypt(sealed) == b"secret"
    assert keys.purge(START + 72 * HOUR) == [key.id]
    assert not file.exists()
    assert inode.read() == bytes(32)  # overwritten before it was unlinked
    inode.close()
    for ring in (keys, StagingKeys(tmp_path)):
        with pytest.raises(Unreadable):
            ring.get(key.id)
    again = keys.live(START)[1]  # a clock that went back makes another key, which opens nothing
    with pytest.raises(Unreadable):
        again.decrypt(sealed)
    assert keys.purge(START + 72 * HOUR)


def test_a_cached_key_is_forgotten_when_another_process_destroys_it(tmp_path: Path) -> None:
    keys = StagingKeys(tmp_path)
    _, key = keys.live(START)
    StagingKeys(tmp_path).purge(START + 72 * HOUR)
    with pytest.raises(Unreadable):
        keys.get(key.id)


@pytest.mark.parametrize("key_id", ["", "../../etc/passwd", "12a", "9999999", "²"])
def test_no_other_file_is_taken_for_a_key(tmp_path: Path, key_id: str) -> None:
    with pytest.raises(Unreadable):
        StagingKeys(tmp_path).get(key_id)


def test_a_foreign_file_in_the_folder_stops_nothing(tmp_path: Path) -> None:
    (tmp_path / "notes.key").write_bytes(b"x")
    StagingKeys(tmp_path).live(START)
    assert len(StagingKeys(tmp_path).purge(START + 80 * HOUR)) == 2


def test_processes_that_start_together_agree_on_the_keys(tmp_path: Path) -> None:
    code = (
        "import sys; from datetime import datetime; from pathlib import Path; from pipeline.privacy.staging_keys import StagingKeys\n"
        "sys.stdin.readline()\n"
        "print([k.digest('x') for k in StagingKeys(Path(sys.argv[1])).live(datetime.fromisoformat(sys.argv[2]))])"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "keys"), NOW.isoformat()]
    many = [subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(6)]
    for process in many:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    said = {process.communicate(timeout=60)[0] for process in many}
    assert len(said) == 1
    assert said.pop().count("'") == 4
    assert {p.suffix for p in (tmp_path / "keys").iterdir()} == {".key"}
    assert all(p.stat().st_mode & 0o077 == 0 for p in (tmp_path / "keys").iterdir())


def test_neither_repr_nor_error_shows_a_secret(tmp_path: Path) -> None:
    _, key = StagingKeys(tmp_path).live(NOW)
    assert key.secret.hex() not in repr(key)
    assert repr(key.secret) not in repr(key)


def test_voices_are_the_maximum_over_keys_never_a_sum(tmp_path: Path) -> None:
    keys = StagingKeys(tmp_path)
    early, late = keys.live(START), keys.live(START + 36 * HOUR)
    first = [voice_of(early, "s", f"a{n}") for n in range(4)]
    second = [voice_of(late, "s", f"b{n}") for n in range(3)]
    # under the key that both windows share there are 4 + 3 people; under the others 4 and 3
    assert distinct_voices(first) == 4
    assert distinct_voices(second) == 3
    assert distinct_voices([*first, *second]) == 7
    far = [voice_of(keys.live(START + 72 * HOUR), "s", f"c{n}") for n in range(4)]
    assert distinct_voices([*first, *far]) == 4  # no key in common: the larger count, not 8


def test_a_person_who_speaks_in_two_windows_counts_once(tmp_path: Path) -> None:
    keys = StagingKeys(tmp_path)
    voices = [voice_of(keys.live(START + h * HOUR), "s", "same") for h in (0, 10, 36, 50, 71)]
    assert distinct_voices(voices) == 1


def test_who_has_no_name_is_one_voice_per_site(tmp_path: Path) -> None:
    live = StagingKeys(tmp_path).live(NOW)
    assert distinct_voices([voice_of(live, "s", name) for name in ("", " ", "\u3000")]) == 1
    assert distinct_voices([voice_of(live, "s", ""), voice_of(live, "t", "")]) == 2
    assert distinct_voices([]) == 0
    assert distinct_voices([()]) == 0


@given(st.integers(0, 10**6), st.integers(3, 100))
def test_counts_leave_as_multiples_of_k(count: int, k: int) -> None:
    said = rounded_down(count, k)
    assert said % k == 0
    assert said <= count < said + k
