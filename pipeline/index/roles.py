"""The rights of each API key: role descriptors for `POST _security/api_key`. Code, tests and docs read them here alone.

- `ingest` writes documents and can't read any.
- `worker` (watch, upkeep, digest, dispatch) reads, corrects and deletes what is past retention.
- `desk` reads items and signals; it can neither write nor delete.
- `office-<id>` is for Kibana and other readers: it sees one office's documents, through its filtered aliases only.
- `operator` runs `tingjian index setup`, `migrate` and `repair`; no process of ours keeps it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pipeline.index.mapping import AUDIT, FIELDS, INCIDENTS, ISSUES, ITEMS, PATTERNS, SIGNALS, SOURCES, office_alias

_START = ["cluster:monitor/main", "indices:admin/index_template/get"]  # which server, and are its templates ours
_WRITE = ["create_doc", "index", "auto_configure", "maintenance", "view_index_metadata"]
_READ = ["read", "view_index_metadata"]


def roles(prefix: str, offices: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Name of a key → its role descriptor."""
    searched = _names(prefix, ITEMS, SIGNALS)
    mirrored = _names(prefix, ISSUES, INCIDENTS, SOURCES, AUDIT)
    found = {
        "ingest": _role(_on(_names(prefix, ITEMS), *_WRITE)),
        "worker": _role(
            _on(searched, *_WRITE, "read", "delete", "delete_index"), _on(mirrored, *_WRITE, "read", "delete")
        ),
        "desk": _role(_on(searched, *_READ)),
        "operator": _role(
            _on(_names(prefix, *FIELDS), "all"),
            cluster=["monitor", "manage_index_templates", "cluster:admin/tasks/cancel"],
        ),
    }
    for office in offices:
        aliases = [office_alias(prefix, office, kind) for kind in FIELDS]
        found[f"office-{office}"] = _role(_on(aliases, "read"), cluster=["cluster:monitor/main"])
    return found


def _names(prefix: str, *kinds: str) -> list[str]:
    """Indices as they are first made and as migrations name them, and the alias before each kind."""
    return [
        n
        for kind in kinds
        for n in (f"{prefix}{PATTERNS[kind]}", f"{prefix}v*-{PATTERNS[kind]}", f"{prefix}all-{kind}")
    ]


def _on(names: Sequence[str], *privileges: str) -> dict[str, Any]:
    return {"names": list(names), "privileges": list(privileges)}


def _role(*indices: dict[str, Any], cluster: Sequence[str] = _START) -> dict[str, Any]:
    return {"cluster": list(cluster), "indices": list(indices)}
