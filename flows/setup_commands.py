"""`tingjian init`, `doctor`, `status`, `user`."""

from __future__ import annotations

import importlib.util
import json
import shutil
import sys
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import click

from flows.context import clock, home_option, now_option, opened
from pipeline.errors import TingjianError
from pipeline.settings import Home, load_home

ROOT = Path(__file__).resolve().parents[1]
FREE_BYTES = 2_000_000_000


@click.command()
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path), metavar="目录")
def init(folder: Path) -> None:
    """写出一份带说明的配置(目录/config),改好后用 tingjian up --data-dir 目录 启动。"""
    config = folder / "config"
    if config.exists():
        raise click.ClickException(f"{config} 已经存在,没有改动任何东西。")
    shutil.copytree(ROOT / "deploy" / "office", config)
    click.echo(f"已写出配置:{config}")
    click.echo("接下来:")
    click.echo("  1. 改 office.yaml(本院名称、电话)和 oncall.yaml(值班人员)")
    click.echo("  2. 改 sources/ 里的来源,改好的把 enabled 设为 true")
    click.echo("  3. 改 tingjian.yaml 的 channels(邮件服务器)")
    click.echo(f"  4. tingjian doctor --data-dir {folder}")
    click.echo(f"  5. tingjian up --data-dir {folder}")


@click.command()
@home_option
@now_option
def doctor(data_dir: Path, now: datetime | None) -> None:
    """体检:说明还缺什么、哪里不对;一切正常时退出代码为 0。"""
    problems = [*_machine(data_dir)]
    try:
        home = load_home(data_dir)
    except TingjianError as error:
        problems.append(f"配置:{error}")
    else:
        problems += _configuration(home)
        problems += _data(data_dir, now)
    for problem in problems:
        click.echo(f"✗ {problem}")
    if problems:
        sys.exit(1)
    click.echo("✓ 一切正常。")


@click.command()
@click.option("--json", "as_json", is_flag=True, help="输出 JSON。")
@home_option
@now_option
def status(as_json: bool, data_dir: Path, now: datetime | None) -> None:
    """现状:各环节进出数量、心跳、迟到的来源、未结事件、待发通知。"""
    from pipeline.steps.status import status as run

    with opened(data_dir, now) as c:
        state = run(c.home, c.db, c.index, c.now)
    if as_json:
        click.echo(json.dumps(state, ensure_ascii=False, indent=1))
        return
    for name, counts in state["stages"].items():
        click.echo(f"{name:8s} " + "  ".join(f"{k} {v}" for k, v in counts.items()))
    click.echo(f"迟到的来源:{'、'.join(state['late_sources']) or '无'}")
    click.echo(f"未结事件(等级 → 件数):{state['open_incidents'] or '无'}")
    click.echo(f"通知:{state['outbox'] or '无'}")


@click.group()
def user() -> None:
    """账号:新建,或为忘记密码的人开一次性登录链接。"""


@user.command("add")
@click.argument("name", metavar="登录名")
@click.option("--display-name", required=True, help="显示的姓名。")
@click.option("--role", type=click.Choice(["admin", "analyst", "duty", "leader"]), default="duty", show_default=True)
@click.option("--office", "offices", multiple=True, help="所属检察院的 id(可多次);管理员不必写。")
@home_option
def add(name: str, display_name: str, role: str, offices: tuple[str, ...], data_dir: Path) -> None:
    """新建账号并给出一次性登录链接。"""
    from pipeline.desk.accounts import create_user, sign_in_link, sign_in_path

    with opened(data_dir) as c:
        unknown = set(offices) - {o.id for o in c.home.offices}
        if unknown or (role != "admin" and not offices):
            raise click.UsageError(f"--office 应为:{'、'.join(o.id for o in c.home.offices)}")
        with c.db.write() as session:
            person = create_user(session, name, display_name, role, list(offices), c.now)
            token = sign_in_link(session, person, c.now)
        click.echo(f"{c.home.desk_url}{sign_in_path(token)}(24 小时内有效,只能用一次)")


@user.command("link")
@click.argument("name", metavar="登录名")
@home_option
def link(name: str, data_dir: Path) -> None:
    """给出新的一次性登录链接(旧链接作废)。"""
    from pipeline.desk.accounts import find_user, sign_in_link, sign_in_path

    with opened(data_dir) as c, c.db.write() as session:
        person = find_user(session, name)
        if person is None:
            raise click.UsageError(f"没有登录名为 {name} 的账号")
        click.echo(f"{c.home.desk_url}{sign_in_path(sign_in_link(session, person, c.now))}(24 小时内有效,只能用一次)")


def _machine(data_dir: Path) -> Iterator[str]:
    for module, name in (("scrapy", "Scrapy"), ("prefect", "Prefect"), ("rjieba", "rjieba 分词")):
        if importlib.util.find_spec(module) is None:
            yield f"没有安装 {name}:请运行 make setup"
    place = next(p for p in (data_dir.resolve(), *data_dir.resolve().parents) if p.exists())
    if shutil.disk_usage(place).free < FREE_BYTES:
        yield f"{place} 所在的磁盘剩余不足 2 GB"


def _configuration(home: Home) -> Iterator[str]:
    from models.scorer import Scorer

    from models.errors import ArtifactError
    from pipeline.alerts.rules import load_rules
    from pipeline.response.plans import load_plans
    from pipeline.steps.roster import load_post

    try:
        load_rules(home.config / "rules.yaml", load_plans(home.config / "plans"))
        load_post(home)
    except TingjianError as error:
        yield f"配置:{error}"
    try:
        Scorer.load(home.model)
    except ArtifactError as error:
        yield f"分类模型:{error}"
    if not [s for s in home.sources if s.enabled]:
        yield "没有启用任何来源:把 config/sources/ 里改好的来源设为 enabled: true"
    if not home.settings.crawl.contact:
        yield "tingjian.yaml 的 crawl.contact 还没有写:网站管理员要能找到你们"


def _data(data_dir: Path, now: datetime | None) -> Iterator[str]:
    from pipeline.steps.reconcile import findings
    from pipeline.steps.status import late_sources

    with opened(data_dir, clock(now)) as c:
        yield from findings(c.home, c.db, c.index, c.now)
        with c.db.read() as session:
            late = late_sources(c.home.sources, session, c.now)
        if late:
            yield f"来源迟到:{'、'.join(late)}"
