"""`tingjian source`: try a source, draft one from a page, print the schema for editors."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click
from pydantic import ValidationError

from flows.context import clock, now_option
from pipeline.errors import REASONS, ConfigurationError, Refused
from pipeline.records import CHANNEL_NAMES, SHANGHAI, Capture
from pipeline.settings import Home, Source, load_model
from pipeline.settings.home import Settings
from pipeline.settings.offices import Offices
from pipeline.settings.schema import source_schema

if TYPE_CHECKING:
    from crawlers.check import TryingSink

START = 60  # characters of a body that are shown
MOST_SHOWN = 10
_FIELDS = {
    "title": "标题",
    "text": "正文",
    "published_at": "时间",
    "received_at": "受理时间",
    "source_ref": "受理编号",
    "region": "地区",
    "author": "发言人（只用来数有几个不同的人，不保存）",
}


@click.group()
def source() -> None:
    """来源：试读一个来源文件，照网页起草一个，导出给编辑器用的 Schema。"""


@source.command()
@click.argument("file", metavar="文件", type=click.Path(path_type=Path))
@now_option
def check(file: Path, now: datetime | None) -> None:
    """试读：按来源文件读一次（网页只读一页列表和最多 5 篇，守规矩、不着急），说明将会收录什么；不保存任何内容。

    机构发布的显示标题、日期、媒体和正文开头，已按正式运行时的规则脱敏；公众发言和群众来信来电只显示各字段填上了
    多少，不显示文字。文件写错了，会说明在哪一行、哪一项。没有读到任何一条时，退出代码是 1。
    """
    from crawlers.check import try_source  # Scrapy takes a second to import: only here

    home, chosen = _home_of(file), load_model(file, Source)
    for office_id in chosen.offices:
        if home.offices and office_id not in {o.id for o in home.offices}:
            raise ConfigurationError(f"office.yaml 里没有 {office_id}", file=file, field="offices")
    click.echo(f"{chosen.name}（{chosen.kind}，{CHANNEL_NAMES[chosen.channel]}）：正在试读……")
    at = clock(now)
    sink = try_source(home, chosen, at)
    report = sink.tally.report(chosen, at, at)
    click.echo(report.message)
    if chosen.kind == "drop" and not report.fetched:
        click.echo(f"{home.path(chosen.folder)} 里没有等着读的文件。")
    institution = chosen.channel in ("official", "media")
    if institution:
        _show(sorted(sink.found.values(), key=lambda c: c.occurred_at, reverse=True))
    if sink.found:
        _count(sink, ("title", "text", "published_at") if institution else ("text", "published_at", "author"))
    for one in report.quarantined[:MOST_SHOWN]:
        place = f"{one['place']}：" if one["place"] else ""
        detail = f"（{one['detail']}）" if one["detail"] else ""
        click.echo(f"读不了  {place}{REASONS.get(one['reason'], one['reason'])}{detail}")
    if not sink.found:
        raise click.exceptions.Exit(1)


@source.command()
@click.argument("url", metavar="网址")
@click.option(
    "-o",
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    help="写进这个文件（不覆盖已有的）；不写则输出到屏幕。",
)
@click.option("--allow-private", is_flag=True, help="网址是本单位内网自己的站点。")
@now_option
def new(url: str, output: Path | None, allow_private: bool, now: datetime | None) -> None:
    """起草：看一眼网页，写出一份带说明的来源文件（订阅、站点地图、重复的列表、论坛版块、JSON）。

    只是草稿，enabled 是 false：核对后用 tingjian source check 试读，再打开。个人主页和内网地址不收。
    """
    from crawlers.drafting import draft
    from crawlers.look import look

    if output is not None and output.exists():
        raise click.ClickException(f"{output} 已经存在，没有改动。")
    try:
        looked = look(_home_of(output or Path()), url, clock(now), allow_private)
    except ValidationError as error:
        raise Refused(str(error.errors()[0]["msg"]).removeprefix("Value error, ") + "。") from None
    text = draft(looked, allow_private)
    if output is None:
        click.echo(text, nl=False)
        return
    with output.open("x", encoding="utf-8") as f:
        f.write(text)
    click.echo(f"已写出 {output}；核对后试读：tingjian source check {output}")


@source.command()
def schema() -> None:
    """输出来源文件的 JSON Schema，给编辑器提示和检查用（tingjian init 已写好一份）。"""
    click.echo(json.dumps(source_schema(), ensure_ascii=False, indent=1))


def _home_of(file: Path) -> Home:
    """The installation whose `config/sources/` the file lies in, for its contact and its offices' numbers; else bare settings."""
    folder = file.resolve().parent
    config = folder.parent
    if folder.name == "sources" and config.name == "config" and (config / "tingjian.yaml").exists():
        settings, offices = load_model(config / "tingjian.yaml", Settings), load_model(config / "office.yaml", Offices)
        return Home(config.parent, settings, tuple(offices.offices), ())
    return Home(folder, Settings(), (), ())


def _show(captures: list[Capture]) -> None:
    for number, c in enumerate(captures[:MOST_SHOWN], 1):
        local = c.published_at.astimezone(SHANGHAI) if c.published_at else None
        form = "%Y-%m-%d %H:%M" if c.published_precision == "minute" else "%Y-%m-%d"
        text = c.text.replace("\n", " ")
        click.echo(f"{number:>2}. {local.strftime(form) if local else '没有日期'}  {c.title or '没有标题'}")
        click.echo(f"    {c.outlet}，正文 {len(c.text)} 字：{text[:START]}{'……' if len(text) > START else ''}")
        click.echo(f"    {c.url}")
    if len(captures) > MOST_SHOWN:
        click.echo(f"    另有 {len(captures) - MOST_SHOWN} 条没有列出")


def _count(sink: TryingSink, wanted: tuple[str, ...]) -> None:
    """How many captures have each field; all that is shown of what people wrote (charter 2)."""
    click.echo("各字段填上了多少：")
    for name, words in _FIELDS.items():
        if sink.filled[name] or name in wanted:
            click.echo(f"    {words}  {sink.filled[name]}/{len(sink.found)}")
