"""The card's sentence, run whole: Elasticsearch as index, PostgreSQL for the desk, each step through a Prefect worker.

Skipped, in words, where Elasticsearch was not fetched or PostgreSQL is not installed.
"""

from __future__ import annotations

import email
import email.policy
import os
from collections import Counter
from collections.abc import Iterator
from email.message import EmailMessage
from typing import Any
from urllib.parse import unquote

import httpx
import psycopg
import pytest
from conftest import THREADS, tingjian, told_of
from desk_pages import signed_in
from sqlalchemy import select

from pipeline.desk.database import Database
from pipeline.desk.tables import DigestRow, Incident, IssueRow, Notification
from pipeline.index import open_index
from pipeline.index.engine import Search
from pipeline.settings import load_home
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


def rows(whole: Whole, table: Any) -> list[Any]:
    db = Database(whole.database)
    with db.read() as session:
        found = list(session.scalars(select(table)))
    db.close()
    return found


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


def test_mails_arrived_once_each_and_the_digest_among_them(whole: Whole, mails: list[EmailMessage]) -> None:
    told = rows(whole, Notification)
    assert {n.state for n in told} <= {"sent", "pending"} and not any(n.ambiguous for n in told)
    arrived = Counter((str(m["Message-ID"]), str(m["To"])) for m in mails)
    assert len(arrived) == sum(arrived.values()) == sum(n.state == "sent" for n in told) >= 3
    digests = [m for m in mails if "周报" in str(m["Subject"])]
    assert digests and {n.state for n in told if n.kind == "digest"} == {"sent"} and rows(whole, DigestRow)
    html = digests[0].get_body(("html",))
    assert html is not None and "清江" in html.get_content()


@pytest.mark.parametrize("topic", THREADS)
def test_each_thread_of_the_story_becomes_an_issue(whole: Whole, topic: str) -> None:
    issues = rows(whole, IssueRow)
    assert told_of(issues, topic, THREADS[topic]), [(r.title, r.topics, r.keywords) for r in issues]


def test_both_engines_hold_what_the_desk_shows(whole: Whole) -> None:
    home = load_home(whole.home)
    index = open_index(home)
    offices = tuple(office.id for office in home.offices)
    found = index.count(Search(office_ids=offices))
    index.close()
    assert found >= 100
    with psycopg.connect(whole.database) as connection:
        registry = connection.execute("SELECT count(*) FROM registry WHERE index_name <> ''").fetchone()
    assert registry is not None and registry[0] > 0
    with signed_in(home, NOW) as client:
        pages = {path: client.get(path) for path in ("/", "/issues", "/incidents", "/search?q=检察院", "/digests", "/audit")}
    assert {path: page.status_code for path, page in pages.items()} == dict.fromkeys(pages, 200)
    assert all(incident.short_id in pages["/incidents"].text for incident in rows(whole, Incident))


def test_doctor_finds_nothing_lost_doubled_or_in_limbo(whole: Whole) -> None:
    assert "一切正常" in tingjian("doctor", "--data-dir", str(whole.home), "--now", NOW.isoformat()).stdout
