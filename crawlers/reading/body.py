"""The body of an article: the site's selector, else the block that talks most; where none clearly does, readability, and
trafilatura where that finds little (DESIGN §6)."""

from __future__ import annotations

import re

from lxml import html

from crawlers.reading.block import densest, talking_block
from crawlers.reading.libraries import VERSIONS, readability_text, trafilatura_text
from crawlers.reading.tree import PROSE, drop, elements, named, prose, select, text_of

LITTLE = 120  # characters under which a block is no sure find
SURE = 0.7  # share of the page's running text that a block holds if it surely is the body
VERY_SURE = 0.9  # the share that makes a short block the body of a short page
EXTRACTOR = f"reader 5 / {VERSIONS}"
_is_noise = named(
    r"share\w*|bdshare\w*|social\w*|related\w*|recommend\w*|xgxw|tuijian|breadcrumbs?|crumbs?|position|copyright\w*|footer|"
    r"foot|header|nav|navbar|menu|toolbar|qrcode|ewm|pagination|pager|page-?nav|ads?|advert\w*|hot-?news|rank\w*|disclaimer|declare|"
    r"statement|editor|zebian|print|fontsize|login|sidebar"
)
_SILENT_TAGS = ("script", "style", "noscript", "iframe", "button")
_BUTTON = "打印本页|打印|关闭窗口|关闭|分享到|分享|收藏|返回顶部|返回列表|返回首页|我要纠错|纠错|举报|点赞|不喜欢|收起|播报文章|听新闻|参与互动|订阅"
_PROMPT = r"(?:返回搜狐|展开全[文部]|语音播报|扫一扫|点击(?:进入|查看|下载)|打开.{0,12}(?:APP|客户端)).{0,40}"
_TAIL = re.compile(
    r"^(?:[\[(（【]?\s*(?:责任?编辑|编辑|责编|初审|复审|终审|校对|审核|监制|值班编委)\s*[:：/].{0,60}"
    rf"|(?:[\[(（【]?(?:{_BUTTON})[\])）】]?[\s|]*)+|{_PROMPT}|(?:[\[【]\d+[\]】]\s*)+"
    r"|[\[(（【]?(?:上一[篇页条]|下一[篇页条]|相关(?:新闻|阅读|链接|文章|报道|稿件)|推荐阅读|延伸阅读|热门推荐|猜你喜欢|网罗天下)[\])）】]?\s*[:：]?.{0,60}"
    r"|(?:版权声明|免责声明|特别声明|声明|著作权声明)\s*[:：].*|更多精彩.{0,40}|(?:本文)?转载请注明.*|(?:本文|原文)(?:地址|链接|网址)\s*[:：].*"
    r"|.{0,30}未经.{0,12}(?:授权|许可|允许).{0,4}(?:请勿|不得|禁止|严禁|转载).{0,60}|.{0,16}版权所有.*|Copyright.*|.{0,10}ICP备.*)$",
    re.I,
)
_HEAD = re.compile(
    rf"^(?:当前位置|您(?:现在)?的?(?:当前)?位置|首页\s*[>»]|字体?[号大小]{{1,2}}\s*[:：]|【?字体|(?:(?:{_BUTTON})\s*)+$|{_PROMPT}$"
    r"|(?:发布|发表|更新)(?:时间|日期)\s*[:：].{0,60}|(?:时间|日期)\s*[:：]\s*(?:19|20)\d\d[-/.].{0,50}|发布于\s*[:：].{0,12}$|(?:信息|文章|稿件)?来源\s*[:：].{0,60}"
    r"|[^，。；！？（(]{0,24}(?:19|20)\d\d\s*[-/.年]\s*\d{1,2}\s*[-/.月]\s*\d{1,2}[^，。；！？]{0,60}$|[^，。；！？\d]{0,16}\d\d-\d\d\s\d\d:\d\d$"
    r"|(?:浏览|阅读|点击)(?:次数|量|数)?\s*[:：].{0,40}|(?:作者|责任编辑|编辑)\s*[:：].{0,40})"
)
_CLOSE = ("×", "✕", "x", "X", "关闭")  # the button under an advertisement in the middle of a text
_BARE_DAY = re.compile(r"(?:20\d\d[-/.])?\d\d[-/.]\d\d(?:\s+\d\d:\d\d)?")


