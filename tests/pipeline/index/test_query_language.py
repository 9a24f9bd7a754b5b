"""What people type, and what they find. The same sets on every engine."""

from __future__ import annotations

import pytest
from index_corpus import found

from pipeline.index.engine import Index, Search
from pipeline.index.query import And, Between, Is, Not, Or, QueryError, Text, parse

QUERIES: list[tuple[str, str]] = [
    # characters and words: every occurrence, also within a longer word
    ("诉", "dropped charged split"),
    ("起", "dropped charged split"),
    ("起诉", "dropped charged"),
    ("不起诉", "dropped"),
    ("公诉", "charged"),
    ("检察", "dropped charged scam app away"),
    ("检察院", "dropped charged away"),
    ("检察官", "scam"),
    ("逮捕", ""),  # only the other office has it
    ("没有这样的词", ""),
    ("站起诉说", ""),  # not across a sentence end
    ("站起。诉说", "split"),  # but a quotation that has one is found
    ("不起诉。", "dropped"),
    ("？回复", "phone"),
    # phrases and words side by side
    ("作出不起诉决定", "dropped"),
    ('"不起诉 决定"', ""),
    ("不起诉 决定", "dropped"),
    ("诈骗 检察官", "scam"),
    ('"提起公诉"', "charged"),
    ('"起公"', "charged"),
    ("李某被", "charged"),
    ('"检察院以涉嫌诈骗罪起诉李某"', "charged"),
    ("“不起诉”", "dropped"),  # Chinese quotation marks
    # Latin, digits, full width
    ("app", "app"),
    ("ＡＰＰ", "app"),
    ("App上线", "app"),
    ("ap", ""),
    ("2.0版", "app"),
    ("wifi", "app"),
    ("12309", "phone"),
    ("12309热线", "phone"),
    ("c++", "app"),
    # AND, OR, NOT in both languages, and their order
    ("起诉 AND 诈骗", "charged"),
    ("起诉 且 诈骗", "charged"),
    ("热线 OR 诈骗", "charged phone scam"),
    ("热线 或 诈骗", "charged phone scam"),
    ("热线 || 诈骗", "charged phone scam"),
    ("检察 NOT 检察院", "scam app"),
    ("检察 非 检察院", "scam app"),
    ("检察 -检察院", "scam app"),
    ('检察 -"检察院"', "scam app"),
    ("检察 -(检察院 或 上线)", "scam"),
    ("检察 AND NOT (检察院 OR App)", "scam"),
    ("热线 OR 起诉 AND 诈骗", "charged phone"),  # AND binds before OR
    ("(热线 OR 起诉) AND 诈骗", "charged"),
    ("NOT 起诉 AND 诉", "split"),  # NOT binds before AND
    ("NOT (起诉 OR 热线 OR 检察)", "split"),
    ("NOT NOT 热线", "phone"),
    ("（热线 或 起诉） 且 诈骗", "charged"),
    # fields and ranges
    ("渠道:官方发布", "scam app"),
    ("channel:official", "scam app"),
    ("渠道：官方发布", "scam app"),  # a full-width colon
    ("-渠道:媒体报道", "phone scam app"),
    ("标题:诈骗", "scam"),
    ('标题:"提起公诉"', "charged"),
    ("标题:检察官 电话", "scam"),
    ("媒体:云溪晚报", "charged"),
    ("地区:云溪区", "charged"),
    ("来源:hotline", "phone"),
    ("关系:other_office", "away"),
    ("倾向:positive", "app"),
    ("话题:case_handling", "dropped charged"),
    ("话题:冒充检察机关诈骗", "scam"),
    ("话题:疑似不实信息", ""),
    ("话题:case_handling -话题:procedure_rights", "charged"),
    ("等级:2", "dropped scam"),
    ("等级:橙", "dropped scam"),
    ("等级:Ⅱ", "dropped scam"),
    ("等级:[1 TO 3]", "dropped phone scam"),
    ("等级:<3", "dropped scam"),
    ("等级:>=3 诈骗", "charged"),
    ("日期:2026-11-21", "dropped"),
    ("日期:[2026-11-19 TO 2026-11-20]", "charged phone"),
    ("日期:[* TO 2026-11-16]", "app away"),
    ("日期:>2026-11-19", "dropped charged"),
    ("日期:<=2026-11-16", "app away"),
    ("日期:[2026-11-20 TO 2026-11-19]", ""),
    ("待回应:是", "phone"),
    ("敏感:是 或 待回应:是", "phone scam"),
    ("敏感:否 诈骗", "charged"),
    ("词:不起诉", "dropped"),
    ("词:ＡＰＰ", "app"),
    ("议题:nothing", ""),
    ("", "dropped charged phone scam split app away"),
    ("  　 ", "dropped charged phone scam split app away"),
]


