"""The headline of a page: what its heading and its title element agree on."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

from lxml import html

from crawlers.reading.tree import elements, is_hidden, name_of, named, text_of, words_with

_SITE = (
    r"(?:网|网站|频道|新闻|日报|晚报|晨报|门户|政府|检察|检察院|法院|中心|在线|客户端|百科|论坛|社区|资讯|电视台|首页)"
)
_SITE_NAME = re.compile(
    rf"\w{{2,12}}{_SITE}|\w{{1,8}}[省市县区旗]\w{{1,6}}[局厅委办]"
)  # a title element that says only whose page it is
_TITLE_LABEL = re.compile(r"(?:信件|来信|留言|问题|咨询|投诉|信息)?(?:标题|主题)[:：]?$")
_SEPARATOR = re.compile(rf"\s*(?:[|_｜»]|--+|——(?=[^—]{{1,16}}{_SITE}$)|\s[-–—·]\s|(?<!—)[-–—](?=[^-–—]{{2,20}}$))\s*")
_COLUMN = re.compile(
    rf"(?:[-–—](?:\w{{1,10}}{_SITE}|\w{{0,4}}(?:新闻|要闻|动态|发布|公告|公示|通知|头条|正文|资讯|时政|报道|专题|专栏|视频|图片)))+$"
)  # what is left of `Headline-Column-Site`
_is_for_a_title = named(r"\w*title\w*|\w*headline\w*|bt|biaoti|\w*tit|h1")
_HEADINGS = frozenset(("h2", "h3", "h4", "div", "p", "span", "td", "strong", "font"))
_META = ("og:title", "articletitle", "title", "twitter:title", "headline")
_NOT = re.compile(r"^(?:首页|正文|新闻|详情|新闻中心|当前位置.*|内容|返回.*|登录|搜索)$")
_PUBLICATION = re.compile(r"(?:发布|发表|更新)(?:时间|日期)|来源\s*[:：]|责任编辑")
_EDGE = re.compile(r"^[\s>»|·\-_]+|[\s>»|·_]+$")


def find_title(root: html.HtmlElement) -> tuple[str, str]:
    """(title, how it was found); ("", "") where the page has none."""
    tag = _clean(next((text_of_title(e) for e in elements(root) if e.tag == "title"), ""))
    headings = list(_headings(root))
    agreed = [(t, how) for t, how in headings if tag and _agrees(t, tag)]
    if agreed:
        # what the title element begins with, not the site's name at its end; an h1 first; else the longest
        return max(agreed, key=lambda pair: (not _ends_with(tag, pair[0]), pair[1] == "h1", len(pair[0])))
    if labelled := _labelled(root):
        return labelled, "label"
    for how, value in _metas(root):
        if value and not _NOT.match(value):
            short = _without_site(value) if _squeezed(value) == _squeezed(tag) else value
            return short, how
    first = [t for t, how in headings if how == "h1"]
    if len(first) == 1 and not tag:
        return first[0], "h1"
    if tag and all(len(piece) <= 6 or _SITE_NAME.fullmatch(piece) for piece in _SEPARATOR.split(tag)):
        for words, how in headings:
            if len(words) >= 8 and not _SITE_NAME.fullmatch(words):
                return words, how
    if tag:
        return _without_site(tag), "title"
    return (first[0], "h1") if first else ("", "")


def text_of_title(element: html.HtmlElement) -> str:
    return "".join(str(t) for t in element.itertext())


def json_ld(root: html.HtmlElement) -> Iterator[dict[str, object]]:
    """Every object of the page's JSON-LD, flattened one level; broken JSON is passed over."""
    for script in root.iter("script"):
        if (script.get("type") or "").lower() != "application/ld+json":
            continue
        try:
            data = json.loads(script.text or "", strict=False)
        except (ValueError, RecursionError):
            continue
        for item in data if isinstance(data, list) else [data]:
            if isinstance(item, dict):
                yield item
                graph = item.get("@graph")
                yield from (g for g in graph if isinstance(g, dict)) if isinstance(graph, list) else ()


