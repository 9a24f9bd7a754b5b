"""`tingjian kibana push|pull|diff`."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import click

from flows.context import home_option
from flows.kibana.client import Kibana
from flows.kibana.plan import Json, Sent, State, Step, compare, fingerprint, name_of
from flows.kibana.spaces import space_id
from flows.processes import ROOT
from pipeline.errors import ConfigurationError, Refused
from pipeline.settings import Home, Office, load_home

KEY_VARIABLE = "TINGJIAN_KIBANA_API_KEY"
SENT_FILE = "kibana.json"  # in the home folder: what was sent last
BUILD_SECONDS = 120
LINES_SHOWN = 12
_WORDS: dict[State, str] = {
    "new": "新建", "same": "未变", "changed_here": "更新", "changed_there": "分析人员改过", "gone_here": "描述里已经没有",
    "theirs": "分析人员自建",
}  # fmt: skip
F = TypeVar("F", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class Space:
    """One office's space: what is there against what is described. `held`: the space itself, None where it is new."""

    id: str
    office: Office
    held: Json | None
    steps: list[Step]

    @property
    def names(self) -> tuple[str, str]:
        """Name and description that it should have."""
        return self.office.short_name, f"听见：{self.office.name}"

    @property
    def renamed(self) -> bool:
        return self.held is not None and (self.held.get("name"), self.held.get("description")) != self.names

    def of(self, *states: State) -> list[Step]:
        return [step for step in self.steps if step.state in states]


@click.group()
def kibana() -> None:
    """Kibana 看板：按 deploy/kibana 里的描述写入、取回、比较（需要 Elasticsearch 引擎）。"""


def _options(function: F) -> F:
    for option in (
        click.option("--office", "offices", multiple=True, help="只做这个检察院（id，可多次）；默认全部。"),
        click.option("--ca-file", type=click.Path(exists=True, dir_okay=False, path_type=Path),
                     envvar="TINGJIAN_KIBANA_CA_FILE", help="自签证书的 CA 文件。"),
        click.option("--url", required=True, envvar="TINGJIAN_KIBANA_URL", help="如 https://kibana.example.org:5601。"),
    ):  # fmt: skip
        function = option(function)
    return home_option(function)


@kibana.command()
@click.option("--dry-run", is_flag=True, help="只说会做什么，什么也不写。")
@click.option("--overwrite", is_flag=True, help="分析人员改过的也用描述里的覆盖。")
@_options
def push(
    dry_run: bool, overwrite: bool, url: str, ca_file: Path | None, offices: tuple[str, ...], data_dir: Path
) -> None:
    """写入：每个检察院一个空间，数据视图、保存的检索和五个看板。可重复运行。"""
    home = load_home(data_dir)
    left = 0
    with _opened(url, ca_file) as client:
        for space in _spaces(client, home, offices):
            _tell(space)
            kept = [] if overwrite else space.of("changed_there")
            left += len(kept)
            wanted = [s.built for s in space.of("new", "changed_here", "changed_there") if s.built and s not in kept]
            if dry_run:
                continue
            if space.held is None:
                client.make_space(space.id, *space.names)
            elif space.renamed:
                client.rename_space(space.held, *space.names)
            if wanted:
                client.send(space.id, wanted)
                client.set_default_view(space.id, f"{space.id}-items")
            _remember(home, space, client.export(space.id) if wanted else [], kept)
            click.echo(f"{space.office.short_name}：写入 {len(wanted)} 个对象。")
    if left and not dry_run:
        raise Refused(
            f"有 {left} 个对象被分析人员改过，没有覆盖：先用 tingjian kibana pull 取回看看，确定不要再加 --overwrite。"
        )


@kibana.command()
@click.option(
    "--to", "folder", type=click.Path(file_okay=False, path_type=Path), help="写到哪个目录；默认 数据目录/kibana。"
)
@_options
def pull(folder: Path | None, url: str, ca_file: Path | None, offices: tuple[str, ...], data_dir: Path) -> None:
    """取回：把分析人员改过的和自建的对象写成文件（一个空间一个 .ndjson）。"""
    home = load_home(data_dir)
    target = folder or home.folder / "kibana"
    with _opened(url, ca_file) as client:
        for space in _spaces(client, home, offices):
            _tell(space)
            wanted = {step.name for step in space.of("changed_there", "theirs")}
            held = [found for found in client.export(space.id) if name_of(found) in wanted] if wanted else []
            path = target / f"{space.id}.ndjson"
            if not held:
                path.unlink(missing_ok=True)
                click.echo(f"{space.office.short_name}：没有改动。")
                continue
            lines = [json.dumps(found, ensure_ascii=False, sort_keys=True) + "\n" for found in held]
            _write(path, "".join(sorted(lines)))
            click.echo(f"{space.office.short_name}：{len(held)} 个对象写入 {path}")


