"""The card's sentence, run whole: Elasticsearch as index, PostgreSQL for the desk, each step through a Prefect worker.

Skipped, in words, where Elasticsearch was not fetched or PostgreSQL is not installed.
"""

from __future__ import annotations

import email
import email.policy
import json
import os
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from email.message import EmailMessage
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import httpx
import psycopg
import pytest
from conftest import THREADS, tingjian, told_of
from desk_pages import signed_in
from elasticsearch.helpers import scan
from faults import outcome
from haystack import EXCEPTIONS, NOT_OURS, found, needles
from psycopg import sql
from sqlalchemy import select
from whole_world import world

from pipeline.desk.database import Database
from pipeline.desk.tables import Clock, DigestRow, Incident, IssueRow, Notification, Task
from pipeline.index import open_index
from pipeline.index.elastic import ElasticIndex
from pipeline.index.engine import Index, Search
from pipeline.index.mapping import FIELDS, all_of
from pipeline.index.query import parse
from pipeline.settings import Home, load_home
from tests.deploy.kibana.kibana_panels import (
    BOARDS,
    EXPECTED,
    Office,
    Place,
    Reader,
    Told,
    World,
    every_panel,
    filled,
    grouped,
)
from tests.deploy.whole import NOW, POOL, Whole, whole_demo
from tests.postgres_server.server import PASSWORD_NAME

pytestmark = pytest.mark.demo


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Whole]:
    with whole_demo(tmp_path_factory.mktemp("whole")) as finished:
        yield finished


@pytest.fixture
def mails(whole: Whole) -> list[EmailMessage]:
    return [
        email.message_from_bytes(path.read_bytes(), policy=email.policy.default)
        for path in (whole.home / "demo" / "inbox").glob("*.eml")
    ]


@pytest.fixture(scope="module")
def home(whole: Whole) -> Home:
    return load_home(whole.home)


@pytest.fixture(scope="module")
def db(home: Home) -> Iterator[Database]:
    yield (opened := Database(home.database_url))
    opened.close()


@pytest.fixture(scope="module")
def index(home: Home) -> Iterator[ElasticIndex]:
    opened = open_index(home)
    assert isinstance(opened, ElasticIndex)
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def shown(home: Home, index: ElasticIndex) -> dict[str, dict[Place, list[dict[str, Any]]]]:
    """Office → what each of its panels returns."""
    client, prefix = index.server.client, index.server.prefix
    return {o.id: every_panel(client, Office(o.id, o.short_name, prefix), NOW) for o in home.offices}


@pytest.fixture(scope="module")
def records(home: Home, db: Database, index: ElasticIndex) -> World:
    return world(home, db, index, NOW)


def rows(db: Database, table: Any) -> list[Any]:
    with db.read() as session:
        return list(session.scalars(select(table)))


def test_each_step_ran_in_a_worker_of_the_pool(whole: Whole) -> None:
    with httpx.Client(base_url=whole.api, trust_env=False) as client:
        runs = client.post("/flow_runs/filter", json={}).json()
        workers = client.post(f"/work_pools/{POOL}/workers/filter", json={}).json()
        pool = client.get(f"/work_pools/{POOL}").json()
    assert {run["id"] for run in runs} == set(whole.runs) and len(runs) == 7
    assert {(run["state_type"], run["work_pool_name"]) for run in runs} == {("COMPLETED", POOL)}
    assert all(run["infrastructure_pid"] for run in runs)
    assert pool["type"] == "process" and len(workers) == 1


def test_nothing_lies_in_the_embedded_engines(whole: Whole) -> None:
    assert not list(whole.home.glob("desk.db*")) and not list(whole.home.glob("index.db*"))
    for path in (whole.home / "config").rglob("*.yaml"):
        text = path.read_text(encoding="utf-8")
        assert os.environ[PASSWORD_NAME] not in text and unquote(text) == unquote(unquote(text))


def test_mails_arrived_once_each_and_the_digest_among_them(db: Database, mails: list[EmailMessage]) -> None:
    told = rows(db, Notification)
    assert {n.state for n in told} <= {"sent", "pending"} and not any(n.ambiguous for n in told)
    arrived = Counter((str(m["Message-ID"]), str(m["To"])) for m in mails)
    assert len(arrived) == sum(arrived.values()) == sum(n.state == "sent" for n in told) >= 3
    digests = [m for m in mails if "周报" in str(m["Subject"])]
    assert digests and {n.state for n in told if n.kind == "digest"} == {"sent"} and rows(db, DigestRow)
    html = digests[0].get_body(("html",))
    assert html is not None and "清江" in html.get_content()


