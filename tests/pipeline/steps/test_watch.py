from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from desk_rows import NOW, OFFICE, issue, item
from sqlalchemy import select

from pipeline.desk.database import Database
from pipeline.desk.tables import (
    Alert,
    Base,
    Counter,
    Incident,
    IssueItem,
    IssueRedirect,
    IssueRow,
    Notification,
    PlanRun,
    Silence,
    SourceState,
)  # fmt: skip
from pipeline.errors import ConfigurationError
from pipeline.index.sqlite import SqliteIndex
from pipeline.response import incidents
from pipeline.settings import Home, load_home
from pipeline.steps.watch import WatchReport, watch


def rows(desk: Database, table: type[Base]) -> list[Any]:
    with desk.read() as s:
        found = list(s.scalars(select(table)))
        s.expunge_all()
        return found


def change(desk: Database, issue_id: str = "i1", **values: Any) -> None:
    with desk.write() as s:
        row = s.get_one(IssueRow, issue_id)
        for name, value in values.items():
            setattr(row, name, value)


def dump(desk: Database) -> dict[str, list[tuple[Any, ...]]]:
    with desk.read() as s:
        return {t.name: sorted(tuple(map(repr, r)) for r in s.execute(select(t))) for t in Base.metadata.sorted_tables}


def test_an_issue_becomes_an_incident_with_its_plan_and_a_mail(
    office_home: Home, desk: Database, office_index: SqliteIndex
) -> None:
    with desk.write() as s:
        s.add(issue())
    report = watch(office_home, desk, office_index, NOW)
    assert (report.opened, report.alerts) == (1, 2)  # two rules, one incident
    assert rows(desk, PlanRun)[0].plan_id == "scam-warning"
    mail = rows(desk, Notification)[0]
    assert "至少 10 人" in mail.text and "把钱转到安全账户" in mail.text and office_home.desk_url in mail.text
    assert {a.incident_id for a in rows(desk, Alert)} == {rows(desk, Incident)[0].id}


def test_the_same_moment_again_changes_nothing(office_home: Home, desk: Database, office_index: SqliteIndex) -> None:
    office_index.write_items(
        [item(), item(id="old", backfill=True), item(id="m", channel="media", role="subject", story_id="z")]
    )
    with desk.write() as s:
        s.add(issue())
        s.add(SourceState(source_id="x", last_status="failing", last_run_at=NOW, last_new_at=NOW))
    for at in (NOW, NOW + timedelta(hours=1), NOW + timedelta(hours=30)):
        watch(office_home, desk, office_index, at)
        before = dump(desk)
        again = watch(office_home, desk, office_index, at)
        assert dump(desk) == before
        assert again == WatchReport(subjects=again.subjects)


def test_a_raised_level_is_told_and_a_lower_one_is_not(
    office_home: Home, desk: Database, office_index: SqliteIndex
) -> None:
    with desk.write() as s:
        s.add(issue(level=3))
    watch(office_home, desk, office_index, NOW)
    change(desk, level=1, updated_at=NOW + timedelta(minutes=10), last_at=NOW + timedelta(minutes=10))
    assert watch(office_home, desk, office_index, NOW + timedelta(minutes=10)).raised == 1
    change(desk, level=2, updated_at=NOW + timedelta(minutes=20))
    report = watch(office_home, desk, office_index, NOW + timedelta(minutes=20))
    assert report.raised == report.opened == 0
    kinds = [n.kind for n in rows(desk, Notification)]
    assert kinds.count("level_raised") == 2 and kinds.count("incident_opened") == 1  # red: on call and leader


def test_an_item_of_an_alerted_issue_joins_and_a_lone_one_opens(
    office_home: Home, desk: Database, office_index: SqliteIndex
) -> None:
    office_index.write_items([item(), item(id="a2", story_id="s2")])
    with desk.write() as s:
        s.add(issue())
        s.add(IssueItem(item_id="a1", office_id=OFFICE, issue_id="gone", added_at=NOW))
        s.add(IssueRedirect(old_id="gone", new_id="i1", merged_at=NOW))
    report = watch(office_home, desk, office_index, NOW)
    assert report.opened == 2
    subjects = {(i.subject_kind, i.subject_id) for i in rows(desk, Incident)}
    assert subjects == {("issue", "i1"), ("item", "a2")}


def test_backfill_is_summarised_once_and_starts_nothing(
    office_home: Home, desk: Database, office_index: SqliteIndex
) -> None:
    office_index.write_items([item(id=f"o{n}", story_id=f"s{n}", backfill=True) for n in range(3)])
    with desk.write() as s:
        s.add(issue(last_at=NOW - timedelta(days=9), first_at=NOW - timedelta(days=9)))
    report = watch(office_home, desk, office_index, NOW)
    assert (report.opened, report.alerts, report.summarised) == (0, 0, 3)
    assert [n.kind for n in rows(desk, Notification)] == ["summary"]
    assert watch(office_home, desk, office_index, NOW + timedelta(hours=1)).summarised == 0


def test_what_happened_while_watch_was_down_is_told(
    office_home: Home, desk: Database, office_index: SqliteIndex
) -> None:
    watch(office_home, desk, office_index, NOW)
    moment = NOW + timedelta(hours=10)
    with desk.write() as s:
        s.add(issue(last_at=moment, updated_at=moment, first_at=moment))
    office_index.write_items([item(indexed_at=moment)])
    assert watch(office_home, desk, office_index, NOW + timedelta(days=5)).opened == 2