@kibana.command()
@_options
def diff(url: str, ca_file: Path | None, offices: tuple[str, ...], data_dir: Path) -> None:
    """比较：描述与 Kibana 里的有什么不同；有不同时退出码是 1。"""
    home = load_home(data_dir)
    with _opened(url, ca_file) as client:
        spaces = list(_spaces(client, home, offices))
    for space in spaces:
        _tell(space)
    if any(space.renamed or space.of("new", "changed_here", "changed_there", "gone_here") for space in spaces):
        sys.exit(1)


@contextmanager
def _opened(url: str, ca_file: Path | None) -> Iterator[Kibana]:
    client = Kibana(url, os.environ.get(KEY_VARIABLE, ""), ca_file)
    try:
        client.version()
        yield client
    finally:
        client.close()


def _spaces(client: Kibana, home: Home, offices: Sequence[str]) -> Iterator[Space]:
    if home.settings.index.engine != "elasticsearch":
        raise ConfigurationError(
            "Kibana 只能看 Elasticsearch 里的数据：先把 index.engine 设为 elasticsearch", field="index.engine"
        )
    if unknown := set(offices) - {office.id for office in home.offices}:
        raise click.UsageError(f"office.yaml 里没有 {'、'.join(sorted(unknown))}")
    sent = _sent(home)
    chosen = [office for office in home.offices if not offices or office.id in offices]
    for office, built in zip(chosen, _built(home.settings.index.prefix, chosen), strict=True):
        space = space_id(home.settings.index.prefix, office.id)
        known = client.find_space(space)
        held = client.export(space) if known else []
        yield Space(space, office, known, compare(built, held, sent.get(space, {})))


def _built(prefix: str, offices: Sequence[Office]) -> list[list[Json]]:
    """Each office's objects; their builder is a program of its own, as nothing here imports `deploy`."""
    program = ROOT / "deploy" / "kibana" / "build.py"
    named = [f"--office={office.id}={office.short_name}" for office in offices]
    command = [sys.executable, str(program), "--packed", f"--prefix={prefix}", *named]
    made = subprocess.run(command, capture_output=True, text=True, encoding="utf-8", timeout=BUILD_SECONDS, check=False)
    if made.returncode:
        raise ConfigurationError(f"看板的描述有误：\n{made.stderr.strip()}", file=program)
    return [json.loads(line) for line in made.stdout.splitlines()]


def _tell(space: Space) -> None:
    counts = Counter(step.state for step in space.steps)
    told = "，".join(f"{word} {counts[state]}" for state, word in _WORDS.items() if counts[state])
    click.echo(
        f"{space.office.short_name}（空间 {space.id}{'，将新建' if space.held is None else ''}）：{told or '没有对象'}"
    )
    if space.held and space.renamed:
        click.echo(f"  更新  空间名称  {space.held.get('name')} → {space.names[0]}（{space.names[1]}）")
    for step in space.of("new", "changed_here", "changed_there", "gone_here", "theirs"):
        click.echo(f"  {_WORDS[step.state]}  {step.name.split(':')[0]}  {step.title}")
        lines = step.differences()
        for line in lines[:LINES_SHOWN]:
            click.echo(f"      {line}")
        if len(lines) > LINES_SHOWN:
            click.echo(f"      ……另有 {len(lines) - LINES_SHOWN} 处")
    if gone := space.of("gone_here"):
        click.echo(
            f"  描述里已经没有的 {len(gone)} 个不会自动删除。要删：在 Kibana 切到这个空间，进 Stack Management →"
        )
        click.echo("  已保存对象（Saved Objects），按上面的名称找到并勾选，点“删除”；分析人员还在用的请先告诉他们。")


def _sent(home: Home) -> dict[str, Sent]:
    path = home.folder / SENT_FILE
    if not path.exists():
        return {}
    try:
        read = json.loads(path.read_text("utf-8"))
        return {space: {name: (one, other) for name, (one, other) in those.items()} for space, those in read.items()}
    except (ValueError, AttributeError, TypeError) as error:
        raise ConfigurationError("读不懂上次写入的记录；删掉它再运行，会逐个比较", file=path) from error


def _remember(home: Home, space: Space, held: Sequence[Json], kept: Sequence[Step]) -> None:
    """Note what Kibana made of what was sent; what stays an analyst's keeps its old note."""
    if not held:
        return
    after = {name_of(found): fingerprint(found) for found in held}
    old = _sent(home)
    notes = dict(old.get(space.id, {}))
    left = {step.name for step in kept}
    for step in space.steps:
        if step.built and step.name not in left and step.name in after:
            notes[step.name] = (fingerprint(step.built), after[step.name])
    notes = {name: note for name, note in notes.items() if name in after}
    _write(home.folder / SENT_FILE, json.dumps({**old, space.id: notes}, indent=1, sort_keys=True))


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(path.name + ".new")
    fresh.write_text(text, "utf-8")
    fresh.replace(path)
