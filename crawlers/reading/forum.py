"""Whether a page speaks of a forum: its software, its address, its words. An article with comments does not."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from lxml import html

from crawlers.reading.tree import select, words_with

ENOUGH = 3
_MOST_NAMES, _MOST_WORDS = 2, 3
_SHORT = 60  # characters of a label or line; words in running text say nothing
_HOST = re.compile(r"(?:^|\.)(?:bbs\d?|forums?|tieba|guba|club|luntan|wenda|zhidao|ask)\.", re.I)
_PATH = re.compile(
    r"/(?:(?:bbs|forum|luntan|club|viewthread|showtopic|showthread|dispbbs|read\.(?:php|html?)|topic|question|group/topic)(?:[-_/.?]|$)|"
    r"thread[-_/.?]|[tpd]/\d+|post-\w+-\d+)",
    re.I,
)
_SOFTWARE = re.compile(r"discuz|phpwind|xenforo|discourse|vbulletin|dvbbs|phpbb|nodebb|flarum|bbsxp|leadbbs", re.I)
_TITLE = re.compile(r"论坛|貼吧|贴吧|BBS|豆瓣小组|社区|討論區|天涯|股吧|问政", re.I)
_NAME = re.compile(
    r"(?:^|[\s_-])(?:post_?list|threads?|viewthread|forum\w*|bbs\w*|questionheader|floors?|louzhu|reply_?list|topic-?reply|read_?post|louceng|post-?stream\w*|commentpost|topic-?post|discussion\w*)(?:$|[\s_-])"
)
_KIND = re.compile(r'"@type"\s*:\s*"(?:DiscussionForumPosting|QAPage)"')
_ITEM = "//*[contains(@itemtype, 'schema.org/DiscussionForumPosting') or contains(@itemtype, 'schema.org/QAPage')]"
_WORDS = (
    "楼主", "樓主", "只看该作者", "沙发", "板凳", "发帖", "回帖", "回贴", "帖子", "版主", "顶贴", "跟贴", "发表回复", "快速回复", "倒序看帖",
    "倒序浏览", "精华", "积分", "在线时间", "注册时间", "主题帖", "本帖", "楼层", "看帖", "发表于", "个回答", "喜欢的人", "回应",
    "最佳答案", "其他回答", "我要提问", "提问者", "类似问题", "写回答", "关注问题", "追答",
)  # fmt: skip


def speaks_of_a_forum(root: html.HtmlElement, nodes: list[html.HtmlElement], names: str, url: str) -> bool:
    """Points for what only forums have together: one of them alone also stands on news pages. `names`: those of all nodes."""
    parts = urlsplit(url) if "[" not in url else urlsplit("")
    points = 2 * bool(_HOST.search(parts.hostname or "")) + 2 * bool(_PATH.search(parts.path + "?"))
    points += 3 * _says_so(root)
    points += any(_TITLE.search(e.text or "") for e in root.iter("title"))
    points += min(_MOST_NAMES, len({m.strip(" _-\n") for m in _NAME.findall(names)}))
    if points < ENOUGH and points > 0:  # words alone are not enough
        whole, words = root.text_content(), set[str]()
        present = [word for word in _WORDS if word in whole]
        if points + min(_MOST_WORDS, len(present) // 2) >= ENOUGH:
            for text in (t for e in nodes for t in (e.text, e.tail) if t and len(t) < _SHORT and not t.isspace()):
                words.update(w for w in present if w in text)
        points += min(_MOST_WORDS, len(words) // 2)
    return points >= ENOUGH


def _says_so(root: html.HtmlElement) -> bool:
    """The page's own word: its software, what it calls itself to search engines, the head of a board's mail."""
    return (
        any(
            (e.get("name") or "").lower() in ("generator", "author") and _SOFTWARE.search(e.get("content") or "")
            for e in root.iter("meta")
        )
        or any("ld+json" in (e.get("type") or "") and _KIND.search(e.text or "") for e in root.iter("script"))
        or bool(select(root, _ITEM))
        or any(len(e.text_content()) < 2000 for e in words_with(root, "信区"))
    )
