"""`tingjian up` and `tingjian schedule`."""

from __future__ import annotations

import os
import shlex
import sys
from pathlib import Path

import click

from flows.context import DEFAULT_HOME, home_option
from flows.processes import MARK
from pipeline.errors import RetryLater
from pipeline.settings import load_home
from pipeline.steps.locks import only_one


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
@click.option("--pool", default=None, help="把任务登记到这个工作池后就结束，由 tingjian worker 执行；不写则自己执行。")
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


@click.command()
@click.option("--pool", required=True, help="从哪个工作池取任务（tingjian schedule --pool 登记的）。")
@home_option
def worker(pool: str, data_dir: Path) -> None:
    """执行：从工作池取任务来做，一次最多两件；一个数据目录只有一个执行者（需要 PREFECT_API_URL）。"""
    from httpx import HTTPError

    from flows.scheduled import AT_ONCE, bury_pool

    home = load_home(data_dir)
    if "PREFECT_API_URL" not in os.environ:
        raise click.UsageError("没有 PREFECT_API_URL：请指向自己的 Prefect 服务")
    with only_one(home.folder, "worker", inherited=True):
        try:
            crashed = bury_pool(pool)
        except HTTPError as error:
            raise RetryLater(f"Prefect 服务没有回答（{type(error).__name__}）") from error
        if crashed:
            click.echo(f"上次中断的 {crashed} 个流程已标记为中断。")
        sys.stdout.flush()
        start = (
            f"-m prefect worker start --pool {shlex.quote(pool)} --type process --limit {AT_ONCE} --with-healthcheck"
        )
        os.execv(sys.executable, [sys.executable, *shlex.split(start)])  # noqa: S606  # the lock stays with it


def demo_home(data_dir: Path) -> Path:
    """Where the demo lives: beside an office's data, never in it."""
    return DEFAULT_HOME / "demo" if data_dir == DEFAULT_HOME else data_dir
