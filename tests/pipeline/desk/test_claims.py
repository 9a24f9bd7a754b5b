"""Several dispatchers at once, on both engines: one is killed in the middle, and nothing is lost or sent twice unseen."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections import Counter as Tally
from pathlib import Path

from desk_rows import NOW
from sqlalchemy import select

from pipeline.desk.database import Database
from pipeline.desk.tables import Notification
from pipeline.notify.outbox import enqueue, states

ROOT = Path(__file__).resolve().parents[3]
MESSAGES, WORKERS = 120, 4
# Sends by appending one line, as a channel would: what was written was sent, whatever became of the writer.
WORKER = """
import os, sys, time
from datetime import datetime
from pipeline.desk.database import Database
from pipeline.notify.dispatcher import dispatch
from pipeline.notify.outcomes import Sent
class Lines:
    def send(self, message):
        file = os.open(sys.argv[2], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        os.write(file, f"{message.id} {message.short_id} {os.getpid()}\\n".encode())
        os.close(file)
        time.sleep(0.02)
        return Sent()
dispatch(Database(sys.argv[1]), {"mail": Lines()}, datetime.fromisoformat(sys.argv[3]))
"""


def worker(desk: Database, sent: Path) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-c", WORKER, desk.url.render_as_string(hide_password=False), str(sent), NOW.isoformat()]
    return subprocess.Popen(command, cwd=ROOT)


def lines(sent: Path) -> list[list[str]]:
    return [line.split() for line in sent.read_text().splitlines()] if sent.exists() else []


def test_claims_of_several_processes_with_a_kill_among_them(desk: Database, tmp_path: Path) -> None:
    ids = [f"n{number:03d}" for number in range(MESSAGES)]
    with desk.write() as s:
        for name in ids:
            enqueue(
                s, id=name, kind="summary", office_ids=["o"], channel="mail", recipient="a@b.org", subject=name, text="t", now=NOW,
            )  # fmt: skip
    sent = tmp_path / "sent"
    workers = [worker(desk, sent) for _ in range(WORKERS)]
    for after, victim in ((15, 0), (40, 1)):  # each is sending just then: killed between its line and its mark
        deadline = time.monotonic() + 60
        while len(lines(sent)) < after and time.monotonic() < deadline:
            time.sleep(0.002)
        own = str(workers[victim].pid)
        while lines(sent)[-1][-1] != own and time.monotonic() < deadline and workers[victim].poll() is None:
            time.sleep(0.001)
        workers[victim].send_signal(signal.SIGKILL)
    codes = [w.wait(120) for w in workers]
    assert codes[:2] == [-signal.SIGKILL] * 2 and codes[2:] == [0, 0]
    assert worker(desk, sent).wait(120) == 0  # the killed ones' claims, if all others had ended
    copies = Tally(name for name, *_ in lines(sent))
    assert set(copies) == set(ids)
    assert len({short for _, short, _ in lines(sent)}) == MESSAGES
    assert len({pid for *_, pid in lines(sent)} - {str(os.getpid())}) >= 3  # they did work side by side
    with desk.read() as s:
        rows = {row.id: row for row in s.scalars(select(Notification))}
        totals = states(s)
    assert (totals["sent"], totals["pending"], totals["claimed"], totals["failed"]) == (MESSAGES, 0, 0, 0)
    assert all(rows[name].ambiguous >= n - 1 for name, n in copies.items()) and totals["ambiguous"] <= 2
