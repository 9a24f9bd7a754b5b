"""Running totals by name and Shanghai day."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from pipeline.desk.tables import Counter
from pipeline.records import SHANGHAI


def add(session: Session, name: str, value: int, now: datetime) -> None:
    """Add to the counter in the caller's (write) transaction; zero writes nothing."""
    if value == 0:
        return
    day = now.astimezone(SHANGHAI).date().isoformat()
    row = session.get(Counter, (name, day))
    if row is None:
        session.add(Counter(name=name, day=day, value=value))
        session.flush()
    else:
        row.value += value


def totals(session: Session) -> dict[str, int]:
    """name → sum over all days."""
    rows = session.execute(select(Counter.name, func.sum(Counter.value)).group_by(Counter.name))
    return {name: int(value) for name, value in rows}
