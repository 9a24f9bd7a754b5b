"""One process at a time per step: a lock that dies with its process, so that nothing needs cleaning after a kill."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pipeline.errors import RetryLater


@contextmanager
def only_one(home: Path, step: str) -> Iterator[None]:
    """Hold `<home>/run/<step>.lock`. Raises RetryLater where another process has it."""
    folder = home / "run"
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / f"{step}.lock").open("w") as f:
        try:
            fcntl.flock(f, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise RetryLater(f"另一个进程正在执行 {step}") from None
        yield
