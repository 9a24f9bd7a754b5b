"""The body of an article: the site's selector, else readability, with trafilatura where that finds little (DESIGN §6)."""

from __future__ import annotations

import logging
import re

import readability
import trafilatura
from lxml import etree, html

from crawlers.reading.tree import drop, elements, name_of, select, text_of

logging.getLogger("readability").setLevel(logging.CRITICAL)  # it logs page text
logging.getLogger("trafilatura").setLevel(logging.CRITICAL)

LITTLE = 120  # characters under which readability is taken to have missed the body
EXTRACTOR = f"readability {readability.__version__} + trafilatura {trafilatura.__version__} / reader 1"
_NOISE = re.compile(
    r"(?:^|[\s_-])(?:share\w*|bdshare\w*|social\w*|related\w*|recommend\w*|xgxw|tuijian|breadcrumbs?|crumbs?|position|copyright\w*|footer|"
    r"foot|header|nav|navbar|menu|toolbar|qrcode|ewm|pagination|pager|page-?nav|ads?|advert\w*|hot-?news|rank\w*|disclaimer|declare|"
    r"statement|editor|zebian|print|fontsize|login|sidebar)(?:$|[\s_-])"
)
_TAIL = re.compile(
    r"^(?:[\[((【]?\s*(?:责任?编辑|编辑|责编|初审|复审|终审|校对|审核|监制|值班编委)\s*[::/].{0,60}"
    r"|[\[((【]?(?:打印|关闭|关闭窗口|打印本页|分享到?|收藏|返回顶部|我要纠错|扫一扫.*|举报|点赞|上一篇|下一篇|相关(?:新闻|阅读|链接|文章)|推荐阅读|延伸阅读|猜你喜欢)[\]))】]?\s*[::]?.{0,60}"
    r"|(?:版权声明|免责声明|特别声明|声明|著作权声明)\s*[::].*|(?:本文)?(?:转载请注明|未经.{0,12}(?:授权|许可)).*|.{0,16}版权所有.*|Copyright.*|.{0,10}ICP备.*)$",
    re.I,
)
_HEAD = re.compile(
    r"^(?:当前位置|您(?:现在)?的?(?:当前)?位置|首页\s*[>»].*|字体?[号大小]{1,2}\s*[::].*|【?字体.*|(?:发布|发表|更新)?(?:时间|日期)\s*[::].{0,60}|(?:信息|文章|稿件)?来源\s*[::].{0,60}"
    r"|(?:19|20)\d\d\s*[-/.年][\d\s:/.月日:-]{3,20}$|(?:浏览|阅读|点击)(?:次数|量|数)?\s*[::].{0,40}|作者\s*[::].{0,40})"
)


def selected_body(root: html.HtmlElement, selector: str) -> str:
    """Text of what the site's own selector names; "" where it finds nothing."""
    return "\n".join(t for t in (text_of(e) for e in select(root, selector)) if t) if selector else ""


def generic_body(root: html.HtmlElement, title: str) -> tuple[str, str]:
    """(body text, how). `root` is changed: noise is cut."""
    cut_noise(root)
    source = html.tostring(root, encoding="unicode")
    text, how = _readability(source), "readability"
    if len(text) < LITTLE:
        other = _trafilatura(source)
        if len(other) > len(text):
            text, how = other, "trafilatura"
    return tidy(text, title), how


def cut_noise(root: html.HtmlElement) -> None:
    """Remove what templates name as navigation, sharing, related lists and the like."""
    for element in elements(root):
        if element.tag in ("html", "body", "head", "article", "main"):
            continue
        noisy = element.tag in (
            "nav",
            "footer",
            "aside",
            "form",
            "script",
            "style",
            "noscript",
            "iframe",
            "button",
        ) or (
            _NOISE.search(name_of(element)) is not None
            and len(element.text_content()) < 1500
            and element.find(".//h1") is None
        )
        if noisy:
            drop(element)


def tidy(text: str, title: str) -> str:
    """Drop lines at either end that belong to the template and not to the text."""
    lines = text.split("\n")
    squeezed = re.sub(r"\s", "", title)
    while lines and (re.sub(r"\s", "", lines[0]) == squeezed or _HEAD.match(lines[0])) and len(lines[0]) < 120:
        lines.pop(0)
    for i in range(max(0, len(lines) - 12), len(lines)):
        if _TAIL.match(lines[i].strip()):
            lines = lines[:i]
            break
    return "\n".join(lines).strip()


def _readability(source: str) -> str:
    try:
        summary = readability.Document(source, min_text_length=10).summary(html_partial=True)
        tree = html.fromstring(summary)
    except (
        readability.readability.Unparseable,
        etree.LxmlError,
        ValueError,
        TypeError,
        AssertionError,
        AttributeError,
        KeyError,
        IndexError,
        RecursionError,
    ):
        return ""
    return text_of(tree) if isinstance(tree, html.HtmlElement) else ""


def _trafilatura(source: str) -> str:
    try:
        found = trafilatura.extract(source, include_comments=False, include_tables=True, favor_precision=False)
    except (
        etree.LxmlError,
        ValueError,
        TypeError,
        AttributeError,
        KeyError,
        IndexError,
        RecursionError,
        AssertionError,
    ):
        return ""
    return str(found or "")
