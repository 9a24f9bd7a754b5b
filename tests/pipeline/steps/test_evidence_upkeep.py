"""Evidence goes with its item, stays where an incident holds it, and is told of when it was touched."""

from __future__ import annotations

from contextlib import closing
from datetime import datetime, timedelta

from house import OFFICE, House, article
from making import NOW, ident

from pipeline.desk.tables import EvidenceHead, Incident, Notification, RegistryAlias
from pipeline.evidence.records import Answer
from pipeline.evidence.store import Store
from pipeline.steps.evidence import captures_of, open_store, verify_files
from pipeline.steps.status import status
from pipeline.steps.watch import watch

DAY = timedelta(days=1)


def keep(house: House, *names: object, at: datetime = NOW, source: str = "news") -> list[str]:
    """Pages as a spider keeps them, before their captures are ingested."""
    with closing(open_store(house.home)) as store:
        references = [
            store.keep(
                "media", source, ident(name), Answer(f"http://n/{name}", f"<p>{source}".encode(), "HTTP/1.1 200 OK"), at
            )
            for name in names
        ]
        store.sync()
    return references


def kept(house: House) -> dict[str, int]:
    """file → records that are still there."""
    return {c.file: c.kept for c in verify_files(house.home, house.db, (), NOW)}


def read(house: House, reference: str) -> bytes:
    with closing(Store(house.home.evidence, house.home.evidence_register)) as store:
        return store.read(reference)[0].body


def test_evidence_goes_when_its_item_goes(house: House) -> None:
    references = keep(house, 1, 2, 3)
    house.ingest(*(article(n, evidence=references[n - 1]) for n in (1, 2, 3)))
    keep(house, 3, at=NOW + DAY, source="wire")  # another source's form of the same article
    assert house.upkeep(NOW + 179 * DAY).evidence.removed == 0 and sum(kept(house).values()) == 4
    with house.db.write() as s:
        s.add(Incident(
            id="i", short_id="i", office_ids=[OFFICE], title="t", subject_kind="item", subject_id=ident(2), group_key="g",
            level=3, state="open", opened_at=NOW,
        ))  # fmt: skip
    report = house.upkeep(NOW + 181 * DAY)
    assert report.purged == 2 and report.evidence.removed == 3 and not report.evidence.problems
    assert read(house, references[1]) == b"<p>news"
    assert list(kept(house).values()) == [1]  # the other file was deleted: nothing of it was left
    with house.db.write() as s:
        s.get_one(Incident, "i").state = "closed"
    assert house.upkeep(NOW + 182 * DAY).evidence.removed == 1
    assert kept(house) == {} and house.rows(EvidenceHead) == [] and not list(house.home.evidence.rglob("*.gz"))


def test_what_never_became_an_item_goes_at_retention(house: House) -> None:
    keep(house, "never ingested")
    assert house.upkeep(NOW + 179 * DAY).evidence.removed == 0
    assert house.upkeep(NOW + 181 * DAY).evidence.removed == 1 and kept(house) == {}


def test_what_was_kept_under_another_form_of_the_address_belongs_to_the_item(house: House) -> None:
    keep(house, "mobile twin")
    house.ingest(article(1, aliases=(ident("mobile twin"),)))
    assert set(captures_of(house.db, ident(1))) == {ident(1), ident("mobile twin")}
    assert house.rows(RegistryAlias)
    house.upkeep(NOW + 181 * DAY)
    assert kept(house) == {}


def test_touched_evidence_is_told_of_and_stays_told_of(house: House) -> None:
    file = keep(house, 1, 2)[0].partition("#")[0]
    house.ingest(article(1), article(2))
    assert not house.upkeep(NOW).evidence.problems
    path = house.home.evidence / file
    whole = path.read_bytes()
    path.write_bytes(whole[:-9] + bytes([whole[-9] ^ 1]) + whole[-8:])
    assert house.upkeep(NOW + timedelta(hours=1)).evidence.problems == [f"{file}：第 2 条被改动过，读不出来"]
    later = NOW + timedelta(hours=2)
    watch(house.home, house.db, house.index, later)
    told = [n for n in house.rows(Notification) if n.kind == "self_alert"]
    assert told and "第 2 条被改动过" in told[0].text and "证据" in told[0].subject
    assert any("证据" in t for t in status(house.home, house.db, house.index, later)["troubles"])
    path.write_bytes(whole)  # from the backup
    assert not house.upkeep(NOW + timedelta(hours=3)).evidence.problems
    assert not status(house.home, house.db, house.index, later)["troubles"]


def test_a_lost_register_is_made_anew_and_a_lost_file_is_missed(house: House) -> None:
    reference = keep(house, 1)[0]
    house.upkeep(NOW)
    for path in house.home.folder.glob("evidence.db*"):
        path.unlink()
    assert not house.upkeep(NOW + DAY).evidence.problems and read(house, reference) == b"<p>news"
    (house.home.evidence / reference.partition("#")[0]).unlink()
    assert "整个文件不见了" in house.upkeep(NOW + DAY).evidence.problems[0]
    for path in house.home.folder.glob("evidence.db*"):
        path.unlink()
    assert "整个文件不见了" in house.upkeep(NOW + DAY).evidence.problems[0]  # the desk's database remembers
    assert not house.upkeep(NOW + 182 * DAY).evidence.problems
