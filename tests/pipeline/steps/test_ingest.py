"""Spool to index and staging: each capture once, whatever happens in between, and every failure counted with its reason."""

from __future__ import annotations

import fcntl
import shutil
import subprocess
import sys
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from full_disk import full_disk
from house import NAME, OFFICE, House, article, build, letter
from making import HOUR, NOW, bytes_anywhere, capture, ident

from pipeline.dedup import content_hash
from pipeline.desk.tables import BatchRow, Counter, Quarantined, RegistryAlias, RegistryRow, SourceState, StoryBand
from pipeline.errors import RetryLater
from pipeline.settings import load_home
from pipeline.spool import Spool
from pipeline.urls import CANONICALISER_VERSION

SECRET = "桐花巷的灯笼在第三个路口等你"


def test_each_capture_once(house: House) -> None:
    report = house.ingest(
        article(1),
        replace(article(2, f"{NAME}公布第三季度办案数据。"), channel="official", outlet=""),
        letter(3),
        house.says(4, "a", "检察院电话没人接"),
    )
    assert (report.batches, report.taken, report.items, report.staged) == (1, 4, 3, 1)
    assert (report.unchanged, report.quarantined, report.expired) == (0, 0, 0)
    assert list(Spool(house.home.spool).batches()) == []
    assert house.found("") == 3 and [p.id for p in house.staged()] == [ident(4)]
    first = house.item(1)
    assert first is not None and (first.role, first.revision, first.office_id) == ("subject", 1, OFFICE)
    assert first.model and first.words_version and first.words and first.labels["role_p"] > 0.5
    message = house.item(3)
    assert message is not None and message.role == "addressed" and message.source_ref == "QJ-3" and message.url == ""
    assert {r.channel: r.id for r in house.rows(RegistryRow)}["public"] == ident(4)
    assert house.findings() == []


def test_a_replayed_batch_is_no_op(house: House, tmp_path: Path) -> None:
    path = house.spool(article(1), letter(2), house.says(3, "a", "检察院电话没人接"))
    kept = shutil.copy(path, tmp_path / path.name)
    house.ingest()
    before, staged = house.dump("heartbeats"), house.staged()
    shutil.copy(kept, path)
    report = house.ingest(now=NOW + HOUR)
    assert (report.batches, report.taken) == (0, 0) and list(Spool(house.home.spool).batches()) == []
    assert house.dump("heartbeats") == before and house.staged() == staged and house.found("") == 2


def test_the_same_page_again_is_unchanged_also_months_later_and_after_a_purge(house: House) -> None:
    house.ingest(article(1))
    again = house.ingest(article(1, first_seen=NOW + HOUR), article(1), now=NOW + HOUR)
    assert (again.items, again.unchanged) == (0, 2) and house.revision(1) == 1
    late = NOW + timedelta(days=200)
    assert house.upkeep(late).purged == 1
    assert house.ingest(article(1), now=late).unchanged == 1
    assert house.found("") == 0 and house.findings(late) == []


def test_an_edited_article_is_a_new_revision(house: House) -> None:
    house.ingest(article(1, f"{NAME}对张某作出不起诉决定。"))
    later = NOW + 5 * HOUR
    report = house.ingest(article(1, f"{NAME}对张某提起公诉。（更正）", first_seen=later), now=later)
    assert (report.items, report.unchanged) == (1, 0)
    item = house.item(1)
    assert item is not None and (item.revision, item.first_seen, item.indexed_at) == (2, NOW, later)
    assert (house.found("不起诉"), house.found("更正"), house.found("")) == (0, 1, 1)
    assert house.findings(later) == []


def test_several_edits_in_one_batch_leave_the_last(house: House) -> None:
    report = house.ingest(article(1, "一稿，检察院。"), article(1, "二稿，检察院。"), article(1, "三稿，检察院。"))
    assert (report.taken, report.items, report.unchanged) == (3, 1, 2)
    item = house.item(1)
    assert item is not None and item.text.startswith("三稿") and item.revision == house.revision(1) == 3
    assert house.findings() == []


def test_every_form_of_an_address_is_one_document(house: House) -> None:
    house.ingest(article("desktop", aliases=(ident("mobile"),)))
    house.ingest(article("mobile", aliases=(ident("amp"),)), now=NOW + HOUR)
    house.ingest(article("amp"), now=NOW + 2 * HOUR)
    assert house.found("") == 1 and house.item("desktop") is not None and house.item("mobile") is None
    assert {(a.alias, a.id) for a in house.rows(RegistryAlias)} == {
        (ident(n), ident("desktop")) for n in ("mobile", "amp")
    }


