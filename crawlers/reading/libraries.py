"""The slower readers, for pages on which our own is not sure. What they raise on broken pages ends here."""

from __future__ import annotations

import logging

import readability
import trafilatura
from lxml import etree, html

from crawlers.reading.tree import text_of

logging.getLogger("readability").setLevel(logging.CRITICAL)  # it logs page text
logging.getLogger("trafilatura").setLevel(logging.CRITICAL)

VERSIONS = f"readability {readability.__version__} + trafilatura {trafilatura.__version__}"


def readability_text(source: str) -> str:
    """Text of what readability takes for the article; "" where it fails."""
    try:
        summary = readability.Document(source, min_text_length=10).summary(html_partial=True)
        tree = html.fromstring(summary)
    except (
        readability.readability.Unparseable,
        etree.LxmlError,
        ValueError,
        TypeError,
        AssertionError,
        AttributeError,
        KeyError,
        IndexError,
        RecursionError,
    ):
        return ""
    return text_of(tree) if isinstance(tree, html.HtmlElement) else ""


def trafilatura_text(source: str) -> str:
    """What trafilatura takes for the article; "" where it fails."""
    try:
        found = trafilatura.extract(source, include_comments=False, include_tables=True, favor_precision=False)
    except (
        etree.LxmlError,
        ValueError,
        TypeError,
        AttributeError,
        KeyError,
        IndexError,
        RecursionError,
        AssertionError,
    ):
        return ""
    return str(found or "")
