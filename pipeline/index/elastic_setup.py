"""Templates, aliases and the state of the indices: put where they are missing, older, or of other offices."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from pipeline.errors import ConfigurationError
from pipeline.index import mapping
from pipeline.index.elastic_client import RequestRefused, call
from pipeline.index.elastic_server import Server
from pipeline.index.mapping import FIELDS, PATTERNS, aliases, templates


@dataclass(frozen=True, slots=True)
class Shape:
    """One index: its kind, what writers call it, and the version of its mapping."""

    index: str
    kind: str
    bare: str
    version: int

    @property
    def outdated(self) -> bool:
        return self.version < mapping.MAPPING_VERSION


def prepare(server: Server, offices: Sequence[str]) -> list[str]:
    """Bring templates up to date and give every index all aliases; names what was changed. A second time: nothing."""
    changed = []
    wanted = templates(server.prefix, tuple(offices), server.settings.shards, server.settings.replicas)
    for kind in FIELDS:
        name = f"{server.prefix}{kind}"
        body = wanted[name]
        if _is_there(template(server, name), body):
            continue
        call(lambda: server.client.indices.put_index_template(name=name, **body))  # noqa: B023
        add = [
            {"add": {"index": index, "alias": alias, **rest}}
            for index in server.indices(f"{server.prefix}{PATTERNS[kind]}")
            for alias, rest in aliases(server.prefix, kind, tuple(offices)).items()
        ]
        if add:
            call(lambda: server.client.indices.update_aliases(actions=add))  # noqa: B023
        changed.append(name)
        if PATTERNS[kind] == kind and not server.indices(name):
            server.create(name)
    return changed


def need_our_mapping(server: Server) -> None:
    """Raises ConfigurationError where an index was made by an older version: it would refuse what we write."""
    old = [shape.index for shape in shapes(server) if shape.outdated]
    if old:
        raise ConfigurationError(
            f"有 {len(old)} 个索引是旧版本建的（如 {old[0]}）：先运行 tingjian index migrate", field="index"
        )


def shapes(server: Server) -> list[Shape]:
    """Every index of ours, closed ones too."""
    patterns = ",".join(f"{server.prefix}{pattern}" for pattern in PATTERNS.values())
    options: dict[str, Any] = {"expand_wildcards": "all", "ignore_unavailable": True}
    found = call(lambda: server.client.indices.get_mapping(index=patterns, **options))
    made = []
    for index, body in sorted(found.items()):
        bare = re.sub(r"^v\d+-", "", index.removeprefix(server.prefix))
        kind = next(kind for kind, pattern in PATTERNS.items() if fnmatchcase(bare, pattern))
        made.append(Shape(index, kind, bare, int(body["mappings"].get("_meta", {}).get("version", 0))))
    return made


def template(server: Server, name: str) -> Mapping[str, Any] | None:
    """An index template as the cluster has it."""
    try:
        found = call(lambda: server.client.indices.get_index_template(name=name))["index_templates"]
    except RequestRefused as error:
        if error.status != 404:
            raise
        return None
    body: Mapping[str, Any] = found[0]["index_template"]
    return body


def _is_there(known: Mapping[str, Any] | None, wanted: Mapping[str, Any]) -> bool:
    """Offices that left keep their alias: it shows them nothing new."""
    if known is None or known.get("version", 0) < wanted["version"]:
        return False
    return set(known["template"].get("aliases", {})) >= set(wanted["template"]["aliases"])
