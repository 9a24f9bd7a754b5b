"""The engine agrees with the plain meaning of the tree, worked out over characters in Python."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest
from engines import ENGINES, opened
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from making import item

from pipeline.index.engine import Index, Search
from pipeline.index.query import And, Is, Node, Not, Or, QueryError, Text, parse
from pipeline.records import Item

PIECES = ["起", "诉", "不", "检", "起诉", "不起诉", "A", "b1", "2", "。", "，", " ", "！", "\n", "〇", "Ｂ"]
_SEED = random.Random(7)


def _document(number: int) -> Item:
    title, text = ("".join(_SEED.choices(PIECES, k=_SEED.randint(0, most))) for most in (3, 9))
    return item(number, title, text, channel=_SEED.choice(["media", "official"]))


DOCUMENTS = [_document(n) for n in range(250)]


@pytest.fixture(params=ENGINES, scope="module")
def random_library(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Index]:
    for index in opened(request.param, tmp_path_factory.mktemp("random"), request):
        index.write_items(DOCUMENTS)
        yield index


Atom = tuple[str, bool]  # a character or a word, and whether it is a character right after another


def chinese(char: str) -> bool:
    return "\u4e00" <= char <= "\u9fff" or char == "〇"


def is_han(char: str) -> bool:
    return "\u4e00" <= char <= "\u9fff" or char == "〇"


def atoms(text: str) -> list[Atom]:
    """Readable without any index: Chinese characters one by one, other words whole, one mark where sentences end."""
    found: list[Atom] = []
    before = ""
    for char in text.replace("Ｂ", "B").replace("！", "!").lower():
        if chinese(char):
            found.append((char, chinese(before)))
        elif char.isalnum():
            if before.isalnum() and not chinese(before):
                found[-1] = (found[-1][0] + char, False)
            else:
                found.append((char, False))
        elif char in "。!\n" and (not found or found[-1][0] != "."):
            found.append((".", False))
        before = char
    return found


def holds(text: str, wanted: str) -> bool:
    inside, phrase = atoms(text), atoms(wanted)
    while phrase and phrase[0][0] == ".":
        del phrase[0]
    while phrase and phrase[-1][0] == ".":
        del phrase[-1]
    for start in range(len(inside) - len(phrase) + 1):
        piece = inside[start : start + len(phrase)]
        if piece[0][0] == phrase[0][0] and piece[1:] == phrase[1:]:
            return True
    return False


def means(node: Node, document: Item) -> bool:
    match node:
        case Text(text):
            return holds(document.title, text) or holds(document.text, text)
        case Is("title", value):
            return holds(document.title, value)
        case Is("channel", value):
            return document.channel == value
        case Not(inner):
            return not means(inner, document)
        case And(nodes):
            return all(means(n, document) for n in nodes)
        case Or(nodes):
            return any(means(n, document) for n in nodes)
    raise AssertionError(node)


words = st.lists(st.sampled_from([p for p in PIECES if p not in (" ", "\n")]), min_size=1, max_size=4).map("".join)
leaves = st.one_of(
    words,
    st.lists(st.sampled_from([p for p in PIECES if p != "\n"]), min_size=1, max_size=5).map(
        lambda p: f'"{"".join(p)}"'
    ),
    st.sampled_from(["渠道:media", "channel:official", "标题:起诉", "标题:不"]),
)
queries = st.recursive(
    leaves,
    lambda q: st.one_of(
        q.map(lambda a: f"NOT {a}"),
        q.map(lambda a: f"-({a})"),
        st.tuples(q, st.sampled_from([" ", " AND ", " 且 ", " OR ", " 或 ", " 非 "]), q).map("".join),
        q.map(lambda a: f"({a})"),
    ),
    max_leaves=5,
)


@settings(max_examples=300, deadline=None)
@given(queries)
def test_the_engine_finds_what_the_tree_means(random_library: Index, query: str) -> None:
    try:
        tree = parse(query)
    except QueryError:
        assume(False)
        return
    assert tree is not None
    page = random_library.search(Search(("city",), tree), size=len(DOCUMENTS))
    assert {hit.item.id for hit in page.hits} == {d.id for d in DOCUMENTS if means(tree, d)}


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=60))
def test_any_text_parses_or_is_a_mistake_in_chinese(text: str) -> None:
    try:
        parse(text)
    except QueryError as error:
        assert any("\u4e00" <= c <= "\u9fff" for c in str(error))
