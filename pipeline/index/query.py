"""The query language (DESIGN §5): one parser makes a tree, each engine compiles it.

`NOT` binds before `AND` before `OR`; 非 且 或 work as separate words; words side by side mean AND; `-word` is NOT;
`-"…"` and `-(…)` too; `"…"` is a phrase; `field:value`, `field:[a TO b]`, `field:>=a`; parentheses. Full-width forms are
folded first.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

from pipeline.errors import TingjianError

# Name that people type → field of the index. Both languages work.
FIELDS: dict[str, str] = {
    "title": "title", "标题": "title",
    "channel": "channel", "渠道": "channel",
    "source": "source_id", "来源": "source_id",
    "outlet": "outlet", "媒体": "outlet",
    "region": "region", "地区": "region",
    "role": "role", "关系": "role",
    "sentiment": "sentiment", "倾向": "sentiment",
    "topic": "topics", "话题": "topics",
    "level": "level", "等级": "level",
    "date": "occurred_at", "日期": "occurred_at",
    "issue": "issue_id", "议题": "issue_id",
    "word": "words", "词": "words",
    "needs_answer": "needs_answer", "待回应": "needs_answer",
    "sensitive": "sensitive", "敏感": "sensitive",
}  # fmt: skip
RANGES = frozenset({"occurred_at", "level"})
MAX_LENGTH = 500
MAX_DEPTH = 40


class QueryError(TingjianError):
    """The query can't be read; `str()` says in Chinese what and where."""


@dataclass(frozen=True, slots=True)
class Text:
    """Title or text has this run of characters (`phrase`: exactly as quoted)."""

    text: str
    phrase: bool = False


@dataclass(frozen=True, slots=True)
class Is:
    """A field has this value."""

    field: str
    value: str


@dataclass(frozen=True, slots=True)
class Between:
    """low ≤ field < or ≤ high; either side may be open (None)."""

    field: str
    low: str | None
    high: str | None
    include_low: bool = True
    include_high: bool = True


@dataclass(frozen=True, slots=True)
class Not:
    node: Node


@dataclass(frozen=True, slots=True)
class And:
    nodes: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Or:
    nodes: tuple[Node, ...]


Node = Text | Is | Between | Not | And | Or

_TOKEN = re.compile(
    r"""\s*(?:
      (?P<paren>[()])
    | (?P<minus>-(?=["(]))
    | (?P<phrase>"[^"]*")
    | (?P<field>[^\s:()"\[\]]+):(?P<value>\[[^\]]*\]|"[^"]*"|[^\s()"]+)
    | (?P<word>[^\s()"]+)
    | (?P<bad>.)
    )""",
    re.X,
)
_AND, _OR, _NOT = {"AND", "且", "&&"}, {"OR", "或", "||"}, {"NOT", "非", "!"}


def parse(query: str) -> Node | None:
    """The tree, or None for an empty query. Raises QueryError, also over 500 characters or 40 levels deep."""
    text = unicodedata.normalize("NFKC", query).replace("“", '"').replace("”", '"').strip()
    if len(text) > MAX_LENGTH:
        raise QueryError(f"查询太长（最多 {MAX_LENGTH} 字）")
    if text.count('"') % 2:
        raise QueryError("引号没有成对")
    tokens = [m for m in _TOKEN.finditer(text) if m.group().strip()]
    if not tokens:
        return None
    parser = _Parser(tokens)
    node = parser.either(0)
    if parser.position < len(tokens):
        raise QueryError("多了一个右括号")
    return node


class _Parser:
    def __init__(self, tokens: list[re.Match[str]]) -> None:
        self.tokens, self.position = tokens, 0

    def peek(self) -> str:
        return self.tokens[self.position].group().strip() if self.position < len(self.tokens) else ""

    def either(self, depth: int) -> Node:
        nodes = [self.both(depth)]
        while self.peek() in _OR:
            self.position += 1
            nodes.append(self.both(depth))
        return nodes[0] if len(nodes) == 1 else Or(tuple(nodes))

    def both(self, depth: int) -> Node:
        nodes = [self.single(depth)]
        while (head := self.peek()) and head != ")" and head not in _OR:
            if head in _AND:
                self.position += 1
            nodes.append(self.single(depth))
        return nodes[0] if len(nodes) == 1 else And(tuple(nodes))

    def single(self, depth: int) -> Node:
        if depth > MAX_DEPTH:
            raise QueryError("括号套得太深")
        if self.position >= len(self.tokens):
            raise QueryError("查询在这里断了：后面少一个词")
        token = self.tokens[self.position]
        head = token.group().strip()
        self.position += 1
        if head in _NOT or token["minus"]:
            return Not(self.single(depth + 1))
        if head in _AND or head in _OR:
            raise QueryError(f"“{head}”前面少一个词")
        if head == ")":
            raise QueryError("右括号前面是空的")
        if head == "(":
            node = self.either(depth + 1)
            if self.peek() != ")":
                raise QueryError("少一个右括号")
            self.position += 1
            return node
        if token["phrase"] is not None:
            return _text(token["phrase"].strip('"'), phrase=True)
        if token["field"] is not None:
            name = token["field"]
            return Not(_field(name[1:], token["value"])) if name.startswith("-") else _field(name, token["value"])
        if head.endswith(":") and head.strip("-:") in FIELDS:
            raise QueryError(f"“{head}”后面少一个值")
        if head.startswith("-") and len(head) > 1:
            return Not(_text(head[1:]))
        return _text(head)


def _text(text: str, phrase: bool = False) -> Text:
    if not any(c.isalnum() for c in text):
        raise QueryError(f"“{text}”里没有可以查的字")
    return Text(text.strip(), phrase)


def _field(name: str, value: str) -> Node:
    if name not in FIELDS:
        if name.lower() in ("http", "https") or not name.isidentifier():
            return _text(f"{name}:{value}".replace('"', ""), phrase=True)
        known = "、".join(n for n in FIELDS if not n.isascii())
        raise QueryError(f"没有“{name}”这个字段；可以用：{known}。要查带冒号的原文，请加引号")
    field = FIELDS[name]
    if value.startswith("["):
        low, found, high = value.strip("[]").partition(" TO ")
        if not found or field not in RANGES:
            raise QueryError("范围写作 日期:[2026-01-01 TO 2026-01-31]，只用于日期和等级")
        return Between(field, _edge(low), _edge(high))
    if value[:1] in "<>":
        mark = value[:2] if value[1:2] == "=" else value[:1]
        edge = _edge(value[len(mark) :])
        if field not in RANGES or edge is None:
            raise QueryError("大于、小于只用于日期和等级")
        if mark[0] == ">":
            return Between(field, edge, None, include_low=mark == ">=")
        return Between(field, None, edge, include_high=mark == "<=")
    clean = value.strip('"')
    if not clean:
        raise QueryError(f"“{name}”后面少一个值")
    return Is(field, clean)


def _edge(text: str) -> str | None:
    text = text.strip()
    return None if text in ("", "*") else text
