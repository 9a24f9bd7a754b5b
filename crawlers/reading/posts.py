"""What one post says: without who wrote it, when, signatures, quotes' heads and buttons."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from datetime import datetime

from lxml import html

from crawlers.reading.dates import Date, find_dates, parse_date
from crawlers.reading.thread import FLOOR, MARK
from crawlers.reading.tree import PROSE, drop, elements, named, text_of
from pipeline.settings.sources import is_profile

_is_aside = named(
    r"author\w*|user(?!text)\w*|avatar\w*|face|nick\w*|uname|sign|signature\w*|sightml|profile\w*|medal\w*|level|badge\w*"
    r"|pstatus|editstatus|authi|post-?info|pls|tool\w*|oper\w*|action\w*|btns?|button\w*|vote\w*|share\w*|report"
    r"|tail-?info|core_reply\w*|atl-info|atl-reply|pub-?time|quote\w*|reference|locked|attach_nopermission|modact|pcb_rate|ratl"
    r"|contentitem-(?:actions|time|meta)|ad\w?|adv\w*|pob?|postbottom|pagination|pager|page_?nav|toplist|d_name|l_badge|d_author"
)
_QUOTED = re.compile(r"^\s*(?:引用|原帖由|回复\s*(?:#|第)?\d+|.{0,24}(?:发表于|写道|说道|的大作中提到))")
_BUTTON = (
    r"回复|回復|引用|举报|舉報|报告|顶端|转寄|收藏|分享|点赞|赞|顶|踩|支持|反对|评分|编辑|删除|使用道具|只看(?:该作者|楼主|他|TA|大图)|发消息|加关注|关注|私信|倒序浏览|倒序看帖|正序浏览"
    r"|显示全部楼层|阅读模式|电梯直达|返回列表|发表回复|快速回复|回顶部|返回顶部|TOP|展开|收起|查看全部|添加评论|\d+\s*条评论|感谢|喜欢|楼主|樓主|沙发|板凳|地板|管理|复制链接|打印|道具|跳转到?|更多"
)
_DAY = r"(?:19|20)\d\d\s?[-/.年]\s?\d{1,2}\s?[-/.月]\s?\d{1,2}日?"
_LINE = re.compile(
    rf"^(?:(?:{_BUTTON})[\s|·:：()（）\d]*)+$|^\W?本帖最后由.{{0,60}}编辑\W?$|^.{{0,30}}(?:发表|发布|回复|编辑|回应|发)[于於]\s*[:：]?\s?(?:19|20|昨|前|今|\d).{{0,40}}$"
    r"|^第?\s*\d{1,5}\s*[楼樓#F]$|^#\s*\d{1,5}$|^来自.{0,20}(?:客户端|手机|iPhone|Android|Mac|微信)\S{0,6}$|^(?:\d+\s*){1,3}$"
    rf"|^{_DAY}\s*(?:\d{{1,2}}:\d\d(?::\d\d)?)?(?:\s*(?:来自|上传|IP|\S{{2,4}}$).{{0,20}})?$|^(?:作者|楼主|網友|网友|发信人|信人|IP|标\s*题)\s*[:：].{{0,80}}$"
    r"|^.{0,60}\(\d+(?:\.\d+)?\s*[KM]B, (?:下载次数|阅读权限).{0,40}$|^(?:--+|__+|==+|\*{3,})$|^※ (?:来源|修改).{0,80}$|^\[?FROM:?\s[\d.*]{7,20}\]?$|^发信站\s*[:：].{0,60}$|^下载附件$|^[\d,.万]{1,9}\s*人(?:赞同|喜欢|关注|收藏|觉得|点赞).{0,12}$"
    r"|^(?:全部|所有|共)?\s*\d{1,6}\s*[条个](?:回[复帖答]|评论|留言|跟[帖贴])$|^\d{1,6}\s?(?:points?|分|赞)$|^由?\s*(?:发[布表]|回复)于?$|^(?:被?浏览|阅读|点击|回复|评论|关注者?|人气|支持|反对)[量数]?\s*[:：(（]?\s*[\d,.万]{1,9}\s?[次人个)）]?$|^.{0,24}\s(?:提问|回复|答复|留言|追问)\s*[:：]?$",
    re.I,
)
_CARDS = frozenset(("div", "p", "header", "footer", "span", "td", "i", "em", "small"))
_MOST_CARD = 16  # lines in which a user card at the head of a post, or a quote, ends
_CARD = re.compile(
    r"^\W{0,3}(?:等级|级别|头衔|身份|文章|帖子|发帖|主题|精华|积分|威望|金[币钱]|注册|注册时间|最后登[录陆]|在线时间|UID|来自|贡献|经验|门派|发信站)\s?(?:数|时间|日期)?\s*[:：].{0,60}$",
    re.I,
)
_MOST_LABEL, _MOST_NAME = 30, 20  # characters
_AT = re.compile(r"^[@＠].{1,30}\s(?:19|20)\d\d-\d\d?-\d\d?\s[\d:]{4,8}(?:\s*(?:发表|回复).{0,8})?$")
_SIGNATURE = re.compile(r"--|_{8,}")  # of mail-like boards, of vBulletin
_RULE = re.compile(r"^[-—_=*]{4,}$")
_OTHER_DAY = re.compile(r"注册|登录|登陆|最后|编辑|签到|在线|生日|加入")


def post_text(blocks: list[html.HtmlElement], title: str) -> str:
    """The words of a post. Cuts the blocks."""
    lines: list[str] = []
    for block in blocks:
        for element in elements(block):
            if element is not block and _is_noise(element):
                drop(element)
        lines += text_of(block).split("\n")
    names = {text_of(a) for block in blocks for a in block.iter("a")}
    while lines and len(lines[0]) <= _MOST_NAME and lines[0] in names:
        lines.pop(0)
    card = max((i + 1 for i, line in enumerate(lines[:_MOST_CARD]) if _CARD.match(line)), default=0)
    squeezed = re.sub(r"\s", "", title)
    return "\n".join(
        line for line in _unquoted(lines[card:]) if not _LINE.match(line) and re.sub(r"\s", "", line) != squeezed
    )


def without_labels(posts: list[str], names: bool) -> list[str]:
    """Texts of posts without the short lines that most of them share (ranks, buttons, a signature below each), and, where
    `names` may stand above the words, without the short first line that most of them have."""
    lines = [text.split("\n") for text in posts]
    counts = Counter(line for post in lines for line in set(post) if len(line) <= _MOST_LABEL)
    most = max(3, len(posts) / 2)
    shared = {line for line, n in counts.items() if n >= most}
    lines = [[line for line in post if line not in shared] or post for post in lines]
    named = [len(post) > 1 and len(post[0]) <= _MOST_NAME and not PROSE.search(post[0]) for post in lines]
    if names and sum(named) >= most:
        lines = [post[has:] for post, has in zip(lines, named, strict=True)]
    return ["\n".join(post) for post in lines]


def _unquoted(lines: list[str]) -> Iterator[str]:
    """Without what a post repeats of another one as plain text: `@name time … -----` and `: …` of mail-like boards, and
    without what stands under the line that parts a signature."""
    quoting = 0
    for number, line in enumerate(lines):
        if number and _SIGNATURE.fullmatch(line):
            return
        if _AT.match(line):
            quoting = _MOST_CARD
        elif quoting and _RULE.match(line):
            quoting = 0
        elif not quoting and not line.startswith((": ", "【 在 ")):
            yield line
        else:
            quoting -= quoting > 0


def first_date(card: html.HtmlElement, now: datetime) -> Date | None:
    """When a post was written, from the block around it: a minute beats a day, and 注册 or 最后编辑 are other days. Many
    boards show 昨天 or the day, and keep the minute in an attribute."""
    days: list[Date] = []
    for line in text_of(card).split("\n")[:60]:
        for date in find_dates(line[:200], now):
            if date.guessed or _OTHER_DAY.search(line[max(0, date.start - 12) : date.start]):
                continue
            if date.precision == "minute":
                return date
            days.append(date)
    for element in elements(card):
        value = element.get("datetime") or element.get("title") or ""
        exact = parse_date(value, now, relative=False) if 10 <= len(value) <= 40 and value[:2] in ("19", "20") else None
        if exact is not None and exact.precision == "minute":
            return exact
    return days[0] if days else None


def _is_noise(element: html.HtmlElement) -> bool:
    """A box beside the words. What is long is kept, whatever its name."""
    if element.tag == "blockquote" and not _is_aside(element):  # old templates indent every post so
        return _QUOTED.match(element.text_content()) is not None
    if element.tag == "time" or (element.tag == "a" and is_profile(element.get("href") or "")):
        return True
    words = element.text_content()
    if (
        len(words) < 60
        and element.tag in _CARDS
        and not PROSE.search(words)
        and (MARK.search(words) or FLOOR.match(words))
    ):
        return True
    return _is_aside(element) and len(words) < 400
