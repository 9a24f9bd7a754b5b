"""Who is on call, as `oncall.yaml` says; read again when the file changes."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import datetime

from pipeline.errors import ConfigurationError
from pipeline.response.oncall import Duty, OnCall, load_oncall
from pipeline.settings import Home

log = logging.getLogger(__name__)
_cache: dict[str, tuple[int, OnCall]] = {}


def on_duty(home: Home, office_ids: Sequence[str], now: datetime) -> list[tuple[str, Duty]]:
    """(office short name, duty) of each office; empty where the file is missing or wrong (`tingjian doctor` says how)."""
    path = home.config / "oncall.yaml"
    try:
        changed = path.stat().st_mtime_ns
        known = _cache.get(str(path))
        if known is None or known[0] != changed:
            known = _cache[str(path)] = (changed, load_oncall(path))
    except (OSError, ConfigurationError) as error:
        log.warning("no one is on call: %s", error)
        return []
    offices = [o for o in home.offices if o.id in office_ids]
    return [(o.short_name, known[1].who(now, [o.id])) for o in offices]
