"""Readers' comments on institutions' pages: people wrote them, so they are cut out first (charter 4)."""

from __future__ import annotations

import re

from lxml import html

from crawlers.reading.tree import drop, elements, named, select, text_of, words_with
from pipeline.settings.sources import is_profile

_is_comments = named(
    r"comments?|commentlist|comment[-_]?(?:area|box|list|wrap|section|module)\w*|reply|replies|replylist|pinglun|pl(?:[-_]?(?:list|box|area|wrap|con))?"
    r"|liuyan|guestbook|disqus|duoshuo|changyan|gentie|tie-?list|user-?comment\w*|hotcomment\w*"
)
_TITLES = re.compile(
    r"^(?:最新|热门|精彩|全部|网友|读者|用户|我要|发表|参与)?(?:评论|跟帖|跟贴|留言|回复)(?:区|列表|专区|互动)?(?:[(（]?\s*\d+\s*条?[)）]?)?[:：]?$"
)
_ABOUT = ("评论", "跟帖", "跟贴", "留言", "回复")
_HEADINGS = frozenset(("h2", "h3", "h4", "h5", "strong", "dt", "div", "p", "span", "legend"))
_KEEP = frozenset(("html", "body", "head", "main", "article"))
# what `is_profile` may say yes to, told faster
_PERSON = re.compile(
    r"(?:^|/)(?:u|users?|space|people|profile|home\.php|member|author|@)|u(?:id|n|ser\w*)=|author=", re.I
)
_is_byline = named(r"author|byline|writer|zuozhe|bianji|editor|nickname|username|user-?name|avatar")


def cut_comments(root: html.HtmlElement) -> int:
    """Remove blocks of comments in place; returns how many were cut."""
    cut = 0
    gone: set[html.HtmlElement] = set()
    for element in elements(root):
        if element in gone or element.tag in _KEEP or not _is_comments(element):
            continue
        if not _is_article(element) and next(element.iterancestors("pre", "code"), None) is None:
            gone.update(element.iter())  # what stands in it is cut and counted with it
            drop(element)
            cut += 1
    for element in _short_around(words_with(root, *_ABOUT, most=80)):
        if element.tag in _HEADINGS and len(element) <= 2 and _TITLES.match(text_of(element).replace(" ", "")):
            cut += _cut_block_under(element)
    return cut


def _short_around(found: list[html.HtmlElement]) -> list[html.HtmlElement]:
    """The found ones and what is around them with under 40 characters, outer ones first."""
    kept: dict[html.HtmlElement, None] = {}
    for element in found:
        around: list[html.HtmlElement] = []
        for e in (element, *element.iterancestors()):
            if len(e) > 8 or len(e.text_content()) >= 40:
                break
            around.append(e)
        kept.update(dict.fromkeys(reversed(around)))
    return list(kept)


def cut_bylines(root: html.HtmlElement, weights: dict[html.HtmlElement, int]) -> None:
    """Remove the small boxes that name who wrote or posted: no record has an author (charter 1). A short text in a box
    named for the program it was written in (`TRS_Editor`) is none; `weights` tells, and stays true."""
    most = weights[root] * 0.4
    boxes = [e for e in elements(root) if _is_byline(e)]
    marked = select(root, "//*[@rel='author' or @itemprop='author']")
    people = [a for a in root.iter("a") if (href := a.get("href")) and _PERSON.search(href) and is_profile(href)]
    for element in (*boxes, *marked, *people):
        if element.tag not in _KEEP and weights.get(element, 0) <= most and len(element.text_content()) < 80:
            if lost := weights.get(element, 0):
                for around in element.iterancestors():
                    weights[around] -= lost
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
