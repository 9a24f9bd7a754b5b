"""Staging and index to issues and signals: under k nothing leaves, from k on only what is shared, and ids last."""

from __future__ import annotations

import fcntl
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest
from house import NAME, OFFICE, House, article
from making import HOUR, NOW, bytes_anywhere, ident

from pipeline.desk.tables import Incident, IssueItem, IssueRedirect, IssueRow, TimelineEntry
from pipeline.errors import RetryLater
from pipeline.records import Capture, Signal

K = 5
CHAIN = f"{NAME}的咨询热线打了三天没人接，谁能管一管"
SECRET = "桐花巷的灯笼在第三个路口等你"


def crowd(house: House, people: Sequence[int], text: str = CHAIN, now: Any = NOW, **fields: Any) -> list[Capture]:
    return [house.says(f"{text}{n}{now}", f"person {n}", text, now, **fields) for n in people]


def signals(house: House, now: Any = NOW) -> list[Signal]:
    return house.index.signals([OFFICE], now - timedelta(days=9), now + timedelta(days=1), "day")


def published_bytes(house: House, secret: str) -> list[str]:
    """Where it stands: every byte of the installation, and every row of the desk wherever its database is."""
    rows = [name for name, found in house.dump().items() if secret in str(found)]
    return rows + [p.name for p in bytes_anywhere(house.home.folder, secret)]


@pytest.mark.parametrize(("people", "voices"), [(1, 0), (K - 1, 0), (K, K), (K + 1, K), (2 * K, 2 * K)])
def test_an_issue_is_heard_from_k_voices_on(house: House, people: int, voices: int) -> None:
    house.ingest(*crowd(house, range(people)))
    house.hear()
    issues = house.rows(IssueRow)
    assert [i.voices for i in issues] == ([voices] if voices else [])
    assert {s.count for s in signals(house)} == ({voices} if voices else set())
    assert (published_bytes(house, CHAIN) != []) == bool(voices)  # a circulating text may be told, from k on
    if voices:
        assert issues[0].office_ids == [OFFICE] and issues[0].items == 0 and "service_access" in issues[0].topics
        assert house.rows(IssueItem) == []


def test_one_person_who_speaks_in_two_windows_is_not_two(house: House) -> None:
    people = range(K - 1)
    house.ingest(*crowd(house, people))
    later = NOW + timedelta(hours=36)
    house.ingest(*crowd(house, people, now=later), now=later)
    house.hear(later)
    assert len(house.staged()) == 2 * (K - 1) and house.rows(IssueRow) == [] and signals(house, later) == []
    house.ingest(*crowd(house, [K], now=later), now=later)
    house.hear(later)
    assert [i.voices for i in house.rows(IssueRow)] == [K]


def test_a_members_own_detail_stays_in_staging(house: House) -> None:
    house.ingest(*crowd(house, range(K)), *crowd(house, [99], f"{CHAIN}，{SECRET}", title=SECRET))
    house.hear()
    (issue,) = house.rows(IssueRow)
    assert issue.phrases and issue.voices == K
    for secret in (SECRET, "灯笼", "桐花"):
        assert published_bytes(house, secret) == []


def test_k_plus_one_changes_nothing_that_can_be_seen(house: House) -> None:
    house.ingest(*crowd(house, range(K)))
    house.hear()
    before, cells = house.dump("heartbeats", "batches", "registry", "registry_aliases"), signals(house)
    house.ingest(*crowd(house, [77]))
    house.hear()
    assert house.dump("heartbeats", "batches", "registry", "registry_aliases") == before and signals(house) == cells


def test_the_same_time_again_changes_nothing(house: House) -> None:
    stories = [article(n, f"{NAME}的咨询热线没人接，记者连续三天拨打咨询热线。第{n}次调查。") for n in range(3)]
    house.ingest(*crowd(house, range(K)), *stories)
    house.hear()
    assert house.rows(IssueRow)
    before, staged, cells = house.dump(), house.staged(), signals(house)
    items = [house.item(n) for n in range(3)]
    again = house.hear()
    assert house.dump() == before and house.staged() == staged and signals(house) == cells
    assert [house.item(n) for n in range(3)] == items and again.signals == 0


def test_an_issue_keeps_its_id_while_it_grows_and_documents_know_it(house: House) -> None:
    def report(n: int, now: Any) -> Capture:
        return article(
            n, f"{NAME}的咨询热线没人接，记者第{n}次拨打咨询热线，仍然无人接听。", now, title=f"咨询热线无人接听（{n}）"
        )

    house.ingest(report(1, NOW), report(2, NOW))
    house.hear()
    (first,) = house.rows(IssueRow)
    later = NOW + timedelta(days=1)
    house.ingest(report(3, later), now=later)
    house.hear(later)
    (grown,) = house.rows(IssueRow)
    assert (grown.id, grown.items, grown.version > first.version) == (first.id, 3, True)
    for n in (1, 2, 3):
        item = house.item(n)
        assert item is not None and item.issue_id == first.id
    assert {i.added_at for i in house.rows(IssueItem) if i.item_id == ident(1)} == {NOW}


