"""How evidence is told, on the screen and on a cover sheet."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from pipeline.evidence.records import Record
from pipeline.records import SHANGHAI

_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f]")


def local(at: float) -> str:
    return f"{datetime.fromtimestamp(at, UTC).astimezone(SHANGHAI):%Y-%m-%d %H:%M:%S}（北京时间）"


def plain(text: str) -> str:
    """What a server sent moves no cursor of ours."""
    return _UNPRINTABLE.sub(" ", text)


def cut_words(found: Record) -> str:
    """What was done to the page before it was kept."""
    if not found.head:
        return f"订阅中的一条，剪去 {found.cut} 处" if found.cut else "订阅中的一条，没有剪去内容"
    if found.cut:
        return f"剪去 {found.cut} 处，其余改写为 UTF-8"
    return "没有剪去内容，按收到的字节保存"
