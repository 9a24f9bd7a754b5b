"""Dates as Chinese pages and exports write them. A wrong date is worse than none."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta, timezone
from email.utils import parsedate_to_datetime

from pipeline.records import SHANGHAI, Precision

EARLIEST = 1990
# full width to ASCII, one character for one, so that places in the folded text are places in the text
_FOLD = {0xFEE0 + c: c for c in range(0x21, 0x7F)} | str.maketrans("\u2063\u3000\xa0\t\r\n", "      ")
_DIGITS = str.maketrans("〇○零OoО一二三四五六七八九", "000000123456789")
_TIME = (
    r"(?P<time>[\sT,|]{0,4}(?:\(?(?:星期|周)\S\)?)?[\sT]{0,3}(?P<half>上午|下午|早上|早晨|清晨|中午|傍晚|晚上|夜间|凌晨|[AaPp][Mm])?\s?"
    r"(?P<h>[01]?\d|2[0-4])\s?[:时点]\s?(?P<mi>[0-5]\d)\s?(?:[:分]\s?(?P<s>[0-5]\d)(?:\.\d{1,9})?)?"
    r"(?:[分秒]?\s?(?P<after>[上下]午(?![\d\u4e00-\u9fff])|[AaPp]\.?[Mm](?![A-Za-z])))?"
    r"(?P<tz>\s?Z(?![a-z])|\s?[+-]\d\d:?\d\d(?!\d))?)?"
)
_FULL = re.compile(
    r"(?<![\d.])(?P<y>(?:19|20)\d\d)(?:\s?年\s?(?P<m1>1[0-2]|0?[1-9])\s?月\s?(?P<d1>3[01]|[12]\d|0?[1-9])\s?[日号]?"
    r"|\s?(?P<sep>[-/.])\s?(?P<m2>1[0-2]|0?[1-9])\s?(?P=sep)\s?(?P<d2>3[01]|[12]\d|0?[1-9])(?:(?=[0-2]\d:[0-5]\d)|(?!\d*[.\d]\d)))"
    + _TIME
)
_SHORT = re.compile(r"(?<![\d年.])(?P<m>1[0-2]|0?[1-9])\s?月\s?(?P<d>3[01]|[12]\d|0?[1-9])\s?[日号]" + _TIME)
_DASHED = re.compile(
    r"(?<![\d./-])(?P<m>1[0-2]|0[1-9])[-/](?P<d>3[01]|[12]\d|0[1-9])(?![\d/-])" + _TIME.removesuffix("?")
)
_WORDS = re.compile(r"(?P<word>今天|今日|昨天|昨日|前天)" + _TIME)
_AGO = re.compile(r"(?P<n>\d{1,3})\s?(?P<unit>秒|分钟|小时|天)(?:之)?前|(?P<just>刚刚)")
_NUMERALS = re.compile(
    r"(?P<y>[一二][〇○零OoО九][〇○零OoО一二三四五六七八九]{2})\s?年\s?(?P<m>十[一二]?|[一二三四五六七八九])\s?月"
    r"\s?(?P<d>[二三]?十[一二三四五六七八九]?|[一二三四五六七八九])\s?日"
)
_MONTHS = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split()
_CTIME = re.compile(  # as C writes it: `Tue Mar 16 22:10:09 2010`, on boards that began with telnet
    rf"(?<![A-Za-z])(?P<m>{'|'.join(_MONTHS)})\s+(?P<d>3[01]|[12]\d|0?[1-9])\s+(?P<h>[01]\d|2[0-3]):(?P<mi>[0-5]\d):(?P<s>[0-5]\d)\s+(?P<y>(?:19|20)\d\d)(?!\d)"
)
_COMPACT = re.compile(r"(?<!\d)(?P<y>20\d\d)(?P<m>0[1-9]|1[0-2])(?P<d>0[1-9]|[12]\d|3[01])(?P<t>\d{4}(?:\d\d)?)?(?!\d)")
_URL = (
    re.compile(r"[/_\-=t](20\d\d)[-/_]?(0[1-9]|1[0-2])[-/_]?(0[1-9]|[12]\d|3[01])(?!\d)"),
    re.compile(r"/(20\d\d)-(1[0-2]|[1-9])/(3[01]|[12]\d|[1-9])(?!\d)"),
)
_MORNING = ("上午", "早上", "早晨", "清晨", "凌晨", "AM")
_AFTERNOON = ("下午", "中午", "傍晚", "晚上", "夜间", "PM")
_BACK = {"今天": 0, "今日": 0, "昨天": 1, "昨日": 1, "前天": 2}


@dataclass(frozen=True, slots=True)
class Date:
    """A moment (UTC) with how exactly it is known, and where in the text it stood."""

    at: datetime
    precision: Precision
    start: int = 0
    end: int = 0
    guessed: bool = False  # the page wrote no year, or only how long ago


def find_dates(text: str, now: datetime, *, relative: bool = True) -> Iterator[Date]:
    """Every date in `text`, by place. Those later than a day from `now` or before 1990 are left out."""
    plain = text.translate(_FOLD)
    found: list[Date] = []
    taken = bytearray(len(plain))  # places that belong to a date
    readers = [
        (_FULL, _full, "-/.年"), (_NUMERALS, _numerals, "年"), (_CTIME, _ctime, ":"), (_SHORT, _short, "月"),
        (_DASHED, _short, ":时点"),
    ]  # fmt: skip
    if relative:
        readers += [(_WORDS, _word, "天日"), (_AGO, _ago, "前刚")]
    for pattern, read, some in readers:
        if not any(character in plain for character in some):  # none of which it can do without
            continue
        for match in pattern.finditer(plain):
            start, end = match.span()
            if any(taken[start:end]):
                continue
            date = read(match, now)
            if date is not None and _plausible(date.at, now):
                found.append(replace(date, guessed=read in (_short, _word, _ago)))
                taken[start:end] = b"\1" * (end - start)
    yield from sorted(found, key=lambda d: d.start)


def parse_date(text: str, now: datetime, *, relative: bool = True) -> Date | None:
    """The first date of a field that holds one (a selector's text, a meta value, an export's cell), or None."""
    text = text.strip()[:200]
    first = next(find_dates(text, now, relative=relative), None)
    if first is not None:
        return first
    match = _COMPACT.search(text.translate(_FOLD))
    if match is not None:
        clock = match["t"] or ""
        return _made(match["y"], match["m"], match["d"], clock[:2], clock[2:4], clock[4:], now=now)
    if re.fullmatch(r"1\d{9}(?:\d{3})?", text):  # seconds or milliseconds since 1970
        at = datetime.fromtimestamp(int(text[:10]), UTC)
        return Date(at, "minute") if _plausible(at, now) else None
    return rfc822(text, now)


def rfc822(text: str, now: datetime) -> Date | None:
    """`Fri, 20 Nov 2026 08:00:00 GMT`, as feeds write."""
    try:
        at = parsedate_to_datetime(text.strip())
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    at = at.replace(tzinfo=SHANGHAI) if at.tzinfo is None else at
    try:
        at = at.astimezone(UTC)
    except OverflowError:
        return None
    return Date(at, "minute") if _plausible(at, now) else None


def date_in_url(url: str, now: datetime) -> Date | None:
    """The day in an address such as `/2019/0613/c1.html` or `t20190613_1.html`, or None."""
    for pattern in _URL:
        match = pattern.search(url)
        if match is not None:
            return _made(*match.groups(), now=now)
    return None


def _full(match: re.Match[str], now: datetime) -> Date | None:
    return _with_time(match, int(match["y"]), int(match["m1"] or match["m2"]), int(match["d1"] or match["d2"]))


def _numerals(match: re.Match[str], now: datetime) -> Date | None:
    """二〇一九年六月十三日."""
    y = match["y"].translate(_DIGITS)
    return _made(y, _ten(match["m"]), _ten(match["d"]), start=match.start(), end=match.end())


def _ctime(match: re.Match[str], now: datetime) -> Date | None:
    month = str(1 + _MONTHS.index(match["m"]))
    clock = (match["h"], match["mi"], match["s"])
    return _made(match["y"], month, match["d"], *clock, start=match.start(), end=match.end())


def _short(match: re.Match[str], now: datetime) -> Date | None:
    """The year is the latest in which the day isn't in the future."""
    for year in (now.astimezone(SHANGHAI).year + 1, now.astimezone(SHANGHAI).year, now.astimezone(SHANGHAI).year - 1):
        date = _with_time(match, year, int(match["m"]), int(match["d"]))
        if date is not None and _plausible(date.at, now):
            return date
    return None


