"""Looking is recorded (charter 8)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from pipeline.desk.tables import AuditLine


def record(
    session: Session, now: datetime, actor: str, office_ids: Sequence[str], action: str, subject: str, **detail: Any
) -> None:
    """Add one audit line to the caller's transaction. `actor` is a staff sign-in name or `system`; `detail` is JSON."""
    session.add(
        AuditLine(at=now, actor=actor, office_ids=list(office_ids), action=action, subject=subject[:255], detail=detail)
    )
