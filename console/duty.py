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
    """(office short names, duty); offices with the same people together; empty where the file is missing or wrong (`tingjian doctor` says how)."""
    path = home.config / "oncall.yaml"
    try:
        changed = path.stat().st_mtime_ns
        known = _cache.get(str(path))
        if known is None or known[0] != changed:
            known = _cache[str(path)] = (changed, load_oncall(path))
    except (OSError, ConfigurationError) as error:
        log.warning("no one is on call: %s", error)
        return []
    posts: dict[Duty, list[str]] = {}
    for office in home.offices:
        if office.id in office_ids:
            posts.setdefault(known[1].who(now, [office.id]), []).append(office.short_name)
    return [("、".join(names), duty) for duty, names in posts.items()]