def _word(match: re.Match[str], now: datetime) -> Date | None:
    day = now.astimezone(SHANGHAI) - timedelta(days=_BACK[match["word"]])
    return _with_time(match, day.year, day.month, day.day)


def _ago(match: re.Match[str], now: datetime) -> Date | None:
    if match["just"]:
        return Date(now.astimezone(UTC), "minute", match.start(), match.end())
    n, unit = int(match["n"]), match["unit"]
    back = {
        "秒": timedelta(seconds=n),
        "分钟": timedelta(minutes=n),
        "小时": timedelta(hours=n),
        "天": timedelta(days=n),
    }[unit]
    at = (now - back).astimezone(UTC)
    if unit == "天":
        local = at.astimezone(SHANGHAI).replace(hour=0, minute=0, second=0, microsecond=0)
        return Date(local.astimezone(UTC), "day", match.start(), match.end())
    return Date(at.replace(second=0, microsecond=0), "minute", match.start(), match.end())


def _with_time(match: re.Match[str], year: int, month: int, day: int) -> Date | None:
    hour = _hour(match) if match["time"] and match["h"] else None
    if hour is None:
        return _made(str(year), str(month), str(day), start=match.start(), end=match.end())
    clock = (str(hour), match["mi"], match["s"] or "")
    date = _made(str(year), str(month), str(day), *clock, start=match.start(), end=match.end())
    zone = (match["tz"] or "").strip()
    if date is None or not zone:
        return date
    local = date.at.astimezone(SHANGHAI).replace(tzinfo=_zone(zone))
    return Date(local.astimezone(UTC), date.precision, date.start, date.end)