def test_two_issues_that_turn_out_to_be_one_leave_a_redirect_and_the_incident_follows(house: House) -> None:
    house.ingest(*(article(n, f"{NAME}的咨询热线没人接，第{n}次。", thread="t") for n in range(4)))
    house.hear()
    (one,) = house.rows(IssueRow)
    with house.db.write() as s:  # as if an earlier run had seen two
        values = {c.name: getattr(one, c.name) for c in IssueRow.__table__.columns if c.name != "id"}
        s.add(IssueRow(id="younger", **{**values, "first_at": NOW + HOUR}))
        for row in s.query(IssueItem).filter(IssueItem.item_id.in_([ident(2), ident(3)])):
            row.issue_id = "younger"
        s.add(Incident(
            id="x", short_id="ABCDEF", office_ids=[OFFICE], title="t", subject_kind="issue", subject_id="younger",
            group_key="issue:younger:" + OFFICE, level=3, state="open", opened_at=NOW,
        ))  # fmt: skip
    report = house.hear(NOW + 2 * HOUR)
    assert report.merged == 1 and [i.id for i in house.rows(IssueRow)] == [one.id]
    assert [(r.old_id, r.new_id) for r in house.rows(IssueRedirect)] == [("younger", one.id)]
    assert {i.issue_id for i in house.rows(IssueItem)} == {one.id}
    assert house.rows(Incident)[0].subject_id == one.id


def test_what_was_published_of_a_merged_issue_lives_on_and_both_incidents_say_it(house: House) -> None:
    house.ingest(*(article(n, f"{NAME}的咨询热线没人接，第{n}次。", thread="t") for n in range(4)))
    house.hear()
    (one,) = house.rows(IssueRow)
    answered = NOW + HOUR
    with (
        house.db.write() as s
    ):  # as if an earlier run had seen two, and the younger one had been talked of and answered
        values = {c.name: getattr(one, c.name) for c in IssueRow.__table__.columns if c.name != "id"}
        told = {"first_at": NOW + HOUR, "phrases": [CHAIN], "voices": 2 * K, "answered_at": answered, "sensitive": True}
        s.add(IssueRow(id="younger", **{**values, **told}))
        for row in s.query(IssueItem).filter(IssueItem.item_id.in_([ident(2), ident(3)])):
            row.issue_id = "younger"
        for short, subject in (("AAAAAA", one.id), ("BBBBBB", "younger")):
            s.add(Incident(
                id=short, short_id=short, office_ids=[OFFICE], title=f"事件{short}", subject_kind="issue", subject_id=subject,
                group_key=f"issue:{subject}:{OFFICE}", level=3, state="open", opened_at=NOW,
            ))  # fmt: skip
    house.hear(NOW + 2 * HOUR)
    (merged,) = house.rows(IssueRow)
    assert merged.id == one.id and merged.phrases == [CHAIN] and merged.voices == 2 * K
    assert merged.answered_at == answered and merged.sensitive
    said = {line.incident_id: line.text for line in house.rows(TimelineEntry)}
    assert "BBBBBB" in said["AAAAAA"] and "AAAAAA" in said["BBBBBB"]


def test_an_issue_that_was_to_be_seen_is_not_lost_to_an_older_one_that_was_not(house: House) -> None:
    """Its items' issue was unknown to the desk so far; the published row goes on under the older id."""
    house.ingest(*(article(n, f"{NAME}的咨询热线没人接，第{n}次。", thread="t") for n in range(4)))
    house.hear()
    (one,) = house.rows(IssueRow)
    with house.db.write() as s:
        first = s.get_one(IssueItem, (ident(0), OFFICE))
        first.issue_id = "older"
        row = s.get_one(IssueRow, one.id)
        row.phrases, row.voices = [CHAIN], K
    house.hear(NOW + HOUR)
    (row,) = house.rows(IssueRow)
    places = {i.issue_id for i in house.rows(IssueItem)}
    assert places == {row.id} and row.phrases == [CHAIN]


def test_what_was_heard_outlives_its_posts(house: House) -> None:
    house.ingest(*crowd(house, range(K)))
    house.hear()
    (before,) = house.rows(IssueRow)
    late = NOW + timedelta(hours=109)
    assert house.upkeep(late).staged == K and house.staged() == []
    house.ingest(*crowd(house, [50], now=late), now=late)
    house.hear(late)
    after = next(i for i in house.rows(IssueRow) if i.id == before.id)
    for name in ("title", "office_ids", "keywords", "phrases", "voices", "topics"):
        assert getattr(after, name) == getattr(before, name), name
    assert signals(house, late) == [s for s in signals(house, late) if s.count == K] != []


def test_old_posts_and_other_peoples_business_make_no_issue(house: House) -> None:
    old = NOW - timedelta(days=5)
    house.ingest(*(house.says(n, f"p{n}", "今天天气不错，大家去公园看花吗") for n in range(3 * K)))
    backfill = [
        Capture(**{**{f: getattr(c, f) for f in c.__slots__}, "published_at": old}) for c in crowd(house, range(3 * K))
    ]
    house.ingest(*backfill)
    house.hear()
    assert house.rows(IssueRow) == [] and signals(house) == []


def test_a_second_hear_waits(house: House) -> None:
    (house.home.folder / "run").mkdir(exist_ok=True)
    with (house.home.folder / "run" / "hear.lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(RetryLater, match="另一个进程"):
            house.hear()
