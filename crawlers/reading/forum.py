"""Whether a page speaks of a forum: its software, its address, its words. An article with comments does not."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from lxml import html

from crawlers.reading.tree import name_of

ENOUGH = 3
_HOST = re.compile(r"(?:^|\.)(?:bbs\d?|forums?|tieba|club|luntan)\.", re.I)
_PATH = re.compile(
    r"/(?:(?:bbs|forum|luntan|club|viewthread|showtopic|showthread|dispbbs|read\.(?:php|html?)|topic|question|group/topic)(?:[-_/.?]|$)|"
    r"thread[-_/.?]|[tp]/\d+|post-\w+-\d+)",
    re.I,
)
_SOFTWARE = re.compile(r"discuz|phpwind|xenforo|discourse|vbulletin|dvbbs|phpbb|nodebb|flarum|bbsxp|leadbbs", re.I)
_TITLE = re.compile(r"论坛|貼吧|贴吧|BBS|豆瓣小组|社区|討論區|天涯", re.I)
_NAME = re.compile(
    r"(?:^|[\s_-])(?:post_?list|threads?|viewthread|forum\w*|bbs\w*|questionheader|floors?|louzhu|reply_?list|topic-?reply|read_?post|louceng)(?:$|[\s_-])"
)
_KIND = re.compile(r'"@type"\s*:\s*"(?:DiscussionForumPosting|QAPage)"')
_WORDS = (
    "楼主", "樓主", "只看该作者", "沙发", "板凳", "发帖", "回帖", "回贴", "帖子", "版主", "顶贴", "跟贴", "发表回复", "快速回复", "倒序看帖",
    "倒序浏览", "精华", "积分", "在线时间", "注册时间", "主题帖", "本帖", "楼层", "看帖", "发表于", "个回答", "喜欢的人", "回应",
)  # fmt: skip


def speaks_of_a_forum(nodes: list[html.HtmlElement], url: str) -> bool:
    """Points for what only forums have together: one of them alone also stands on news pages."""
    points = 0
    parts = urlsplit(url) if "[" not in url else urlsplit("")
    points += 2 * bool(_HOST.search(parts.hostname or "")) + 2 * bool(_PATH.search(parts.path + "?"))
    named, words = set[str](), set[str]()
    kind = software = title = False
    for element in nodes:
        tag = element.tag
        if tag == "meta":
            software |= (element.get("name") or "").lower() in ("generator", "author") and bool(
                _SOFTWARE.search(element.get("content") or "")
            )
        elif tag == "title":
            title |= bool(_TITLE.search(element.text or ""))
        elif tag == "script":
            kind |= "ld+json" in (element.get("type") or "") and bool(_KIND.search(element.text or ""))
        else:
            if name := name_of(element).strip():
                named.update(m.strip(" _-") for m in _NAME.findall(name))
            for text in (element.text, element.tail):
                if text and len(text) < 60:
                    software |= "信区" in text
                    words.update(w for w in _WORDS if w in text)
    points += 3 * kind + 3 * software + title + min(2, len(named)) + min(3, len(words) // 2)
    return points >= ENOUGH
