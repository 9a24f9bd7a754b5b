"""`tingjian evidence`: what is kept of an item, whether it lies as it was kept, and all of it in one file to hand on."""

from __future__ import annotations

import os
import pwd
import sys
from contextlib import closing
from datetime import datetime
from pathlib import Path

import click

from flows.context import Context, home_option, now_option, opened
from flows.evidence_words import cut_words, local, plain
from pipeline.desk.audit import record as audit
from pipeline.evidence.records import sha256
from pipeline.evidence.register import Row
from pipeline.evidence.store import Damaged, Store


@click.group()
def evidence() -> None:
    """证据：媒体报道和官方发布的原始网页。查看、核验、导出；公众发言和群众来信从不保存网页。"""


@evidence.command()
@click.argument("item_id", metavar="条目编号")
@home_option
@now_option
def show(item_id: str, data_dir: Path, now: datetime | None) -> None:
    """查看：一个条目保存了哪些网页，地址、时间、响应头和哈希。条目编号就是值班台上这一条的网址末尾。"""
    with opened(data_dir, now) as c, closing(_store(c)) as store:
        rows = rows_of(c, store, item_id)
        _look(c, "evidence", item_id)
        click.echo(f"条目 {item_id}：保存了 {len(rows)} 份网页。")
        broken = 0
        for number, row in enumerate(rows, 1):
            click.echo(f"\n{number}. 文章第 {row.part} 页，收到于 {local(row.at)}")
            click.echo(f"   地址      {plain(row.url)}")
            click.echo(f"   存放      {row.file} 第 {row.seq} 条")
            try:
                found, _raw = store.read(f"{row.file}#{row.seq}")
            except Damaged:
                broken += 1
                click.echo("   ✗ 与登记的不符，读不出来；详情：tingjian evidence verify")
                continue
            for line in found.head.splitlines():
                click.echo(f"   响应      {plain(line)}")
            click.echo(f"   读者评论  {cut_words(found)}")
            click.echo(f"   网页      {len(found.body)} 字节，SHA-256 {sha256(found.body).removeprefix('sha256:')}")
            click.echo(f"   记录      SHA-256 {row.hash.removeprefix('sha256:')}")
            click.echo(f"   前一条    SHA-256 {found.previous.removeprefix('sha256:')}")
    if broken:
        sys.exit(1)


@evidence.command()
@click.argument("item_id", metavar="[条目编号]", required=False)
@click.option("--all", "everything", is_flag=True, help="核验全部证据文件。")
@home_option
@now_option
def verify(item_id: str | None, everything: bool, data_dir: Path, now: datetime | None) -> None:
    """核验：证据是否和收到时一样。改动一个字节、少一条、截掉末尾都会指出来，退出代码为 1。"""
    from pipeline.steps.evidence import verify_files

    if bool(item_id) == everything:
        raise click.UsageError("写一个条目编号，或者用 --all 核验全部")
    files = records = removed = bad = 0
    with opened(data_dir, now) as c:
        names: list[str] = []
        if item_id:
            with closing(_store(c)) as store:
                names = [row.file for row in rows_of(c, store, item_id)]
        for checked in verify_files(c.home, c.db, names, c.now):
            files += 1
            records += checked.kept
            removed += checked.removed
            bad += bool(checked.problems)
            for problem in checked.problems:
                click.echo(f"✗ {checked.file}：{problem}")
            if checked.torn:
                click.echo(f"· {checked.file}：末尾有一条没有写完（采集被中断），下次采集会接上，不影响已保存的。")
    gone = f"，另有 {removed} 条已按保存期限删除" if removed else ""
    click.echo(f"核验了 {files} 个文件、{records} 条记录{gone}：" + (f"{bad} 个文件有问题。" if bad else "全部相符。"))
    if bad:
        sys.exit(1)


@evidence.command()
@click.argument("item_id", metavar="条目编号")
@click.option(
    "-o",
    "--output",
    required=True,
    type=click.Path(dir_okay=False, path_type=Path),
    help="写成这个 zip 文件（不覆盖）。",
)
@home_option
@now_option
def export(item_id: str, output: Path, data_dir: Path, now: datetime | None) -> None:
    """导出：网页、响应头、时间、哈希、原始记录和封面，装有 Chromium 时还有排版好的 PDF，打成一个 zip。"""
    from flows.evidence_export import write_export
    from pipeline.steps.evidence import verify_files

    if output.exists():
        raise click.ClickException(f"{output} 已经存在，没有改动。")
    with opened(data_dir, now) as c, closing(_store(c)) as store:
        rows = rows_of(c, store, item_id)
        problems = [
            f"{checked.file}：{problem}"
            for checked in verify_files(c.home, c.db, [row.file for row in rows], c.now)
            for problem in checked.problems
        ]
        _look(c, "export", item_id, rows=len(rows))
        names = {o.id: o.name for o in c.home.offices}
        pages, pictures = write_export(output, item_id, rows, store, "、".join(names.values()), problems, c.now)
    click.echo(f"已写出 {output}：网页 {pages} 份，排版 {pictures} 份，封面是 封面.html。")
    if not pictures:
        click.echo("没有排版好的 PDF：没有找到 Chromium，或者它没有成功。")
    if problems:
        click.echo("✗ 核验不符，封面上已写明：" + "；".join(problems))
        sys.exit(1)


def rows_of(c: Context, store: Store, item_id: str) -> list[Row]:
    """What is kept of an item. Raises ClickException where that is nothing."""
    from pipeline.steps.evidence import captures_of

    rows = store.register.of_items(captures_of(c.db, item_id.partition(":")[0]))
    if not rows:
        raise click.ClickException(
            f"没有条目 {plain(item_id)} 的证据：编号不对、已过保存期限，或者不是媒体报道和官方发布。"
        )
    return rows


def _store(c: Context) -> Store:
    from pipeline.steps.evidence import open_store

    return open_store(c.home)


def _look(c: Context, action: str, item_id: str, **detail: int) -> None:
    """Looking is recorded (charter 8), also from the command line."""
    try:
        user = pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        user = str(os.getuid())
    with c.db.write() as session:
        offices = [o.id for o in c.home.offices]
        audit(session, c.now, "system", offices, action, f"item:{item_id}", by=f"命令行（{user}）", **detail)
