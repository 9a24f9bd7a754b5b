"""Templates and aliases: put where they are missing, older, or of other offices."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from elasticsearch import NotFoundError

from pipeline.index.elastic_client import call
from pipeline.index.elastic_server import Server
from pipeline.index.mapping import FIELDS, PATTERNS, aliases, templates


def prepare(server: Server, offices: Sequence[str]) -> list[str]:
    """Bring templates up to date and give every index all aliases; names what was changed. A second time: nothing."""
    changed = []
    prefix, wanted = (
        server.prefix,
        templates(server.prefix, tuple(offices), server.settings.shards, server.settings.replicas),
    )
    for kind in FIELDS:
        name, body = f"{prefix}{kind}", wanted[f"{prefix}{kind}"]
        if _is_there(_template(server, name), body):
            continue
        call(lambda: server.client.indices.put_index_template(name=name, **body))  # noqa: B023
        add = [
            {"add": {"index": index, "alias": alias, **rest}}
            for index in server.indices(f"{prefix}{PATTERNS[kind]}")
            for alias, rest in aliases(prefix, kind, tuple(offices)).items()
        ]
        if add:
            call(lambda: server.client.indices.update_aliases(actions=add))  # noqa: B023
        changed.append(name)
        if PATTERNS[kind] == kind and not server.indices(name):
            server.create(name)
    return changed


def _template(server: Server, name: str) -> Mapping[str, Any] | None:
    try:
        found = call(lambda: server.client.indices.get_index_template(name=name))["index_templates"]
    except NotFoundError:
        return None
    template: Mapping[str, Any] = found[0]["index_template"]
    return template


def _is_there(known: Mapping[str, Any] | None, wanted: Mapping[str, Any]) -> bool:
    """Offices that left keep their alias: it shows them nothing new."""
    if known is None or known.get("version", 0) < wanted["version"]:
        return False
    return set(known["template"].get("aliases", {})) >= set(wanted["template"]["aliases"])
