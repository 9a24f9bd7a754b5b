"""`tingjian index`: look at the index, set it up, bring it to a new mapping, mend it."""

from __future__ import annotations

import json
from collections import Counter
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from flows.context import home_option, now_option, opened
from pipeline.errors import ConfigurationError
from pipeline.settings import Home, load_home

if TYPE_CHECKING:
    from pipeline.index.elastic_server import Server

_HEALTH = {"green": "正常", "yellow": "缺副本", "red": "有分片不可用"}


@click.group()
def index() -> None:
    """索引：现状、初始设置、换映射、补缺。"""


@index.command("status")
@home_option
@now_option
def show(data_dir: Path, now: datetime | None) -> None:
    """现状：有多少文章；用 Elasticsearch 时还有每个索引的状态。"""
    home = load_home(data_dir)
    if home.settings.index.engine == "sqlite":
        from pipeline.index.engine import Search

        with opened(data_dir, now) as c:
            count = c.index.count(Search(tuple(o.id for o in home.offices)))
        click.echo(f"引擎 SQLite，{home.index_path}：{count} 件。")
        return
    from pipeline.index.elastic_status import status

    found = status(_server(home))
    click.echo(
        f"引擎 Elasticsearch {found.version}，集群{_HEALTH.get(found.health, found.health)}，{found.nodes} 个节点。"
    )
    for one in found.indices:
        marks = "".join(f"，{words}" for words in one.problems)
        click.echo(f"  {one.name}  {one.documents} 份，{one.megabytes:.1f} MB，映射 {one.version}{marks}")
    for words in found.missing:
        click.echo(f"  ✗ {words}")


@index.command()
@click.option("--roles", "show_roles", is_flag=True, help="不改动任何东西：输出各密钥的最小权限（JSON）。")
@home_option
def setup(show_roles: bool, data_dir: Path) -> None:
    """初始设置：写好模板和别名（需要 operator 密钥；可以重复运行）。"""
    home = load_home(data_dir)
    offices = [office.id for office in home.offices]
    if show_roles:
        from pipeline.index.roles import roles

        click.echo(json.dumps(roles(home.settings.index.prefix, offices), ensure_ascii=False, indent=1))
        return
    from pipeline.index.elastic_setup import prepare

    changed = prepare(_server(home), offices)
    click.echo(f"已写好：{'、'.join(changed)}" if changed else "一切就绪，没有改动。")


@index.command()
@home_option
def migrate(data_dir: Path) -> None:
    """换映射：把旧索引抄成新的再替换；写入不停，中断后再运行会接着做。"""
    from pipeline.index.elastic_migrate import migrate as run

    home = load_home(data_dir)
    moved = run(_server(home), [office.id for office in home.offices], click.echo)
    click.echo(f"已换好 {moved} 个索引。" if moved else "所有索引都是新映射，没有改动。")


@index.command()
@home_option
@now_option
def repair(data_dir: Path, now: datetime | None) -> None:
    """补缺：登记过而索引里没有的，从还有的地方补回；补不回的逐个来源说明。"""
    from crawlers.ledger import Ledger
    from pipeline.steps.repair import repair as run

    with opened(data_dir, now) as c:
        ledger = Ledger(c.home.folder / "crawl.db")
        try:
            report = run(c.home, c.db, c.index, c.now, ledger.read_again)
        finally:
            ledger.close()
    if not report.missing and not report.awaited and not report.lost:
        click.echo("登记过的都在索引里，没有改动。")
        return
    click.echo(f"登记过而索引里没有的 {report.missing} 件：抄回 {report.copied} 份。")
    _tell("等下次采集（原网页还在就会补回）", report.awaited)
    _tell("只能重新放入导出文件，否则已丢失", report.lost)


def _tell(words: str, sources: Counter[str]) -> None:
    for source_id, count in sorted(sources.items()):
        click.echo(f"  {source_id}：{count} 件，{words}")


def _server(home: Home) -> Server:
    from pipeline.index.elastic_server import Server

    if home.settings.index.engine != "elasticsearch":
        raise ConfigurationError("这个命令只用于 Elasticsearch；现在的引擎是 sqlite", field="index.engine")
    return Server(home.settings.index)
