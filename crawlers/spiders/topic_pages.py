"""The pages of a topic: which one to read next, so that only new replies are fetched."""

from __future__ import annotations

import re

from lxml import html

from crawlers.reading.tree import elements, text_of

_NUMBER = re.compile(r"[\[(（【第\s.…]*(\d{1,5})[\])）】页\s.…]*")


def numbered_pages(root: html.HtmlElement) -> dict[int, str]:
    """Page number → address, of the links that say nothing but a number; {} where they don't belong to one pager.

    A pager has several such links, or one that says 2.
    """
    found: dict[int, str] = {}
    for element in elements(root):
        if element.tag == "a" and element.get("href") and (match := _NUMBER.fullmatch(text_of(element)[:20])):
            found.setdefault(int(match.group(1)), str(element.get("href")))
    found.pop(0, None)
    targets = {re.sub(r"\d+", "0", href) for n, href in found.items() if n > 1}
    return found if len(targets) == 1 else {}
