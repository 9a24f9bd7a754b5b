"""Names that both sides of Kibana as code agree on."""

from __future__ import annotations

import re


def space_id(prefix: str, office_id: str) -> str:
    """The Kibana space of one office; the ids of all its objects begin with it. `prefix` is that of the index names."""
    return re.sub(r"[^a-z0-9_-]", "-", f"tingjian-{prefix}{office_id}")
