"""The spool: batches of sealed captures and of crawl reports, written whole or not at all.

A batch is `spool/ready/<id>.jsonl`: line 1 a manifest (`batch`, `created_at`, `source_id`, `captures`), then one
envelope or report a line. It is written beside, synced, and renamed; a reader never sees half of it. `acknowledge`
deletes it after its output was committed elsewhere; `set_aside` keeps what can't be used, sealed as it was.
"""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from pipeline.errors import QuarantineError, storage
from pipeline.privacy.seal import Envelope
from pipeline.privacy.staging_keys import KEY_LIFE

BATCH_SIZE = 500
_WRITING = timedelta(hours=1)  # no writer takes so long for one batch


@dataclass(frozen=True, slots=True)
class Batch:
    """A committed batch. `captures` is what its manifest promises."""

    id: str
    path: Path
    source_id: str
    created_at: datetime
    captures: int

    def lines(self) -> Iterator[tuple[int, dict[str, Any]]]:
        """(line number, object) of each envelope `{"open"|"body": …}` and report `{"report": …}`.

        A line that is no JSON object comes as `{}`: the caller sets it aside and counts it.
        """
        with self.path.open("rb") as f:
            f.readline()
            for number, raw in enumerate(f, 2):
                try:
                    data = json.loads(raw.decode("utf-8", "surrogatepass"))
                except ValueError:
                    data = {}
                yield number, data if isinstance(data, dict) else {}


class Spool:
    """The spool folder of one installation; many writers, one reader at a time."""

    def __init__(self, folder: Path) -> None:
        self.ready = folder / "ready"
        self.aside = folder / "quarantine"
        self.scratch = folder / "scratch"

    @property
    def rejected(self) -> list[str]:
        """Names of files that `batches` set aside whole and that have not expired, for the caller to count."""
        return sorted(path.name for path in self.aside.glob("*.jsonl"))

    def write(
        self, source_id: str, envelopes: Iterable[Envelope], reports: Iterable[Mapping[str, Any]], now: datetime
    ) -> str:
        """Commit one batch and return its id. Raises RetryLater (disk full or read-only): then nothing was written."""
        lines = [{**e} for e in envelopes]
        batch_id = f"{now.strftime('%Y%m%dT%H%M%S')}-{secrets.token_hex(6)}"
        manifest = {"batch": batch_id, "created_at": now.isoformat(), "source_id": source_id, "captures": len(lines)}
        body = [manifest, *lines, *({"report": dict(r)} for r in reports)]
        data = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in body).encode("utf-8", "surrogatepass")
        path = self.scratch / batch_id
        with storage("暂存队列"):
            for folder in (self.ready, self.scratch):
                folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            _write(path, data)
            path.rename(self.ready / f"{batch_id}.jsonl")
            _sync(self.ready)
        return batch_id

    def batches(self) -> Iterator[Batch]:
        """Committed batches, oldest first. A file whose manifest can't be read is set aside."""
        for path in sorted(self.ready.glob("*.jsonl")):
            try:
                with path.open("rb") as f:
                    m = json.loads(f.readline())
                if m["batch"] != path.stem or not isinstance(m["source_id"], str):
                    raise ValueError("another file's manifest")
                batch = Batch(
                    path.stem, path, m["source_id"], datetime.fromisoformat(m["created_at"]), int(m["captures"])
                )
            except (ValueError, KeyError, TypeError):
                self.aside.mkdir(parents=True, exist_ok=True, mode=0o700)
                path.rename(self.aside / path.name)
                continue
            yield batch

    def acknowledge(self, batch: Batch) -> None:
        """The batch's output is committed: forget it. Doing so twice is no error."""
        batch.path.unlink(missing_ok=True)

    def set_aside(self, batch: Batch, number: int, envelope: Envelope, error: QuarantineError) -> None:
        """Keep one envelope, sealed as it was, with its reason; the same line twice is written once."""
        path = self.aside / f"{batch.id}-{number}.json"
        scratch = path.with_suffix(".part")
        record = {"source_id": batch.source_id, "reason": error.reason, "detail": error.detail, "envelope": envelope}
        with storage("隔离区"):
            self.aside.mkdir(parents=True, exist_ok=True, mode=0o700)
            _write(scratch, json.dumps(record, ensure_ascii=True).encode("ascii"))
            scratch.rename(path)

    def expire_aside(self, now: datetime) -> int:
        """Delete what was set aside more than 72 h before `now`: by then it can't be unsealed (charter 2)."""
        old = [p for p in self.aside.glob("*") if now.timestamp() - p.stat().st_mtime > KEY_LIFE.total_seconds()]
        for path in old:
            path.unlink(missing_ok=True)
        return len(old)

    def clear_scratch(self, now: datetime) -> None:
        """Delete what killed writers left half-written more than an hour before `now`."""
        for path in self.scratch.glob("*"):
            with suppress(FileNotFoundError):  # its writer has just committed it
                if now.timestamp() - path.stat().st_mtime > _WRITING.total_seconds():
                    path.unlink()


def _write(path: Path, data: bytes) -> None:
    """The whole file or none."""
    try:
        with path.open("wb") as f:
            f.write(data)
            f.flush()
            os.fsync(f.fileno())
    except OSError:
        path.unlink(missing_ok=True)
        raise


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
