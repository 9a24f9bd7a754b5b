"""What the registry holds and the index lost comes back from what there is, under its old identity; the rest is told."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from desk_rows import NOW, OFFICE
from elastic_office import ElasticOffice, build, spool
from engines import drop
from making import ident
from sqlalchemy import select

from pipeline.desk.tables import Counter, Heartbeat, RegistryRow
from pipeline.index.engine import Search
from pipeline.index.sqlite import SqliteIndex
from pipeline.steps.ingest import ingest
from pipeline.steps.mirror import mirror
from pipeline.steps.reconcile import findings
from pipeline.steps.repair import repair

OURS = Search((OFFICE,))


@pytest.fixture
def office(tmp_path: Path, elasticsearch_url: str) -> Iterator[ElasticOffice]:
    built = build(tmp_path / "office", elasticsearch_url)
    spool(built, *range(30))
    ingest(built.home, built.db, built.index, NOW)
    yield built
    drop(built.index)
    built.db.close()


def lose(office: ElasticOffice) -> None:
    """Somebody deletes the index by hand."""
    for name in office.index.server.indices(f"{office.index.server.prefix}items-*"):
        office.index.server.drop(name)


def told(office: ElasticOffice) -> list[str]:
    return findings(office.home, office.db, office.index, NOW)


def test_nothing_missing_changes_nothing(office: ElasticOffice) -> None:
    again: list[str] = []
    report = repair(office.home, office.db, office.index, NOW, again.extend)
    assert (report.missing, report.copied, again) == (0, 0, [])


def test_what_the_embedded_engine_has_is_copied(office: ElasticOffice) -> None:
    """An office that moves from SQLite."""
    embedded = SqliteIndex(office.home.index_path)
    embedded.write_items(office.index.indexed_since(NOW, [OFFICE]))
    embedded.close()
    before = office.index.search(OURS, size=100)
    lose(office)
    assert told(office) == ["登记过的文章有 30 篇不在索引里"]
    again: list[str] = []
    report = repair(office.home, office.db, office.index, NOW, again.extend)
    assert (report.missing, report.copied, again, report.awaited, report.lost) == (30, 30, [], {}, {})
    assert office.index.search(OURS, size=100) == before and told(office) == []


def test_what_is_nowhere_is_read_again_under_its_old_identity(office: ElasticOffice) -> None:
    mirror(office.home, office.db, office.index, NOW)
    lose(office)
    again: list[str] = []
    report = repair(office.home, office.db, office.index, NOW, again.extend)
    assert report.missing == 30 and report.copied == 0 and set(again) == {ident(n) for n in range(30)}
    assert sum(report.lost.values()) == 30 and set(report.lost) == {"news"}  # switched off in this configuration
    with office.db.read() as session:
        assert session.get(Heartbeat, "mirror") is None
        assert (
            session.scalars(select(Counter).where(Counter.name == "index.lost")).one().value == 30
        )  # said once, and counted
    assert told(office) == []
    spool(office, *range(30))  # the same pages once more
    assert ingest(office.home, office.db, office.index, NOW).items == 30
    assert office.index.count(OURS) == 30 and told(office) == []
    with office.db.read() as session:
        assert {row.revision for row in session.scalars(select(RegistryRow))} == {2}


def test_an_older_revision_counts_as_missing(office: ElasticOffice) -> None:
    """An index that was put back from a snapshot."""
    old = list(office.index.indexed_since(NOW, [OFFICE]))
    spool(office, 1, text="某某市检察院更正：改过的文字。")
    ingest(office.home, office.db, office.index, NOW)
    lose(office)
    office.index.write_items(old)
    assert repair(office.home, office.db, office.index, NOW, lambda _: None).missing == 1