@pytest.mark.parametrize("topic", THREADS)
def test_each_thread_of_the_story_becomes_an_issue(db: Database, topic: str) -> None:
    issues = rows(db, IssueRow)
    assert told_of(issues, topic, THREADS[topic]), [(r.title, r.topics, r.keywords) for r in issues]


def test_both_engines_hold_what_the_desk_shows(whole: Whole, home: Home, db: Database, index: ElasticIndex) -> None:
    assert index.count(Search(office_ids=tuple(office.id for office in home.offices))) >= 100
    with psycopg.connect(whole.database) as connection:
        registry = connection.execute("SELECT count(*) FROM registry WHERE index_name <> ''").fetchone()
    assert registry is not None and registry[0] > 0
    with signed_in(home, NOW) as client:
        pages = {
            path: client.get(path) for path in ("/", "/issues", "/incidents", "/search?q=检察院", "/digests", "/audit")
        }
    assert {path: page.status_code for path, page in pages.items()} == dict.fromkeys(pages, 200)
    assert all(incident.short_id in pages["/incidents"].text for incident in rows(db, Incident))


CHARTS = [
    pytest.param(board.title, panel.title, id=f"{board.title} {panel.title}")
    for board in BOARDS for _, row in board.rows for _, panel in row if panel.type == "lens"
]  # fmt: skip


@pytest.mark.parametrize(("board", "title"), CHARTS)
def test_a_panel_says_what_the_desk_and_the_index_say(
    board: str, title: str, home: Home, index: ElasticIndex, shown: dict[str, dict[Place, list[Any]]], records: World
) -> None:
    """Told from the records in plain Python (`kibana_expected`), for each office."""
    (since,) = (b.since for b in BOARDS if b.title == board)
    begin = Reader(index.server.client, NOW).begin(since)
    for office in home.offices:
        expected = filled(EXPECTED[title](Told(records.of(office.id), begin, NOW)))
        found = grouped(shown[office.id][board, title])
        assert found.keys() <= expected.keys()
        for place, values in found.items():
            for got, wanted in zip(values, expected[place], strict=True):
                assert (got or 0) == pytest.approx(wanted or 0, rel=1e-4), (office.id, place, values, expected[place])
        left_out = [
            expected[place][0] or 0 for place in expected.keys() - found.keys()
        ]  # below the chart's first so many
        assert not left_out or (len(found) >= 10 and max(left_out) <= min(v[0] or 0 for v in found.values())), left_out


def test_most_panels_have_something_to_say_of_the_city(home: Home, shown: dict[str, dict[Place, list[Any]]]) -> None:
    """Silent are those of what the story leaves out: nobody signs or answers, no source is late, few speak on its last day."""
    found = shown[home.offices[0].id]
    spoken = {title for board, title in (c.values for c in CHARTS) if grouped(found[str(board), str(title)])}
    assert len(CHARTS) >= 50 and len(spoken) >= 40, sorted(spoken)
    lists = ("最新的红色和橙色议题", "未办结的处置事件")
    assert all(table for (_, title), table in found.items() if title in lists)


def test_incidents_and_issues_in_the_panels_are_those_of_the_desk(
    home: Home, db: Database, shown: dict[str, dict[Place, list[Any]]]
) -> None:
    by_title = {office: {title: table for (_, title), table in found.items()} for office, found in shown.items()}
    for office in home.offices:
        mine = [i for i in rows(db, Incident) if office.id in i.office_ids and i.state != "closed"]
        table = by_title[office.id]
        assert [row["m0"] for row in table["未办结的事件"]] == [len(mine)]
        assert {row["short_id"] for row in table["未办结的处置事件"]} == {i.short_id for i in mine}
        issues = {i.title: i for i in rows(db, IssueRow) if office.id in i.office_ids}
        told = {row["b1"]: (str(row["b0"]), row["m1"], row["m2"]) for row in table["议题一览"]}
        assert told == {title: (str(i.level), i.voices, i.items) for title, i in issues.items()}


