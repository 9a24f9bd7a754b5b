"""`thread`: forum lists → topics → every post. Authors are digested while parsing and dropped there (charter 1)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime

from lxml import html
from scrapy import Request
from scrapy.http import Response

from crawlers.ledger import Mark, topic_is_due
from crawlers.reading.body import EXTRACTOR
from crawlers.reading.dates import Date, find_dates, parse_date
from crawlers.reading.page import open_page
from crawlers.reading.title import find_title
from crawlers.reading.tree import drop, elements, first_text, name_of, select, text_of
from crawlers.sealing import Draft
from crawlers.spiders.base import Parsed, SourceSpider
from crawlers.spiders.pages import list_links, next_page, open_list
from crawlers.spiders.topic_pages import numbered_pages
from pipeline.records import Voice
from pipeline.settings.sources import Selectors, is_profile

TOPIC = "topic\0"
MOST_PAGES = 100  # of one topic in one run
_QUOTE = re.compile(
    r"(?:^|[\s_-])(?:quote\w*|blockquote|reference|signature|sign|sightml|avatar|author\w*|userinfo|ip)(?:$|[\s_-])"
)
_FLOOR = re.compile(r"(?:^|[\s第#])(\d{1,6})\s?(?:楼|#|F\b)|#\s?(\d{1,6})\b", re.I)
_OWN_ID = re.compile(r"\d{2,}")


@dataclass(frozen=True, slots=True)
class Post:
    """One post on a topic page, its author already a digest."""

    own_id: str
    text: str
    date: Date | None
    voice: Voice


@dataclass(slots=True)
class Topic:
    """One topic being read. `read` is the last page that an earlier run saw, 0 for a new topic.

    `names` gathers its authors in memory, so that they can be cut where others speak of them.
    """

    identity: str
    hint: str
    read: int
    title: str = ""
    born: datetime | None = None
    names: set[str] = field(default_factory=set)
    pages: int = 0
    last: int = 0


class ThreadSpider(SourceSpider):
    _topics = 0

    def parse_list(self, response: Response, page: int) -> Parsed:
        """Topics of one list page whose row changed, and the next list page."""
        root = open_list(response, self.max_bytes)
        links = list_links(root, self.source.selectors)
        fresh = 0
        for link in links:
            for url in self.links(response, [link.href]):
                self.tally.found += 1
                topic = self.sink.identity_of(url, TOPIC)
                hint = self.sink.keyed_digest(link.row)
                known = self.sink.ledger.get(self.sink.id_of(TOPIC + topic))
                due = topic_is_due(known, hint, self.now)
                fresh += due or self.memory.is_fresh(response.meta["start"], known)
                if not due:
                    continue
                self._topics += 1
                if self._topics > self.sink.most_details:
                    self.cut_short("too_many")
                    continue
                read = int(known.content or 1) if known is not None else 0
                yield self._page(url, Topic(topic, hint, read))
        following = next_page(root, self.source.selectors) if links else ""
        if following and self.goes_on(response, page, fresh):
            for url in self.links(response, [following]):
                yield self.request(url, self.parse_list, priority=2, page=page + 1)

    def parse_topic(self, response: Response, topic: Topic, page: int) -> Parsed:
        """Posts of one page of a topic, new ones kept. The topic counts as read only when its last page was."""
        root, _charset = open_page(
            response.body, (response.headers.get("Content-Type") or b"").decode("latin-1"), self.max_bytes
        )
        selectors = self.source.selectors
        following, numbered = next_page(root, selectors), numbered_pages(root)
        if page == 1:
            topic.title = first_text(root, selectors.title).replace("\n", " ") or find_title(root)[0]
        blocks = select(root, selectors.post)
        if not blocks:
            self.tally.quarantine("no_posts", "selectors.post", self.sink.place(topic.identity))
        before = self.tally.captured
        for number, post in enumerate([self.post_of(block, topic.names) for block in blocks]):
            if not post.text:
                self.tally.quarantine("empty_text", "", self.sink.id_of(f"{topic.identity}#{post.own_id}"))
                continue
            first = page == 1 and number == 0
            topic.born = topic.born or (post.date.at if post.date else None)
            title = _without_names(topic.title, topic.names) if first else ""
            self.keep(post, topic.identity, title, _without_names(post.text, topic.names))
        topic.pages += 1
        topic.last = max(topic.last, page)
        for url, number in self._ways(response, topic, page, following, numbered, self.tally.captured > before):
            if topic.pages >= MOST_PAGES:
                self.tally.refused["more_pages"] += 1
                break
            yield self._page(url, topic, number)
            return
        born = min(topic.born or self.now, self.now)
        mark_id = self.sink.id_of(TOPIC + topic.identity)
        self.sink.note(Mark(mark_id, self.now, born, self.now, str(topic.last), topic.hint))

    def _ways(
        self, response: Response, topic: Topic, page: int, following: str, numbered: dict[int, str], news: bool
    ) -> Iterator[tuple[str, int]]:
        """Where to go on, best first: past pages that were read before to the last one, back to where we were, then on."""
        here = {**numbered, page + 1: following} if following else numbered
        ahead = [(n, here[n]) for n in sorted(here) if n > page]
        if page < topic.read and not news:
            way = ahead[::-1]
        elif page > topic.read > 0:
            way = [(n, here[n]) for n in sorted(here) if topic.read <= n < page] + ahead
        else:
            way = ahead
        for number, href in way:
            for url in self.links(response, [href]):
                yield url, number

    def _page(self, url: str, topic: Topic, page: int = 1) -> Request:
        return self.request(url, self.parse_topic, priority=min(page, 2) + 1, topic=topic, page=page)

    def keep(self, post: Post, topic: str, title: str, text: str) -> None:
        self.sink.add(
            Draft(
                identity=f"{topic}#{post.own_id}",
                title=title,
                text=text,
                published_at=post.date.at if post.date else None,
                precision=post.date.precision if post.date else "unknown",
                thread=topic,
                extractor=EXTRACTOR,
                voice=post.voice,
                url=topic,
            )
        )

    def post_of(self, block: html.HtmlElement, names: set[str]) -> Post:
        """Read one post. The author's name goes into its voice and into `names`, the words to cut from this page's texts."""
        selectors = self.source.selectors
        author = first_text(block, selectors.post_author) or next(_profile_names(block), "")
        voice = self.sink.voice(author)
        if len(author) >= 2:
            names.add(author)
        date = parse_date(first_text(block, selectors.post_date), self.now) if selectors.post_date else None
        own = _own_id(block)
        if date is None and not selectors.post_date:
            date = next(find_dates(text_of(block)[:300], self.now), None)
        text = _post_text(block, selectors)
        if not own:
            own = "h" + self.sink.keyed_digest(f"{date.at if date else ''}\0{text}")
        return Post(own, text, date, voice)


def _own_id(block: html.HtmlElement) -> str:
    """The post's own number: what the site's markup calls it, else its floor; "" where it shows none."""
    for name in ("data-pid", "data-post-id", "data-id", "id", "name"):
        value = block.get(name) or ""
        if _OWN_ID.search(value):
            return value[:60]
    for element in elements(block):
        value = element.get("id") or ""
        if re.match(r"(?:post|pid|reply|comment|floor|p|r)[_-]?\d{2,}$", value, re.I):
            return value[:60]
    for element in elements(block):
        if len(element) == 0 and element.text and len(element.text) < 12 and (match := _FLOOR.search(element.text)):
            return "f" + (match.group(1) or match.group(2))
    return ""


def _profile_names(block: html.HtmlElement) -> Iterator[str]:
    """What links to people's own pages say, for sites whose source names no `post_author`."""
    links = (a for a in block.iter("a") if is_profile(a.get("href") or ""))
    return (name for a in links if (name := text_of(a)))


def _post_text(block: html.HtmlElement, selectors: Selectors) -> str:
    """What this person wrote: without quotes of others, signature, name and date."""
    for selector in (selectors.post_author, selectors.post_date, *selectors.remove):
        for element in select(block, selector) if selector else ():
            if element is not block:
                drop(element)
    for element in elements(block):
        if element is not block and (
            element.tag == "blockquote" or _QUOTE.search(name_of(element)) or is_profile(element.get("href") or "")
        ):
            drop(element)
    if selectors.post_text:
        return "\n".join(t for t in (text_of(e) for e in select(block, selectors.post_text)) if t)
    return text_of(block)


def _without_names(text: str, names: set[str]) -> str:
    """People of this page named in it: a nickname of three or more characters anywhere, shorter ones where addressed."""
    for name in sorted(names, key=len, reverse=True):
        if len(name) >= 3:
            text = text.replace(name, "某网友")
        text = re.sub(rf"((?:回复|引用|[@＠])\s*){re.escape(name)}", r"\1某网友", text)
    return text
