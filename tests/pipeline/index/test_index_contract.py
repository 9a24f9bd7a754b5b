"""What every engine does besides finding words: writing, paging, counting, signals, purge."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy
import pytest
from index_corpus import CITY, DISTRICT, NAMES, corpus
from making import HOUR, NOW, ident, item

from pipeline.index.engine import Bucket, Index, Number, Search, Written
from pipeline.index.query import QueryError, parse
from pipeline.records import Item, Signal

ALL = Search((CITY,))


def ids(index: Index, search: Search = ALL, size: int = 100) -> list[str]:
    return [hit.item.id for hit in index.search(search, size=size).hits]


def test_writing_twice_is_writing_once(engine: Index) -> None:
    documents = corpus()
    assert engine.write_items(documents) == Written(len(documents), 0)
    before = engine.search(ALL, size=100)
    assert engine.write_items(documents) == Written(0, len(documents))
    assert engine.search(ALL, size=100) == before


def test_a_document_comes_back_as_it_went_in(engine: Index) -> None:
    full = item(
        1, "标题", "正文", topics=("praise",), words=("正文",), labels={"role_p": 0.9, "topics": {"praise": 0.8}},
        published_at=NOW - HOUR, published_precision="day", received_at=NOW, url="http://news.example/1", region="清江市",
        source_ref="QJ-1", backfill=True, evidence="media/1.html.gz", extractor="e1", model="m1", words_version="w1",
        duplicates=3, level=2, site="news.example",
    )  # fmt: skip
    engine.write_items([full])
    assert engine.get(full.id, [CITY]) == full
    assert list(engine.indexed_since(NOW, [CITY])) == [full]


def test_a_newer_revision_replaces_and_an_older_one_is_counted(engine: Index) -> None:
    first = item(1, "旧标题", "旧的说法", topics=("praise",))
    second = replace(first, revision=2, title="新标题", text="新的说法", topics=("integrity",))
    engine.write_items([first])
    assert engine.write_items([second]) == Written(1, 0)
    assert engine.write_items([first, second]) == Written(0, 2)
    for query, hits in (("旧的说法", 0), ("旧标题", 0), ("新的说法", 1), ("话题:praise", 0), ("话题:integrity", 1)):
        assert engine.count(Search((CITY,), parse(query))) == hits, query
    assert engine.count(ALL) == 1


def test_the_same_document_twice_in_one_write_keeps_the_newer(engine: Index) -> None:
    first = item(1, text="一")
    assert engine.write_items([replace(first, revision=3, text="三"), first]) == Written(1, 1)
    assert engine.search(ALL).hits[0].item.text == "三"


def test_pages_hold_every_document_once_in_order_also_at_the_same_moment(engine: Index) -> None:
    documents = [item(n, occurred_at=NOW - (n // 7) * HOUR) for n in range(40)]
    engine.write_items(documents)
    wanted = [d.id for d in sorted(documents, key=lambda d: (d.occurred_at, d.doc_id), reverse=True)]
    seen: list[str] = []
    after = None
    while True:
        page = engine.search(ALL, size=6, after=after)
        seen += [hit.item.id for hit in page.hits]
        after = page.after
        if after is None:
            break
    assert seen == wanted


def test_a_page_goes_on_where_it_was_although_something_new_came(engine: Index) -> None:
    engine.write_items([item(n, occurred_at=NOW - n * HOUR) for n in range(6)])
    first = engine.search(ALL, size=3)
    engine.write_items([item("new", occurred_at=NOW + HOUR)])
    rest = engine.search(ALL, size=10, after=first.after)
    assert [h.item.id for h in (*first.hits, *rest.hits)] == [ident(n) for n in range(6)]


@pytest.mark.parametrize("after", ["", "x", "1", "9" * 40 + "|a", "|", "12|x'; DROP TABLE items"])
def test_a_foreign_place_in_the_list_is_a_mistake_or_a_place(engine: Index, after: str) -> None:
    engine.write_items([item(1)])
    try:
        engine.search(ALL, after=after)
    except QueryError as error:
        assert "重新检索" in str(error)
    assert engine.count(ALL) == 1


def test_offices_see_their_own_reading_only(engine: Index) -> None:
    ours = item("both", text="涉及两院", level=2)
    engine.write_items(
        [ours, replace(ours, office_id=DISTRICT, role="other_office", level=4), item("theirs", office_id=DISTRICT)]
    )
    assert ids(engine) == [ident("both")]
    assert engine.count(Search((CITY, DISTRICT))) == 3
    assert engine.count(Search(())) == 0
    for offices, role in (([CITY], "subject"), ([DISTRICT], "other_office"), ([DISTRICT, CITY], "other_office")):
        found = engine.get(ident("both"), offices)
        assert found is not None and found.role == role
    assert engine.get(ident("both"), []) is None and engine.get(ident("nothing"), [CITY]) is None
    assert [d.office_id for d in engine.indexed_since(NOW, [DISTRICT])] == [DISTRICT] * 2


def test_times_are_half_open_and_filters_any_of(engine: Index) -> None:
    engine.write_items(corpus())
    assert engine.count(Search((CITY,), since=NOW - timedelta(days=2), until=NOW)) == 2
    assert engine.count(Search((CITY,), filters={"channel": ("official", "submission")})) == 3
    assert engine.count(Search((CITY,), filters={"topics": ("case_handling", "service_access"), "level": ("2",)})) == 1
    assert engine.count(Search((CITY,), needs_answer=True)) == engine.count(Search((CITY,), sensitive=True)) == 1
    assert engine.count(Search((CITY,), filters={"channel": ()})) == 0


def test_near_copies_collapse_to_the_newest_that_matches(engine: Index) -> None:
    copies = [item(n, text="同一篇稿子" + "续" * n, story_id="s", occurred_at=NOW + n * HOUR) for n in range(3)]
    twins = [item(name, story_id="t", occurred_at=NOW) for name in "ab"]  # the same moment: the id decides
    engine.write_items([*copies, *twins])
    collapsed = Search((CITY,), collapse_stories=True)
    assert ids(engine, collapsed) == [ident(2), max(ident("a"), ident("b"))]
    assert engine.count(collapsed) == 2
    early = Search((CITY,), until=NOW + 2 * HOUR, collapse_stories=True)
    assert ident(1) in ids(engine, early)


def test_everything_since_is_read_although_one_ingest_gave_it_one_moment(engine: Index) -> None:
    engine.write_items(item(n, indexed_at=NOW) for n in range(2300))
    engine.write_items([item("old", indexed_at=NOW - HOUR), item("new", indexed_at=NOW + HOUR)])
    found = [d.id for d in engine.indexed_since(NOW, [CITY])]
    assert len(found) == len(set(found)) == 2301
    assert found == [*sorted(ident(n) for n in range(2300)), ident("new")]


def test_the_issue_is_noted_and_outlives_a_revision(engine: Index) -> None:
    one = item(1, text="一")
    engine.write_items([one])
    engine.set_issue([one.doc_id, "nothing:city"], "i1", 2)
    held = engine.get(one.id, [CITY])
    assert held is not None and (held.issue_id, held.level) == ("i1", 2)
    assert ids(engine, Search((CITY,), parse("议题:i1 等级:2"))) == [one.id]
    engine.write_items([replace(one, revision=2, text="二")])
    assert ids(engine, Search((CITY,), filters={"issue_id": ("i1",)})) == [one.id]


def test_purge_takes_what_is_old_of_that_channel_and_leaves_what_is_pinned(engine: Index) -> None:
    old, day = NOW - timedelta(days=200), timedelta(days=180)
    engine.write_items(item(n, text="旧闻", occurred_at=old, topics=("praise",)) for n in range(1200))
    engine.write_items([
        item("pinned", text="旧闻", occurred_at=old), item("fresh", text="旧闻"),
        item("edge", text="旧闻", occurred_at=NOW - day), item("letter", text="旧闻", channel="submission", occurred_at=old),
    ])  # fmt: skip
    keep = {ident("pinned"), *(ident(n) for n in range(600))}  # more than one batch of a large purge
    assert engine.older("media", NOW - day) == {ident("pinned"), *(ident(n) for n in range(1200))}
    assert engine.purge("media", NOW - day, keep) == 600
    assert engine.purge("media", NOW - day, keep) == 0
    assert engine.count(Search((CITY,), parse("旧闻"))) == 604 == engine.count(ALL)
    assert engine.count(Search((CITY,), parse("话题:praise"))) == 600
    again = [item(700, text="旧闻", occurred_at=old)]
    assert engine.write_items(again) == Written(1, 0)  # what a purge took may come back as new


def test_counts_by_shanghai_day_and_hour(engine: Index) -> None:
    midnight = datetime(2026, 11, 20, 16, tzinfo=UTC)
    engine.write_items(
        item(n, occurred_at=at)
        for n, at in enumerate([midnight - timedelta(milliseconds=1), midnight, midnight + HOUR])
    )
    assert engine.histogram(ALL) == [Bucket("2026-11-20", 1), Bucket("2026-11-21", 2)]
    assert engine.histogram(ALL, "hour")[0] == Bucket("2026-11-20T23", 1)
    assert engine.histogram(Search((DISTRICT,))) == []


def test_terms_and_words_count_documents(engine: Index) -> None:
    engine.write_items(corpus())
    assert engine.terms(ALL, "channel") == [Bucket("media", 4), Bucket("official", 2), Bucket("submission", 1)]
    assert engine.terms(ALL, "topics", 1) == [Bucket("case_handling", 2)]
    assert Bucket("", 3) not in engine.terms(ALL, "outlet")
    assert engine.words(ALL, 1) == [Bucket("检察院", 2)]
    assert engine.words(ALL, 9, sample=1) == [Bucket("不起诉", 1), Bucket("检察院", 1), Bucket("证据", 1)]


def _story(number: int) -> Item:
    """Common words everywhere; 热线 and 占线 in one document of ten, that is in all submissions."""
    rng = random.Random(number)
    submission = number % 10 == 0
    words = {*rng.sample(COMMON, 6), *(("热线", "占线", "App") if submission and rng.random() < 0.9 else ())}
    return item(
        number, words=tuple(sorted(words)), channel="submission" if submission else "media", occurred_at=NOW - number * HOUR,
        outlet_weight=rng.lognormvariate(0, 1), labels={"role_p": rng.betavariate(5, 2)},
    )  # fmt: skip


COMMON = [f"词{n}" for n in range(60)]


def test_words_that_stand_out_in_the_newest_hits(engine: Index) -> None:
    engine.write_items(_story(n) for n in range(1500))
    engine.write_items([item("theirs", words=("词1",), office_id=DISTRICT)])
    letters = Search((CITY,), filters={"channel": ("submission",)})
    found = engine.significant_words(letters)
    assert {b.key for b in found[:3]} == {"热线", "占线", "app"} and found[0].count > 120
    newest = [(b.key, b.count) for b in engine.significant_words(letters, sample=50)]
    assert newest == [
        ("app", 47), ("占线", 47), ("热线", 47), ("词25", 10), ("词5", 9), ("词37", 8), ("词50", 8), ("词46", 8), ("词36", 8),
        ("词19", 8),
    ]  # fmt: skip
    assert engine.significant_words(Search((CITY,), parse("没有这个词"))) == []


@pytest.mark.parametrize("name", ["outlet_weight", "role_p"])
def test_percentiles_are_within_two_percent(engine: Index, name: Number) -> None:
    documents = [_story(n) for n in range(1500)]
    engine.write_items(documents)
    values = [d.outlet_weight if name == "outlet_weight" else d.labels["role_p"] for d in documents]
    percents = [5.0, 50.0, 95.0]
    found = engine.percentiles(ALL, name, percents)
    assert found == pytest.approx(list(numpy.percentile(values, percents)), rel=0.02)
    assert engine.percentiles(Search((DISTRICT,)), name, percents) == []


def test_a_cell_is_set_and_never_falls(engine: Index) -> None:
    def cell(count: int, **fields: object) -> Signal:
        usual: dict[str, object] = {
            "office_id": CITY, "site_group": "论坛", "period": "hour", "starts_at": NOW, "dimension": "all", "label": "",
        }  # fmt: skip
        return Signal(count=count, **{**usual, **fields})  # type: ignore[arg-type]

    assert engine.write_signals([cell(5), cell(5, office_id=DISTRICT), cell(5, period="day")]) == 3
    assert engine.write_signals([cell(5)]) == 0
    assert engine.write_signals([cell(10)]) == 1
    assert engine.write_signals([cell(5)]) == 0
    assert engine.signals([CITY], NOW, NOW + HOUR, "hour") == [cell(10)]
    assert engine.signals([CITY], NOW - HOUR, NOW, "hour") == engine.signals([], NOW, NOW + HOUR, "hour") == []
    assert engine.purge("public", NOW, ()) == 0 and engine.purge("public", NOW + HOUR, ()) == 3
    assert engine.signals([CITY, DISTRICT], NOW, NOW + HOUR, "hour") == []


def test_a_snippet_is_plain_text_around_the_match(engine: Index) -> None:
    engine.write_items([item(1, text="开头" * 60 + "<b>不起诉</b>决定" + "结尾" * 60)])
    (hit,) = engine.search(Search((CITY,), parse("不起诉 -公诉"))).hits
    ((start, end),) = hit.marks
    assert hit.snippet[start:end] == "不起诉" and hit.snippet.startswith("…") and hit.snippet.endswith("…")
    assert len(hit.snippet) <= 122


def test_names_are_those_of_the_corpus() -> None:
    assert len(NAMES) == 8
