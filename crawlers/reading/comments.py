"""Readers' comments on institutions' pages: people wrote them, so they are cut out first (charter 4)."""

from __future__ import annotations

import re

from lxml import html

from crawlers.reading.tree import drop, elements, name_of, text_of
from pipeline.settings.sources import is_profile

_NAMES = re.compile(
    r"(?:^|[\s_-])(?:comments?|commentlist|comment[-_]?(?:area|box|list|wrap|section|module)\w*|reply|replies|replylist|pinglun|pl(?:[-_]?(?:list|box|area|wrap|con))?"
    r"|liuyan|guestbook|disqus|duoshuo|changyan|gentie|tie-?list|user-?comment\w*|hotcomment\w*)(?:$|[\s_-])"
)
_TITLES = re.compile(
    r"^(?:最新|热门|精彩|全部|网友|读者|用户|我要|发表|参与)?(?:评论|跟帖|跟贴|留言|回复)(?:区|列表|专区|互动)?(?:[(（]?\s*\d+\s*条?[)）]?)?[:：]?$"
)
_ABOUT = re.compile("评论|跟[帖贴]|留言|回复")
_KEEP = frozenset(("html", "body", "head", "main", "article"))
_BYLINE = re.compile(
    r"(?:^|[\s_-])(?:author|byline|writer|zuozhe|bianji|editor|nickname|username|user-?name|avatar)(?:$|[\s_-])"
)


def cut_comments(root: html.HtmlElement) -> int:
    """Remove blocks of comments in place; returns how many were cut."""
    cut = 0
    gone: set[html.HtmlElement] = set()
    for element in elements(root):
        if element in gone or element.tag in _KEEP or not _NAMES.search(name_of(element)):
            continue
        if not _is_article(element) and next(element.iterancestors("pre", "code"), None) is None:
            gone.update(element.iter())  # what stands in it is cut and counted with it
            drop(element)
            cut += 1
    for element in elements(root):
        if element.tag in ("h2", "h3", "h4", "h5", "strong", "dt", "div", "p", "span", "legend") and len(element) <= 2:
            words = element.text_content()
            words = text_of(element) if len(words) < 40 and _ABOUT.search(words) else ""
            if words and _TITLES.match(words.replace(" ", "")):
                cut += _cut_block_under(element)
    return cut


def cut_bylines(root: html.HtmlElement) -> None:
    """Remove the small boxes that name who wrote or posted: no record has an author (charter 1)."""
    for element in elements(root):
        named = (
            _BYLINE.search(name_of(element))
            or element.get("rel") == "author"
            or element.get("itemprop") == "author"
            or is_profile(element.get("href") or "")
        )
        if named and element.tag not in _KEEP and len(element.text_content()) < 80:
            drop(element)


def _cut_block_under(heading: html.HtmlElement) -> int:
    """The heading and what follows it in its block, or the whole block where it is nothing else."""
    parent = heading.getparent()
    if parent is None:
        return 0
    following = list(heading.itersiblings())
    if not following and parent.tag not in _KEEP and parent.getparent() is not None:
        following = [e for e in parent.itersiblings() if e.tag in ("ul", "ol", "dl", "div")][:1]
    if not any(e.tag in ("ul", "ol", "dl", "div", "section", "p", "li") for e in following):
        return 0
    for element in (heading, *following):
        drop(element)
    return 1


def _is_article(element: html.HtmlElement) -> bool:
    """A wrapper that some template calls `reply` although the article stands in it."""
    return element.find(".//h1") is not None or element.find(".//article") is not None
