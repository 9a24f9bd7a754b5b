"""The fictional web's clock: a file with an ISO timestamp, read again whenever it changes."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path


class Clock:
    """`now()` is what the file says; real time for `real` or while there is no file."""

    def __init__(self, where: str) -> None:
        self.path = None if where == "real" else Path(where)
        self._seen: tuple[int, int, int] | None = None
        self._now: datetime | None = None

    def now(self) -> datetime:
        """Aware, in UTC. A file that cannot be read as a timestamp leaves the last good value standing."""
        if self.path is None:
            return datetime.now(UTC)
        try:
            stat = self.path.stat()
            stamp = (stat.st_mtime_ns, stat.st_ino, stat.st_size)
            if stamp != self._seen:
                self._now, self._seen = _parse(self.path.read_text(encoding="utf-8")), stamp
        except FileNotFoundError:
            self._seen = self._now = None
        except ValueError as error:
            print(f"clock: {error}", file=sys.stderr)
        return self._now or datetime.now(UTC)


def _parse(text: str) -> datetime:
    value = datetime.fromisoformat(text.strip())
    return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
