"""Full, read-only and locked stores below the index: RetryLater in Chinese words, and nothing half done."""

from __future__ import annotations

import errno
import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest
from full_disk import full_disk
from making import HOUR, NOW, capture, post
from sqlalchemy import event, text
from sqlalchemy.exc import ProgrammingError

from pipeline.desk import counters
from pipeline.desk.database import Database
from pipeline.errors import QuarantineError, RetryLater, storage
from pipeline.notify.outcomes import Message, RetryAfter, Sent
from pipeline.notify.senders import FolderSender
from pipeline.privacy.seal import seal
from pipeline.privacy.staging_keys import StagingKeys
from pipeline.settings import Home
from pipeline.spool import Spool
from pipeline.staging import Staging


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (errno.ENOSPC, "磁盘已满，请清理后再试"),
        (errno.EDQUOT, "磁盘已满"),
        (errno.EROFS, "没有写入权限"),
        (errno.EACCES, "没有写入权限"),
        (errno.EMFILE, "打开的文件太多"),
        (errno.EIO, "Input/output error"),
    ],
)
def test_what_a_disk_says_in_chinese(number: int, words: str) -> None:
    with pytest.raises(RetryLater, match=f"证据区暂时用不了：{words}"), storage("证据区"):
        raise OSError(number, "Input/output error")


def test_what_is_no_trouble_of_storage_passes() -> None:
    with pytest.raises(ZeroDivisionError), storage("x"):
        raise ZeroDivisionError
    with pytest.raises(sqlite3.OperationalError), storage("x"):
        sqlite3.connect(":memory:").execute("SELECT wrong")


def count(db: Database) -> dict[str, int]:
    with db.read() as s:
        return counters.totals(s)


def test_the_desk_database_on_a_full_disk(sqlite_desk: Database) -> None:
    with full_disk(1000), pytest.raises(RetryLater, match="数据库暂时用不了：磁盘"), sqlite_desk.write() as s:
        counters.add(s, "x", 1, NOW)
        s.execute(text("CREATE TABLE big AS SELECT randomblob(900000) AS b"))
    assert count(sqlite_desk) == {}
    with sqlite_desk.write() as s:
        counters.add(s, "x", 1, NOW)
    assert count(sqlite_desk) == {"x": 1}


def test_the_desk_database_while_another_process_writes(sqlite_desk: Database, tmp_path: Path) -> None:
    sqlite_desk.close()  # connections of the pool wait for 30 s; new ones wait less
    event.listen(sqlite_desk.engine, "connect", lambda connection, _: connection.execute("PRAGMA busy_timeout=20"))
    other = sqlite3.connect(tmp_path / "desk.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(RetryLater, match="数据库暂时用不了：正被另一个进程占用"), sqlite_desk.write() as s:
        counters.add(s, "x", 1, NOW)
    assert count(sqlite_desk) == {}
    other.execute("ROLLBACK")
    other.close()


def test_a_mistake_in_sql_stays_one(desk: Database) -> None:
    with pytest.raises((ProgrammingError, sqlite3.OperationalError)), desk.read() as s:
        s.execute(text("SELECT nothing FROM nowhere"))


def test_staging_on_a_full_disk_keeps_what_it_had(tmp_path: Path) -> None:
    staging = Staging(tmp_path)
    live = staging.keys.live(NOW)
    staging.put([post(1, "先来的", "a", live)], NOW)
    many = [post(n, "后来的" * 300, str(n), live) for n in range(2, 200)]
    with full_disk(60_000), pytest.raises(RetryLater, match="暂存区暂时用不了：磁盘"):
        staging.put(many, NOW)
    assert [p.text for p in staging.posts()] == ["先来的"]
    staging.put(many, NOW)
    assert staging.count() == 199
    staging.close()


def test_a_key_that_finds_no_room_leaves_no_half_key(tmp_path: Path) -> None:
    keys = StagingKeys(tmp_path / "keys")
    with full_disk(0), pytest.raises(RetryLater, match="暂存密钥暂时用不了：磁盘已满"):
        keys.live(NOW)
    assert list((tmp_path / "keys").iterdir()) == []
    assert len({k.digest("x") for k in keys.live(NOW)}) == 2
    assert {len(p.read_bytes()) for p in (tmp_path / "keys").iterdir()} == {32}


def test_the_installation_key_is_whole_or_not_there(office_home: Home) -> None:
    with full_disk(16), pytest.raises(RetryLater, match="数据目录暂时用不了：磁盘已满"):
        office_home.installation_key()
    assert not (office_home.folder / "installation.key").exists()
    assert (
        office_home.installation_key() == replace(office_home).installation_key()
        and len(office_home.installation_key()) == 32
    )


def test_setting_aside_needs_room_too(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    live = StagingKeys(tmp_path / "keys").live(NOW)
    spool.write("a", [seal(capture(1), live)], [], NOW)
    (batch,) = spool.batches()
    (line,) = batch.lines()
    with full_disk(10), pytest.raises(RetryLater, match="隔离区暂时用不了：磁盘已满"):
        spool.set_aside(batch, line[0], line[1], QuarantineError("bad"))
    assert list((tmp_path / "quarantine").iterdir()) == []
    assert spool.expire_aside(NOW + HOUR) == 0


def test_the_outbox_folder_on_a_full_disk_waits_and_leaves_no_half_mail(tmp_path: Path) -> None:
    sender = FolderSender(tmp_path / "outbox", "听见 <tingjian@desk.test>")
    message = Message("m1", "ABC234", "summary", "folder", "duty@desk.test", "题", "正文", "", NOW, 1, "c")
    with full_disk(100):
        outcome = sender.send(message)
    assert outcome == RetryAfter("通知目录暂时用不了：磁盘已满，请清理后再试", channel_down=True)
    assert list((tmp_path / "outbox").iterdir()) == []
    assert sender.send(message) == Sent()
