"""HTML trees: parsing that can't hurt, text of an element with its paragraphs, selectors in CSS or XPath."""

from __future__ import annotations

import re
from collections.abc import Iterator

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
        "object",
        "svg",
        "head",
    )
)
_SPACE = re.compile(r"[ \t\r\f\v\xa0\u3000\u200b\ufeff]+")
_EARLY_END = re.compile(r"</(?:html|body)\s*>", re.I)
_HIDDEN = re.compile(r"display\s*:\s*none|visibility\s*:\s*hidden", re.I)
PROSE = re.compile(
    r"[，。；！？]|(?<=[\u4e00-\u9fff])[,;!?.](?!\d)"
)  # marks that running text has and lists of links lack
_translator = HTMLTranslator()
_PLAIN = etree.ElementDefaultClassLookup(element=html.HtmlElement)


def parse_html(text: str) -> html.HtmlElement:
    """A tree of `text`. Raises QuarantineError `not_html` where nothing can be made of it."""
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


def text_of(element: html.HtmlElement) -> str:
    """Visible text, one paragraph a line, cells of a table row separated by a space."""
    pieces: list[str] = []
    _walk(element, pieces)
    lines = (_SPACE.sub(" ", line).strip() for line in "".join(pieces).split("\n"))
    return "\n".join(line for line in lines if line)


def drop(element: html.HtmlElement) -> None:
    """Remove an element but keep the text behind it."""
    if element.getparent() is not None:
        element.drop_tree()


def name_of(element: html.HtmlElement) -> str:
    """Class and id, in lower case: what templates call a block."""
    return f"{element.get('class') or ''} {element.get('id') or ''}".lower()


def is_hidden(element: html.HtmlElement) -> bool:
    return bool(_HIDDEN.search(element.get("style") or "")) or element.get("hidden") is not None


def elements(root: html.HtmlElement) -> Iterator[html.HtmlElement]:
    """Every element, as a list made before anything is removed."""
    yield from [e for e in root.iter() if isinstance(e, html.HtmlElement) and isinstance(e.tag, str)]


def prose(root: html.HtmlElement) -> dict[html.HtmlElement, int]:
    """Marks of punctuation outside links in each element."""
    weights: dict[html.HtmlElement, int] = {}
    for element in reversed(list(elements(root))):  # children before parents
        if element.tag in ("script", "style", "noscript", "head", "a", "select", "textarea"):
            weights[element] = 0
            continue
        own = [element.text or "", *(child.tail or "" for child in element)]
        weights[element] = sum(len(PROSE.findall(t)) for t in own) + sum(weights.get(c, 0) for c in element)
    return weights


def _evaluate(root: html.HtmlElement, selector: str) -> list[object]:
    try:
        path = selector if selector.startswith(("/", "(", ".//")) else _translator.css_to_xpath(selector)
        if path.startswith("//"):
            path = "." + path
        found = root.xpath(path)
    except (SelectorError, etree.XPathError, ValueError):
        return []
    if isinstance(found, list):
        return list(found)
    return [str(found)] if found is not None else []


def _walk(root: html.HtmlElement, out: list[str]) -> None:
    """Without recursion: hostile pages nest thousands deep."""
    stack: list[tuple[html.HtmlElement, bool]] = [(root, False)]
    while stack:
        element, leaving = stack.pop()
        tag = element.tag if isinstance(element.tag, str) else ""
        if leaving:
            if tag in _BLOCK:
                out.append("\n")
            elif tag in ("td", "th"):
                out.append(" ")
            if element is not root and element.tail:
                out.append(_flat(element.tail, element.getparent()))
            continue
        silent = not tag or tag in _SILENT or is_hidden(element)
        if silent:
            if element is not root and element.tail:
                out.append(_flat(element.tail, element.getparent()))
            continue
        if tag in _BLOCK:
            out.append("\n")
        if element.text:
            out.append(_flat(element.text, element))
        stack.append((element, True))
        stack.extend((child, False) for child in reversed(element))


def _flat(text: str, parent: html.HtmlElement | None) -> str:
    if parent is not None and (parent.tag == "pre" or next(parent.iterancestors("pre"), None) is not None):
        return text
    return text.replace("\n", " ").replace("\r", " ")
