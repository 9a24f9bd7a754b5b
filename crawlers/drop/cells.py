"""Cells of Chinese exports: words and dates in every form that they take."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from crawlers.reading.dates import parse_date
from pipeline.errors import QuarantineError
from pipeline.records import SHANGHAI, Precision

Cell = str | float | datetime | None
_EXCEL_EPOCH = datetime(1899, 12, 30, tzinfo=SHANGHAI)
_SERIAL = re.compile(r"[2-7]\d{4}(?:\.\d+)?")
_COMPACT = re.compile(r"^((?:19|20)\d\d)(\d\d)(\d\d)(?=\s+\d)")
_CLOCK = re.compile(r"\d\s?[:时点]")
# full width to ASCII
_FOLD = {0xFEE0 + c: c for c in range(0x21, 0x7F)} | {0x3000: 0x20}


def words(cell: Cell) -> str:
    """A cell as text; Excel keeps numbers as floats (20261115001.0)."""
    if cell is None:
        return ""
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    return str(cell).strip()


def date_of(cell: Cell, now: datetime) -> tuple[datetime, Precision]:
    """(moment in UTC, minute or day) of a real date, Excel's day number, or text in any Chinese form.

    Raises QuarantineError `bad_date`: also for a day later than tomorrow, or a good day beside an impossible time.
    """
    if isinstance(cell, datetime):
        local = cell if cell.tzinfo is not None else cell.replace(tzinfo=SHANGHAI)
        at = local.astimezone(UTC)
    elif isinstance(cell, (int, float)) or _SERIAL.fullmatch(words(cell)):
        number = float(cell or 0)
        if not 20_000 < number < 80_000:
            raise QuarantineError("bad_date")
        at = (_EXCEL_EPOCH + timedelta(seconds=round(number * 86_400))).astimezone(UTC)
    else:
        text = _COMPACT.sub(r"\1-\2-\3", words(cell).translate(_FOLD))
        date = parse_date(text, now, relative=False)
        if date is None or (date.precision == "day" and _CLOCK.search(text)):
            raise QuarantineError("bad_date")
        at = date.at
    if at > now + timedelta(days=1) or at.year < 1990:
        raise QuarantineError("bad_date")
    local = at.astimezone(SHANGHAI)
    return at, "day" if (local.hour, local.minute, local.second) == (0, 0, 0) else "minute"
