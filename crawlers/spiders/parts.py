"""An article on several pages: where its next page is. Another article's page is never taken for one."""

from __future__ import annotations

import re
from urllib.parse import parse_qsl, urljoin, urlsplit

from scrapy.http import Response

from crawlers.spiders.pages import open_list, said_next

MOST_PARTS = 30
_HINTS = tuple(
    word.encode(charset) for word in ("下一页", "下页", "后一页", "createPage") for charset in ("utf-8", "gb18030")
)
_NUMBERED = re.compile(r"(?P<stem>.+?)(?:[-_/](?:p|page)?(?P<number>\d{1,3}))?(?P<end>\.\w{1,6}|/)?")
_PAGE_NAMES = re.compile(r"(?:p|pg|pn|page(?:_?(?:no|num|index))?)", re.I)


def next_part(response: Response, first: str, part: int, max_bytes: int) -> str:
    """Address of the page behind `part` (from 1) of the article that begins at `first`; "" where there is none.
    Raises QuarantineError as reading the page does."""
    if part >= MOST_PARTS or not any(hint in response.body for hint in _HINTS):
        return ""
    for href in said_next(open_list(response, max_bytes)):
        try:
            url = urljoin(response.url, href)
            if is_part(first, url, part + 1):
                return url
        except ValueError:
            continue
    return ""


def is_part(first: str, url: str, number: int) -> bool:
    """Whether `url` is the `number`-th page of the article at `first`: the same name with that number behind it, counted
    from one or from zero; or the same address with the number in a page parameter."""
    one, other = urlsplit(first), urlsplit(url)
    if one.netloc != other.netloc:
        return False
    if one.path == other.path:
        before, after = dict(parse_qsl(one.query)), dict(parse_qsl(other.query))
        changed = {k for k in {*before, *after} if before.get(k) != after.get(k)}
        return len(changed) == 1 and all(
            _PAGE_NAMES.fullmatch(k) and after.get(k) in (str(number), str(number - 1)) for k in changed
        )
    here, there = _NUMBERED.fullmatch(one.path), _NUMBERED.fullmatch(other.path)
    if here is None or there is None or there["number"] is None or (here["end"] or "") != (there["end"] or ""):
        return False
    if int(there["number"]) not in (number, number - 1):
        return False
    bare = one.path.removesuffix(here["end"] or "")
    return there["stem"] == bare or (there["stem"] == here["stem"] and here["number"] in ("0", "1"))
