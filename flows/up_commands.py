"""`tingjian up` and `tingjian schedule`."""

from __future__ import annotations

import os
from pathlib import Path

import click

from flows.context import DEFAULT_HOME, home_option
from flows.processes import MARK
from pipeline.settings import load_home


@click.command()
@click.option("--demo", is_flag=True, help="演示：一座虚构城市的七天；数据另放在 .tingjian/demo。")
@click.option("--port", type=click.IntRange(1, 65535), default=None, help="演示时值班台的端口（默认 8600）。")
@home_option
def up(demo: bool, port: int | None, data_dir: Path) -> None:
    """启动：值班台、值守、调度一起运行，直到 Ctrl-C。"""
    from flows.running import up as run

    if port is not None and not demo:
        raise click.UsageError("--port 只用于演示；正式环境请改 config/tingjian.yaml 的 desk.port")
    run(demo_home(data_dir) if demo else data_dir, demo, port)


@click.command()
@click.option(
    "--pool", default=None, help="把任务登记到这个工作池后就结束，由别处的 prefect worker 执行；不写则自己执行。"
)
@home_option
def schedule(pool: str | None, data_dir: Path) -> None:
    """调度：按时采集、写周报、保养（平时由 up 启动；需要 PREFECT_API_URL）。"""
    from flows.prefect_server import bury_dead_runs
    from flows.scheduled import register, serve_all

    home = load_home(data_dir)
    api = os.environ.get("PREFECT_API_URL")
    if not api:
        raise click.UsageError("没有 PREFECT_API_URL：请用 tingjian up 启动，或指向自己的 Prefect 服务")
    weekly = home.settings.digest.weekday, home.settings.digest.hour
    if pool is not None:
        names = register(home.folder, *weekly, pool)
        click.echo(f"工作池 {pool} 已登记：{'、'.join(names)}。")
        return
    if MARK in os.environ:  # our own server, and we are the only ones who run anything
        bury_dead_runs(api)
    serve_all(home.folder, *weekly)


def demo_home(data_dir: Path) -> Path:
    """Where the demo lives: beside an office's data, never in it."""
    return DEFAULT_HOME / "demo" if data_dir == DEFAULT_HOME else data_dir
