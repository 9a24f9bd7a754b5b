"""`tingjian demo`: the story without the desk, and starting over."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import click

from flows.context import home_option, now_option
from flows.up_commands import demo_home


@click.group(invoke_without_command=True)
@click.option("--once", is_flag=True, help="不开值班台：采集、入库、研判、发送、周报走完一遍就退出。")
@home_option
@now_option
@click.pass_context
def demo(ctx: click.Context, once: bool, data_dir: Path, now: datetime | None) -> None:
    """演示：一座虚构城市七天里的事，走真实的流程。"""
    ctx.obj = data_dir
    if ctx.invoked_subcommand is not None:
        return
    if not once:
        click.echo(
            "看演示：tingjian up --demo\n只走一遍、不开值班台：tingjian demo --once\n从头再来：tingjian demo reset"
        )
        return
    from flows.running import demo_once

    demo_once(demo_home(data_dir), now)


@demo.command()
@click.option("--yes", is_flag=True, help="不再询问。")
@home_option
@click.pass_context
def reset(ctx: click.Context, yes: bool, data_dir: Path) -> None:
    """删除演示数据，从头再来（不会碰正式数据）。"""
    from flows.demo_story import need_demo
    from flows.running import demo_reset

    own = ctx.get_parameter_source("data_dir") is not click.core.ParameterSource.DEFAULT
    home = demo_home(data_dir if own else ctx.obj)
    need_demo(home)
    if not yes:
        click.confirm(f"删除演示数据 {home}？", abort=True)
    demo_reset(home)
    click.echo("已删除。再次运行 tingjian up --demo 会重新开始。")