def _hour(match: re.Match[str]) -> int | None:
    """From 0 to 23; None for 24:00 and 晚上 12:05, which may be of this day or of the next."""
    half, hour = (match["half"] or match["after"] or "").upper().replace(".", ""), int(match["h"])
    if hour == 24 or (hour == 12 and half in ("晚上", "夜间")):
        return None
    if hour == 12 and half in _MORNING:
        return 0
    if hour < 12 and half in _AFTERNOON and not (half == "中午" and hour > 9):
        return hour + 12
    return hour


def _zone(text: str) -> timezone:
    if text == "Z":
        return UTC
    hours, minutes = int(text[1:3]), int(text[-2:])
    offset = timedelta(hours=min(hours, 14), minutes=min(minutes, 59))
    return timezone(-offset if text[0] == "-" else offset)


def _made(
    y: str,
    m: str,
    d: str,
    h: str = "",
    mi: str = "",
    s: str = "",
    *,
    now: datetime | None = None,
    start: int = 0,
    end: int = 0,
) -> Date | None:
    try:
        local = datetime(int(y), int(m), int(d), int(h or 0), int(mi or 0), int(s or 0), tzinfo=SHANGHAI)
    except ValueError:
        return None
    at = local.astimezone(UTC)
    if now is not None and not _plausible(at, now):
        return None
    return Date(at, "minute" if h else "day", start, end)


def _plausible(at: datetime, now: datetime) -> bool:
    return at.year >= EARLIEST and at <= now + timedelta(days=1)


def _ten(word: str) -> str:
    tens, ten, units = word.translate(_DIGITS).rpartition("十")
    return f"{tens or 1}{units or 0}" if ten else units
