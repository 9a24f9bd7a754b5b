"""Reads KQL, Kibana's query language, as far as the description uses it: what is asked of which field.

level <= 2 and (title: "不起诉" or text: "不起诉") and not channel: (official or media) and answered_at: *
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

_TOKEN = re.compile(r'\s*(?:(?P<quoted>"(?:[^"\\]|\\.)*")|(?P<mark><=|>=|[:()<>])|(?P<word>[^\s:()<>"]+))')
_MARKS = re.compile(r"<=|>=|[:()<>]")


class KqlError(ValueError):
    """The query can't be read; says where."""


@dataclass(frozen=True, slots=True)
class Is:
    """`field: value`. `*` alone, unquoted, asks whether the field is there. No field: any field."""

    field: str
    value: str
    quoted: bool


@dataclass(frozen=True, slots=True)
class Range:
    field: str
    operator: str
    value: str


@dataclass(frozen=True, slots=True)
class Not:
    node: Node


@dataclass(frozen=True, slots=True)
class All:
    nodes: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Either:
    nodes: tuple[Node, ...]


Node = Is | Range | Not | All | Either


def parse(query: str) -> Node | None:
    """The tree; None for an empty query. Raises KqlError."""
    tokens = list(_tokens(query))
    if not tokens:
        return None
    reader = _Reader(tokens)
    node = reader.any_of("")
    if reader.left:
        raise KqlError(f"not expected here: {reader.left[0]}")
    return node


def leaves(node: Node | None) -> Iterator[Is | Range]:
    """Everything that is asked of a field."""
    if isinstance(node, Is | Range):
        yield node
    elif isinstance(node, Not):
        yield from leaves(node.node)
    elif node is not None:
        for inner in node.nodes:
            yield from leaves(inner)


def _tokens(query: str) -> Iterator[str]:
    at = 0
    query = query.rstrip()
    while at < len(query):
        found = _TOKEN.match(query, at)
        if not found:
            raise KqlError(f"can't read from here: {query[at:]}")
        yield found.group().strip()
        at = found.end()


class _Reader:
    def __init__(self, tokens: list[str]) -> None:
        self.left = tokens

    def any_of(self, field: str) -> Node:
        nodes = [self._all_of(field)]
        while self._word("or"):
            nodes.append(self._all_of(field))
        return nodes[0] if len(nodes) == 1 else Either(tuple(nodes))

    def _all_of(self, field: str) -> Node:
        nodes = [self._one(field)]
        while self._word("and"):
            nodes.append(self._one(field))
        return nodes[0] if len(nodes) == 1 else All(tuple(nodes))

    def _one(self, field: str) -> Node:
        if self._word("not"):
            return Not(self._one(field))
        token = self._take()
        if token == "(":
            node = self.any_of(field)
            if self._take() != ")":
                raise KqlError("a bracket is not closed")
            return node
        if _MARKS.fullmatch(token):
            raise KqlError(f"a field or value is missing before {token}")
        if field or not self.left or not _MARKS.fullmatch(self.left[0]) or self.left[0] in "()":
            return Is(field, _plain(token), token.startswith('"'))
        mark = self._take()
        if mark == ":":
            if self.left and self.left[0] == "(":
                return self._one(token)
            value = self._take()
            if _MARKS.fullmatch(value):
                raise KqlError(f"a value is missing after {token}:")
            return Is(token, _plain(value), value.startswith('"'))
        return Range(token, mark, _plain(self._take()))

    def _word(self, word: str) -> bool:
        if self.left and self.left[0].lower() == word:
            self.left = self.left[1:]
            return True
        return False

    def _take(self) -> str:
        if not self.left:
            raise KqlError("the query ends too early")
        token, self.left = self.left[0], self.left[1:]
        return token


def _plain(token: str) -> str:
    return re.sub(r"\\(.)", r"\1", token[1:-1]) if token.startswith('"') else token
