"""Which block of a page is its body, told by where its paragraphs stand."""

from __future__ import annotations

from collections import defaultdict

from lxml import html

from crawlers.reading.tree import PROSE, elements

_INLINE = frozenset(
    "a abbr b big bdi bdo br cite code del dfn em font i img ins kbd label mark q s samp small span strike strong sub sup"
    " time tt u var wbr".split()
)
_PARAGRAPHS = frozenset(
    "p pre li td th blockquote dd dt h2 h3 h4 h5".split()
)  # what they say counts for what holds them
_SILENT = frozenset("script style noscript html head title select option textarea button".split())
_LEAST = 10  # characters of a paragraph
_NO_MARKS = 0.2  # a heading or caption: nearly nothing, but not nothing on a page without sentences


def talking_block(root: html.HtmlElement) -> html.HtmlElement:
    """The element whose own paragraphs say most; what they say counts half for the element around it."""
    scores: defaultdict[html.HtmlElement, float] = defaultdict(float)
    for element in elements(root):
        if element.tag in _INLINE or element.tag in _SILENT:
            continue
        text = _own_words(element)
        if len(text) < _LEAST:
            continue
        marks = len(PROSE.findall(text))
        score = 1 + marks + min(len(text) / 100, 3) if marks else _NO_MARKS
        holder = _around(element) if element.tag in _PARAGRAPHS else element
        if holder is not None:
            scores[holder] += score
            if (outer := holder.getparent()) is not None:
                scores[outer] += score / 2
    return max(scores, key=lambda e: scores[e], default=root)


def densest(root: html.HtmlElement, weights: dict[html.HtmlElement, int]) -> html.HtmlElement:
    """The innermost element that holds most of the page's running text, told by its punctuation outside links."""
    block = root
    while True:
        best = max((c for c in block if c in weights), key=lambda c: weights[c], default=None)
        if best is None or best.tag in ("p", "font", "span", "strong") or weights[best] < 0.7 * weights[block]:
            return block
        block = best


def _own_words(element: html.HtmlElement) -> str:
    """Its running text: its own and that of inline elements in it, but not of links."""
    pieces = [element.text or ""]
    for child in element:
        if child.tag in _INLINE and child.tag != "a":
            pieces.append(child.text_content())
        pieces.append(child.tail or "")
    return "".join(pieces).strip()


def _around(element: html.HtmlElement) -> html.HtmlElement | None:
    return next((a for a in element.iterancestors() if a.tag not in _INLINE), None)
