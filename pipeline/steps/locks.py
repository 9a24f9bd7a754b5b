"""One process at a time per step: a lock that dies with its process, so that nothing needs cleaning after a kill."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pipeline.errors import RetryLater, storage


@contextmanager
def only_one(home: Path, step: str, inherited: bool = False) -> Iterator[None]:
    """Hold `<home>/run/<step>.lock`. Raises RetryLater where another process has it.

    `inherited`: also through `os.exec`, by the program that this process becomes.
    """
    folder = home / "run"
    with storage("数据目录"):
        folder.mkdir(parents=True, exist_ok=True)
        lock = (folder / f"{step}.lock").open("w")
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise RetryLater(f"另一个进程正在执行 {step}") from None
        os.set_inheritable(lock.fileno(), inherited)
        yield
