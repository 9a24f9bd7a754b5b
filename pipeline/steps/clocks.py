"""Clocks: what time alone brings about. Needs the desk's database and nothing else, so that no engine's absence stops it."""

from __future__ import annotations

from datetime import datetime

from pipeline.desk.database import Database
from pipeline.response.ticking import TickReport, tick
from pipeline.settings import Home
from pipeline.steps.health_watch import health_alerts
from pipeline.steps.roster import load_post
from pipeline.steps.self_watch import self_alerts


def drive(home: Home, db: Database, now: datetime) -> TickReport:
    """Warn, miss, escalate; and tell of ourselves. Idempotent at one `now`. Raises ConfigurationError where the roster is wrong."""
    post = load_post(home)
    with db.write() as session:
        self_alerts(session, [office.id for office in home.offices], post, now, home.settings.k)
        health_alerts(session, home, post, now)
        return tick(session, now, post)
