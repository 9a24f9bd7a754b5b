"""Replaces the names of procuratorates by placeholders, so that a model learns roles and not places."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

OWN: Final = "\ue001"
RELATED: Final = "\ue002"  # above or below the own office
OTHER: Final = "\ue003"
DISPLAY: Final[dict[str, str]] = {OWN: "〔本院〕", RELATED: "〔上下级院〕", OTHER: "〔他院〕"}

_LONG_PLACES: Final = (
    "内蒙古|黑龙江|石家庄|秦皇岛|张家口|哈尔滨|齐齐哈尔|佳木斯|牡丹江|葫芦岛|呼和浩特|鄂尔多斯|呼伦贝尔|巴彦淖尔|乌兰察布|连云港|马鞍山|"
    "景德镇|平顶山|三门峡|驻马店|张家界|攀枝花|六盘水|嘉峪关|石嘴山|乌鲁木齐|克拉玛依|吐鲁番|防城港|神农架|大兴安岭|湘西|甘孜|阿坝|凉山"
)
_UNITS: Final = "特别行政区|自治区|自治州|自治县|新区|地区|林区|省|市|县|区|州|盟|旗"
_PLACE_CHAIN: Final = re.compile(
    rf"(?:(?:{_LONG_PLACES}|[一-鿿]{{2}})(?:{_UNITS}))*(?P<last>{_LONG_PLACES}|[一-鿿]{{2}})(?:{_UNITS})(?:铁路运输|军事|兵团)?$"
)
_BARE_PLACE: Final = re.compile(rf"(?:{_LONG_PLACES}|[一-鿿]{{2}})$")
_FULL_NAME: Final = re.compile(rf"({_LONG_PLACES}|[一-鿿]{{2,4}}?)({_UNITS})(?:人民)?检察院$")
# Single characters that stand before 市检察院 without being part of a place name (去找市检察院).
_NO_PLACE: Final = frozenset(
    "去找在到向对给跟和与把被让请由从问告写寄送打叫比就是有了的也都还为于至及等各两几某一这那哪每全你我他她它"
)
_UNIT_ALONE: Final = re.compile(rf"(?:(?:我们?|咱们?|本|你们?|贵)(?:{_UNITS})|[省市县区])$")
_FOREIGN: Final = re.compile(
    r"(?:韩国|南韩|韩|日本|日|美国|美|俄罗斯|俄|法国|德国|英国|意大利|西班牙|葡萄牙|乌克兰|以色列|巴西|阿根廷|墨西哥|越南|泰国|菲律宾|马来西亚|"
    r"新加坡|印尼|印度|土耳其|伊朗|荷兰|比利时|瑞士|瑞典|波兰|希腊|澳门|台湾|香港|国际|欧洲|首尔|东京|巴黎)(?:最高|中央|地方|特别|联邦|国家|总)*$"
)
_ELSEWHERE: Final = re.compile(r"(?:隔壁|邻省|邻市|邻县|邻区|外省|外市|外地|外县|别的|别处|其他|兄弟|人家)[的那这个]*$")
_KEY: Final = re.compile(r"人民|自治|\s")
_MAY_NAME: Final = re.compile("检|[你贵]院|[\ue000-\uf8ff]")  # what every match but a plain alias holds


@dataclass(frozen=True, slots=True)
class OfficeNames:
    """How an office, those above and below it are called. Build it with `of`; hashable, so compiled once."""

    own: frozenset[str]
    superior: frozenset[str] = frozenset()
    subordinate: frozenset[str] = frozenset()

    @classmethod
    def of(cls, own: Iterable[str], superior: Iterable[str] = (), subordinate: Iterable[str] = ()) -> OfficeNames:
        """From plain lists of names and aliases; empty strings are ignored."""
        parts = (frozenset(name.strip() for name in names if name.strip()) for names in (own, superior, subordinate))
        return cls(*parts)


@lru_cache(maxsize=64)
def _compiled(office: OfficeNames | None) -> tuple[re.Pattern[str], dict[str, str]]:
    """One pattern for all names, and placeholder by name without 人民."""
    kinds: dict[str, str] = {}
    if office is not None:
        for names, mark in ((office.subordinate, RELATED), (office.superior, RELATED), (office.own, OWN)):
            kinds.update({form: mark for name in names for form in _forms(name)})
    exact = "|".join(re.escape(name) for name in sorted(kinds, key=len, reverse=True))
    pattern = (
        (rf"(?P<exact>{exact})|" if exact else "")
        + r"(?P<top>最高人民检察院|最高检察院|最高检|高检院)"
        + r"|(?P<named>(?:人民)?检察(?:分)?院|检院)"
        + r"|(?P<bare>你院|贵院)"
        + r"|[\ue000-\uf8ff]"
    )
    return re.compile(pattern), kinds


@lru_cache(maxsize=64)
def _plain(office: OfficeNames) -> tuple[str, ...]:
    """Aliases that hold no 检."""
    return tuple(sorted(name for name in office.own | office.superior | office.subordinate if "检" not in name))


def _forms(name: str) -> set[str]:
    """How people write a full name: 清江市人民检察院, 清江市检察院, 清江检察院, 清江市检. A plain alias stays alone."""
    forms = {name, _KEY.sub("", name)}
    full = _FULL_NAME.search(name)
    if full is not None:
        place, unit = full.groups()
        forms |= {f"{place}{unit}检察院", f"{place}检察院", f"{place}{unit}检院", f"{place}检院"}
    return forms


@lru_cache(maxsize=4096)
def _is_place(word: str, *, sure: bool) -> bool:
    """Whether a word can name a place: 白沙 can, 交给 and 去找 cannot. `sure`: only what the dictionary lists as one."""
    tagged = _tags(word)
    if len(tagged) == 1:
        return tagged[0][1].startswith("ns" if sure else ("ns", "nr", "nz", "x", "nt"))
    return not sure and not _NO_PLACE & set(word)


def _tags(word: str) -> list[tuple[str, str]]:
    import rjieba  # lazy: only texts that name a place before 检察院 need it

    tagged: list[tuple[str, str]] = rjieba.tag(word, hmm=False)
    return tagged


def replace_names(text: str, office: OfficeNames | None = None) -> str:
    """The text with each mainland procuratorate's name replaced by OWN, RELATED or OTHER.

    Without an office any mainland procuratorate is OWN (the supreme one RELATED). Bare 检察院, 检院, 你院, 贵院 are OWN.
    Foreign ones and those of Hong Kong, Macau and Taiwan stay as they are. Never raises.
    """
    if _MAY_NAME.search(text) is None and not (office and any(alias in text for alias in _plain(office))):
        return text  # nine posts of ten
    pattern, kinds = _compiled(office)
    parts: list[str] = []
    done = 0
    for match in pattern.finditer(text):
        begin, end, kind = match.start(), match.end(), match.lastgroup
        before = text[max(done, begin - 24) : begin]
        if kind is None:  # a private-use character in the text itself must not look like a placeholder
            mark = " "
        elif kind == "exact":
            mark = kinds[match.group()]
        elif _FOREIGN.search(before):
            continue
        elif kind == "top":
            mark = RELATED
        elif kind == "bare":
            mark = OWN
        else:
            mark, width = _of_place(before, match.group(), kinds, known=office is not None)
            begin -= width
        parts.append(text[done:begin])
        parts.append(mark)
        done = end
    if not parts:
        return text
    parts.append(text[done:])
    return "".join(parts)


def _of_place(before: str, name: str, kinds: dict[str, str], *, known: bool) -> tuple[str, int]:
    """Placeholder for `name`, and how many characters of the place before it belong to the name."""
    place = _PLACE_CHAIN.search(before)
    if place is not None and not _is_place(place["last"], sure=False):
        place = None
    if place is None:
        alone = _UNIT_ALONE.search(before)
        if alone is not None:
            return OWN, len(alone.group())
        if known and _ELSEWHERE.search(before):
            return OTHER, 0
        place = _BARE_PLACE.search(before)
        if place is None or not _is_place(place.group(), sure=True):
            return OWN, 0
    width = len(place.group())
    if not known:
        return OWN, width
    full = _KEY.sub("", place.group() + name)
    for cut in range(width):  # 清江市云溪区检察院 is 云溪区检察院 too
        mark = kinds.get(full[cut:])
        if mark is not None:
            return mark, width
    return OTHER, width
