"""The embedded engine on a bad day: a full disk, a lock, a killed writer. Nothing is lost, and it is said in Chinese."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest
from full_disk import full_disk
from making import item

from pipeline.errors import RetryLater
from pipeline.index import sqlite as engine
from pipeline.index.engine import Search, Written
from pipeline.index.query import parse
from pipeline.index.sqlite import SqliteIndex

ALL = Search(("city",))


def test_a_full_disk_is_retry_later_and_loses_nothing(tmp_path: Path) -> None:
    index = SqliteIndex(tmp_path / "index.db")
    index.write_items([item(0, text="起诉")])
    many = [item(n, text="起诉" * 500) for n in range(1, 300)]
    with full_disk(200_000), pytest.raises(RetryLater, match="索引暂时用不了：磁盘"):
        index.write_items(many)
    assert index.count(ALL) == index.count(Search(("city",), parse("起诉"))) == 1
    assert index.write_items(many) == Written(299, 0)
    assert index.count(Search(("city",), parse("起诉"))) == 300


def test_a_locked_file_is_retry_later(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "PATIENCE", 0.05)
    index, other = SqliteIndex(tmp_path / "index.db"), sqlite3.connect(tmp_path / "index.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(RetryLater, match="正被另一个进程占用"):
        index.write_items([item(1)])
    assert index.count(ALL) == 0  # readers go on
    other.execute("ROLLBACK")
    other.close()
    assert index.write_items([item(1)]).written == 1


def test_a_place_that_is_no_folder_is_retry_later(tmp_path: Path) -> None:
    (tmp_path / "index.db").mkdir()
    with pytest.raises(RetryLater, match="文件打不开"):
        SqliteIndex(tmp_path / "index.db")


def test_a_mistake_of_ours_stays_a_mistake(tmp_path: Path) -> None:
    index = SqliteIndex(tmp_path / "index.db")
    with pytest.raises(sqlite3.OperationalError):
        index._rows("SELECT nothing FROM nowhere", ())


def test_an_error_in_the_middle_of_a_batch_leaves_none_of_it(tmp_path: Path) -> None:
    index = SqliteIndex(tmp_path / "index.db")
    with pytest.raises(sqlite3.IntegrityError):
        index.write_items([item(1), item(2, channel=None)])
    assert index.count(ALL) == 0
    assert index.write_items([item(1)]).written == 1


WRITER = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from making import item
from pipeline.index.sqlite import SqliteIndex
index = SqliteIndex(Path(sys.argv[1]))
print("on", flush=True)
index.write_items(item(n, text="起诉" * 50) for n in range(20000))
"""


@pytest.mark.parametrize("delay", [0.05, 0.4])
def test_a_killed_writer_leaves_whole_batches_that_can_be_found(tmp_path: Path, delay: float) -> None:
    path = tmp_path / "index.db"
    command = [sys.executable, "-c", WRITER, str(path), str(Path(__file__).parents[1])]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    process.stdout.readline()
    time.sleep(delay)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    process.stdout.close()
    index = SqliteIndex(path)
    whole = index.count(ALL)
    assert whole % engine.WRITE_BATCH == 0
    assert index.count(Search(("city",), parse("起诉"))) == whole
    again = index.write_items(item(n, text="起诉" * 50) for n in range(whole + 7))
    assert again == Written(7, whole)
