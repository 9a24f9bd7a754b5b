"""Dispatch: send what the outbox holds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from datetime import datetime

from pipeline.desk.database import Database
from pipeline.desk.tables import Heartbeat
from pipeline.notify.dispatcher import DispatchReport
from pipeline.notify.dispatcher import dispatch as drain
from pipeline.notify.senders import NullSender, build_senders
from pipeline.records import CANARY
from pipeline.settings import Home
from pipeline.steps import canary


def dispatch(home: Home, db: Database, now: datetime, go_on: Callable[[], bool] = lambda: True) -> DispatchReport:
    """Send everything due at `now`; `go_on` is asked between two messages. Raises ConfigurationError."""
    report = drain(db, {**build_senders(home), CANARY: NullSender()}, now, go_on=go_on)
    with db.write() as session:
        canary.collect_sent(session)
        session.merge(Heartbeat(name="dispatch", beat_at=now, state=asdict(report)))
    return report