def _headings(root: html.HtmlElement) -> Iterator[tuple[str, str]]:
    for element in elements(root):
        is_h1 = element.tag == "h1"
        if not is_h1 and not (element.tag in _HEADINGS and (element.tag in ("h2", "h3") or _is_for_a_title(element))):
            continue
        if is_hidden(element) or len(element) > 12 or _is_logo(element):
            continue
        words = _clean(text_of(element).replace("\n", " "))
        if 2 <= len(words) <= 120 and not _NOT.match(words) and not _PUBLICATION.search(words):
            yield words, "h1" if is_h1 else "heading"


def _labelled(root: html.HtmlElement) -> str:
    """The cell behind 信件标题, on pages that show a letter as a table."""
    for element in words_with(root, "标题", "主题", most=8):
        cell = next((e for e in (element, *element.iterancestors()) if e.tag in ("td", "th", "dt")), None)
        if cell is not None and _TITLE_LABEL.match("".join(cell.text_content().split())):
            behind = cell.getnext()
            words = _clean(text_of(behind).replace("\n", " ")) if behind is not None else ""
            if 2 <= len(words) <= 120:
                return words
    return ""


def _is_logo(element: html.HtmlElement) -> bool:
    """The site's own name as a heading: named so, or a link to the front page."""
    links = element.findall(".//a")
    home = [a for a in links if re.fullmatch(r"(?:https?://[^/]+)?/?(?:index\.\w+)?|\./|#", a.get("href") or "-")]
    return (len(links) == 1 and bool(home)) or "logo" in name_of(element)


def _metas(root: html.HtmlElement) -> Iterator[tuple[str, str]]:
    for name in _META:
        for meta in root.iter("meta"):
            if (meta.get("property") or meta.get("name") or "").lower() == name:
                yield f"meta {name}", _clean(meta.get("content") or "")
    for item in json_ld(root):
        headline = item.get("headline")
        if isinstance(headline, str):
            yield "json-ld", _clean(headline)


def _agrees(heading: str, tag: str) -> bool:
    """The title element begins with the heading, or contains a heading that is most of it."""
    h, t = _squeezed(heading), _squeezed(tag)
    if not h or not t:
        return False
    if (t.startswith(h) and len(h) >= 4) or _squeezed(_SEPARATOR.split(tag)[0]) == h:
        return True
    if h in t and (len(h) * 2 >= len(t) or len(h) >= 8) and (h == t or not _SITE_NAME.fullmatch(heading)):
        return True
    cut = re.split(r"\.{3}|…", t)[0]  # title elements are often shortened
    return len(cut) >= 8 and h.startswith(cut) and len(h) < 2 * len(cut) + 20


def _ends_with(tag: str, heading: str) -> bool:
    h, t = _squeezed(heading), _squeezed(tag)
    return t.endswith(h) and t != h


def _without_site(text: str) -> str:
    """`Headline - Channel_Site` without what follows the headline: trailing pieces that are short."""
    pieces = list(_SEPARATOR.split(text))
    marks = _SEPARATOR.findall(text)
    while len(pieces) > 1 and len(pieces[-1]) <= 20 and _enough(pieces, marks[-1]):
        pieces.pop()
        marks.pop()
    while len(pieces) > 1 and _SITE_NAME.fullmatch(pieces[0]) and len(pieces[1]) >= 6:  # the site's name comes first
        pieces.pop(0)
        marks.pop(0)
    whole = pieces[0] + "".join(m + p for m, p in zip(marks, pieces[1:], strict=False))
    shorter = _clean(_COLUMN.sub("", whole))
    return shorter if len(shorter) >= 4 else _clean(whole)


def _enough(pieces: list[str], mark: str) -> bool:
    """Whether what stands before the last mark can be a headline by itself."""
    before = sum(map(len, pieces[:-1]))
    return before >= 2 if mark.strip() in ("_", "|", "｜") else before >= max(4, len(pieces[-1]))


def _clean(text: str) -> str:
    return _EDGE.sub("", re.sub(r"[\s\u3000\xa0]+", " ", text)).strip()


def _squeezed(text: str) -> str:
    return re.sub(r"[\s\u3000\xa0\"“”'‘’「」]+", "", text).lower()
