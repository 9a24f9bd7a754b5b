"""What the machine refuses is said in Chinese, with an exit code that a scheduler understands."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import text

from flows.context import run_command
from pipeline.desk.database import Database
from pipeline.errors import ConfigurationError, Refused, RetryLater


def ended(command: Callable[[], object], capsys: pytest.CaptureFixture[str]) -> tuple[int, str]:
    with pytest.raises(SystemExit) as stop:
        run_command(command)
    assert isinstance(stop.value.code, int)
    return stop.value.code, capsys.readouterr().err


def fail(error: Exception) -> Callable[[], object]:
    def command() -> object:
        raise error

    return command


def test_our_own_errors(capsys: pytest.CaptureFixture[str]) -> None:
    assert ended(fail(ConfigurationError("缺少这一项", file=Path("a.yaml"), line=3, field="id")), capsys)[0] == 2
    assert ended(fail(RetryLater("索引暂时写不进去")), capsys) == (75, "稍后再试：索引暂时写不进去\n")
    assert ended(fail(Refused("章程第 6 条")), capsys) == (1, "章程第 6 条\n")


def test_a_full_disk(capsys: pytest.CaptureFixture[str]) -> None:
    def write() -> None:
        with Path("/dev/full").open("w") as f:
            f.write("x" * 100_000)

    code, said = ended(write, capsys)
    assert code == 75 and said.startswith("磁盘已满")


def test_a_full_database(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    db = Database(f"sqlite:///{tmp_path / 'desk.db'}")

    def write() -> None:
        with db.write() as session:
            session.execute(text("PRAGMA max_page_count = 4"))
            session.execute(text("CREATE TABLE t (x)"))
            session.execute(text("INSERT INTO t VALUES (zeroblob(100000))"))

    code, said = ended(write, capsys)
    db.close()
    assert code == 75 and "磁盘已满" in said


def test_missing_rights(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    code, said = ended(fail(PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(tmp_path))), capsys)
    assert code == 75 and said.startswith(f"没有权限使用 {tmp_path}")


def test_what_is_a_bug_stays_one() -> None:
    with pytest.raises(ZeroDivisionError):
        run_command(lambda: 1 // 0)
    with pytest.raises(FileNotFoundError):
        run_command(Path("/nowhere/at/all").read_text)
