"""What must go, goes: by the injected clock, counted, and never what an open incident needs."""

from __future__ import annotations

import os
import shutil
from datetime import timedelta
from typing import Any

import pytest
from house import NAME, OFFICE, House, article, letter, with_settings
from making import HOUR, NOW, bytes_anywhere, ident

from pipeline import registry
from pipeline.desk.tables import Counter, Heartbeat, Incident, IssueItem, IssueRow, Notification, StoryBand
from pipeline.errors import RetryLater
from pipeline.staging import Staging
from pipeline.steps.locks import only_one
from pipeline.steps.watch import watch

SECRET = "桐花巷的灯笼在第三个路口等你"
DAY = timedelta(days=1)


def incident(house: House, kind: str, subject: str, **change: Any) -> None:
    values: dict[str, Any] = {
        "id": subject[:8], "short_id": subject[:6], "office_ids": [OFFICE], "title": "t", "subject_kind": kind, "subject_id": subject,
        "group_key": "g", "level": 3, "state": "open", "opened_at": NOW,
    }  # fmt: skip
    with house.db.write() as s:
        s.add(Incident(**{**values, **change}))


def totals(house: House) -> dict[str, int]:
    sums: dict[str, int] = {}
    for row in house.rows(Counter):
        sums[row.name] = sums.get(row.name, 0) + row.value
    return sums


def test_retention_is_per_channel(house: House) -> None:
    short = with_settings(house, retention_days={"submission": 30, "media": 90})
    house.ingest(article(1), letter(2), article(3, now=NOW - 80 * DAY, first_seen=NOW))
    assert short.upkeep(NOW + 11 * DAY).purged == 1 and house.item(3) is None
    assert short.upkeep(NOW + 31 * DAY).purged == 1 and house.item(2) is None
    assert short.upkeep(NOW + 89 * DAY).purged == 0 and house.item(1) is not None
    assert short.upkeep(NOW + 91 * DAY).purged == 1 and house.found("") == 0
    assert totals(house)["index.purged"] == 3 and house.findings(NOW + 91 * DAY) == []


def test_an_open_incident_pins_its_items(house: House) -> None:
    house.ingest(article(1), article(2), article(3), article(4))
    with house.db.write() as s:
        s.add(IssueItem(item_id=ident(1), office_id=OFFICE, issue_id="i1", added_at=NOW))
        s.add(IssueItem(item_id=ident(2), office_id=OFFICE, issue_id="i2", added_at=NOW))
    incident(house, "issue", "i1")
    incident(house, "issue", "i2", state="closed")
    incident(house, "item", ident(3), state="acknowledged")
    late = NOW + 200 * DAY
    report = house.upkeep(late)
    assert report.purged == 2 and report.pinned == {ident(1), ident(3)}
    assert house.item(1) is not None and house.item(3) is not None and house.found("") == 2
    with house.db.write() as s:
        s.get_one(Incident, "i1").state = "closed"
    assert house.upkeep(late).purged == 1 and house.item(1) is None


def test_a_purge_hides_no_loss_and_a_kill_in_it_is_no_loss(house: House) -> None:
    late = NOW + 200 * DAY
    house.ingest(article(1), article(2, now=late))
    with house.db.write() as s:
        registry.forget_index(s, [ident(1)])  # and then the process died
    assert house.findings(late) == [] and house.item(1) is not None
    assert house.upkeep(late).purged == 1 and house.findings(late) == []
    house.index.purge("media", late + DAY, ())
    assert house.findings(late) == ["登记过的文章有 1 篇不在索引里"]
    house.ingest(
        article(1, f"{NAME}更正旧闻。", now=late), now=late
    )  # an edit of a purged one is indexed, and missed again
    assert house.item(1) is not None and house.findings(late) == ["登记过的文章有 1 篇不在索引里"]


def test_staging_is_dead_after_72_hours_and_what_nobody_heard_is_counted(house: House) -> None:
    posts = [house.says(n, f"p{n}", f"{SECRET}，检察院电话没人接") for n in range(3)]
    house.ingest(*posts)
    house.hear()
    ends = next(NOW + n * HOUR for n in range(120) if not _readable(house, NOW + n * HOUR))
    assert timedelta(hours=36) <= ends - NOW <= timedelta(hours=72)
    report = house.upkeep(ends)
    assert report.staged == 3 and house.staged() == []
    assert (totals(house)["staging.gone"], totals(house)["staging.expired"]) == (3, 3)
    assert bytes_anywhere(house.home.folder, SECRET) == [] and house.findings(ends) == []
    assert house.upkeep(ends).staged == 0 and totals(house)["staging.gone"] == 3


