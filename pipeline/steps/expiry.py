"""Staged posts that are 72 h old go, and are counted exactly once (charter 2)."""

from __future__ import annotations

from datetime import datetime

from pipeline.desk import counters
from pipeline.desk.database import Database
from pipeline.desk.tables import Heartbeat
from pipeline.staging import Staging

NAME = "staging"


def expire_staged(db: Database, staging: Staging, now: datetime) -> tuple[int, int]:
    """Destroy and count; returns (rows newly counted, of those never heard).

    Two databases can't commit together: staging keeps its own sums, and what the desk has not counted yet is the
    difference. So a kill in between is made good by the next run.
    """
    staging.expire(now)
    gone, unheard = staging.gone()
    with db.read() as session:
        beat = session.get(Heartbeat, NAME)
        known = (int(beat.state["gone"]), int(beat.state["unheard"])) if beat else (0, 0)
    if known == (gone, unheard):
        return 0, 0
    if known[0] > gone:  # another staging file: a restored installation begins without one
        known = (0, 0)
    new = gone - known[0], unheard - known[1]
    with db.write() as session:
        counters.add(session, "staging.gone", new[0], now)
        counters.add(session, "staging.expired", new[1], now)
        session.merge(Heartbeat(name=NAME, beat_at=now, state={"gone": gone, "unheard": unheard}))
    return new