def test_a_merged_issue_keeps_its_incident(office_home: Home, desk: Database, office_index: SqliteIndex) -> None:
    with desk.write() as s:
        s.add(issue())
    watch(office_home, desk, office_index, NOW)
    later = NOW + timedelta(hours=30)
    with desk.write() as s:
        s.add(issue(id="i2", updated_at=later, last_at=later))
        s.add(IssueRedirect(old_id="i1", new_id="i2", merged_at=later))
    report = watch(office_home, desk, office_index, later)
    assert report.opened == 0 and report.joined >= 1


def test_after_closing_only_news_opens_again(office_home: Home, desk: Database, office_index: SqliteIndex) -> None:
    with desk.write() as s:
        s.add(issue())
    watch(office_home, desk, office_index, NOW)
    with desk.write() as s:
        incident = s.scalars(select(Incident)).one()
        incidents.close(s, incident.id, "lin", NOW, incident.version, "已处理")
    quiet = NOW + timedelta(hours=30)
    change(desk, updated_at=quiet)
    assert watch(office_home, desk, office_index, quiet).opened == 0
    change(desk, updated_at=quiet, last_at=quiet)
    assert watch(office_home, desk, office_index, quiet).opened == 1


def test_a_silenced_group_is_recorded_and_not_told(
    office_home: Home, desk: Database, office_index: SqliteIndex
) -> None:
    with desk.write() as s:
        s.add(issue())
        s.add(
            Silence(id="q", office_ids=[OFFICE], group_key=f"issue:i1:{OFFICE}", reason="演练", actor="lin", created_at=NOW,
                    until=NOW + timedelta(hours=2))
        )  # fmt: skip
    assert watch(office_home, desk, office_index, NOW).silenced == 2
    assert {a.silenced_by for a in rows(desk, Alert)} == {"q"} and rows(desk, Notification) == []


def test_a_late_and_a_blocked_source(office_home: Home, desk: Database, office_index: SqliteIndex) -> None:
    path = office_home.config / "sources" / "news.yaml"
    path.write_text(path.read_text(encoding="utf-8").replace("enabled: false", "enabled: true"), encoding="utf-8")
    home = load_home(office_home.folder)
    with desk.write() as s:
        s.add(
            SourceState(
                source_id="news",
                last_status="ok",
                last_run_at=NOW,
                last_ok_at=NOW,
                last_new_at=NOW - timedelta(hours=23),
            )
        )
    assert watch(home, desk, office_index, NOW).opened == 0
    assert watch(home, desk, office_index, NOW + timedelta(hours=2)).opened == 1
    incident = rows(desk, Incident)[0]
    assert incident.subject_kind == "source" and "没有新内容" in incident.summary


def test_an_unusual_number_of_expired_posts_is_told_once_a_day(
    office_home: Home, desk: Database, office_index: SqliteIndex
) -> None:
    with desk.write() as s:
        s.add(Counter(name="staging.expired", day="2026-11-18", value=503))
    assert watch(office_home, desk, office_index, NOW).self_alerts == 2
    assert watch(office_home, desk, office_index, NOW + timedelta(hours=1)).self_alerts == 0
    text = rows(desk, Notification)[0].text
    assert "至少有 500 条" in text and "503" not in text


def test_a_wrong_rule_stops_before_anything_changes(
    office_home: Home, desk: Database, office_index: SqliteIndex
) -> None:
    (office_home.config / "rules.yaml").write_text(
        "rules:\n  - {id: x-y, name: n, subject: issue, sentiment: negative}\n"
    )
    with pytest.raises(ConfigurationError):
        watch(office_home, desk, office_index, NOW)
    assert all(not found for name, found in dump(desk).items() if name != "alembic_version")


def test_a_crash_in_the_middle_leaves_nothing_behind(
    office_home: Home, desk: Database, office_index: SqliteIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    with desk.write() as s:
        s.add(issue())

    def crash(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as m:
        m.setattr("pipeline.steps.watch.tick", crash)
        with pytest.raises(KeyboardInterrupt):
            watch(office_home, desk, office_index, NOW)
    assert rows(desk, Alert) == [] and rows(desk, Notification) == []
    assert watch(office_home, desk, office_index, NOW).opened == 1


def test_a_harsher_wording_changes_no_alert(office_home: Home, tmp_path: Path) -> None:
    """`sentiment` reaches neither rule nor incident: the same item, said angrily, does the same."""
    outcomes = []
    for number, feeling in enumerate(("neutral", "negative")):
        database = Database(f"sqlite:///{tmp_path / f'{number}.db'}")
        database.migrate()
        index = SqliteIndex(tmp_path / f"{number}.index")
        index.write_items([item(sentiment=feeling)])
        watch(office_home, database, index, NOW)
        outcomes.append([(i.id, i.level, i.summary) for i in rows(database, Incident)])
        index.close()
        database.close()
    assert outcomes[0] == outcomes[1] and outcomes[0]


def test_a_first_look_at_much_history(office_home: Home, desk: Database, office_index: SqliteIndex) -> None:
    moment: datetime = NOW - timedelta(hours=1)
    office_index.write_items(
        [item(id=f"o{n}", story_id=f"s{n}", role="mentioned", indexed_at=moment) for n in range(1500)] + [item(id="z")]
    )
    assert watch(office_home, desk, office_index, NOW).opened == 1
