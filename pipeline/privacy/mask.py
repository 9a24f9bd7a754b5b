"""Masking of personal data before anything touches disk (charter 4).

Numbers become `[电话]`, `[身份证号]`, `[银行卡号]`, `[账号]`, `[车牌]`, `[邮箱]`, `[住址]`; the full name of a minor or victim beside
the usual words becomes 张某某 (`names`). What is masked already stays, so masking twice changes nothing.

Sources of the forms: GB 11643-1999 (citizen ID, 18 and 15 digits), GA 36-2018 (plates), the numbering plan of mobile
phones (1[3-9] and nine digits). An ID is masked whether or not its check digit fits: typing errors are personal too.
An address is masked from the street number or from building and unit or room on; a building alone (三号楼) is no door.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from pipeline.privacy.names import Span, name_spans

# One to one, so that spans found in the folded text are spans of the text itself: full-width forms, the digits of the
# mathematical alphabets, and whatever looks like a hyphen or a space (zero-width ones too).
_FOLD = {full: full - 0xFEE0 for full in range(0xFF01, 0xFF5F)}
_FOLD |= {0x1D7CE + n: ord("0") + n % 10 for n in range(50)}
_FOLD |= dict.fromkeys([*range(0x2010, 0x2016), 0x2212, 0xFE58, 0xFE63, ord("_")], ord("-"))
_FOLD |= dict.fromkeys(
    [0xA0, *range(0x2000, 0x2010), 0x202F, 0x205F, 0x2060, 0x3000, 0xFEFF, 0x09, 0x0A, 0x0D], ord(" ")
)
_FOLD |= dict.fromkeys([0xB7, 0x2022, 0x2027, 0x30FB], ord("."))

_GAP = r"[ .-]?"
_SEP = r"[ .-]{0,3}"  # between the usual groups of a number
_ID = re.compile(
    rf"(?<!\d)(?:\d{{6}}{_SEP}(?:18|19|20)\d{{2}}{_SEP}(?:0[1-9]|1[0-2]){_GAP}(?:0[1-9]|[12]\d|3[01]){_SEP}\d{{3}}{_GAP}[\dXx]"
    r"|\d{8}(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])\d{3}"
    rf"|(?:\d{_GAP}){{17}}[Xx])(?!\d)"
)
_CARD = re.compile(
    rf"(?<!\d)(?:\d{{4}}{_SEP}){{3}}(?:\d{{4}}{_SEP}\d{{1,3}}|\d{{4}})(?!\d)|(?<!\d)\d(?:{_GAP}\d){{15,18}}(?!{_GAP}\d)"
)
_MOBILE = re.compile(
    rf"(?<!\d)(?:\(?(?:\+|00)?86\)?{_SEP})?"
    rf"1[3-9]\d(?:{_SEP}\d{{4}}{_SEP}\d{{4}}|{_SEP}\d{{3}}{_SEP}\d{{5}})(?!\d)"
    rf"|(?<!\d)1{_GAP}[3-9](?:{_GAP}\d){{9}}(?!\d)"
)
_SPELT = re.compile(r"[一幺壹][三四五六七八九](?:[ -]?[零〇一二三四五六七八九幺]){9}")
_LANDLINE = re.compile(
    r"(?<!\d)(?:\(?0(?:10|2\d|[3-9]\d{2})\)?[ -]{0,3}[2-9]\d{2,3}[ -]?\d{4}(?:(?:-|转|分机) ?\d{1,5})?"
    r"|[48]00[ -]?\d{3}[ -]?\d{4}|[48]00[ -]?\d{4}[ -]?\d{3})(?!\d)"
)
_CALLED = re.compile(
    r"(?P<head>(?:电话|热线|拨打|致电|座机|传真|专线)(?:号码|号)?(?:是|为)?[: ]{0,3})(?P<own>[2-9]\d{2,3}[ -]?\d{4})(?!\d|[元万户人件余多])"
)
_EMAIL = re.compile(r"(?<![A-Za-z0-9.+-])[A-Za-z0-9.+-]{1,64} ?@ ?[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63}){1,4}")
_ACCOUNT = re.compile(
    r"(?P<head>(?:微信|QQ|qq|Qq|[Vv][Xx信]|[Ww]e[Cc]hat|扣扣|护照|通行证|军官证)(?:号码|号)?(?:是|为)?[: ]{0,3})"
    r"(?P<own>[A-Za-z0-9][A-Za-z0-9-]{4,19}+)(?![元万人个年月])"
)
_PLATE = re.compile(
    r"[京津沪渝冀豫云辽黑湘皖鲁新苏浙赣鄂桂甘晋蒙陕吉闽贵粤青藏川宁琼][ ]?[A-HJ-NP-Za-hj-np-z][ .-]{0,2}"
    r"(?=[A-Za-z]{0,4}\d)(?:[A-HJ-NP-Za-hj-np-z0-9]{4,5}[A-HJ-NP-Za-hj-np-z0-9挂学警港澳])(?![A-Za-z0-9]|万?元)"
)
# A place name runs back to the nearest word that is none: 家住|中山路, 我们是|锦鳞苑.
_PLACE = r"(?:(?![是在住到由往至从向的了们我你他她它院区市县镇乡和与及去自叫离近给把家于])[\u4e00-\u9fa5]){1,4}"
_ESTATE = r"(?:小区|社区|花园|家园|新村|公寓|大院|大厦|宿舍|村|里|苑|城|庭|府|湾|坊)"
_NUMBER = r"(?:\d{1,4}|[A-Za-z]\d{0,2}|[一二三四五六七八九十]{1,3})"
_BUILDING = rf"{_NUMBER} ?(?:号楼|号院|栋|幢|座|#)"
_UNIT = rf"{_NUMBER} ?单元"
_FLOOR = rf"{_NUMBER} ?[层楼]"
_ROOM = r"[A-Za-z]?\d{1,5} ?(?:号房|室|号|户|房)"
_STREET = r"(?:路|街|巷|弄|大道|胡同|村|组|里)"
_DOOR = re.compile(
    rf"(?:{_BUILDING}[ ,]?(?:{_UNIT}(?:[ ,]?{_FLOOR})?(?:[ ,]?(?:{_ROOM}|\d{{3,5}}))?|{_FLOOR}[ ,]?(?:{_ROOM}|\d{{3,5}})|{_ROOM}|\d{{3,4}}(?![\d元年万余多]))"
    rf"|{_UNIT}[ ,]?(?:{_FLOOR}[ ,]?)?(?:{_ROOM}|\d{{3,5}}))"
    rf"|(?<=[区园村寓院厦舍里苑城庭府湾坊])(?:[A-Za-z]?\d{{3,5}} ?室|\d{{1,3}}-\d{{1,2}}-\d{{2,4}} ?室?)"
    r"|(?<=住)(?:在|于)?(?:[\u4e00-\u9fa5]{0,4})[A-Za-z]?\d{3,5} ?室"
    r"|(?<=[路街巷弄道同村组里])(?<![国省县乡]道)[ ,]?\d{1,5}(?:-\d{1,4})? ?(?:弄[ ,]?\d{1,5} ?)?[号弄](?:之[一二三四五\d]|院)?(?:[ ,]?[A-Za-z]?\d{3,5} ?室)?"
    r"(?!文|令|线|楼|公告|通知|店|门店|地块|窗口|桩)"
)
_BEFORE_DOOR = re.compile(
    rf"(?:{_PLACE}{_ESTATE}[ ,]?)?(?:{_PLACE}{_STREET}[ ,]?(?:\d{{1,5}}(?:-\d{{1,4}})? ?[号弄][ ,]?)?)?$"
)
_MAY_HAVE_DOOR = re.compile(r"[0-9A-Za-z一二三四五六七八九十] ?(?:[室栋幢座户弄#-]|号|单元)")
_MAY_HAVE_ACCOUNT = re.compile(r"(?:[信QqTt扣照证号][号码是为: ]{0,5}|[Vv][Xx][号: ]{0,4})[A-Za-z0-9]")
_DIGIT = re.compile(r"[0-9]")


class Masker:
    """Masks texts; `keep` holds numbers that stay, as `office.yaml` lists them (any separators)."""

    def __init__(self, keep: Iterable[str] = ()) -> None:
        self._keep = frozenset(_digits(number) for number in keep if _digits(number))

    def mask(self, text: str) -> str:
        """`text` without personal data. Same length rules do not hold; the result masks to itself."""
        if not text:
            return text
        spans = self._spans(text.translate(_FOLD))
        if not spans:
            return text
        out, at = [], 0
        for start, end, instead in sorted(spans):
            if start < at:
                continue  # inside what is masked already
            out += [text[at:start], instead]
            at = end
        return "".join([*out, text[at:]])

    def _spans(self, folded: str) -> list[Span]:
        spans: list[Span] = []

        def add(pattern: re.Pattern[str], instead: str, number: bool = False, group: int | str = 0) -> None:
            for match in pattern.finditer(folded):
                start, end = match.span(group)
                if any(s < end and start < e for s, e, _ in spans):
                    continue
                if number and self._own(match[group]):
                    kept.append((start, end))
                elif not any(s <= start and end <= e for s, e in kept):
                    spans.append((start, end, instead))

        kept: list[tuple[int, int]] = []
        if _DIGIT.search(folded):
            add(_ID, "[身份证号]")
            add(_CARD, "[银行卡号]")
            add(_MOBILE, "[电话]", number=True)
            add(_LANDLINE, "[电话]", number=True)
            add(_CALLED, "[电话]", number=True, group="own")
            add(_PLATE, "[车牌]")
        add(_SPELT, "[电话]")
        if "@" in folded:
            add(_EMAIL, "[邮箱]")
        if _MAY_HAVE_ACCOUNT.search(folded):
            add(_ACCOUNT, "[账号]", group="own")
        if _MAY_HAVE_DOOR.search(folded):
            for match in _DOOR.finditer(folded):
                start, end = _whole_address(folded, *match.span())
                if not any(s < end and start < e for s, e, _ in spans):
                    spans.append((start, end, "[住址]"))
        spans += [s for s in name_spans(folded) if not any(a < s[1] and s[0] < b for a, b, _ in spans)]
        return spans

    def _own(self, number: str) -> bool:
        """Whether this is one of the numbers that stay, also with or without area code and extension."""
        plain = _digits(re.split("转|分机|(?<=[0-9]{7})-", number)[0])
        return any(
            plain == k or (min(len(plain), len(k)) >= 7 and (plain.endswith(k) or k.endswith(plain)))
            for k in self._keep
        )


_DEFAULT = Masker()


def mask(text: str, keep: frozenset[str] = frozenset()) -> str:
    """`Masker(keep).mask(text)`."""
    return Masker(keep).mask(text) if keep else _DEFAULT.mask(text)


def _whole_address(folded: str, start: int, end: int) -> tuple[int, int]:
    """The door with the street and estate before it."""
    window = folded[max(0, start - 24) : start]
    before = _BEFORE_DOOR.search(window)
    return start - (len(window) - before.start() if before else 0), end


def _digits(text: str) -> str:
    return re.sub(r"[^0-9]", "", text.translate(_FOLD))
