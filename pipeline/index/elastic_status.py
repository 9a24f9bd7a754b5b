"""How the cluster and each of our indices are, for `tingjian index status`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pipeline.index import mapping
from pipeline.index.elastic_client import call
from pipeline.index.elastic_server import Server
from pipeline.index.elastic_setup import shapes, template
from pipeline.index.mapping import FIELDS


@dataclass(frozen=True, slots=True)
class IndexState:
    """`problems` are Chinese words."""

    name: str
    documents: int
    megabytes: float
    version: int
    problems: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ClusterState:
    """`missing`: what `tingjian index setup` would put."""

    version: str
    health: str
    nodes: int
    indices: tuple[IndexState, ...]
    missing: tuple[str, ...]


def status(server: Server) -> ClusterState:
    """Ask the cluster; changes nothing."""
    client = server.client
    health = call(lambda: client.cluster.health())
    version = str(call(lambda: client.info())["version"]["number"])
    names = [f"{server.prefix}{kind}" for kind in FIELDS]
    missing = tuple(f"没有模板 {name}：运行 tingjian index setup" for name in names if template(server, name) is None)
    return ClusterState(version, health["status"], health["number_of_nodes"], tuple(_states(server)), missing)


def _states(server: Server) -> list[IndexState]:
    ours = shapes(server)
    if not ours:
        return []
    names = ",".join(shape.index for shape in ours)
    listed: Any = call(
        lambda: server.client.cat.indices(index=names, format="json", bytes="b", expand_wildcards="all", h=_COLUMNS)
    )
    rows: dict[str, Any] = {row["index"]: row for row in listed}
    settings = call(lambda: server.client.indices.get_settings(index=names, expand_wildcards="all", flat_settings=True))
    states = []
    for shape in ours:
        row = rows[shape.index]
        problems = [words for name, words in _BLOCKS.items() if settings[shape.index]["settings"].get(name) == "true"]
        if row["status"] == "close":
            problems.append("已关闭，读写都会失败：请打开")
        elif row["health"] == "red":
            problems.append("有分片不可用")
        if shape.outdated:
            problems.append(f"映射应是 {mapping.MAPPING_VERSION}：运行 tingjian index migrate")
        size = int(row["store.size"] or 0) / 1e6
        states.append(IndexState(shape.index, int(row["docs.count"] or 0), size, shape.version, tuple(problems)))
    return states


_COLUMNS = "index,status,health,docs.count,store.size"
_BLOCKS = {
    "index.blocks.read_only_allow_delete": "只读（磁盘将满）",
    "index.blocks.read_only": "只读",
    "index.blocks.write": "不收写入（正在迁移，或迁移中断：再运行 tingjian index migrate）",
}
