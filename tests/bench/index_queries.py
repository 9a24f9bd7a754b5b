"""Queries for `index.py`: what an analyst asks of those documents, the same for the same seed.

Words are taken from documents, so a common word is asked for as often as it is written: 检察院 is in three of four. Two
words come from one document, in three cases of ten from two. Half of the searches look at 7, 30 or 90 days, the others at all
180; most have one to three filters.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from index_documents import END, OFFICES

from pipeline.index.engine import Field, Index, Search
from pipeline.index.query import parse
from pipeline.records import Item

Answer = list[Any]
SAMPLE = 2000  # documents over which significant words are sought: the newest hits


@dataclass(frozen=True, slots=True)
class Query:
    """`ask` is what is timed; its answer must be the same from every engine."""

    kind: str
    ask: Callable[[Index], Answer]
    words: str


class Queries:
    """Draws queries whose words, topics and issues the `known` documents hold."""

    def __init__(self, seed: str, known: list[Item]) -> None:
        self.rng, self.known = random.Random(f"{seed} queries"), known

    def draw(self, kind: str) -> Query:
        """One of `KINDS`."""
        return KINDS[kind](self, kind)

    def two_words(self, kind: str) -> Query:
        first = self._item()
        second = first if self.rng.random() < 0.7 else self._item()
        return self._list(kind, f"{self._word(first)} {self._word(second)}", self._narrowed())

    def phrase(self, kind: str) -> Query:
        sentence = self.rng.choice([s for s in re.split(r'[。！？!?\n"“”]', self._item().text) if len(s) > 3])
        start = self.rng.randrange(len(sentence) - 3)
        piece = sentence[start : start + self.rng.randint(4, 10)]
        return self._list(kind, f'"{piece}"' if re.search(r"\w", piece) else "检察院", self._open())

    def boolean(self, kind: str) -> Query:
        a, b, c, d = (self._word(self._item()) for _ in range(4))
        topic = self.rng.choice([i for i in self.known if i.topics]).topics[0]
        shape = self.rng.choice((
            f"{a} OR {b}", f"{a} -{b}", f"({a} OR {b}) {c}", f"{a} ({b} 或 {c}) 非 {d}", f"{a} OR 话题:{topic}",
            f"({a} {b}) OR ({c} {d})", f"渠道:media -{a}", f"标题:{a} OR ({b} 等级:<=2)",
        ))  # fmt: skip
        return self._list(kind, shape, self._narrowed() if self.rng.random() < 0.5 else self._open())

    def total(self, kind: str) -> Query:
        return self._chart(kind, lambda index, search: [index.count(search)])

    def by_day(self, kind: str) -> Query:
        return self._chart(kind, lambda index, search: [(b.key, b.count) for b in index.histogram(search, "day")])

    def by_topic(self, kind: str) -> Query:
        return self._chart(kind, lambda index, search: [(b.key, b.count) for b in index.terms(search, "topics", 14)])

    def standing_out(self, kind: str) -> Query:
        item = self._item()
        if self.rng.random() < 0.5:
            text, search = self._word(item), self._open()
        else:
            text, search = "", self._narrowed(at_least=1)
        return self._query(
            kind, text, search,
            lambda i, s: [(b.key, b.count) for b in i.significant_words(s, 10, SAMPLE)],
        )  # fmt: skip

    def issue(self, kind: str) -> Query:
        """The page of an issue: its newest documents and how they spread over the days."""
        issue = self.rng.choice([i for i in self.known if i.issue_id]).issue_id

        def ask(index: Index, search: Search) -> Answer:
            days = [(b.key, b.count) for b in index.histogram(search, "day")]
            return [_ids(index, search), days]

        return self._query(kind, "", replace(self._open(), filters={"issue_id": (issue,)}), ask)

    def _list(self, kind: str, text: str, search: Search) -> Query:
        """The newest page; one of five goes on to the next, and that is what is timed."""
        if self.rng.random() < 0.8:
            return self._query(kind, text, search, lambda index, s: [_ids(index, s)])
        places: dict[int, str | None] = {}

        def next_page(index: Index, s: Search) -> Answer:
            if id(index) not in places:
                places[id(index)] = index.search(s).after
            return [_ids(index, s, places[id(index)])]

        return self._query(kind, text, search, next_page)

    def _chart(self, kind: str, ask: Callable[[Index, Search], Answer]) -> Query:
        words = [self._word(self._item()) for _ in range(self.rng.choice((0, 0, 1, 1, 2)))]
        return self._query(kind, " ".join(words), self._narrowed(), ask)

    def _query(self, kind: str, text: str, search: Search, ask: Callable[[Index, Search], Answer]) -> Query:
        whole = Search(
            search.office_ids, parse(text), search.since, search.until, search.filters, search.needs_answer, search.sensitive
        )  # fmt: skip
        since = f" since {search.since:%m-%d}" if search.since else ""
        return Query(kind, lambda index: ask(index, whole), f"{text} {search.filters or ''}{since}".strip())

    def _open(self) -> Search:
        return Search(OFFICES if self.rng.random() < 0.5 else OFFICES[:1])

    def _narrowed(self, at_least: int = 0) -> Search:
        like = self._item()
        fields: list[tuple[Field, float, str]] = [
            ("channel", 0.4, like.channel), ("topics", 0.3, like.topics[0] if like.topics else ""), ("role", 0.2, like.role),
            ("level", 0.15, str(like.level)), ("outlet", 0.1, like.outlet), ("sentiment", 0.1, like.sentiment),
        ]  # fmt: skip
        chosen = {name: (value,) for name, share, value in fields if value and self.rng.random() < share}
        if len(chosen) < at_least:
            chosen = {"channel": (like.channel,)}
        since = None
        if self.rng.random() < 0.5:
            days = self.rng.choice((7, 30, 90))
            since = (END - timedelta(days=days)).replace(hour=16, minute=0)
        needs = True if self.rng.random() < 0.1 else None
        offices = OFFICES if self.rng.random() < 0.5 else OFFICES[:1]
        return Search(offices, since=since, filters=chosen, needs_answer=needs)

    def _item(self) -> Item:
        return self.rng.choice(self.known)

    def _word(self, item: Item) -> str:
        usable = [w for w in item.words if w.isalnum()]
        return self.rng.choice(usable or ["检察院"])


KINDS: dict[str, Callable[[Queries, str], Query]] = {
    "list: two words": Queries.two_words,
    "list: phrase": Queries.phrase,
    "list: boolean": Queries.boolean,
    "list: issue timeline": Queries.issue,
    "facet: total": Queries.total,
    "facet: by day": Queries.by_day,
    "facet: by topic": Queries.by_topic,
    "significant words": Queries.standing_out,
}


def _ids(index: Index, search: Search, after: str | None = None) -> list[str]:
    return [hit.item.doc_id for hit in index.search(search, after=after).hits]