def _readable(house: House, at: Any) -> bool:
    """On a copy: whether a post can still be read after upkeep at that time."""
    copy = house.home.folder.parent / "copy"
    shutil.copytree(house.home.staging, copy)
    staging = Staging(copy)
    staging.expire(at)
    left = list(staging.posts())
    staging.close()
    shutil.rmtree(copy)
    return bool(left)


def test_what_was_heard_is_gone_but_not_counted_as_unheard(house: House) -> None:
    house.ingest(*(house.says(n, f"p{n}", f"{NAME}的咨询热线打了三天没人接，谁能管一管") for n in range(5)))
    house.hear()
    house.upkeep(NOW + timedelta(hours=109))
    assert totals(house) == {"staging.gone": 5}


def test_a_kill_between_destroying_and_counting_is_made_good(house: House) -> None:
    late = NOW + timedelta(hours=109)
    house.ingest(house.says(1, "a", "检察院电话没人接"))
    staging = Staging(house.home.staging)
    assert staging.expire(late) == (1, 1)  # and then the process died
    staging.close()
    assert house.findings(late) == ["公众发言登记 1 条，暂存与到期合计只有 0 条"]
    house.upkeep(late)
    house.ingest(now=late)
    assert totals(house) == {"staging.gone": 1, "staging.expired": 1} and house.findings(late) == []
    shutil.rmtree(house.home.staging)  # restored from a backup, which leaves staging out
    house.ingest(house.says(2, "a", "检察院电话没人接", late), now=late)
    house.upkeep(late + timedelta(hours=109))
    assert totals(house)["staging.gone"] == 2


def test_an_unusual_number_that_nobody_heard_raises_a_self_alert(house: House) -> None:
    house.ingest(*(house.says(n, f"p{n}", f"检察院，各说各话的第{n}条{n * n}") for n in range(203)))
    late = NOW + timedelta(hours=109)
    house.upkeep(late)
    assert watch(house.home, house.db, house.index, late).self_alerts > 0
    told = [n for n in house.rows(Notification) if n.kind == "self_alert"]
    assert told and "至少有 200 条" in told[0].text and "203" not in told[0].text
    assert watch(house.home, house.db, house.index, late + HOUR).self_alerts == 0


def test_what_was_set_aside_goes_after_72_hours(house: House) -> None:
    aside = house.home.spool / "quarantine"
    aside.mkdir(parents=True)
    for name, hours in (("old.json", 73), ("new.json", 71)):
        (aside / name).write_text("{}")
        os.utime(aside / name, times=(NOW.timestamp() - hours * 3600,) * 2)
    house.upkeep(NOW)
    assert [p.name for p in aside.iterdir()] == ["new.json"]


def test_old_bands_go_and_the_heart_beats(house: House) -> None:
    house.ingest(article(1, f"{NAME}发布了一份很长的通报，" * 8))
    assert house.rows(StoryBand)
    house.upkeep(NOW + 29 * DAY)
    assert house.rows(StoryBand)
    house.upkeep(NOW + 31 * DAY)
    assert house.rows(StoryBand) == []
    assert {b.name: b.beat_at for b in house.rows(Heartbeat)}["upkeep"] == NOW + 31 * DAY


def test_it_waits_for_an_ingest(house: House) -> None:
    with only_one(house.home.folder, "ingest"), pytest.raises(RetryLater, match="另一个进程"):
        house.upkeep()


def test_what_was_heard_goes_too_but_not_from_under_an_incident(house: House) -> None:
    for day, text in ((0, "的咨询热线打了三天没人接，谁能管一管"), (1, "门口的停车场连着一周进不去，谁来管一管")):
        now = NOW + day * DAY
        house.ingest(*(house.says(f"{day}{n}", f"p{n}", NAME + text, now) for n in range(5)), now=now)
        house.hear(now)
    issues = house.rows(IssueRow)
    assert len(issues) >= 1 and house.index.signals([OFFICE], NOW - DAY, NOW + 2 * DAY, "day")
    incident(house, "issue", issues[0].id)
    late = NOW + 200 * DAY
    house.upkeep(late)
    assert [i.id for i in house.rows(IssueRow)] == [issues[0].id]
    assert house.index.signals([OFFICE], NOW - DAY, NOW + 2 * DAY, "day") == []
    with house.db.write() as s:
        s.get_one(Incident, issues[0].id[:8]).state = "closed"
    house.upkeep(late)
    assert house.rows(IssueRow) == []