def test_an_id_of_an_older_canonicaliser_stays(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.registry.CANONICALISER_VERSION", "1")
    house.ingest(article("first name"))
    monkeypatch.undo()
    again = article("today's name", "更正：检察院通报的数字有误。", aliases=(ident("first name"),))
    house.ingest(again, article("another"), now=NOW + HOUR)
    assert house.item("today's name") is None and house.revision("first name") == 2 and house.found("") == 2
    versions = {row.id: row.canonicaliser for row in house.rows(RegistryRow)}
    assert versions == {ident("first name"): "1", ident("another"): CANONICALISER_VERSION}


def test_near_copies_share_a_story_across_batches(house: House) -> None:
    text = (
        f"{NAME}今天通报了一起跨省电信网络诈骗案的办理情况，承办检察官介绍了案件的来龙去脉，提醒群众不要轻信陌生来电。"
        * 2
    )
    house.ingest(article(1, text))
    house.ingest(
        article(2, "（转载）" + text),
        article(3, "完全不同的另一件事，" + "检察院走进校园开展法治宣传教育活动。" * 5),
        now=NOW + HOUR,
    )
    one, two, three = (house.item(n) for n in (1, 2, 3))
    assert one is not None and two is not None and three is not None
    assert one.story_id == two.story_id != three.story_id
    bands = house.rows(StoryBand)
    assert len({b.band for b in bands}) == len(bands) > 16


def test_an_article_about_two_offices_is_read_by_both(tmp_path: Path) -> None:
    folder = tmp_path / "two"
    built = build(folder)
    config = folder / "config" / "office.yaml"
    second = "  - {id: district, name: 云溪区人民检察院, short_name: 云溪区检察院, region: 云溪区}\n"
    config.write_text(config.read_text(encoding="utf-8") + second, encoding="utf-8")
    both = replace(built, home=load_home(folder))
    both.ingest(
        article(1, f"{NAME}与云溪区检察院联合开展公益诉讼。"), article(2, "云溪区检察院招录书记员。", title="招录公告")
    )
    assert both.found("") == 3
    assert both.index.get(ident(2), [OFFICE]) is None and both.index.get(ident(1), ["district"]) is not None
    assert both.findings() == []


# --- what can't be used


def test_a_malformed_line_is_set_aside_and_counted_and_the_rest_goes_on(house: House) -> None:
    path = house.spool(article(1), article(2), article(3), capture(4, "  ", "media", title=" "), article(5))
    lines = path.read_bytes().splitlines(keepends=True)
    lines[2] = b"{half a line\n"
    lines[3] = lines[3].replace(b'"media"', b'"rumour"')
    path.write_bytes(b"".join(lines))
    report = house.ingest()
    assert (report.taken, report.items, report.quarantined) == (5, 2, 3)
    assert sorted(q.reason for q in house.rows(Quarantined)) == ["bad_envelope", "bad_envelope", "empty_text"]
    assert house.rows(BatchRow)[0].reasons == {"bad_envelope": 2, "empty_text": 1}
    assert len(list((house.home.spool / "quarantine").iterdir())) == 3
    assert house.found("") == 2 and house.findings() == []


def test_a_file_without_a_manifest_is_counted_once(house: House) -> None:
    ready = house.home.spool / "ready"
    house.spool(article(1))
    (ready / "0-broken.jsonl").write_bytes(b"\xff\n")
    assert house.ingest().items == 1
    house.ingest(now=NOW + HOUR)
    assert [(q.id, q.reason) for q in house.rows(Quarantined)] == [("0-broken", "bad_manifest")]
    assert {c.name: c.value for c in house.rows(Counter)}["spool.rejected"] == 1
    assert house.findings() == []


def test_what_waited_longer_than_72_hours_is_counted_as_expired(house: House) -> None:
    house.spool(article(1), house.says(2, "a", SECRET), house.says(3, "b", SECRET))
    late = NOW + timedelta(hours=109)
    report = house.ingest(now=late)
    assert (report.taken, report.items, report.staged, report.expired) == (3, 1, 0, 2)
    assert house.staged() == [] and {c.name: c.value for c in house.rows(Counter)}["spool.expired"] == 2
    assert house.findings(late) == []


def test_reports_of_crawlers_become_the_state_of_the_source(house: House) -> None:
    report = {
        "kind": "crawl", "source_id": "news", "finished_at": NOW.isoformat(), "status": "blocked", "message": "robots.txt 不允许",
        "fetched": 3, "captured": 1, "refused": {"robots": 2}, "quarantined": [{"reason": "bad_page", "place": "第 3 行"}],
    }  # fmt: skip
    for hours in (0, 1):  # the same bad page every hour is one bad page
        house.spool(article(hours), now=NOW + hours * HOUR, reports=[report, {"kind": "unknown"}])
        house.ingest(now=NOW + hours * HOUR)
    (state,) = house.rows(SourceState)
    assert (state.last_status, state.fetched, state.captured, state.refused, state.quarantined) == (
        "blocked",
        6,
        2,
        4,
        1,
    )
    assert state.last_ok_at is None and state.last_new_at == NOW + HOUR
    assert [q.reason for q in house.rows(Quarantined)] == ["bad_page"]


# --- charter


def test_no_text_of_a_post_and_no_voice_lies_readable_anywhere(house: House) -> None:
    post, message = (
        house.says(1, "灯笼的主人", SECRET, title=SECRET),
        replace(letter(2), voice=house.says(0, "写信的人", "x").voice),
    )
    house.ingest(post, message)
    house.hear()
    digests = [d for c in (post, message) for _, d in c.voice]
    plain_hash = content_hash(SECRET, SECRET)  # with which one could try whether this was ever said
    for secret in (SECRET, "灯笼的主人", "写信的人", plain_hash, *digests):
        assert bytes_anywhere(house.home.folder, secret) == []
    assert [p.text for p in house.staged()] == [SECRET]


# --- bad days


def test_a_second_ingest_waits(house: House) -> None:
    (house.home.folder / "run").mkdir()
    with (house.home.folder / "run" / "ingest.lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(RetryLater, match="另一个进程"):
            house.ingest(article(1))
    assert house.ingest().items == 1


@pytest.mark.parametrize("limit", [0, 3_000, 20_000, 40_000, 80_000, 200_000])
def test_a_full_disk_at_any_point_is_retry_later_and_loses_nothing(house: House, limit: int) -> None:
    long = f"{NAME}的说明。" * 400
    captures = [article(n, f"{n}{long}") for n in range(20)] + [
        house.says(100 + n, str(n), f"{n}{long}") for n in range(20)
    ]
    house.spool(*captures)
    try:
        with full_disk(limit):
            house.ingest()
    except RetryLater as error:
        assert "磁盘" in str(error)
    else:
        assert limit == 200_000
    house.ingest(now=NOW + HOUR)
    assert house.found("") == 20 == len(house.staged())
    assert sum(b.taken for b in house.rows(BatchRow)) == 40 and house.findings(NOW + HOUR) == []


def test_the_spool_on_a_full_disk_is_retry_later(house: House) -> None:
    with full_disk(100), pytest.raises(RetryLater, match="暂存队列暂时用不了：磁盘已满"):
        house.spool(article(1))
    assert house.ingest().batches == 0 and house.findings() == []


KILLED = """
import os, signal, sys
from pathlib import Path
sys.path[:0] = sys.argv[3].split(":")
import house, pipeline.registry, pipeline.spool, pipeline.staging, pipeline.index.sqlite
from pipeline.steps import ingest
point = sys.argv[2]
def die(*a, **k): os.kill(os.getpid(), signal.SIGKILL)
owner, _, name = point.rpartition(".")
target = {"registry": pipeline.registry, "Spool": pipeline.spool.Spool, "Staging": pipeline.staging.Staging,
          "SqliteIndex": pipeline.index.sqlite.SqliteIndex, "ingest": ingest}[owner]
setattr(target, name, die)
house.build(Path(sys.argv[1])).ingest()
"""


@pytest.mark.parametrize("point", ["Staging.put", "ingest.note_reports", "Spool.acknowledge"])
def test_a_kill_at_any_point_and_a_restart_take_each_capture_once(house: House, point: str) -> None:
    house.ingest(article(1))
    house.spool(
        article(1, f"{NAME}的消息（更新）", first_seen=NOW),
        article(2),
        letter(3),
        house.says(4, "a", "检察院电话没人接"),
        capture(5, "", "media"),
    )
    paths = [str(Path(__file__).parent), str(Path(__file__).parents[1]), *sys.path]
    command = [sys.executable, "-c", KILLED, str(house.home.folder), point, ":".join(paths)]
    assert subprocess.run(command, check=False).returncode == -9
    report = house.ingest(now=NOW + HOUR)
    assert report.batches == (0 if point == "Spool.acknowledge" else 1)
    assert house.found("") == 3 and house.found("更新") == 1 and house.revision(1) == 2
    assert [p.id for p in house.staged()] == [ident(4)]
    batches = house.rows(BatchRow)
    assert len(batches) == 2 and sum(b.taken for b in batches) == 6 and sum(b.quarantined for b in batches) == 1
    assert house.findings(NOW + HOUR) == []


def test_a_source_brought_something_new_although_its_report_comes_in_a_later_batch(house: House) -> None:
    house.spool(article(1))
    report = {
        "kind": "crawl", "source_id": "news", "status": "ok", "message": "", "finished_at": (NOW + HOUR).isoformat(),
        "fetched": 1, "captured": 1, "refused": {}, "quarantined": [],
    }  # fmt: skip
    house.spool(now=NOW + HOUR, reports=[report])
    house.ingest(now=NOW + HOUR)
    (state,) = house.rows(SourceState)
    assert (state.last_new_at, state.last_ok_at) == (NOW, NOW + HOUR)
