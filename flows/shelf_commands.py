"""`tingjian model`: the versions of an installed office, training with its corrections, and the way back."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import click

from flows.context import home_option, now_option, opened
from pipeline.settings import load_home
from pipeline.steps.model_news import drift_name
from pipeline.steps.roster import load_post

_SHOWN = {
    "role_macro_f1": "关系",
    "sentiment_macro_f1": "倾向",
    "topics_micro_f1": "话题",
    "needs_answer_f1": "需要答复",
}


@click.group()
def model() -> None:
    """模型：看有哪些版本，用校对重新训练，退回上一个。

    系统训练的版本放在数据目录的 models/ 里，随软件安装的那个不会被改动。
    """


@model.command("list")
@home_option
def list_versions(data_dir: Path) -> None:
    """列出各版本，* 是应当在用的那个；不能用的写明原因。"""
    from models.shelf import SHIPPED
    from pipeline.steps.shelf import shelf_of

    shelf = shelf_of(load_home(data_dir))
    current = shelf.state().line[-1]
    for version, card in shelf.versions():
        mark = "*" if version == current else " "
        if card is None:
            click.echo(f"{mark} {version or '随软件安装的'}  说明文件读不出来")
            continue
        learned = (card.get("corrections") or {}).get("texts", 0)
        measures = card.get("held_out", {}).get("measures", {})
        scores = "  ".join(f"{name} {measures[key]:.3f}" for key, name in _SHOWN.items() if key in measures)
        shipped = "（随软件安装）" if version == SHIPPED else ""
        click.echo(f"{mark} {card.get('version', version)}{shipped}  校对 {learned} 条  {scores}")
    if problem := shelf.usable().problem:
        click.echo(problem)


@model.command()
@home_option
@now_option
def retrain(data_dir: Path, now: datetime | None) -> None:
    """用语料加校对重新训练；达到底线而且不比现用的差，才换上。

    换上以后不必重启：下一次入库就用它，值班台在下一次打开材料时换。
    """
    from pipeline.steps.retrain import retrain as run

    with opened(data_dir, now) as c:
        outcome = run(c.home, c.db, c.index, load_post(c.home), c.now, click.echo)
    for line in outcome.lines():
        click.echo(line)


@model.command()
@home_option
@now_option
def rollback(data_dir: Path, now: datetime | None) -> None:
    """退回上一个版本；退掉的版本留着，但不会再被自动换上。"""
    from pipeline.steps.retrain import rollback as run

    with opened(data_dir, now) as c:
        left, used = run(c.home, c.db, c.now)
    click.echo(f"已从 {left} 退回到 {used}。")


@model.command()
@home_option
@now_option
def drift(data_dir: Path, now: datetime | None) -> None:
    """比较近七天的标签和把握与训练时的；每天的保养也会做。"""
    from pipeline.steps.drift import measure_drift

    with opened(data_dir, now) as c:
        for office_id, names in measure_drift(c.home, c.db, c.index, load_post(c.home), c.now).items():
            click.echo(f"{office_id}：{'变化很大：' + '、'.join(map(drift_name, names)) if names else '没有大的变化'}")
