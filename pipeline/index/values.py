"""What people type for a coded value → the code that is indexed."""

from __future__ import annotations

from models import taxonomy
from pipeline.index.query import QueryError
from pipeline.records import CHANNEL_NAMES

TRUE_WORDS = frozenset({"1", "true", "yes", "是"})
LEVELS: dict[str, int] = {
    "1": 1, "2": 2, "3": 3, "4": 4, "红": 1, "橙": 2, "黄": 3, "蓝": 4, "I": 1, "II": 2, "III": 3, "IV": 4,
}  # fmt: skip
_CODES: dict[str, dict[str, str]] = {
    "channel": {name: code for code, name in CHANNEL_NAMES.items()},
    "role": {name: code for code, name in taxonomy.ROLE_NAMES.items()},
    "sentiment": {name: code for code, name in taxonomy.SENTIMENT_NAMES.items()},
    "topics": {name: code for code, name in taxonomy.TOPIC_NAMES.items()},
    "level": {name: str(number) for name, number in LEVELS.items()},
}


def code_of(field: str, value: str) -> str:
    """The code of `value` (itself a code or its Chinese name). Raises QueryError naming what could be meant."""
    names = _CODES.get(field)
    if names is None or value in names.values():
        return value
    if value not in names:
        raise QueryError(f"没有“{value}”这个值;可以用:" + "、".join(names))
    return names[value]
