"""Processes of one home: swept after a kill whatever they started, stopped together, one group at a time."""

from __future__ import annotations

import os
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from conftest import ROOT, Cli, change, command

from flows import processes
from flows.processes import Group

SLEEP = "import time; time.sleep(60)"
# A worker that starts another one in a session of its own, as Prefect does with its flows, and ignores SIGTERM.
NESTED = f"""
import signal, subprocess, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
subprocess.Popen([sys.executable, "-c", {SLEEP!r}], start_new_session=True)
time.sleep(60)
"""
LEADER = """
import sys, time
from pathlib import Path
from flows.processes import Group
group = Group(Path(sys.argv[1]), print)
group.start("worker", [sys.executable, "-c", sys.argv[2]])
group.run([sys.executable, "-c", sys.argv[2]])
"""


@pytest.fixture
def leader(tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A process that runs a group with two nested workers: five processes in four sessions."""
    process = subprocess.Popen([sys.executable, "-c", LEADER, str(tmp_path), NESTED], cwd=ROOT)
    until(lambda: len(Group(tmp_path, print).members()) == 4)
    yield process
    process.kill()
    process.wait()
    for pid in Group(tmp_path, print).members():
        os.kill(pid, signal.SIGKILL)


def until(condition: Callable[[], object], seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "STOP_SECONDS", 0.5)


def test_sweep_ends_what_a_killed_leader_left(leader: subprocess.Popen[bytes], tmp_path: Path) -> None:
    leader.kill()
    leader.wait()
    group = Group(tmp_path, print)
    assert len(group.members()) == 4
    group.sweep()
    assert group.members() == []


def test_sweep_finds_orphans_whose_parents_died_too(leader: subprocess.Popen[bytes], tmp_path: Path) -> None:
    group = Group(tmp_path, print)
    leader.kill()
    leader.wait()
    for pid in group.members():
        if os.getsid(pid) == pid and children_of(pid):
            os.kill(pid, signal.SIGKILL)
    until(lambda: len(group.members()) == 2)
    group.sweep()
    assert group.members() == []


def test_sweep_leaves_others_alone(leader: subprocess.Popen[bytes], tmp_path: Path) -> None:
    Group(tmp_path / "another", print).sweep()
    assert len(Group(tmp_path, print).members()) == 4 and leader.poll() is None


def test_stop_leaves_nothing_also_not_what_ignores_it(tmp_path: Path) -> None:
    said: list[str] = []
    group = Group(tmp_path, said.append)
    group.start("worker", [sys.executable, "-c", NESTED])
    until(lambda: len(group.members()) == 2)
    group.stop()
    assert group.members() == [] and "worker" in said[0]


def test_an_interrupted_command_ends_with_us(tmp_path: Path) -> None:
    group = Group(tmp_path, print)
    signal.signal(signal.SIGALRM, lambda *_: (_ for _ in ()).throw(KeyboardInterrupt()))
    signal.setitimer(signal.ITIMER_REAL, 0.5)
    with pytest.raises(KeyboardInterrupt):
        group.run([sys.executable, "-c", SLEEP])
    assert group.members() == []


def test_a_child_that_ends_is_started_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "RESTART_PAUSE", (0.0,))
    said: list[str] = []
    group = Group(tmp_path, said.append)
    child = group.start("worker", [sys.executable, "-c", SLEEP])
    first = child.process.pid
    child.process.kill()
    until(lambda: (group.watch(), child.process.pid != first)[1])
    assert child.process.poll() is None and "意外退出（代码 -9）" in said[0]
    group.stop()
    assert group.members() == []


def test_an_office_from_start_to_stop(cli: Cli, office: Path) -> None:
    """Start, a second start refused, the leader killed, a start that sweeps, Ctrl-C, a port in use."""
    port = free_port()
    change(office / "config/tingjian.yaml", "port: 8600", f"port: {port}")
    group = Group(office, print)
    log = office.parent / "up.log"
    first = start_up(office, log)
    assert "已经有一个 tingjian 在运行" in cli("up", "--data-dir", office, code=75).stderr
    left = group.members()
    first.kill()
    first.wait()
    assert len(left) >= 4 and set(left) <= set(group.members())
    second = start_up(office, log)
    assert not set(left) & set(group.members())
    until(lambda: "COMPLETED" in runs(office), 150)  # the schedules live: a first collection comes by itself
    second.send_signal(signal.SIGINT)
    assert second.wait(60) == 0 and group.members() == []
    assert not {"RUNNING", "PENDING", "CANCELLING"} & set(runs(office))
    assert log.read_text(encoding="utf-8").endswith("已停止。\n")
    with closing(socket.create_server(("127.0.0.1", port))):
        said = cli("up", "--data-dir", office, code=2).stderr
    assert f"端口 {port} 用不了" in said and "desk.port" in said
    assert group.members() == []


def start_up(home: Path, log: Path) -> subprocess.Popen[bytes]:
    """`tingjian up`, waited for until it says that the desk is ready."""
    before = log.stat().st_size if log.exists() else 0
    with log.open("ab") as f:
        started = time.monotonic()
        process = subprocess.Popen(command("up", "--data-dir", str(home)), stdout=f, stderr=f, cwd=ROOT)
    until(lambda: log.stat().st_size > before or process.poll() is not None, 10)
    print(f"first line after {time.monotonic() - started:.1f} s")

    def ready() -> bool:
        text = log.read_bytes()[before:].decode("utf-8")
        assert process.poll() is None, text
        return "按 Ctrl-C 停止" in text

    until(ready, 120)
    return process


def runs(home: Path) -> list[str]:
    """States of Prefect's flow runs."""
    with closing(sqlite3.connect(f"file:{home / 'prefect/prefect.db'}?mode=ro", uri=True)) as c:
        return [state for (state,) in c.execute("SELECT state_type FROM flow_run")]


def children_of(pid: int) -> list[str]:
    return Path(f"/proc/{pid}/task/{pid}/children").read_text().split()


def free_port() -> int:
    with closing(socket.socket()) as s:
        s.bind(("127.0.0.1", 0))
        return int(s.getsockname()[1])