def selected_body(root: html.HtmlElement, selector: str) -> str:
    """Text of what the site's own selector names; "" where it finds nothing."""
    return "\n".join(t for t in (text_of(e) for e in select(root, selector)) if t) if selector else ""


def generic_body(
    root: html.HtmlElement, title: str, weights: dict[html.HtmlElement, int] | None = None
) -> tuple[str, str]:
    """(body text, how). `root` is changed: noise is cut. `weights`: its prose, where that is known already."""
    weights, how = prose(root) if weights is None else weights, "block"
    cut_noise(root, weights)
    block = talking_block(root)
    text = text_of(block)
    share = weights[block] / max(1, weights[root])
    if not (share >= SURE and len(text) >= LITTLE) and not (share >= VERY_SURE and weights[block] > 1):
        text, how = _by_libraries(root, weights)
    return tidy(text, title), how


def _by_libraries(root: html.HtmlElement, weights: dict[html.HtmlElement, int]) -> tuple[str, str]:
    """Slower, for pages on which no block clearly is the body: several pieces, or very little text."""
    source = html.tostring(root, encoding="unicode")
    text, how = readability_text(source), "readability"
    if len(text) < LITTLE:
        other = trafilatura_text(source)
        if len(other) > len(text):
            text, how = other, "trafilatura"
    block = text_of(densest(root, weights))
    if len(PROSE.findall(text)) < 0.5 * len(PROSE.findall(block)):  # they took a side piece for the body
        return block, "densest block"
    return text, how


def cut_noise(root: html.HtmlElement, weights: dict[html.HtmlElement, int]) -> None:
    """Remove what templates name as navigation, sharing, related lists and the like, but never most of the running text:
    some wrap the article in a form or call its column `share_area`. Keeps `weights` true."""
    most = weights[root] * 0.4
    for element in elements(root):
        if element.tag in ("html", "body", "head", "article", "main"):
            continue
        if element.tag in _SILENT_TAGS or (
            weights[element] <= most
            and (
                element.tag in ("nav", "footer", "aside", "form")
                or _is_link_list(element)
                or (_is_noise(element) and len(element.text_content()) < 1500 and element.find(".//h1") is None)
            )
        ):
            if lost := weights[element]:
                for around in element.iterancestors():
                    weights[around] -= lost
            drop(element)


def _is_link_list(element: html.HtmlElement) -> bool:
    """A list that is mostly links: other articles."""
    if element.tag not in ("ul", "ol") or element.find(".//ul") is not None:
        return False
    links = [len(a.text_content().strip()) for a in element.iter("a")]
    return len(links) >= 3 and sum(links) > 0.6 * len(re.sub(r"\s", "", element.text_content()))


def tidy(text: str, title: str) -> str:
    """Drop lines at either end that belong to the template and not to the text."""
    lines = text.split("\n")
    squeezed = re.sub(r"\s", "", title)
    heading = next((i for i, line in enumerate(lines[:8]) if squeezed and re.sub(r"\s", "", line) == squeezed), -1)
    lines = lines[heading + 1 :] or lines
    while lines and _HEAD.match(lines[0]) and len(lines[0]) < 120:
        lines.pop(0)
    for i in range(max(1, len(lines) - 12), len(lines)):
        if _TAIL.match(lines[i].strip()) and 2 * sum(map(len, lines[i:])) < sum(map(len, lines)):
            lines = lines[:i]
            break
    ads = {i for i in range(1, len(lines)) if lines[i] in _CLOSE and lines[i - 1].startswith("广告")}
    lines = [line for i, line in enumerate(lines) if i not in ads and i + 1 not in ads]
    days = [i for i in range(max(1, len(lines) - 20), len(lines)) if _BARE_DAY.fullmatch(lines[i])]
    if len(days) > 1:  # other articles with their days
        lines = lines[: days[0] if lines[days[0] - 1].endswith(("。", "”", "）")) else days[0] - 1]
    return "\n".join(lines).strip()
