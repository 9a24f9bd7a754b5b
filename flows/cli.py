"""`tingjian`: every step of the pipeline as a command of its own, so that any scheduler can drive it."""

from __future__ import annotations

import click

from flows.canary_commands import canary, own_sites
from flows.context import run_command
from flows.demo_commands import demo
from flows.doctor import doctor
from flows.evidence_commands import evidence
from flows.index_commands import index
from flows.kibana.commands import kibana
from flows.model_commands import score, train
from flows.read_commands import read
from flows.setup_commands import init, status, user
from flows.shelf_commands import model
from flows.source_commands import source
from flows.step_commands import crawl, digest, dispatch, ingest, upkeep, watch
from flows.up_commands import schedule, up, worker


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
def tingjian() -> None:
    """听见：检察院的舆情听取与回应系统。听的是事，不是人。

    \b
    初次使用   tingjian up --demo           看一遍完整的演示（虚构城市）
    正式使用   tingjian init 目录            写出一份带说明的配置
               tingjian doctor --data-dir 目录   检查还缺什么
               tingjian up --data-dir 目录       启动
    逐步运行   tingjian crawl、ingest、watch、dispatch、digest（可交给 cron）
    """


for command in (
    up,
    demo,
    init,
    doctor,
    status,
    user,
    crawl,
    ingest,
    watch,
    dispatch,
    digest,
    upkeep,
    schedule,
    worker,
    train,
    score,
    model,
    kibana,
    read,
    source,
    canary,
    own_sites,
    evidence,
    index,
):
    tingjian.add_command(command)


def main() -> None:
    """Entry point of the `tingjian` script."""
    run_command(tingjian)
