"""Starts and drives the real demo server for tests."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

SERVE = Path(__file__).resolve().parents[2] / "deploy" / "demo" / "serve.py"
STORY = SERVE.parent / "story"
SHANGHAI = ZoneInfo("Asia/Shanghai")
ANCHOR = date(2026, 11, 21)
SITES = ("official", "news", "forum", "wall")


def moment(day: int, clock: str = "20:00", anchor: date = ANCHOR) -> datetime:
    """A time of the story in Shanghai."""
    return datetime.fromisoformat(f"{anchor + timedelta(days=day)}T{clock}:00").replace(tzinfo=SHANGHAI)


def free_ports(count: int) -> list[int]:
    """Ports that nothing listens on now."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for sock in sockets:
            sock.bind(("127.0.0.1", 0))
        return [sock.getsockname()[1] for sock in sockets]


@dataclass
class DemoWeb:
    """One running server and its folders under `folder`."""

    folder: Path
    extra: tuple[str, ...] = ()
    ports: list[int] = field(default_factory=lambda: free_ports(5))
    anchor: date = ANCHOR

    @property
    def clock(self) -> Path:
        return self.folder / "clock"

    @property
    def inbox(self) -> Path:
        return self.folder / "inbox"

    @property
    def drop(self) -> Path:
        return self.folder / "drop"

    @property
    def log(self) -> Path:
        return self.folder / "access.log"

    def move(self, now: datetime) -> None:
        """Set the web's clock."""
        scratch = self.folder / "clock.new"
        scratch.write_text(now.isoformat(), encoding="utf-8")
        scratch.replace(self.clock)

    def command(self) -> list[str]:
        return [
            sys.executable, str(SERVE), "--clock", str(self.clock), "--anchor", str(self.anchor),
            "--ports", ",".join(map(str, self.ports[:4])), "--smtp-port", str(self.ports[4]),
            "--inbox", str(self.inbox), "--drop", str(self.drop), "--log", str(self.log), *self.extra,
        ]  # fmt: skip

    def start(self) -> None:
        self.process = subprocess.Popen(self.command(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if line != "ready\n":
            _, errors = self.process.communicate(timeout=10)
            raise AssertionError(f"the demo web did not start: {line}{errors}")

    def stop(self, number: signal.Signals = signal.SIGTERM) -> tuple[int, float, str]:
        """Exit code, seconds until the end, and what it wrote to standard error."""
        began = time.monotonic()
        self.process.send_signal(number)
        _, errors = self.process.communicate(timeout=10)
        return self.process.returncode, time.monotonic() - began, errors

    def base(self, site: str) -> str:
        return f"http://127.0.0.1:{self.ports[SITES.index(site)]}"

    def get(self, site: str, path: str, timeout: float = 10) -> tuple[int, bytes]:
        """Status and body; an error status is an answer like any other."""
        request = urllib.request.Request(self.base(site) + path, headers={"User-Agent": "tests/1"})
        try:
            with urllib.request.urlopen(request, timeout=timeout) as answer:
                return answer.status, answer.read()
        except urllib.error.HTTPError as error:
            return error.code, error.read()

    def text(self, site: str, path: str) -> str:
        """A page that must be there, decoded."""
        status, body = self.get(site, path)
        assert status == 200, (site, path, status)
        return body.decode("gb18030" if site == "official" else "utf-8")
