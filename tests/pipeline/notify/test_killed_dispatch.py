"""SIGKILL while mails are being sent: none is lost, and a second copy only where the first one's fate was unknown."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections import Counter as Tally
from pathlib import Path

import pytest
from desk_rows import NOW
from smtp_server import mail_server
from sqlalchemy import select

from pipeline.desk.database import Database
from pipeline.desk.tables import Notification
from pipeline.notify.dispatcher import dispatch
from pipeline.notify.outbox import enqueue, unfinished
from pipeline.notify.senders import SmtpSender

ROOT = Path(__file__).resolve().parents[3]
WORKER = """
import sys
from datetime import datetime
from pipeline.desk.database import Database
from pipeline.notify.dispatcher import dispatch
from pipeline.notify.senders import SmtpSender
sender = SmtpSender("127.0.0.1", int(sys.argv[2]), "none", "t@example.org", timeout=5)
dispatch(Database(sys.argv[1]), {"mail": sender}, datetime.fromisoformat(sys.argv[3]))
"""


@pytest.mark.parametrize("after", [1, 3, 5])
def test_kill_and_restart(desk: Database, after: int) -> None:
    ids = [f"n{number}" for number in range(8)]
    with desk.write() as s:
        for name in ids:
            enqueue(
                s,
                id=name,
                kind="summary",
                office_ids=[],
                channel="mail",
                recipient="a@b.org",
                subject=name,
                text="t",
                now=NOW,
            )
    with mail_server() as inbox:
        inbox.delay = 0.25
        worker = subprocess.Popen(
            [sys.executable, "-c", WORKER, desk.url.render_as_string(hide_password=False), str(inbox.port), NOW.isoformat()],
            cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)},
        )  # fmt: skip
        deadline = time.monotonic() + 30
        while len(inbox.mails) < after and time.monotonic() < deadline:
            time.sleep(0.01)
        worker.send_signal(signal.SIGKILL)
        worker.wait()
        inbox.delay = 0
        dispatch(desk, {"mail": SmtpSender("127.0.0.1", inbox.port, "none", "t@example.org", timeout=5)}, NOW)
        arrived = Tally(str(m["Message-ID"]).strip("<>").split("@")[0] for m in inbox.mails)
        subjects = {str(m["Message-ID"]): set[str]() for m in inbox.mails}
        for mail in inbox.mails:
            subjects[str(mail["Message-ID"])].add(str(mail["Subject"]))
    assert set(arrived) == set(ids)
    assert all(len(s) == 1 for s in subjects.values())  # a second copy has the same short id
    with desk.read() as s:
        assert not unfinished(s)
        ambiguous = {row.id: row.ambiguous for row in s.scalars(select(Notification))}
    assert all(ambiguous[name] > 0 for name, copies in arrived.items() if copies > 1)
    assert sum(ambiguous.values()) <= 1
