"""What people type for a coded value → the code that is indexed."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date

from models import taxonomy
from pipeline.index.query import QueryError
from pipeline.records import CHANNEL_NAMES

FLAGS: dict[str, bool] = {
    **dict.fromkeys(("1", "true", "yes", "是"), True),
    **dict.fromkeys(("0", "false", "no", "否"), False),
}
LEVELS: dict[str, int] = {
    "1": 1, "2": 2, "3": 3, "4": 4, "红": 1, "橙": 2, "黄": 3, "蓝": 4, "I": 1, "II": 2, "III": 3, "IV": 4,
}  # fmt: skip


def _typed(names: Mapping[str, str]) -> dict[str, str]:
    """What can be typed → code; a remark in parentheses is no part of a name."""
    return {re.split("[(（]", name)[0]: code for code, name in names.items()}


_CODES: dict[str, dict[str, str]] = {
    "channel": _typed(CHANNEL_NAMES),
    "role": _typed(taxonomy.ROLE_NAMES),
    "sentiment": _typed(taxonomy.SENTIMENT_NAMES),
    "topics": _typed(taxonomy.TOPIC_NAMES),
    "level": {name: str(number) for name, number in LEVELS.items()},
}


def code_of(field: str, value: str) -> str:
    """The code of `value` (itself a code or its Chinese name). Raises QueryError naming what could be meant."""
    names = _CODES.get(field)
    if names is None or value in names.values():
        return value
    if value not in names:
        raise QueryError(f"没有“{value}”这个值；可以用：" + "、".join(names))
    return names[value]


def flag_of(value: str) -> bool:
    """是 or 否, in the usual spellings. Raises QueryError."""
    if value.lower() not in FLAGS:
        raise QueryError(f"“{value}”不是“是”或“否”")
    return FLAGS[value.lower()]


def level_of(value: str) -> int:
    """1 (red) to 4 (blue). Raises QueryError."""
    if value not in LEVELS:
        raise QueryError("等级是 1 到 4（Ⅰ 红……Ⅳ 蓝）")
    return LEVELS[value]


def day_of(value: str) -> date:
    """A Shanghai day, 2026-11-21. Raises QueryError, also for years that no document is of."""
    try:
        day = date.fromisoformat(value)
    except ValueError:
        day = date.min
    if not 1900 <= day.year <= 2999:
        raise QueryError(f"日期写作 2026-11-21，不是“{value}”")
    return day
