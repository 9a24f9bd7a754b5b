"""`make soak`: twenty more kills over the worker processes, and three over everything that `tingjian up` runs."""

from __future__ import annotations

import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from conftest import ROOT, tingjian
from faults import Run, check, outcome, random_plan, wait_for

pytestmark = pytest.mark.soak


@pytest.mark.parametrize("seed", [1, 2])
def test_ten_seeded_kills_and_more(demo_home: Path, tmp_path: Path, seed: int) -> None:
    run = Run(tmp_path / "home")
    run.tell(random_plan(seed, 14))
    print("killed at", run.kills, "not reached", run.missed)
    assert len(run.kills) >= 10  # some points are not reached on some days
    check(run.home)
    expected, got = outcome(demo_home), outcome(run.home)
    for name in expected:
        assert got[name] == expected[name], name


def test_the_whole_group_dies_three_times(tmp_path: Path) -> None:
    home = tmp_path / "home"
    port = free_port()
    for number, moment in enumerate(("day 2", "last day", "running")):
        group = up(home, port)
        try:
            until(group, home, moment, port)
        finally:
            kill_everything(group, home)
        assert group.returncode is not None, number
    group = up(home, port)
    try:
        until(group, home, "running", port)
    finally:
        group.send_signal(signal.SIGINT)
        assert group.wait(60) == 0
    assert not children(home)
    for step in ("ingest", "watch", "dispatch"):
        tingjian(step, "--data-dir", str(home))
    check(home)
    states = sqlite3.connect(f"file:{home / 'prefect/prefect.db'}?mode=ro", uri=True)
    with closing(states):
        left = states.execute("SELECT count(*) FROM flow_run WHERE state_type IN ('RUNNING', 'CANCELLING')").fetchone()[
            0
        ]
    assert left == 0


def up(home: Path, port: int) -> subprocess.Popen[bytes]:
    """`tingjian up --demo`, as a newcomer runs it."""
    log = home.with_suffix(".log").open("ab")
    command = [sys.executable, "-m", "flows", "up", "--demo", "--port", str(port), "--data-dir", str(home)]
    return subprocess.Popen(command, stdout=log, stderr=log, cwd=ROOT, start_new_session=True)


def until(group: subprocess.Popen[bytes], home: Path, moment: str, port: int) -> None:
    """Wait for a moment of the story, and for nothing where the group is gone."""

    def there() -> bool:
        assert group.poll() is None, home.with_suffix(".log").read_text(encoding="utf-8")[-2000:]
        return reached(home, moment, port)

    wait_for(there, 240, moment)


def reached(home: Path, moment: str, port: int) -> bool:
    """Whether the group has come so far."""
    try:
        done = json.loads((home / "demo/state.json").read_text(encoding="utf-8"))["done"]
    except (OSError, ValueError):
        return False
    if moment == "running":
        with closing(socket.socket()) as s:
            return s.connect_ex(("127.0.0.1", port)) == 0
    return len(done) >= (2 if moment == "day 2" else 6)


def children(home: Path) -> list[int]:
    """Living processes whose command line or environment names this home."""
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        try:
            text = (entry / "cmdline").read_bytes() + (entry / "environ").read_bytes()
            state = (entry / "stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            continue
        if str(home).encode() in text and state != "Z":
            found.append(int(entry.name))
    return found


def kill_everything(group: subprocess.Popen[bytes], home: Path) -> None:
    """SIGKILL to every process of the group, at once."""
    for pid in [group.pid, *children(home)]:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue
    group.wait()
    wait_for(lambda: not children(home), 20, "every process to be gone")


def free_port() -> int:
    with closing(socket.socket()) as s:
        s.bind(("127.0.0.1", 0))
        return int(s.getsockname()[1])
