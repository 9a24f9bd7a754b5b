"""`tingjian doctor`: what is missing or wrong, in plain words."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime
from pathlib import Path

import click

from flows.context import check_configuration, clock, home_option, now_option, opened
from pipeline.errors import ConfigurationError, RetryLater, TingjianError
from pipeline.settings import Home, load_home
from pipeline.steps.locks import only_one

FREE_BYTES = 2_000_000_000
FONT_FOLDERS = (Path("/usr/share/fonts"), Path("/usr/local/share/fonts"), Path("~/.local/share/fonts").expanduser())
FONT_NAMES = (
    "cjk",
    "wqy",
    "sourcehan",
    "simsun",
    "simhei",
    "yahei",
    "msyh",
    "ukai",
    "uming",
    "droidsansfallback",
    "hei",
)
WORK_SECONDS = 5.0  # work in progress looks like limbo: while the group runs, only what stays so long is told


@click.command()
@home_option
@now_option
def doctor(data_dir: Path, now: datetime | None) -> None:
    """体检：说明还缺什么、哪里不对；一切正常时退出代码为 0。

    机器：软件包、磁盘、中文字体。配置：每个文件、模型、来源、密码用的环境变量。数据：有没有丢失、重复或卡住的。
    """
    problems, hints = [*_machine(data_dir)], [*_hints_of_machine()]
    try:
        home = load_home(data_dir)
    except TingjianError as error:
        problems.append(f"配置：{error}")
    else:
        problems += _configuration(home, clock(now))
        try:
            problems += _data(home, now)
        except (RetryLater, ConfigurationError) as error:
            problems.append(f"数据没有检查完：{error}")
        hints += _hints_of_configuration(home, clock(now))
    for problem in problems:
        click.echo(f"✗ {problem}")
    for hint in hints:
        click.echo(f"· {hint}")
    if problems:
        sys.exit(1)
    click.echo("✓ 一切正常。")


def has_chinese_font() -> bool:
    """Whether fontconfig knows one, or, without fontconfig, a font file looks like one."""
    if shutil.which("fc-list"):
        listed = subprocess.run(["fc-list", ":lang=zh", "family"], capture_output=True, text=True, check=False)
        return bool(listed.stdout.strip())
    files = (path.name.lower() for folder in FONT_FOLDERS if folder.is_dir() for path in folder.rglob("*.?t?"))
    return any(name in file for file in files for name in FONT_NAMES)


def _machine(data_dir: Path) -> Iterator[str]:
    for module, name in (("scrapy", "Scrapy"), ("prefect", "Prefect"), ("rjieba", "rjieba 分词")):
        if importlib.util.find_spec(module) is None:
            yield f"没有安装 {name}：请运行 make setup"
    place = next(p for p in (data_dir.resolve(), *data_dir.resolve().parents) if p.exists())
    if shutil.disk_usage(place).free < FREE_BYTES:
        yield f"{place} 所在的磁盘剩余不足 2 GB"


def _hints_of_machine() -> Iterator[str]:
    if not has_chinese_font():
        yield (
            "这台机器没有中文字体：在本机打开值班台或截图会显示方框（从别的电脑打开不受影响）。"
            "安装：apt install fonts-noto-cjk"
        )


def _hints_of_configuration(home: Home, now: datetime) -> Iterator[str]:
    with suppress(TingjianError):  # said as a problem
        yield from check_configuration(home, now)
    for source in home.sources:
        if source.enabled and source.push_key_env and source.push_key_env not in os.environ:
            yield f"来源 {source.id} 的推送密钥：这里没有环境变量 {source.push_key_env}，启动值班台的环境里要有它"
    for channel in home.settings.channels:
        if channel.kind == "folder":
            yield f"渠道 {channel.id} 只把通知写成 {home.path(channel.folder)} 里的文件，不会发邮件"


def _configuration(home: Home, now: datetime) -> Iterator[str]:
    from models.errors import ModelsError
    from pipeline.notify.senders import build_senders
    from pipeline.steps.shelf import shelf_of

    try:
        check_configuration(home, now)
        build_senders(home)
    except TingjianError as error:
        yield f"配置：{error}"
    try:
        if problem := shelf_of(home).usable().problem:
            yield f"分类模型：{problem}"
    except ModelsError as error:
        yield f"分类模型：{error}"
    if not [s for s in home.sources if s.enabled]:
        yield "没有启用任何来源：把 config/sources/ 里改好的来源设为 enabled: true"
    if any("某某" in office.name for office in home.offices):
        yield "office.yaml 还是样例：写上本院的名称和电话"
    if not home.settings.crawl.contact:
        yield "tingjian.yaml 的 crawl.contact 还没有写：网站管理员要能找到你们"


def _data(home: Home, now: datetime | None) -> Iterator[str]:
    """What the auditor finds, and late sources; nothing before the first start."""
    from pipeline.steps.reconcile import findings
    from pipeline.steps.status import late_sources

    if not (home.folder / "installation.key").exists():
        return
    with opened(home.folder, now) as c:
        found = findings(c.home, c.db, c.index, c.now)
        if found and _running(home):
            time.sleep(WORK_SECONDS)
            again = findings(c.home, c.db, c.index, c.now)
            found = [f for f in found if f in again]
        yield from found
        with c.db.read() as session:
            late = late_sources(c.home.sources, session, c.now)
        if late:
            yield f"来源迟到：{'、'.join(late)}"


def _running(home: Home) -> bool:
    try:
        with only_one(home.folder, "up"):
            return False
    except RetryLater:
        return True
