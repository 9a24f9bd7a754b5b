"""HTML trees: parsing that can't hurt, text of an element with its paragraphs, selectors in CSS or XPath."""

from __future__ import annotations

import re
from collections.abc import Callable, Container, Mapping
from functools import lru_cache
from types import MappingProxyType

from cssselect import SelectorError
from cssselect.xpath import HTMLTranslator
from lxml import etree, html

from pipeline.errors import QuarantineError

_BLOCK = frozenset(
    (
        "address",
        "article",
        "aside",
        "blockquote",
        "br",
        "caption",
        "center",
        "dd",
        "div",
        "dl",
        "dt",
        "fieldset",
        "figcaption",
        "figure",
        "footer",
        "form",
        "h1",
        "h2",
        "h3",
        "h4",
        "h5",
        "h6",
        "header",
        "hr",
        "li",
        "main",
        "nav",
        "ol",
        "p",
        "pre",
        "section",
        "table",
        "tbody",
        "tfoot",
        "thead",
        "tr",
        "ul",
    )
)
_SILENT = frozenset(
    (
        "script",
        "style",
        "noscript",
        "template",
        "textarea",
        "select",
        "option",
        "button",
        "iframe",
        "video",
        "audio",
        "object",
        "svg",
        "head",
    )
)
_SPACE = re.compile(r"[ \t\r\f\v\xa0\u3000\u200b\ufeff]+")
_EARLY_END = re.compile(r"</(?:html|body)\s*>", re.I)
# what a script writes into the page, where that is plain words: often the day
_WRITTEN = re.compile(
    r"""<script[^>]{0,100}>\s{0,40}(?:<!--\s{0,40})?document\.write(?:ln)?\s?\(\s?(["'])([^"'<>\\\n]{1,80})\1\s?\)\s{0,9};?\s{0,40}(?://\s?-->\s{0,40})?</script>""",
    re.I,
)
_HIDDEN = re.compile(r"display\s*:\s*none|visibility\s*:\s*hidden", re.I)
PROSE = re.compile(
    r"[，。；！？]|(?<=[\u4e00-\u9fff])[,;!?.](?!\d)"
)  # marks that running text has and lists of links lack
_MOST_NAME = 200  # characters of a name that are looked at
_NO_WORDS = frozenset(("script", "style"))
_NO_PROSE = frozenset(("script", "style", "noscript", "head", "a", "select", "textarea"))
_translator = HTMLTranslator()
_PLAIN = etree.ElementDefaultClassLookup(element=html.HtmlElement)


def parse_html(text: str) -> html.HtmlElement:
    """A tree of `text`. Raises QuarantineError `not_html` where nothing can be made of it."""
    if "document.write" in text:
        text = _WRITTEN.sub(r" \2 ", text)
    text = _EARLY_END.sub("", text)  # libxml2 ends at the first `</html>`, which may come with an included header
    parser = html.HTMLParser(encoding=None, huge_tree=False, remove_comments=True, remove_pis=True)
    parser.set_element_class_lookup(_PLAIN)  # lxml.html's own asks Python for the class of every element, each time
    try:
        root = html.document_fromstring(text, parser=parser)
    except (etree.LxmlError, ValueError, AssertionError, TypeError):
        raise QuarantineError("not_html") from None
    return root


def select(root: html.HtmlElement, selector: str) -> list[html.HtmlElement]:
    """Elements that a CSS selector (or an XPath, where it begins with `/`, `(` or `.//`) names; [] for a bad selector."""
    found = _evaluate(root, selector)
    return [e for e in found if isinstance(e, html.HtmlElement)]


def select_strings(root: html.HtmlElement, selector: str) -> list[str]:
    """Like `select`, where an XPath may also end in `@href` or `text()`: text of elements, values of attributes."""
    return [text_of(e) if isinstance(e, html.HtmlElement) else str(e).strip() for e in _evaluate(root, selector)]


def first_text(root: html.HtmlElement, selector: str) -> str:
    """Text of the first match that has some; "" where the selector is empty or finds nothing."""
    return next((s for s in select_strings(root, selector) if s), "") if selector else ""


def text_of(
    element: html.HtmlElement,
    without: Container[html.HtmlElement] = (),
    marks: Mapping[html.HtmlElement, tuple[str, str]] = MappingProxyType({}),
) -> str:
    """Visible text, one paragraph a line, cells of a table row separated by a space.

    `without`: elements to leave out; `marks`: what to write at the beginning of an element and right behind it.
    """
    pieces: list[str] = []
    _walk(element, pieces, without, marks)
    lines = (_SPACE.sub(" ", line).strip() for line in "".join(pieces).split("\n"))
    return "\n".join(line for line in lines if line)


