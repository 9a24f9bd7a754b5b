"""Child processes of `tingjian up`: started, watched, restarted, stopped together.

Each carries a mark in its environment that names the home folder, and hands it on to whatever it starts. By it a later
start finds what a killed group left running, also children that lead a session of their own.
"""

from __future__ import annotations

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
STEADY_SECONDS = 600.0  # a child that ran so long begins again with the shortest pause
ROOT = Path(__file__).resolve().parents[1]
MARK = "TINGJIAN_GROUP"


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
    started: float
    failures: int = 0
    next_start: float = 0.0


class Group:
    """The processes of one home folder."""

    def __init__(self, home: Path, say: Callable[[str], None]) -> None:
        self.say = say
        self.children: list[Child] = []
        self._mark = str(home.resolve())

    def sweep(self) -> None:
        """Stop what an earlier, killed group of this home left running."""
        for number in (signal.SIGTERM, signal.SIGKILL):
            for pid in self.members():
                _send(os.kill, pid, number)
            deadline = time.monotonic() + STOP_SECONDS
            while self.members() and time.monotonic() < deadline:
                time.sleep(0.1)

    def members(self) -> list[int]:
        """Living processes of this home's group, besides ourselves."""
        mark = f"{MARK}={self._mark}".encode()
        found = []
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                marked = mark in (folder / "environ").read_bytes().split(b"\0")
            except OSError:  # ended meanwhile, or another user's
                continue
            if marked and int(folder.name) != os.getpid():
                found.append(int(folder.name))
        return found

    def start(
        self, name: str, command: Sequence[str], log: Path | None = None, environment: Mapping[str, str] | None = None
    ) -> Child:
        """Start one child in a session of its own."""
        own = environment or {}
        child = Child(name, command, log, own, self._launch(command, log, own), time.monotonic())
        self.children.append(child)
        return child

    def run(self, command: Sequence[str], environment: Mapping[str, str] | None = None) -> tuple[int, str, str]:
        """Run one command to its end: (exit code, output, errors). An interruption of ours ends it first."""
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=self._environment(environment or {}),
            start_new_session=True,
            text=True,
        )
        try:
            output, errors = process.communicate()
        except BaseException:
            _send(os.killpg, process.pid, signal.SIGTERM)
            _end(process, time.monotonic() + STOP_SECONDS)
            raise
        return process.returncode, output, errors

    def watch(self) -> None:
        """Restart children that have ended, with growing pauses; call it every second or so."""
        for child in self.children:
            if child.process.poll() is None:
                continue
            now = time.monotonic()
            if child.next_start == 0.0:
                if now - child.started > STEADY_SECONDS:
                    child.failures = 0
                pause = RESTART_PAUSE[min(child.failures, len(RESTART_PAUSE) - 1)]
                child.failures += 1
                child.next_start = now + pause
                where = f"，详见 {child.log}" if child.log else ""
                self.say(f"{child.name} 意外退出（代码 {child.process.returncode}），{pause:.0f} 秒后重启{where}")
            elif now >= child.next_start:
                child.next_start, child.started = 0.0, now
                child.process = self._launch(child.command, child.log, child.environment)

    def stop(self, but: Child | None = None) -> None:
        """SIGTERM to every child but one, last started first; after ten seconds SIGKILL to it and to what it started."""
        leaving = [c for c in reversed(self.children) if c is not but]
        for child in leaving:
            if child.process.poll() is None:
                _send(os.killpg, child.process.pid, signal.SIGTERM)
        deadline = time.monotonic() + STOP_SECONDS
        for child in leaving:
            if not _end(child.process, deadline):
                self.say(f"{child.name} 没有按时停下，已强制结束。")
            self.children.remove(child)
        spared = {but.process.pid} if but else set[int]()
        deadline = time.monotonic() + STOP_SECONDS
        # A killed one ends a moment later.
        while (left := set(self.members()) - spared) and time.monotonic() < deadline:
            for pid in left:
                _send(os.kill, pid, signal.SIGKILL)
            time.sleep(0.02)

    def _launch(
        self, command: Sequence[str], log: Path | None, environment: Mapping[str, str]
    ) -> subprocess.Popen[bytes]:
        output = log.open("ab") if log else None
        try:
            return subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT if output else None,
                env=self._environment(environment),
                start_new_session=True,
            )
        finally:
            if output is not None:
                output.close()

    def _environment(self, own: Mapping[str, str]) -> dict[str, str]:
        return {**os.environ, **own, MARK: self._mark}


def _end(process: subprocess.Popen[bytes] | subprocess.Popen[str], deadline: float) -> bool:
    """Wait for a process that was asked to stop, SIGKILL at `deadline`; returns whether it went by itself."""
    try:
        process.wait(max(0.1, deadline - time.monotonic()))
        return True
    except subprocess.TimeoutExpired:
        return False
    finally:
        _send(os.killpg, process.pid, signal.SIGKILL)  # whatever it started and left
        process.wait()


def _send(how: Callable[[int, int], None], pid: int, number: int) -> None:
    try:
        how(pid, number)
    except (ProcessLookupError, PermissionError):
        return
