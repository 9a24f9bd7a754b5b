"""The drop folder: which files wait, what becomes of a taken one, and the report of what could not be read."""

from __future__ import annotations

import csv
import hashlib
import os
import time
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path

from pipeline.errors import storage
from pipeline.settings import Home, Source
from pipeline.settings.sources import DROP_TYPES

KEEP_DONE = timedelta(days=7)  # charter 4
SETTLING_SECONDS = 60.0  # a file that can't be read may still be being copied
SUFFIXES = tuple(f".{kind}" for kind in DROP_TYPES)


def waiting(home: Home, source: Source) -> list[Path]:
    """Export files that were not taken yet, by name."""
    folder = home.path(source.folder)
    if not folder.is_dir():
        return []
    return sorted(
        p
        for p in folder.iterdir()
        if p.is_file() and not p.is_symlink() and p.suffix.lower() in SUFFIXES and p.name[0] not in ".~"
    )


def still_arriving(path: Path) -> bool:
    """Whether the file changed within the last minute (by the machine's clock: this is about the disk)."""
    return time.time() - path.stat().st_mtime < SETTLING_SECONDS


def content_hash(path: Path) -> str:
    """SHA-256 of the file, by which a renamed copy is known."""
    with path.open("rb") as f:
        return hashlib.file_digest(f, "sha256").hexdigest()


def settle(home: Home, source: Source, path: Path, now: datetime) -> None:
    """The file's rows are committed: into `done/` for 7 days, or gone where people's posts were in it (charter 4)."""
    if source.channel == "public":
        path.unlink(missing_ok=True)
        return
    done = path.parent / "done"
    done.mkdir(mode=0o700, exist_ok=True)
    target = done / path.name
    if target.exists():
        target = done / f"{path.stem}-{now:%Y%m%dT%H%M%S}{path.suffix}"
    os.utime(path, (now.timestamp(), now.timestamp()))
    path.rename(target)


def report_rows(path: Path, name: str, rows: Sequence[tuple[str, str, str]], now: datetime) -> None:
    """Write `quarantine/<name>.csv`: (place, reason, what to do) of each row that was set aside, and nothing of what
    stood in it; the row itself is in `done/`. `name` is the masked name of the file. Raises RetryLater."""
    folder = path.parent / "quarantine"
    with storage("投放目录"):
        folder.mkdir(mode=0o700, exist_ok=True)
        report = folder / f"{name[:80].replace('/', '_')}-{now:%Y%m%dT%H%M%S}.csv"
        with report.open("w", encoding="utf-8-sig", newline="") as f:  # Excel knows UTF-8 by its mark only
            csv.writer(f).writerows([("位置", "原因", "说明"), *rows])
        os.utime(report, (now.timestamp(), now.timestamp()))


def expire_done(home: Home, source: Source, now: datetime) -> int:
    """Delete files and reports more than 7 days older than `now`; returns how many (upkeep calls it)."""
    gone = 0
    for path in (p for name in ("done", "quarantine") for p in (home.path(source.folder) / name).glob("*")):
        if path.is_file() and now.timestamp() - path.stat().st_mtime > KEEP_DONE.total_seconds():
            path.unlink(missing_ok=True)
            gone += 1
    return gone