def drop(element: html.HtmlElement) -> None:
    """Remove an element but keep the text behind it."""
    if element.getparent() is not None:
        element.drop_tree()


def name_of(element: html.HtmlElement) -> str:
    """Class and id, in lower case: what templates call a block; "" where it has neither. Remembered while it lives."""
    known: str | None = element.__dict__.get("_name")
    if known is None:
        one, other = element.get("class"), element.get("id")
        known = f"{one or ''} {other or ''}".lower().strip()[:_MOST_NAME] if one or other else ""
        element.__dict__["_name"] = known
    return known


def named(words: str) -> Callable[[html.HtmlElement], bool]:
    """A test whether the name of an element holds one of `words` (a pattern); each name is searched once: they repeat."""
    search = re.compile(rf"(?:^|[\s_-])(?:{words})(?:$|[\s_-])").search

    @lru_cache(maxsize=4096)
    def found(name: str) -> bool:
        return search(name) is not None

    def test(element: html.HtmlElement) -> bool:
        return bool(name := name_of(element)) and found(name)

    return test


def is_hidden(element: html.HtmlElement) -> bool:
    style = element.get("style")
    return (style is not None and _HIDDEN.search(style) is not None) or element.get("hidden") is not None


def elements(root: html.HtmlElement) -> list[html.HtmlElement]:
    """Every element, listed before anything is removed. While the list lives, the next pass over the tree is a fast one."""
    return list(root.iter("*"))


def words_with(root: html.HtmlElement, *words: str, most: int = 100_000) -> list[html.HtmlElement]:
    """The elements in which a piece of text of under `most` characters holds one of the words, in the order of the page."""
    search = re.compile("|".join(words)).search
    found: list[html.HtmlElement | None] = []
    for element in elements(root):
        if (text := element.text) and len(text) < most and search(text) and element.tag not in _NO_WORDS:
            found.append(element)
        if (text := element.tail) and len(text) < most and search(text):
            found.append(element.getparent())
    return [e for e in found if e is not None]


def prose(root: html.HtmlElement) -> dict[html.HtmlElement, int]:
    """Marks of punctuation outside links in each element."""
    weights: dict[html.HtmlElement, int] = {}
    marks = PROSE.findall
    for element in reversed(elements(root)):  # children before parents
        total = 0
        if element.tag not in _NO_PROSE:
            if (text := element.text) and not text.isspace():
                total = len(marks(text))
            for child in element:
                total += weights[child]
                if (text := child.tail) and not text.isspace():
                    total += len(marks(text))
        weights[element] = total
    return weights


@lru_cache(maxsize=256)
def _compiled(selector: str) -> etree.XPath:
    """Raises what `_evaluate` takes for a bad selector."""
    path = selector if selector.startswith(("/", "(", ".//")) else _translator.css_to_xpath(selector)
    return etree.XPath("." + path if path.startswith("//") else path)


def _evaluate(root: html.HtmlElement, selector: str) -> list[object]:
    try:
        found = _compiled(selector)(root)
    except (SelectorError, etree.XPathError, ValueError):
        return []
    if isinstance(found, list):
        return list(found)
    return [str(found)] if found is not None else []


def _walk(
    root: html.HtmlElement,
    out: list[str],
    without: Container[html.HtmlElement],
    marks: Mapping[html.HtmlElement, tuple[str, str]],
) -> None:
    """Without recursion: hostile pages nest thousands deep."""
    stack: list[tuple[html.HtmlElement, bool]] = [(root, False)]
    while stack:
        element, leaving = stack.pop()
        tag = element.tag
        if leaving:
            if tag in _BLOCK:
                out.append("\n")
            elif tag in ("td", "th"):
                out.append(" ")
            if element in marks:
                out.append(marks[element][1])
        elif not isinstance(tag, str) or tag in _SILENT or is_hidden(element) or element in without:
            pass
        else:
            if tag in _BLOCK:
                out.append("\n")
            if element in marks:
                out.append(marks[element][0])
            if text := element.text:
                out.append(_flat(text, element))
            stack.append((element, True))
            stack.extend([(child, False) for child in reversed(element)])
            continue
        if element is not root and (text := element.tail):
            out.append(_flat(text, element.getparent()))


def _flat(text: str, parent: html.HtmlElement | None) -> str:
    if "\n" not in text and "\r" not in text:
        return text
    if parent is None or text.isspace():
        return " "
    if parent.tag == "pre" or next(parent.iterancestors("pre"), None) is not None:
        return text
    return text.replace("\n", " ").replace("\r", " ")
