"""The steps as plain commands: crawl, ingest, watch, dispatch, digest, upkeep."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path

import click
from sqlalchemy import select

from flows.context import Context, clock, home_option, now_option, opened
from pipeline.desk.tables import SourceState
from pipeline.errors import ConfigurationError
from pipeline.settings import Source, load_home
from pipeline.steps.model_news import drift_name
from pipeline.steps.roster import load_post


@click.command()
@click.argument("source_ids", nargs=-1, metavar="[来源 id]...")
@click.option("--due", is_flag=True, help="只采集到时间的来源（按各来源的 every_minutes）。")
@home_option
@now_option
def crawl(source_ids: tuple[str, ...], due: bool, data_dir: Path, now: datetime | None) -> None:
    """采集：读取公开来源，脱敏、封存后放入暂存队列。"""
    from crawlers.run import crawl as run_spiders  # Scrapy takes a second to import: only here

    home = load_home(data_dir)
    at = clock(now)
    sources = _chosen(home.sources, source_ids)
    if due:
        with opened(data_dir, at) as context:
            sources = _due(context, sources)
    if not sources:
        click.echo("没有要采集的来源。")
        return
    reports = run_spiders(home, sources, at, click.echo)
    bad = [r for r in reports.values() if r.status not in ("ok", "empty")]
    click.echo(f"采集完成：{len(reports)} 个来源，其中 {len(bad)} 个有问题。")


@click.command()
@home_option
@now_option
def ingest(data_dir: Path, now: datetime | None) -> None:
    """入库：去重、识别、建索引；公众发言留在暂存区。"""
    from pipeline.steps.ingest import ingest as run  # loads the classifier

    with opened(data_dir, now) as c:
        report = run(c.home, c.db, c.index, c.now)
        click.echo(
            f"入库 {report.batches} 批：单件 {report.items}，公众 {report.staged}，未变 {report.unchanged}，"
            f"隔离 {report.quarantined}，过期 {report.expired + report.expired_unheard}。"
        )


@click.command()
@home_option
@now_option
def watch(data_dir: Path, now: datetime | None) -> None:
    """研判：聚合议题、评定等级、按规则预警、启动预案。"""
    from flows.dispatching import mirror_once, watch_once

    with opened(data_dir, now) as c:
        heard, found = watch_once(c)
        mirror_once(c)
        parts = f"，{heard.uncompared} 组声音只与一部分比较过" if heard.uncompared else ""
        click.echo(
            f"议题 {heard.issues} 个（合并 {heard.merged}）{parts}；新预警 {found.alerts}，新事件 {found.opened}，升级 {found.raised}。"
        )


@click.command()
@click.option("--loop", is_flag=True, help="一直运行：有新数据就研判，到时间就提醒，有通知就发。")
@home_option
@now_option
def dispatch(loop: bool, data_dir: Path, now: datetime | None) -> None:
    """发送：把待发通知送到值班人员；时限由它推动。"""
    if loop and now is not None:
        raise click.UsageError("--loop 按真实时间运行，不能同时给 --now")
    from flows.dispatching import loop as run_loop
    from pipeline.steps.clocks import drive
    from pipeline.steps.dispatch import dispatch as run

    with opened(data_dir, now) as c:
        if loop:
            run_loop(c)
            return
        drive(c.home, c.db, c.now)
        report = run(c.home, c.db, c.now)
        click.echo(f"发送 {report.sent} 条，待重试 {report.retried}，失败 {report.failed}。")


@click.command()
@home_option
@now_option
def digest(data_dir: Path, now: datetime | None) -> None:
    """周报：写出本周的风险周报并交给发送。"""
    from pipeline.steps.digest import digest as run

    with opened(data_dir, now) as c:
        for row_id in run(c.home, c.db, c.index, c.now):
            click.echo(f"周报 {row_id} 已写好。")


@click.command()
@home_option
@now_option
def upkeep(data_dir: Path, now: datetime | None) -> None:
    """保养：销毁到期的暂存内容，按期限清除旧数据。"""
    from crawlers.keeping import expire_files
    from pipeline.steps.drift import measure_drift
    from pipeline.steps.upkeep import upkeep as run

    with opened(data_dir, now) as c:
        report = run(c.home, c.db, c.index, c.now)
        files = expire_files(c.home, c.now, report.pinned)
        drifted = measure_drift(c.home, c.db, c.index, load_post(c.home), c.now)
        for office_id, names in drifted.items():
            if names:
                click.echo(f"模型漂移（{office_id}）：{'、'.join(map(drift_name, names))}与训练时相差很大。")
        for problem in report.evidence.problems:
            click.echo(f"证据不符（{problem}）")
        click.echo(
            f"保养完成：暂存销毁 {report.staged} 条，到期清除 {report.purged} 件，旧文件 {files} 个；"
            f"证据删除 {report.evidence.removed} 条，核验 {report.evidence.checked} 个文件。"
        )


def _chosen(sources: Sequence[Source], ids: Sequence[str]) -> list[Source]:
    known = {s.id: s for s in sources}
    for source_id in ids:
        if source_id not in known:
            raise ConfigurationError(f"没有 id 为 {source_id} 的来源；已有：{'、'.join(known) or '（无）'}")
    return [known[i] for i in ids] if ids else [s for s in sources if s.enabled]


def _due(c: Context, sources: Sequence[Source]) -> list[Source]:
    with c.db.read() as session:
        last = {s.source_id: s.last_run_at for s in session.scalars(select(SourceState))}
    return [s for s in sources if (at := last.get(s.id)) is None or c.now - at >= timedelta(minutes=s.every_minutes)]
