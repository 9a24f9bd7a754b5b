"""`tingjian init`, `status`, `user`."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

import click

from flows.context import EXIT_RETRY, home_option, now_option, opened
from flows.processes import ROOT
from pipeline.settings.schema import NAME as SCHEMA_NAME
from pipeline.settings.schema import source_schema

_STAGES = {
    "crawl": "采集", "spool": "队列", "ingest": "入库", "index": "索引", "staging": "暂存", "issues": "议题", "alerts": "预警",
    "digests": "周报",
}  # fmt: skip
_COUNTS = {
    "in": "收", "out": "出", "quarantined": "隔离", "waiting": "等待", "batches_waiting": "等待批次", "unchanged": "未变",
    "expired": "过期", "batches": "批次", "documents": "现有", "purged": "到期清除", "now": "现有", "gone": "已销毁",
    "expired_unheard": "未被听见",
}  # fmt: skip
_LEVELS = {"1": "红", "2": "橙", "3": "黄", "4": "蓝"}
_STATES = {"pending": "待发", "claimed": "发送中", "sent": "已发", "failed": "失败"}


@click.command()
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path), metavar="目录")
def init(folder: Path) -> None:
    """写出一份带说明的配置（目录/config），改好后用 tingjian up --data-dir 目录 启动。"""
    config = folder / "config"
    if config.exists():
        raise click.ClickException(f"{config} 已经存在，没有改动任何东西。")
    shutil.copytree(ROOT / "deploy" / "office", config)
    schema = json.dumps(source_schema(), ensure_ascii=False, indent=1)
    (config / "sources" / SCHEMA_NAME).write_text(
        schema + "\n", encoding="utf-8"
    )  # editors find it by the files' second line
    click.echo(f"已写出配置：{config}")
    click.echo("接下来：")
    click.echo("  1. 改 office.yaml（本院名称、电话）和 oncall.yaml（值班人员）")
    click.echo(
        "  2. 改 sources/ 里的来源（tingjian source new 网址 起草，source check 文件 试读），改好的把 enabled 设为 true"
    )
    click.echo("  3. 改 tingjian.yaml 的 channels（邮件服务器）")
    click.echo(f"  4. tingjian doctor --data-dir {folder}")
    click.echo(f"  5. tingjian up --data-dir {folder}")


@click.command()
@click.option("--json", "as_json", is_flag=True, help="输出 JSON。")
@home_option
@now_option
def status(as_json: bool, data_dir: Path, now: datetime | None) -> None:
    """现状：各环节进出数量、心跳、迟到的来源、未结事件、待发通知、引擎的故障；索引问不到时退出代码为 75。"""
    from pipeline.steps.status import status as run

    with opened(data_dir, now) as c:
        state = run(c.home, c.db, c.index, c.now)
    code = EXIT_RETRY if state["stages"]["index"]["documents"] is None else 0
    if as_json:
        click.echo(json.dumps(state, ensure_ascii=False, indent=1))
        sys.exit(code)
    for name, counts in state["stages"].items():
        click.echo(f"{_STAGES.get(name, name)}  {_counted(_COUNTS, counts)}")
    beat = state["newest_heartbeat"]
    click.echo(f"最近心跳：{beat['name']} {beat['at']}" if beat else "最近心跳：无")
    click.echo(f"迟到的来源：{'、'.join(state['late_sources']) or '无'}")
    click.echo(f"未结事件：{_counted(_LEVELS, state['open_incidents']) or '无'}")
    click.echo(f"通知：{_counted(_STATES, state['outbox']) or '无'}")
    if trained := state["model"]["training"]:
        click.echo(f"模型：{''.join(trained['words'][:2])}")
    for trouble in state["troubles"]:
        click.echo(f"✗ {trouble}")
    sys.exit(code)


@click.group()
def user() -> None:
    """账号：新建，或为忘记密码的人开一次性登录链接。"""


@user.command("add")
@click.argument("name", metavar="登录名")
@click.option("--display-name", required=True, help="显示的姓名。")
@click.option("--role", type=click.Choice(["admin", "analyst", "duty", "leader"]), default="duty", show_default=True)
@click.option("--office", "offices", multiple=True, help="所属检察院的 id（可多次）；管理员不必写。")
@home_option
def add(name: str, display_name: str, role: str, offices: tuple[str, ...], data_dir: Path) -> None:
    """新建账号并给出一次性登录链接。"""
    from pipeline.desk.accounts import create_user, sign_in_link, sign_in_path

    with opened(data_dir) as c:
        unknown = set(offices) - {o.id for o in c.home.offices}
        if unknown or (role != "admin" and not offices):
            raise click.UsageError(f"--office 应为：{'、'.join(o.id for o in c.home.offices)}")
        with c.db.write() as session:
            person = create_user(session, name, display_name, role, list(offices), c.now)
            token = sign_in_link(session, person, c.now)
        click.echo(f"{c.home.desk_url}{sign_in_path(token)}")
        click.echo("（24 小时内有效，只能用一次。）")


@user.command("link")
@click.argument("name", metavar="登录名")
@home_option
def link(name: str, data_dir: Path) -> None:
    """给出新的一次性登录链接（旧链接作废）。"""
    from pipeline.desk.accounts import find_user, sign_in_link, sign_in_path

    with opened(data_dir) as c, c.db.write() as session:
        person = find_user(session, name)
        if person is None:
            raise click.UsageError(f"没有登录名为 {name} 的账号")
        click.echo(f"{c.home.desk_url}{sign_in_path(sign_in_link(session, person, c.now))}")
        click.echo("（24 小时内有效，只能用一次。）")


def _counted(names: Mapping[str, str], counts: Mapping[str, int | None]) -> str:
    return "，".join(f"{names.get(key, key)} {'读不到' if n is None else n}" for key, n in counts.items())
