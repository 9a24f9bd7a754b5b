"""What a newcomer should find after the demo: the story's issues, incidents with plans, mails, a digest."""

from __future__ import annotations

import email
import email.policy
import json
import sqlite3
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from conftest import NOW, THREADS, tingjian, told_of
from sqlalchemy import select

from pipeline.desk.database import Database
from pipeline.desk.tables import Clock, Incident, IssueRow, Notification, PlanRun, SourceState, Task
from pipeline.index import open_index
from pipeline.index.engine import Search
from pipeline.settings import load_home

pytestmark = pytest.mark.demo
END = datetime.fromisoformat(NOW + "+08:00").astimezone(UTC)


def test_doctor_finds_nothing_lost_doubled_or_in_limbo(demo_home: Path) -> None:
    assert "一切正常" in tingjian("doctor", "--data-dir", str(demo_home), "--now", NOW).stdout


def test_status_says_what_went_in_and_out(demo_home: Path) -> None:
    state = json.loads(tingjian("status", "--json", "--data-dir", str(demo_home), "--now", NOW).stdout)
    stages = state["stages"]
    ingest = stages["ingest"]
    assert ingest["in"] == ingest["out"] + ingest["unchanged"] + ingest["quarantined"] + ingest["expired"]
    assert stages["index"]["documents"] >= 100 and stages["staging"]["in"] >= 150
    assert state["open_incidents"] and state["late_sources"] == []
    assert set(state["outbox"]) <= {"sent", "pending"} and state["outbox"]["sent"] >= 3


@pytest.mark.parametrize("topic", THREADS)
def test_each_thread_of_the_story_becomes_an_issue(demo_home: Path, topic: str) -> None:
    rows = _issues(demo_home)
    fitting = told_of(rows, topic, THREADS[topic])
    assert fitting, [(r.title, r.topics, r.keywords) for r in rows]
    assert min(r.level for r in fitting) <= 3


def test_noise_is_no_issue(demo_home: Path) -> None:
    noise = ("纪检", "体检", "安检", "电视剧", "球", "天气", "招聘会")
    titles = [r.title for r in _issues(demo_home)]
    assert not [t for t in titles if any(n in t for n in noise)], titles


def test_incidents_have_plan_tasks_and_clocks(demo_home: Path) -> None:
    db = Database(load_home(demo_home).database_url)
    with db.read() as session:
        incidents = list(session.scalars(select(Incident)))
        plans = {p.plan_id for p in session.scalars(select(PlanRun))}
        tasks = Counter(t.incident_id for t in session.scalars(select(Task)))
        clocks = Counter(c.incident_id for c in session.scalars(select(Clock)))
    db.close()
    assert len(incidents) >= 4 and len(plans) >= 3
    assert all(tasks[i.id] >= 2 and clocks[i.id] >= 1 for i in incidents)
    assert len({i.group_key for i in incidents}) == len(incidents)


def test_mails_arrived_once_each(demo_home: Path) -> None:
    db = Database(load_home(demo_home).database_url)
    with db.read() as session:
        sent = [n for n in session.scalars(select(Notification)) if n.state == "sent"]
    db.close()
    subjects = Counter()
    for path in (demo_home / "demo/inbox").glob("*.eml"):
        message = email.message_from_bytes(path.read_bytes(), policy=email.policy.default)
        subjects[(message["Message-ID"], message["To"])] += 1
    assert len(subjects) == len(sent) == sum(subjects.values())


def test_digest_was_written_and_sent(demo_home: Path) -> None:
    mails = [
        email.message_from_bytes(p.read_bytes(), policy=email.policy.default)
        for p in (demo_home / "demo/inbox").glob("*.eml")
    ]
    digests = [m for m in mails if "周报" in str(m["Subject"])]
    assert digests
    html = digests[0].get_body(("html",))
    assert html is not None and "清江" in html.get_content()


def test_an_item_of_both_offices_and_an_edited_one(demo_home: Path) -> None:
    home = load_home(demo_home)
    index = open_index(home)
    hits = index.search(Search(office_ids=("qingjiang", "yunxi")), size=500).hits
    index.close()
    offices = Counter(h.item.id for h in hits)
    assert any(n == 2 for n in offices.values())
    assert any(h.item.revision == 2 for h in hits)
    assert len({h.item.doc_id for h in hits}) == len(hits)


def test_backfill_is_indexed_but_starts_nothing(demo_home: Path) -> None:
    home = load_home(demo_home)
    index = open_index(home)
    old = [h.item for h in index.search(Search(office_ids=("qingjiang", "yunxi")), size=500).hits if h.item.backfill]
    index.close()
    assert len(old) >= 20
    db = Database(home.database_url)
    with db.read() as session:
        subjects = {i.subject_id for i in session.scalars(select(Incident)) if i.subject_kind == "item"}
    db.close()
    assert not subjects & {i.id for i in old}


def test_malformed_rows_are_quarantined_with_reason(demo_home: Path) -> None:
    db = Database(load_home(demo_home).database_url)
    with db.read() as session:
        states = {s.source_id: s for s in session.scalars(select(SourceState))}
    db.close()
    assert sum(s.quarantined for s in states.values()) >= 2
    assert all(s.last_status in ("ok", "empty") for s in states.values()), {k: s.message for k, s in states.items()}


def test_prefect_has_no_run_in_limbo(demo_home: Path) -> None:
    states = _prefect_states(demo_home)
    assert states["COMPLETED"] >= 2 and set(states) == {"COMPLETED"}


def test_running_it_again_changes_nothing_old(own_home: Path) -> None:
    before = json.loads(tingjian("status", "--json", "--data-dir", str(own_home), "--now", NOW).stdout)
    for step in ("ingest", "watch", "dispatch", "digest", "dispatch"):
        tingjian(step, "--data-dir", str(own_home), "--now", NOW)
    after = json.loads(tingjian("status", "--json", "--data-dir", str(own_home), "--now", NOW).stdout)
    for name in ("stages", "open_incidents", "outbox"):
        assert before[name] == after[name], name


def _issues(home_folder: Path) -> list[Any]:
    db = Database(load_home(home_folder).database_url)
    with db.read() as session:
        rows = list(session.scalars(select(IssueRow)))
    db.close()
    return rows


def _prefect_states(home: Path) -> Counter[str]:
    connection = sqlite3.connect(f"file:{home / 'prefect/prefect.db'}?mode=ro", uri=True)
    try:
        return Counter(
            dict(connection.execute("SELECT state_type, count(*) FROM flow_run GROUP BY state_type").fetchall())
        )
    finally:
        connection.close()