@pytest.mark.parametrize(("query", "expected"), QUERIES)
def test_query_finds(library: Index, query: str, expected: str) -> None:
    assert found(library, query) == expected.split()  # newest first


BAD: list[tuple[str, str]] = [
    ('"没有收尾', "引号没有成对"),
    ("(起诉", "少一个右括号"),
    ("起诉)", "多了一个右括号"),
    ("()", "右括号前面是空的"),
    ("起诉 AND", "后面少一个词"),
    ("起诉 且 或 公诉", "“或”前面少一个词"),
    ("OR 起诉", "前面少一个词"),
    ("NOT", "后面少一个词"),
    ("起诉 AND AND 公诉", "“AND”前面少一个词"),
    ("，。", "没有可以查的字"),
    ('""', "没有可以查的字"),
    ("作者:张三", "没有“作者”这个字段"),
    ("author:x", "没有“author”这个字段"),
    ("他说：不起诉", "请加引号"),
    ("标题:", "后面少一个值"),
    ('渠道:""', "后面少一个值"),
    ("渠道:微博", "没有“微博”这个值；可以用：官方发布"),
    ("话题:维稳", "没有“维稳”这个值"),
    ("等级:7", "没有“7”这个值"),
    ("等级:[0 TO 9]", "等级是 1 到 4"),
    ("渠道:[a TO b]", "只用于日期和等级"),
    ("日期:[2026-01-01]", "范围写作"),
    ("媒体:>3", "只用于日期和等级"),
    ("日期:>", "只用于日期和等级"),
    ("日期:昨天", "日期写作 2026-11-21"),
    ("日期:2026-13-01", "日期写作 2026-11-21"),
    ("日期:<=9999-12-31", "日期写作 2026-11-21"),
    ("日期:0001-01-01", "日期写作 2026-11-21"),
    ("待回应:也许", "不是“是”或“否”"),
    ("起" * 501, "查询太长"),
    ("(" * 45 + "起诉" + ")" * 45, "括号套得太深"),
    ("NOT " * 45 + "起诉", "括号套得太深"),
]


@pytest.mark.parametrize(("query", "words"), BAD)
def test_a_mistake_is_explained_in_chinese(library: Index, query: str, words: str) -> None:
    with pytest.raises(QueryError) as caught:
        library.search(Search(("city",), parse(query)))
    assert words in str(caught.value)


def test_the_tree_has_the_promised_shape() -> None:
    assert parse("a OR b AND NOT c") == Or((Text("a"), And((Text("b"), Not(Text("c"))))))
    assert parse('甲 "乙 丙"') == And((Text("甲"), Text("乙 丙", phrase=True)))
    assert parse("日期:>=2026-11-01") == Between("occurred_at", "2026-11-01", None)
    assert parse("-渠道:official") == Not(Is("channel", "official"))
    assert parse("http://a.example/b") == Text("http://a.example/b", phrase=True)
    assert parse("10:30") == Text("10:30", phrase=True)


def test_no_field_asks_for_a_person_or_for_sentiment_words(library: Index) -> None:
    for name in ("author", "handle", "user", "作者", "用户", "昵称", "ip"):
        with pytest.raises(QueryError):
            parse(f"{name}:x")


HOSTILE = [
    "'; DROP TABLE items; --", '词:"x" OR 1=1 --', "标题:x*", "NEAR(a b)", "title : x", "{title}:x", "^起诉", "起诉*",
    "a\x00b", "\ud800诉", "词:'", "媒体:%", "来源:' OR '1'='1", "𠮷野家", "e\u0301té", "\u200b起诉\u200b", "🙂诉",
]  # fmt: skip


@pytest.mark.parametrize("query", HOSTILE)
def test_whatever_is_typed_is_a_search_or_a_mistake(library: Index, query: str) -> None:
    try:
        library.search(Search(("city",), parse(query)))
    except QueryError as error:
        assert any("\u4e00" <= c <= "\u9fff" for c in str(error))
    assert library.count(Search(("city",))) == 7
