"""Child processes of `tingjian up`: started, watched, restarted, stopped together."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

STOP_SECONDS = 10.0
RESTART_PAUSE = (1.0, 2.0, 5.0, 15.0, 60.0)
ROOT = Path(__file__).resolve().parents[1]


def tingjian(*arguments: str) -> list[str]:
    """The command line of one of our own commands, by the running interpreter."""
    return [sys.executable, "-m", "flows", *arguments]


@dataclass(slots=True)
class Child:
    """One process of the group. `log` receives its output; None: it inherits ours."""

    name: str
    command: Sequence[str]
    log: Path | None
    environment: Mapping[str, str]
    process: subprocess.Popen[bytes]
    failures: int = 0
    next_start: float = 0.0


class Group:
    """The processes of one home folder. Their ids lie in `run/processes.json`, so that a killed group can be swept."""

    def __init__(self, home: Path, say: Callable[[str], None]) -> None:
        self.say = say
        self.children: list[Child] = []
        self._file = home / "run" / "processes.json"
        self._file.parent.mkdir(parents=True, exist_ok=True)

    def sweep(self) -> None:
        """Stop what an earlier, killed group of this home left running."""
        try:
            left = json.loads(self._file.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return
        ours = [pid for pid, mark in left.items() if _command(int(pid)) == mark]
        for number in (signal.SIGTERM, signal.SIGKILL):
            for pid in ours:
                if _command(int(pid)) == left[pid]:
                    _signal_group(int(pid), number)
            deadline = time.monotonic() + STOP_SECONDS
            while time.monotonic() < deadline and any(_command(int(p)) == left[p] for p in ours):
                time.sleep(0.1)
        self._file.unlink(missing_ok=True)

    def start(
        self, name: str, command: Sequence[str], log: Path | None = None, environment: Mapping[str, str] | None = None
    ) -> Child:
        """Start one child in a process group of its own."""
        child = Child(name, command, log, environment or {}, _launch(command, log, environment or {}))
        self.children.append(child)
        self._remember()
        return child

    def watch(self) -> None:
        """Restart children that have ended, with growing pauses; call it every second or so."""
        for child in self.children:
            if child.process.poll() is None:
                continue
            if child.next_start == 0.0:
                pause = RESTART_PAUSE[min(child.failures, len(RESTART_PAUSE) - 1)]
                child.failures += 1
                child.next_start = time.monotonic() + pause
                where = f",详见 {child.log}" if child.log else ""
                self.say(f"{child.name} 意外退出(代码 {child.process.returncode}),{pause:.0f} 秒后重启{where}")
            elif time.monotonic() >= child.next_start:
                child.next_start = 0.0
                child.process = _launch(child.command, child.log, child.environment)
                self._remember()

    def stop(self) -> None:
        """SIGTERM to every child's group, last started first; SIGKILL after ten seconds."""
        running = [c for c in reversed(self.children) if c.process.poll() is None]
        for child in running:
            _signal_group(child.process.pid, signal.SIGTERM)
        deadline = time.monotonic() + STOP_SECONDS
        for child in running:
            try:
                child.process.wait(max(0.1, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                self.say(f"{child.name} 没有按时停下,强制结束")
            _signal_group(child.process.pid, signal.SIGKILL)  # whatever it started and left
            child.process.wait()
        self._file.unlink(missing_ok=True)

    def _remember(self) -> None:
        marks = {str(c.process.pid): _command(c.process.pid) for c in self.children}
        scratch = self._file.with_suffix(".part")
        scratch.write_text(json.dumps(marks), encoding="utf-8")
        scratch.rename(self._file)


def _launch(command: Sequence[str], log: Path | None, environment: Mapping[str, str]) -> subprocess.Popen[bytes]:
    """Start a process that leads a group of its own, with nothing on standard input."""
    output = log.open("ab") if log else None
    try:
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT if output else None,
            env={**os.environ, **environment},
            start_new_session=True,
        )
    finally:
        if output is not None:
            output.close()


def _command(pid: int) -> str:
    """Start time of a process: with its id it names one process for good. Empty where there is none."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    except OSError:
        return ""
    return "" if fields[0] == "Z" else fields[19]


def _signal_group(pid: int, number: int) -> None:
    try:
        os.killpg(pid, number)
    except (ProcessLookupError, PermissionError):
        return