def test_nothing_that_the_charter_hides_is_in_any_field_of_any_index(
    whole: Whole, home: Home, index: ElasticIndex, planted: dict[str, object], tmp_path: Path
) -> None:
    """The cluster itself is scanned, whatever its mapping says; then the desk's database and all that the run wrote."""
    client, prefix, k = index.server.client, index.server.prefix, home.settings.k
    kinds: Counter[str] = Counter()
    with (tmp_path / "cluster.jsonl").open("w", encoding="utf-8") as lines:
        for hit in scan(client, index=f"{prefix}*", query={"query": {"match_all": {}}}):
            lines.write(json.dumps(dict(hit), ensure_ascii=False) + "\n")
            kind, source = hit["_index"].removeprefix(prefix).split("-")[0], hit["_source"]
            kinds[kind] += 1
            assert kind in FIELDS and (kind == "sources" or source.get("channel") != "public"), hit["_index"]
            assert kind != "signals" or (source["count"] >= k and source["count"] % k == 0), source
            assert kind != "issues" or source["voices"] % k == 0, source
    assert set(kinds) == set(FIELDS) and kinds.total() == sum(
        client.count(index=all_of(prefix, kind))["count"] for kind in FIELDS
    )
    with (tmp_path / "desk.jsonl").open("w", encoding="utf-8") as lines, psycopg.connect(whole.database) as connection:
        for (table,) in connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall():
            for row in connection.execute(sql.SQL("SELECT * FROM {}").format(sql.Identifier(table))):
                lines.write(json.dumps(row, ensure_ascii=False, default=str) + "\n")
    assert found(tmp_path, needles(planted)) == []
    assert found(tmp_path, ["0689-6612309"])  # what is there is found
    assert found(whole.home, needles(planted), leave_out=(*EXCEPTIONS, *NOT_OURS)) == []


QUERIES = (
    "", "检察院", '"不起诉"', "不起诉 非 听证", "冒充 或 假冒", "12309", "标题:热线", "渠道:submission", "等级:<=2", "话题:impersonation_scam",
    "(热线 或 电话) 且 没人接", "词:诈骗", "日期:>=2026-11-18 检察官", "待回应:是",
)  # fmt: skip


def test_the_small_engines_end_with_the_same(whole: Whole, demo_home: Path) -> None:
    """SQLite for both, steps as plain calls, against Elasticsearch, PostgreSQL and a worker: the same week, the same end."""
    one, other = ending(demo_home), ending(whole.home)
    for name in one:
        assert one[name] == other[name], name


def ending(folder: Path) -> dict[str, Any]:
    """What a week leaves, without ids, which each installation makes with its own key."""
    home = load_home(folder)
    db, index = Database(home.database_url), open_index(home)
    offices = tuple(office.id for office in home.offices)
    issues = {
        (i.title, tuple(i.office_ids), i.level, i.voices, i.items, i.media_items, i.submissions, tuple(sorted(i.keywords)),
         tuple(sorted(i.phrases)), json.dumps(i.trend), round(i.heat, 3), i.last_at)
        for i in rows(db, IssueRow)
    }  # fmt: skip
    incidents = {i.id: (i.title, tuple(i.office_ids), i.level, i.state, i.opened_at) for i in rows(db, Incident)}
    clocks = Counter((incidents[c.incident_id], c.kind, c.state, c.starts_at, c.due_at) for c in rows(db, Clock))
    tasks = Counter((incidents[t.incident_id], t.kind, t.state) for t in rows(db, Task))
    mails = Counter((n.kind, n.subject.replace(n.short_id, ""), n.recipient, n.state) for n in rows(db, Notification))
    hits = {q: hit_titles(index, Search(offices, query=parse(q))) for q in QUERIES}
    cells = index.signals(offices, NOW - timedelta(days=30), NOW + timedelta(days=1), "day")
    heard = Counter((s.office_id, s.site_group, s.dimension, s.label, s.starts_at, s.count) for s in cells)
    db.close()
    index.close()
    return {
        "issues": issues, "incidents": Counter(incidents.values()), "clocks": clocks, "tasks": tasks, "mails": mails,
        "hits": hits, "heard": heard, **outcome(folder),
    }  # fmt: skip


def hit_titles(index: Index, wanted: Search) -> Counter[tuple[str, str, str, int]]:
    page = index.search(wanted, 1000)
    assert page.after is None and len(page.hits) == index.count(wanted)
    return Counter((h.item.office_id, h.item.channel, h.item.title, h.item.level) for h in page.hits)


def test_doctor_finds_nothing_lost_doubled_or_in_limbo(whole: Whole) -> None:
    assert "一切正常" in tingjian("doctor", "--data-dir", str(whole.home), "--now", NOW.isoformat()).stdout
