"""A changed mapping: each old index is copied into a new one while writes go on, then the new one takes its place.

The last step blocks writes for as long as it takes to copy what changed meanwhile; writers wait and try again. Names,
aliases and the removal of the old index change in one request, so a kill leaves either the old index or the new one, and
running it again goes on from there.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from pipeline.errors import ConfigurationError, TingjianError
from pipeline.index import mapping
from pipeline.index.elastic_client import call
from pipeline.index.elastic_server import Server
from pipeline.index.elastic_setup import prepare, shapes
from pipeline.index.mapping import aliases, templates

POLL_SECONDS = 0.5
_BATCH = 1000


@dataclass(frozen=True, slots=True)
class _Move:
    """One index and what becomes of it. `name` is what writers call it."""

    kind: str
    name: str
    old: str
    new: str


def migrate(server: Server, offices: Sequence[str], say: Callable[[str], None]) -> int:
    """Bring templates and every index to our mapping; returns how many indices were changed.

    Raises ConfigurationError where documents do not fit the new mapping: their index stays as it was.
    """
    prepare(server, offices)
    moves = list(_moves(server))
    for number, move in enumerate(moves, 1):
        say(f"[{number}/{len(moves)}] {move.old} → {move.new}")
        _stop_copies(server, move)
        _create(server, move)
        _copy(server, move)
        _take_over(server, move, tuple(offices))
    return len(moves)


def _moves(server: Server) -> Iterator[_Move]:
    for shape in shapes(server):
        if shape.outdated:
            new = f"{server.prefix}v{mapping.MAPPING_VERSION}-{shape.bare}"
            yield _Move(shape.kind, f"{server.prefix}{shape.bare}", shape.index, new)


def _stop_copies(server: Server, move: _Move) -> None:
    """A killed migration's copy goes on inside the server: it must not write into an index that is in use again."""
    running = call(lambda: server.client.tasks.list(actions="*reindex", detailed=True))
    for node in running["nodes"].values():
        for task_id, task in node["tasks"].items():
            if f"[{move.new}]" in task["description"]:
                call(lambda: server.client.tasks.cancel(task_id=task_id, wait_for_completion=True))  # noqa: B023


def _create(server: Server, move: _Move) -> None:
    """Without aliases: nobody reads it yet."""
    settings = server.settings
    body = templates(server.prefix, (), settings.shards, settings.replicas)[f"{server.prefix}{move.kind}"]["template"]
    server.create(move.new, settings=body["settings"], mappings=body["mappings"])


def _copy(server: Server, move: _Move) -> None:
    """Every document that the new index has not, or has in an older version."""
    started = call(
        lambda: server.client.reindex(
            source={"index": move.old, "size": _BATCH},
            dest={"index": move.new, "version_type": "external"},
            conflicts="proceed",
            refresh=True,
            wait_for_completion=False,
        )
    )
    while True:
        task = call(lambda: server.client.tasks.get(task_id=started["task"]))
        if task["completed"]:
            break
        time.sleep(POLL_SECONDS)
    failed = [f["cause"]["type"] for f in task.get("response", {}).get("failures", ())]
    if failed or "error" in task:
        why = "、".join(sorted(set(failed))) or str(task["error"].get("type", ""))
        raise ConfigurationError(f"{move.old} 里有文档不合新的映射（{why}），这个索引没有改动")


def _take_over(server: Server, move: _Move, offices: tuple[str, ...]) -> None:
    call(lambda: server.client.indices.add_block(index=move.old, block="write"))
    try:
        _copy(server, move)
        everything: dict[str, Any] = {"match_all": {}}
        if server.total(move.old, everything) != server.total(move.new, everything):  # purged meanwhile
            server.drop(move.new)
            _create(server, move)
            _copy(server, move)
        if server.total(move.old, everything) != server.total(move.new, everything):
            raise ConfigurationError(f"{move.old} 没有抄全，这个索引没有改动")
        add = [
            {"add": {"index": move.new, "alias": a, **f}} for a, f in aliases(server.prefix, move.kind, offices).items()
        ]
        add.append({"add": {"index": move.new, "alias": move.name, "is_write_index": True}})
        actions = [{"remove_index": {"index": move.old}}, *add]
        call(lambda: server.client.indices.update_aliases(actions=actions))
    except TingjianError:
        if move.old in server.indices(move.old):  # else it has happened, and only the answer was lost
            call(lambda: server.client.indices.put_settings(index=move.old, settings={"index.blocks.write": None}))
            raise
