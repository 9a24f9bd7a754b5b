"""When a page was published: meta data first, then the date that stands nearest to the title. Unknown beats wrong."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from datetime import date as date_type

from lxml import html

from crawlers.reading.dates import Date, date_in_url, find_dates, parse_date
from crawlers.reading.title import json_ld
from crawlers.reading.tree import elements, name_of, named, prose, text_of
from pipeline.records import SHANGHAI

_META = (
    "article:published_time",
    "og:published_time",
    "og:release_date",
    "publishdate",
    "pubdate",
    "publish_date",
    "publishtime",
    "publish_time",
    "pubtime",
    "datepublished",
    "article:create_at",
    "apub:time",
    "weibo:article:create_at",
    "bytedance:published_time",
    "dc.date.issued",
    "dc.date",
    "date",
    "_pubtime",
    "firstpublishdate",
    "createdate",
    "publication_date",
    "og:time",
)
# what stands before the date of publication; 活动时间, 开庭时间 and 成文日期 are other days
_KEYWORD = re.compile(
    r"(?P<update>更新|修改)|发布|发表|发稿|刊发|上传|录入|添加|编辑|公开日期|撰写|创建时间|留言时间|来信时间|来信日期|写信时间|提问时间|咨询时间|反映时间|生成日期|来源|稿源"
    r"|(?:^|[\s|(（>·\u2063])(?:时\s?间|日\s?期)\s?[:：]"
)
_BAD_BEFORE = re.compile(
    r"(?:(?:版权|备案|©|copyright|有效期|截止|截至|注册|登录|实施|施行|生效|生日|出生)[^。\n]{0,12}"
    r"|(?:成文|活动|会议|开庭|听证|报名|考试|举办|召开|印发|签署|起止)(?:时间|日期)\s?[:：]?\s?)$",
    re.I,
)
_BAD_AFTER = re.compile(r"^\s*(?:[-~—至到]\s*\d|起施行|起实施)")
_LISTS = re.compile(
    r"related|recommend|hot|rank|list|xgxw|tuijian|sidebar|aside|footer|copyright|next|prev|breadcrumb|nav|menu"
)
_is_for_a_date = named(r"\w*time\w*|\w*date\w*|pubtime|source|info\w*|laiyuan|ly|meta\w*|fbsj|rq")
_SCRIPT = re.compile(
    r"""(?<![A-Za-z])(?:publish(?:ed)?_?(?:time|date|at)?|pub_?(?:time|date)|news_?time|p_?time|date_?published|post_?(?:time|date)\w{0,30}"""
    r"""|current_?post_?date\w{0,30}|\w{0,30}created_?(?:date|time|at))["']?\s{0,20}[:=]\s{0,20}["']?((?:19|20)\d\d[-/年]\d[^"']{5,30}|1\d{9}(?:\d{3})?\b)""",
    re.I,
)
_MOST_SCRIPT = 300_000
_LABEL = re.compile(
    r"(?:发布|发表|发稿|刊发|上传|录入)(?:时间|日期)?\s*[:：于]\s*([^\n]{6,40})|(?:^|\n|\s)(?:时间|日期)\s*[:：]\s*([^\n]{6,40})"
)
_CLOSE, _SHORT_LINE = 60, 48  # characters behind the title; of a line
_SENTENCE = re.compile(r"[，。；！？—]|[在经]|于(?!\s?[:：\d])|通过|批准|会议|召开|讲话|修[订正]|施行|公布|截止|期限")
_BEFORE, _NEAR = 150, 400  # characters around the title in which a publication line stands


def find_date(
    root: html.HtmlElement, url: str, title: str, now: datetime, weights: dict[html.HtmlElement, int] | None = None
) -> tuple[Date | None, str]:
    """(date, how it was found), or (None, "").

    What readers see near the title beats meta data where it is more exact, or earlier behind a clear word: meta data
    tells the last change on many sites. A weak find near the title gives way to a day in the address.
    """
    meta, in_url = next(_meta_dates(root, now), None), date_in_url(url, now)
    near, strong = _near_title(root, title, now, prose(root) if weights is None else weights)
    if meta is not None:
        finer = near is not None and near.precision == "minute" and _same_day(near, meta[0])
        if near is not None and (finer or (strong and _day(near) < _day(meta[0]))):
            return near, "near title"
        return meta
    if near is not None and (strong or in_url is None or _same_day(near, in_url)):
        return near, "near title"
    for how, found in (
        ("time element", _time_elements(root, now)),
        ("script", _script_dates(root, now)),
        ("label", _labelled(root, now)),
    ):
        dates = [d for d in found if not d.guessed]
        if dates and all(_same_day(dates[0], d) for d in dates):  # two days that contradict each other say nothing
            return max(dates, key=lambda d: d.precision == "minute"), how
    return (in_url, "url") if in_url is not None else (None, "")


def _meta_dates(root: html.HtmlElement, now: datetime) -> Iterator[tuple[Date, str]]:
    values: dict[str, str] = {}
    for meta in root.iter("meta"):
        name = (meta.get("property") or meta.get("name") or meta.get("itemprop") or "").lower().strip()
        if name in _META and meta.get("content"):
            values.setdefault(name, meta.get("content") or "")
    for name in _META:
        date = parse_date(values[name], now) if name in values else None
        if date is not None:
            yield date, f"meta {name}"
    for item in json_ld(root):
        for key in ("datePublished", "pubDate", "dateCreated"):
            value = item.get(key)
            date = parse_date(value, now) if isinstance(value, str) else None
            if date is not None:
                yield date, f"json-ld {key}"


def _near_title(
    root: html.HtmlElement, title: str, now: datetime, weights: dict[html.HtmlElement, int]
) -> tuple[Date | None, bool]:
    """The date with the best standing near the title, and whether a clear word or box vouches for it."""
    text = _marked_text(root, weights)
    at = _place_of(title, text)
    window = text[max(0, at - _BEFORE) : at + len(title) + _NEAR] if at >= 0 else text[: 2 * _NEAR]
    origin = min(at, _BEFORE) if at >= 0 else 0
    best: tuple[float, bool, Date] | None = None
    source = ""
    for date in find_dates(window, now):
        before, behind = window[max(0, date.start - 24) : date.start], window[date.end : date.end + 12]
        if _BAD_BEFORE.search(before.replace(_FLAG, "")) or _BAD_AFTER.match(behind):
            continue
        if date.guessed:
            source = source or html.tostring(root, encoding="unicode")
            sure = _with_year(source, date, now)
            if sure is None:
                continue
            date = sure
        line, rest = before.rpartition("\n")[2], behind.partition("\n")[0].strip()
        word = next(reversed(list(_KEYWORD.finditer(line))), None)
        vouched = word is not None or _FLAG in line
        own_line = len(line.replace(_FLAG, "").strip()) <= 16
        alone = own_line and (date.precision == "minute" or not re.match(r"[^\s:：来阅点浏字分]{3}", rest))
        whole = line + window[date.start :].partition("\n")[0]
        if (
            0 <= date.start - origin - len(title) <= _CLOSE
            and len(whole) <= _SHORT_LINE
            and not _SENTENCE.search(whole)
        ):
            alone = True  # the line right under the title, with the paper's name
        distance = date.start - origin - len(title) if date.start >= origin else (origin - date.start) * 1.5
        score = (3 if word["update"] else 4) if word is not None else 0
        score += (3 if _FLAG in line else 0) + (2 if date.precision == "minute" else 0) + (1 if alone else -3)
        total = score - max(0.0, distance) / 100 - (2 if at < 0 else 0)
        if best is None or total > best[0]:
            best = (total, vouched and alone, date)
    return (best[2], best[1]) if best is not None and best[0] >= 0.5 else (None, False)


def _with_year(source: str, date: Date, now: datetime) -> Date | None:
    """`10-08 12:00` or `昨天` in the year that the page itself gives this day, or at least names: an old page may be served today."""
    local = date.at.astimezone(SHANGHAI)
    days = re.findall(rf"((?:20|19)\d\d)(?<!\d\d{{4}})[-/.年]?0?{local.month}[-/.月]?0?{local.day}(?!\d)", source)
    if len(set(days)) == 1 and int(days[0]) <= now.year:
        return replace(date, at=local.replace(year=int(days[0])).astimezone(UTC))
    return date if str(local.year) in source else None


_NO_DATE = frozenset(("script", "style", "footer", "aside", "nav", "title"))
_SIDE_BY_SIDE = frozenset(("span", "em", "i", "b", "time", "label"))
_DIGIT_LAST = re.compile(r"\d\s*$")
_FLAG = "\u2063"  # invisible separator: marks text of boxes that are named for a date


def _marked_text(root: html.HtmlElement, weights: dict[html.HtmlElement, int]) -> str:
    """The page's text without lists of links and headlines of other articles (what holds most of the text stays), boxes
    named for a date marked, and day and time parted that stand in boxes side by side."""
    most = max(2.0, weights[root] * 0.4)
    without: set[html.HtmlElement] = set()
    marks: dict[html.HtmlElement, tuple[str, str]] = {}
    for element in elements(root):
        tag = element.tag
        other = tag in _NO_DATE or (tag == "a" and len(element.text_content()) > 12)  # scripts, another's headline
        if other or (weights[element] < most and _is_list(element)):
            without.add(element)
        else:
            named = tag == "time" or _is_for_a_date(element)
            flag = _FLAG if named and len(element.text_content()) < 200 else ""
            behind = " " if tag in _SIDE_BY_SIDE and (text := element.text) and _DIGIT_LAST.search(text) else ""
            if flag or behind:
                marks[element] = (flag, behind)
    return text_of(root, without, marks)


def _is_list(element: html.HtmlElement) -> bool:
    if element.tag not in ("ul", "ol") and not (
        element.tag in ("div", "section", "dl") and _LISTS.search(name_of(element)) is not None
    ):
        return False
    return len(element.findall(".//a")) >= 3 and element.find(".//h1") is None


def _place_of(title: str, text: str) -> int:
    """Where the title stands as a heading; its last place before the body is the nearest to the publication line."""
    if not title:
        return -1
    for needle in (title, title[:20], title[:12]):
        at = text.find(needle)
        if at >= 0:
            again = text.find(needle, at + len(needle))
            return again if 0 <= again - at < 300 else at
    return -1


def _time_elements(root: html.HtmlElement, now: datetime) -> list[Date]:
    return [d for e in root.iter("time") if (d := parse_date(e.get("datetime") or text_of(e), now)) is not None]


def _script_dates(root: html.HtmlElement, now: datetime) -> list[Date]:
    """What a page that draws itself keeps for it: `"publishTime":"2026-11-20 09:30"`."""
    found = (m for e in root.iter("script") for m in _SCRIPT.finditer((e.text or "")[:_MOST_SCRIPT]))
    return [d for m in found if (d := parse_date(m.group(1), now)) is not None]


def _labelled(root: html.HtmlElement, now: datetime) -> list[Date]:
    """Dates behind a word such as 发布时间, wherever they stand outside lists."""
    text = text_of(root)
    return [
        d
        for m in _LABEL.finditer(text)
        if (d := next(find_dates(m.group(1) or m.group(2), now, relative=False), None)) is not None
    ]


def _day(date: Date) -> date_type:
    return date.at.astimezone(SHANGHAI).date()


def _same_day(one: Date, other: Date) -> bool:
    return _day(one) == _day(other)
