"""A page of a forum thread without selectors: which blocks are the posts.

Only `tingjian read` reads this way: a spider takes posts from sources that name `post`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

from lxml import html

from crawlers.reading.forum import speaks_of_a_forum
from crawlers.reading.tree import elements, is_hidden, name_of, prose

LITTLE = 12  # characters under which a block of a thread says nothing
Post = list[html.HtmlElement]

# boxes of a post's text, as the software of forums names them
_BOX = re.compile(
    r"(?:^|\s)(?:t_f|t_msgfont(?:fix)?|post_?message_\d+|tpc_content|read_(?:tpc|\d+)|bbs-content|d_post_content|post_content_\d+"
    r"|postcontent\d+|ubbcode|bbwrapper|messagetext|cooked|topic-richtext|questionrichtext|richcontent-inner)(?=\s|$)"
)
# names that other sites use too: they count where the page speaks of a forum
_LOOSE_BOX = re.compile(
    r"(?:^|[\s_-])(?:(?:reply|topic|post|thread|floor|answer|best|question|ask|comment|message|msg|read)[-_]?(?:content|text|body|con|cont|message|main|txt)"
    r"|content[-_]?(?:reply|topic|post)|a-content|quote-content|markdown_body|message)(?=\s|$)"
)
_ARTICLE = re.compile(
    r"(?:^|\s)(?:article[-_]?(?:content|body|text)|trs_editor|js_content|artibody|fontzoom|news[-_]?content)(?=\s|$)"
)
MARK = re.compile(
    r"(?:19|20)\d\d\s?[-/.年]\s?\d{1,2}\s?[-/.月]\s?\d{1,2}|(?<!\d)\d{1,2}[-/月]\d{1,2}日?\s+\d{1,2}:\d\d"
    r"|\d{1,3}\s?(?:秒|分钟|小时|天|周|个月|月|年)之?前|(?:昨天|前天|今天)\s*\d{1,2}:\d\d"
)
FLOOR = re.compile(r"^\s*(?:第?\s*\d{1,5}\s*[楼樓#F层]|#\s*\d{1,5}|楼主|樓主|沙发|板凳|地板)\s*[:：]?\s*$", re.I)
_SILENT = frozenset(("script", "style", "noscript", "template", "select", "textarea", "button", "head", "option"))


def find_posts(root: html.HtmlElement, url: str) -> tuple[list[Post], str]:
    """(the posts of a thread's page in order, how they were found); ([], "") where the page is no thread."""
    nodes = list(elements(root))
    names = "\n".join({name_of(e) for e in nodes})
    sure = speaks_of_a_forum(root, nodes, names, url)
    if not sure and not _BOX.search(names):
        return [], ""
    boxes = _boxes(nodes, sure)
    named = any(_is_box(b) for b in boxes)
    posts, how = [[box] for box in boxes if len(boxes) > 1 or (sure and named)], "boxes"
    if sure and not (named and len(boxes) > 1) and not _is_article(nodes, root):
        rows = [row for row in _rows(nodes) if not (named and any(b in block.iter() for b in boxes for block in row))]
        in_boxes = 0 if named else _held(rows, boxes)
        if len(rows) > 1 and in_boxes < len(rows) and _said(rows) > 1.5 * _said([p for p in posts if not named]):
            first = boxes[0] if named else _before(rows[0][0], root)
            posts, how = ([[first], *rows] if first is not None else rows), "rows"
    return (posts, how) if _said(posts) >= LITTLE else ([], "")


def card_of(post: Post, posts: list[Post]) -> html.HtmlElement:
    """The largest block around a post in which no other one stands: there its time is."""
    others = {a for other in posts if other is not post for e in other for a in (e, *e.iterancestors())}
    card = post[0]
    for parent in card.iterancestors():
        if parent in others or parent.tag in ("body", "html"):
            break
        card = parent
    return card


def _is_article(nodes: list[html.HtmlElement], root: html.HtmlElement) -> bool:
    """Software of forums also shows articles, with comments below them."""
    weights = prose(root)
    return any(_ARTICLE.search(name_of(e)) and 2 * weights[e] > weights[root] for e in nodes if e in weights)


def _is_box(element: html.HtmlElement) -> bool:
    return _BOX.search(name_of(element)) is not None


def _boxes(nodes: list[html.HtmlElement], sure: bool) -> list[html.HtmlElement]:
    """The software's own boxes, the outermost of each; where the page speaks of a forum also those with usual names."""
    named = _outermost(e for e in nodes if _is_box(e) and not is_hidden(e))
    if not sure:
        return named
    loose = [e for e in nodes if _LOOSE_BOX.search(name_of(e)) and not is_hidden(e)]
    around = {a for e in (*named, *loose) for a in e.iterancestors()}
    inside = {d for e in named for d in e.iter()}
    taken = {*named, *(e for e in loose if e not in around and e not in inside)}
    return [e for e in nodes if e in taken]


def _outermost(found: Iterable[html.HtmlElement]) -> list[html.HtmlElement]:
    kept: dict[html.HtmlElement, None] = {}
    for element in found:  # in the order of the page: what is around comes first
        if not any(a in kept for a in element.iterancestors()):
            kept[element] = None
    return list(kept)


def _rows(nodes: list[html.HtmlElement]) -> list[Post]:
    """The children of one element that repeat a time or a floor, each with the unmarked ones behind it."""
    marked: dict[html.HtmlElement, dict[html.HtmlElement, None]] = {}
    for element in nodes:
        if element.tag in _SILENT or not (
            element.tag == "time"
            or any(
                MARK.search(t) or FLOOR.match(t)
                for t in (element.text or "", *(c.tail or "" for c in element))
                if len(t) < 120
            )
        ):
            continue
        child = element
        for parent in element.iterancestors():
            marked.setdefault(parent, {})[child] = None
            child = parent
    best: list[Post] = []
    for parent, starts in marked.items():
        if len(starts) < 2 or len(starts) < len(best):
            continue
        posts = _segments(parent, starts)
        talk = [p for p in posts if _talks(p)]
        if 2 * len(talk) >= len(posts) and len(talk) >= 2 and (len(talk), _said(talk)) > (len(best), _said(best)):
            best = talk
    return best


def _segments(parent: html.HtmlElement, starts: dict[html.HtmlElement, None]) -> list[Post]:
    posts: list[Post] = []
    for child in parent:
        if child in starts:
            posts.append([child])
        elif posts:
            posts[-1].append(child)
    if len(posts) > 1:
        usual = max(map(len, posts[:-1]))
        posts[-1] = posts[-1][:usual]  # what follows the last post is the page's foot
    return posts


def _held(posts: list[Post], boxes: list[html.HtmlElement]) -> int:
    """How many of the posts hold one of the boxes."""
    around = {a for box in boxes for a in (box, *box.iterancestors())}
    return sum(any(block in around for block in post) for post in posts)


def _talks(post: Post) -> bool:
    """Whether a block says something outside its links: lists of other topics do not."""
    said = linked = 0
    for block in post:
        said += len("".join(MARK.sub("", block.text_content()).split()))
        linked += sum(len("".join(a.text_content().split())) for a in block.iter("a"))
    return said - linked >= LITTLE + 8 and 2 * linked < said


def _said(posts: list[Post]) -> int:
    return sum(len("".join(block.text_content().split())) for post in posts for block in post)


def _before(row: html.HtmlElement, root: html.HtmlElement) -> html.HtmlElement | None:
    """The block before the replies that talks most: the first post, where it stands by itself."""
    weights: Callable[[html.HtmlElement], int] = (found := prose(root)).__getitem__
    best: html.HtmlElement | None = None
    for place in (row, *row.iterancestors()):
        for block in place.itersiblings(preceding=True):
            if found.get(block) and _talks([block]) and (best is None or weights(block) > weights(best)):
                best = block
    return best
