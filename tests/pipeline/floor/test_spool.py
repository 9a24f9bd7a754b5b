"""The spool: a batch is there whole or not at all; what can't be used is set aside sealed and counted."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from making import NOW, bytes_anywhere, capture

from pipeline.errors import QuarantineError, RetryLater
from pipeline.privacy.seal import seal, unseal
from pipeline.privacy.staging_keys import StagingKeys, voice_of
from pipeline.spool import Spool

SECRET = "桐花巷的灯笼在第三个路口等你"


def test_a_unique_sentence_is_in_no_byte_yet_readable_through_the_api(tmp_path: Path) -> None:
    keys, spool = StagingKeys(tmp_path / "keys"), Spool(tmp_path / "spool")
    live = keys.live(NOW)
    voice = voice_of(live, "s", "灯笼的主人")
    batch_id = spool.write(
        "forum", [seal(capture(1, SECRET, voice=voice, title=SECRET), live)], [{"kind": "crawl"}], NOW
    )
    (batch,) = spool.batches()
    assert (batch.id, batch.source_id, batch.captures, batch.created_at) == (batch_id, "forum", 1, NOW)
    (_, first), (_, report) = batch.lines()
    assert unseal(first, keys).text == SECRET
    assert report == {"report": {"kind": "crawl"}}
    spool.set_aside(batch, 2, first, QuarantineError("bad"))
    for secret in (SECRET, SECRET[:5], "灯笼的主人", *(d for _, d in voice)):
        assert not bytes_anywhere(tmp_path, secret)
    spool.acknowledge(batch)
    spool.acknowledge(batch)
    assert list(spool.batches()) == []


def test_batches_come_oldest_first_and_bad_lines_as_nothing(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    later = spool.write("a", [{"open": {}}], [], NOW.replace(hour=5))
    early = spool.write("a", [], [], NOW)
    assert [b.id for b in spool.batches()] == [early, later]
    path = tmp_path / "ready" / f"{later}.jsonl"
    path.write_bytes(path.read_bytes() + b"{half\n[1]\n\xff\xfe\n")
    assert [line for _, line in next(b for b in spool.batches() if b.id == later).lines()] == [{"open": {}}, {}, {}, {}]


@pytest.mark.parametrize(
    "manifest",
    [
        b"",
        b"{}\n",
        b"[]\n",
        b"null\n",
        b'{"batch": 1}\n',
        b"\xff\n",
        b'{"batch":"b","source_id":"s","created_at":"x","captures":1}\n',
    ],
)
def test_a_file_without_manifest_is_set_aside_and_named(tmp_path: Path, manifest: bytes) -> None:
    spool = Spool(tmp_path)
    good = spool.write("a", [], [], NOW)
    (tmp_path / "ready" / "0.jsonl").write_bytes(manifest)
    assert [b.id for b in spool.batches()] == [good]
    assert spool.rejected == ["0.jsonl"]
    assert [p.name for p in (tmp_path / "quarantine").iterdir()] == ["0.jsonl"]


def test_a_full_or_read_only_disk_changes_nothing(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    spool.write("a", [], [], NOW)
    (tmp_path / "ready").rename(tmp_path / "gone")
    (tmp_path / "ready").write_text("a file where the folder was")
    with pytest.raises(RetryLater):
        spool.write("a", [], [], NOW)
    assert list((tmp_path / "scratch").iterdir()) == []


WRITER = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from pipeline.spool import Spool
spool = Spool(Path(sys.argv[1]))
print('on', flush=True)
while True:
    spool.write('a', [{'open': {'n': n, 'x': 'y' * 2000}} for n in range(500)], [], datetime(2026, 11, 21, tzinfo=UTC))
"""


@pytest.mark.parametrize("delay", [0.02, 0.05, 0.11, 0.17])
def test_a_killed_writer_leaves_whole_batches_only(tmp_path: Path, delay: float) -> None:
    process = subprocess.Popen([sys.executable, "-c", WRITER, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    process.stdout.readline()
    time.sleep(delay)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    process.stdout.close()
    spool = Spool(tmp_path)
    for batch in spool.batches():
        assert [line["open"]["n"] for _, line in batch.lines()] == list(range(500))
    assert spool.rejected == []
    spool.clear_scratch(datetime.now(UTC) + timedelta(hours=2))
    assert not list((tmp_path / "scratch").glob("*"))
