"""`tingjian canary`: let our own test item go, and see whether it arrives."""

from __future__ import annotations

import secrets
import string
import sys
from datetime import datetime
from pathlib import Path

import click

from flows.context import clock, home_option, now_option, opened
from pipeline.errors import RetryLater
from pipeline.settings import load_home


@click.group()
def canary() -> None:
    """自检：放一条自己的测试消息走完全程，看它到没到、每一步多久。"""


@canary.command()
@home_option
@now_option
def send(data_dir: Path, now: datetime | None) -> None:
    """放出一条自检样本（平时每 15 分钟由调度执行）；入库、规则、发送由各自的进程接着做。"""
    from datetime import timedelta
    from time import monotonic

    from crawlers.canary import release  # Scrapy takes a second to import: only here
    from pipeline.steps.canary import begin, reach

    # letters only: masking takes long numbers for somebody's
    token = "".join(secrets.choice(string.ascii_lowercase) for _ in range(12))
    with opened(data_dir, now) as c:
        began = monotonic()
        with c.db.write() as session:
            begin(session, token, c.now)
        report = release(c.home, token, c.now)
        if report.captured != 1:
            raise RetryLater(f"自检样本没有抓到：{report.message}")
        with c.db.write() as session:
            reach(session, token, spooled=c.now + timedelta(seconds=monotonic() - began))
    click.echo(f"自检样本 {token} 已进入暂存队列。")


@canary.command()
@click.option("--mail", is_flag=True, help="有问题时直接发邮件给值班员和负责人，不经过待发箱（可交给 cron）。")
@home_option
@now_option
def check(mail: bool, data_dir: Path, now: datetime | None) -> None:
    """看自检样本是否按时走完全程；没有则退出代码为 1。"""
    from pipeline.steps.canary_alarm import look, send_directly

    home, at = load_home(data_dir), clock(now)
    verdict = look(home, None, at)
    if verdict.state == "ok":
        click.echo("自检样本按时走完全程。")
        return
    click.echo(verdict.words)
    if mail:
        for line in send_directly(home, verdict.words, at):
            click.echo(f"没有送到 {line}")
    sys.exit(1)


@click.command("own-sites")
@home_option
@now_option
def own_sites(data_dir: Path, now: datetime | None) -> None:
    """本院网站：打不打得开、证书还有几天、最新文章多久以前、重点页面有没有变（office.yaml 的 own_channels）。"""
    from crawlers.own_channels import check_own_channels  # Scrapy takes a second to import: only here

    count = check_own_channels(load_home(data_dir), clock(now), click.echo)
    click.echo(f"看了 {count} 个本院网站，入库后值班台可见。" if count else "office.yaml 里没有写 own_channels。")
