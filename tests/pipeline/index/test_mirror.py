"""What Kibana reads of the desk's database: as it is there, never older, never more than the charter shows."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from desk_rows import NOW, OFFICE, issue, post
from elastic_office import ElasticOffice, build, fill, opened
from engines import drop
from making import item
from sqlalchemy import delete, select

from pipeline.desk import audit
from pipeline.desk.tables import (
    AuditLine,
    Counter,
    Heartbeat,
    Incident,
    IssueRedirect,
    IssueRow,
    Notification,
    SourceState,
)
from pipeline.index.mapping import AUDIT, INCIDENTS, ISSUES, SOURCES
from pipeline.response import incidents
from pipeline.steps.mirror import MIRRORED, mirror
from pipeline.steps.self_watch import self_alerts
from pipeline.steps.troubles import standing

MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)


@pytest.fixture
def office(tmp_path: Path, elasticsearch_url: str) -> Iterator[ElasticOffice]:
    built = build(tmp_path / "office", elasticsearch_url)
    yield built
    drop(built.index)
    built.db.close()


def state(office: ElasticOffice) -> dict[str, object]:
    with office.db.read() as session:
        return session.get_one(Heartbeat, "mirror").state


def test_everything_arrives_as_it_is_on_the_desk(office: ElasticOffice) -> None:
    fill(office)
    with office.db.write() as session:
        session.add(SourceState(source_id="news", last_run_at=NOW, last_ok_at=NOW, last_status="ok"))
    report = mirror(office.home, office.db, office.index, NOW + MINUTE)
    assert (report.refused, report.problem) == (0, "")
    (one,) = office.documents(ISSUES).values()
    assert one["office_id"] == [OFFICE] and one["voices"] == 10 and one["topics"] == ["impersonation_scam"]
    assert one["factors"] == ["harm"] and one["occurred_at"] == NOW.isoformat() and "answered_at" not in one
    (incident,) = office.documents(INCIDENTS).values()
    assert incident["state"] == "open" and incident["plan_id"] == "scam-warning" and incident["running"] == 3
    assert incident["deadlines_running"] == ["acknowledge", "answer", "first_statement"]
    assert incident["tasks"] == incident["tasks_open"] > 3 and incident["next_due_at"] > NOW.isoformat()
    sources = office.documents(SOURCES)
    assert set(sources) == {s.id for s in office.home.sources}
    assert sources["news"]["status"] == "ok" and sources["news"]["office_id"] == [OFFICE]
    with office.db.read() as session:
        assert len(office.documents(AUDIT)) == len(session.scalars(select(AuditLine)).all())


def test_nobody_is_named_but_staff_in_the_audit(office: ElasticOffice) -> None:
    fill(office)
    with office.db.write() as session:
        row = session.scalars(select(Incident)).one()
        incidents.acknowledge(session, row.id, "wang", NOW + HOUR, row.version)
    mirror(office.home, office.db, office.index, NOW + HOUR)
    shown = {kind: office.documents(kind) for kind in MIRRORED}
    actors = {line.pop("actor") for line in shown[AUDIT].values()}
    assert actors == {"system", "chen", "wang"}
    assert "wang" not in str(shown) and "chen" not in str(shown) and "王某某" not in str(shown)


def test_times_to_acknowledge_and_to_answer_and_deadlines(office: ElasticOffice) -> None:
    fill(office)
    with office.db.write() as session:
        row = session.scalars(select(Incident)).one()
        incidents.acknowledge(session, row.id, "wang", NOW + 10 * MINUTE, row.version)
        incidents.mark_answered(session, row.id, "wang", NOW + 3 * HOUR, row.version, "已发布")
        issue_row = session.get_one(IssueRow, "i1")
        issue_row.answered_at = issue_row.updated_at = NOW + 3 * HOUR
    office.index.write_items(
        item(n, office_id=OFFICE, occurred_at=NOW + n * HOUR, issue_id="i1", region="清江市") for n in range(5)
    )
    mirror(office.home, office.db, office.index, NOW + 4 * HOUR)
    (incident,) = office.documents(INCIDENTS).values()
    assert (incident["acknowledge_seconds"], incident["answer_seconds"]) == (600, 10800)
    assert incident["state"] == "answered" and "acknowledge" in incident["deadlines_met"] and incident["missed"] == 0
    (one,) = office.documents(ISSUES).values()
    assert (one["items_before_answer"], one["items_after_answer"], one["answer_seconds"]) == (3, 2, 10800)
    assert one["regions"] == ["清江市"]


def test_again_changes_nothing_and_an_older_round_never_goes_back(office: ElasticOffice) -> None:
    fill(office)
    mirror(office.home, office.db, office.index, NOW + MINUTE)
    before = {kind: office.documents(kind) for kind in MIRRORED}
    mirror(office.home, office.db, office.index, NOW + MINUTE)
    assert {kind: office.documents(kind) for kind in MIRRORED} == before
    with office.db.write() as session:
        session.get_one(IssueRow, "i1").title = "后来的标题"
        session.get_one(IssueRow, "i1").updated_at = NOW + 2 * MINUTE
    mirror(office.home, office.db, office.index, NOW + 2 * MINUTE)
    with office.db.write() as session:
        session.get_one(IssueRow, "i1").title = "迟到的旧标题"
    mirror(office.home, office.db, office.index, NOW)  # a clock that went back
    assert office.documents(ISSUES)["i1"]["title"] == "后来的标题"


def test_what_was_merged_or_purged_goes(office: ElasticOffice) -> None:
    fill(office)
    with office.db.write() as session:
        session.add_all([issue(id="i2"), issue(id="i3")])
    mirror(office.home, office.db, office.index, NOW)
    assert set(office.documents(ISSUES)) == {"i1", "i2", "i3"}
    with office.db.write() as session:
        session.execute(delete(IssueRow).where(IssueRow.id == "i1"))
        session.add(IssueRedirect(old_id="i1", new_id="i2", merged_at=NOW + MINUTE))
        session.scalars(select(Incident)).one().subject_id = "i2"
    mirror(office.home, office.db, office.index, NOW + MINUTE)
    assert set(office.documents(ISSUES)) == {"i2", "i3"}
    assert [d["subject_id"] for d in office.documents(INCIDENTS).values()] == ["i2"]
    with office.db.write() as session:  # a purge leaves no trace
        session.execute(delete(IssueRow).where(IssueRow.id == "i3"))
        session.merge(Heartbeat(name="upkeep", beat_at=NOW + 2 * MINUTE, state={}))
    mirror(office.home, office.db, office.index, NOW + 3 * MINUTE)
    assert set(office.documents(ISSUES)) == {"i2"}


def test_a_long_audit_goes_in_rounds(office: ElasticOffice, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.steps.mirror.AUDIT_ROUND", 700)
    with office.db.write() as session:
        for n in range(1500):
            audit.record(session, NOW + n * MINUTE, "chen", [OFFICE], "view", f"item:{n}")
    for n in range(4):
        assert mirror(office.home, office.db, office.index, NOW + n * MINUTE).problem == ""
    assert office.index.server.total(f"{office.index.server.prefix}audit-*", {"match_all": {}}) == 1500


def test_a_cluster_that_takes_no_writes_is_said_counted_and_tried_again(
    office: ElasticOffice, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipeline.index.elastic_client.FIRST_PAUSE", 0.01)
    mirror(office.home, office.db, office.index, NOW)
    client, name = office.index.server.client, f"{office.index.server.prefix}issues"
    client.indices.put_settings(index=name, settings={"index.blocks.read_only_allow_delete": True})
    fill(office)
    report = mirror(office.home, office.db, office.index, NOW + MINUTE)
    assert "只读" in report.problem and "只读" in str(state(office)["problem"])
    with office.db.read() as session:
        assert session.scalars(select(Counter).where(Counter.name == "mirror.failed")).one().value == 1
    client.indices.put_settings(index=name, settings={"index.blocks.read_only_allow_delete": None})
    assert mirror(office.home, office.db, office.index, NOW + HOUR).problem == ""
    assert state(office)["problem"] == "" and set(office.documents(ISSUES)) == {"i1"}
    assert len(office.documents(INCIDENTS)) == 1


def test_a_closed_incident_stays_as_it_ended(office: ElasticOffice) -> None:
    with office.db.write() as session:
        row = opened(session)
        row.state, row.closed_at, row.closed_by = "closed", NOW + HOUR, "wang"
    mirror(office.home, office.db, office.index, NOW + HOUR)
    mirror(office.home, office.db, office.index, NOW + 9 * HOUR)
    (incident,) = office.documents(INCIDENTS).values()
    assert incident["state"] == "closed" and incident["close_seconds"] == 3600


def test_a_request_that_is_refused_is_said_and_the_other_kinds_go_on(office: ElasticOffice) -> None:
    fill(office)
    with office.db.write() as session:
        session.add(issue(id="i2"))
    office.index.write_items([item(1, office_id=OFFICE)])
    client, pattern = office.index.server.client, f"{office.index.server.prefix}items-*"
    client.indices.put_settings(index=pattern, settings={"index.max_terms_count": 1})  # 400 to a question about two issues
    report = mirror(office.home, office.db, office.index, NOW)
    assert "Elasticsearch 不接受这个请求（400）" in report.problem
    assert len(office.documents(INCIDENTS)) == 1 and office.documents(SOURCES) and office.documents(AUDIT)
    with office.db.read() as session:
        assert "Kibana 看板的数据没有更新" in standing(session)[0].words
    assert "watermark" not in state(office)
    client.indices.put_settings(index=pattern, settings={"index.max_terms_count": None})
    assert mirror(office.home, office.db, office.index, NOW + MINUTE).problem == ""
    assert set(office.documents(ISSUES)) == {"i1", "i2"}
    with office.db.read() as session:
        assert standing(session) == []


def test_documents_that_fit_no_mapping_are_counted_and_told_to_people(office: ElasticOffice) -> None:
    fill(office)
    server = office.index.server
    server.drop(f"{server.prefix}sources")
    server.create(f"{server.prefix}sources", mappings={"properties": {"kind": {"type": "integer"}}})
    report = mirror(office.home, office.db, office.index, NOW)
    assert report.refused == len(office.home.sources) and f"有 {report.refused} 份记录不合映射" in report.problem
    assert set(office.documents(ISSUES)) == {"i1"} and "watermark" in state(office)
    with office.db.write() as session:
        assert session.scalars(select(Counter).where(Counter.name == "mirror.refused")).one().value == report.refused
        assert self_alerts(session, [OFFICE], post(), NOW + MINUTE, 5) == 0  # it may pass
        assert self_alerts(session, [OFFICE], post(), NOW + HOUR, 5) > 0
        assert self_alerts(session, [OFFICE], post(), NOW + 2 * HOUR, 5) == 0  # once a day
        told = session.scalars(select(Notification).where(Notification.kind == "self_alert")).all()
    assert all("Kibana 看板的数据没有更新" in n.subject and "不合映射" in n.text for n in told)
