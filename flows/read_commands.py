"""`tingjian read`: what the reader takes from saved pages, as JSON Lines. It stores nothing and masks nothing."""

from __future__ import annotations

import base64
import binascii
import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO

import click

from flows.context import clock, now_option
from pipeline.errors import QuarantineError
from pipeline.records import SHANGHAI
from pipeline.settings import load_model
from pipeline.settings.sources import Selectors, Source

MOST_LINE = 60_000_000  # bytes of one line: more than a page of the largest size in Base64
_WHY = {
    "too_large": "页面太大",
    "not_html": "不是网页",
    "empty_text": "没有读出正文",
    "bad_line": '不是 {"url", "html_base64"} 这样的一行 JSON',
    "no_file": "读不了这个文件",
}


@dataclass(frozen=True, slots=True)
class _Saved:
    """One page to read, or why it can't be."""

    name: dict[str, Any]  # its url or file
    url: str = ""
    content_type: str = ""
    html: bytes = b""
    error: str = ""


@click.command(epilog='标准输入的一行：{"url": "http://…", "html_base64": "…"}，可加 content_type（响应头里的编码）。')
@click.argument("files", nargs=-1, metavar="[文件]...", type=click.Path(path_type=Path))
@click.option(
    "--source", "source_file", type=click.Path(dir_okay=False, path_type=Path), help="用这个来源文件里的选择器来读。"
)
@now_option
def read(files: tuple[Path, ...], source_file: Path | None, now: datetime | None) -> None:
    """试读：保存下来的网页读出标题、正文和时间（JSON Lines），调试来源时用。

    给出文件就逐个读；不给就从标准输入读 JSON Lines。每个页面输出一行，随读随出：

    \b
    url 或 file          页面的地址或文件名
    title、text          标题；正文，一段一行（论坛帖：各楼的发言，按顺序）
    published_at         发布时间，北京时间；只知道日期就只写日期，页面上没有就是 null
    published_precision  minute、day 或 unknown
    outlet、charset      来源媒体；网页编码
    how                  各项是凭什么定的
    error                读不出来的原因（只在读不出来时有）；后面的页面照常读

    输出的是页面原文，没有脱敏；本命令不保存任何内容。

    \b
    tingjian read 页面.html | jq .title
    tingjian read --source config/sources/某站.yaml 保存的页面/*.html
    """
    selectors = load_model(source_file, Source).selectors if source_file else Selectors()
    at = clock(now)
    for page in _from_files(files) if files else _from_lines(sys.stdin.buffer):
        line = json.dumps(_record(page, selectors, at), ensure_ascii=False)
        click.echo(line.encode("utf-8", "backslashreplace"))  # a half of a character stays valid JSON
        sys.stdout.flush()


def _record(page: _Saved, selectors: Selectors, now: datetime) -> dict[str, Any]:
    from crawlers.reading.saved import read_saved  # the parsers take a while to import: only here

    if page.error:
        return {**page.name, "error": _said(page.error)}
    try:
        found = read_saved(page.html, page.content_type, page.url, selectors, now)
    except QuarantineError as error:
        return {**page.name, "error": _said(error.reason)}
    local = found.published_at.astimezone(SHANGHAI) if found.published_at else None
    when = None if local is None else local.isoformat() if found.precision == "minute" else local.date().isoformat()
    record = {
        **page.name,
        "title": found.title,
        "text": found.body,
        "published_at": when,
        "published_precision": found.precision,
        "outlet": found.outlet,
        "charset": found.charset,
        "how": found.how,
    }
    return record if found.body else {**record, "error": _said("empty_text")}


def _said(reason: str) -> str:
    return f"{_WHY.get(reason, '读不了')}（{reason}）"


def _from_files(files: tuple[Path, ...]) -> Iterator[_Saved]:
    for path in files:
        name = {"file": str(path)}
        try:
            yield _Saved(name, html=path.read_bytes())
        except OSError:
            yield _Saved(name, error="no_file")


def _from_lines(lines: BinaryIO) -> Iterator[_Saved]:
    number = 0
    while line := lines.readline(MOST_LINE):
        number += 1
        if not line.strip():
            continue
        while len(line) == MOST_LINE and not line.endswith(b"\n") and (rest := lines.readline(MOST_LINE)):
            line = rest  # a line that never ends is passed over in pieces
        yield _of_line(line, number)


def _of_line(line: bytes, number: int) -> _Saved:
    name: dict[str, Any] = {"line": number}
    try:
        data = json.loads(line)
        url, content_type = data.get("url") or "", data.get("content_type") or ""
        if not isinstance(url, str) or not isinstance(content_type, str):
            return _Saved(name, error="bad_line")
        name = {"url": url}
        html = base64.b64decode("".join(data["html_base64"].split()), validate=True)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError, binascii.Error):
        return _Saved(name, error="bad_line")
    return _Saved(name, url, content_type, html)
