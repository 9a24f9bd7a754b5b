"""The charter (DESIGN §1) over everything that a full run of the demo wrote."""

from __future__ import annotations

import json
import re
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from conftest import NOW, tingjian
from desk_pages import all_pages
from haystack import EXCEPTIONS, NOT_OURS, authors, found, needles, unheard
from sqlalchemy import select

from pipeline.desk.database import Database
from pipeline.desk.tables import Incident, IssueRow, Notification
from pipeline.evidence.store import Store
from pipeline.evidence.verify import verify
from pipeline.index import open_index
from pipeline.settings import load_home
from pipeline.staging import Staging

pytestmark = pytest.mark.demo

END = datetime.fromisoformat(NOW + "+08:00").astimezone(UTC)


def test_no_author_anywhere(demo_home: Path, planted: dict[str, Any]) -> None:
    assert found(demo_home, authors(planted), leave_out=(*EXCEPTIONS, *NOT_OURS)) == []


def test_readers_of_news_are_not_in_evidence(demo_home: Path, planted: dict[str, Any]) -> None:
    evidence = demo_home / "evidence"
    assert any(evidence.rglob("*.gz"))
    assert found(evidence, [*planted["markers"]["news_comment"], planted["landmarks"]["comment_text"]]) == []


def test_evidence_is_of_institutions_only_and_holds_nothing_that_people_wrote(
    demo_home: Path, planted: dict[str, Any]
) -> None:
    """Every planted phone and number stands in the forum, on the wall, in a letter or in a reader's comment."""
    home = load_home(demo_home)
    published = {s.id for s in home.sources if s.channel in ("official", "media")}
    with closing(Store(home.evidence, home.evidence_register)) as store:
        kept = [store.read(f"{row.file}#{row.seq}")[0] for n in store.files() for row in store.register.of_file(n)]
        files = store.files()
        assert [verify(store, name, None, END).problems for name in files] == [[]] * len(files)
    assert len(kept) > 20 and any(record.cut for record in kept) and any(not record.cut for record in kept)
    assert {re.sub(r"(.*/)?(.+)-\d{8}.*", r"\2", name) for name in files} <= published
    assert found(demo_home / "evidence", [entry["raw"] for entry in planted["personal_data"]]) == []
    assert found(demo_home / "evidence", ["HTTP/1.1 200 OK"])  # the search looks into every record


def test_personal_data_is_masked(demo_home: Path, planted: dict[str, Any]) -> None:
    raw = [entry["raw"] for entry in planted["personal_data"]]
    assert found(demo_home, raw, leave_out=(*EXCEPTIONS, *NOT_OURS)) == []


def test_own_numbers_stay(demo_home: Path) -> None:
    assert found(demo_home, ["0689-6612309"], leave_out=("config/", *EXCEPTIONS))


def test_fewer_than_k_voices_leave_no_trace(demo_home: Path, planted: dict[str, Any]) -> None:
    assert found(demo_home, unheard(planted), leave_out=NOT_OURS) == []


def test_k_voices_are_heard_and_rounded(demo_home: Path, planted: dict[str, Any]) -> None:
    home = load_home(demo_home)
    db = Database(home.database_url)
    with db.read() as session:
        rows = list(session.scalars(select(IssueRow)))
    db.close()
    heard = [phrase for row in rows for phrase in row.phrases]
    common = planted["circulating"]["common"].replace(",", ",")
    assert any(phrase in common or common[:20] in phrase for phrase in heard), heard
    assert all(planted["private_detail"] not in phrase for phrase in heard)
    numbers = [row.voices for row in rows]
    numbers += [voices for row in rows for _, _, voices in row.trend] + [
        n for row in rows for n in row.site_groups.values()
    ]
    assert any(numbers) and all(n % home.settings.k == 0 for n in numbers)
    index = open_index(home)
    cells = index.signals([o.id for o in home.offices], END - timedelta(days=30), END + timedelta(days=1), "day")
    index.close()
    assert cells and all(cell.count >= home.settings.k and cell.count % home.settings.k == 0 for cell in cells)


def test_desk_and_mail_show_only_what_was_heard(own_home: Path, planted: dict[str, Any]) -> None:
    hidden = needles(planted)
    pages = all_pages(load_home(own_home), END)
    assert len(pages) > 30
    for path, text in pages.items():
        if path.endswith("/evidence"):
            continue  # an institution's own page, each look audited
        assert not [h for h in hidden if h in text], path
    db = Database(load_home(own_home).database_url)
    with db.read() as session:
        told = [n.subject + n.text + n.html for n in session.scalars(select(Notification))]
    db.close()
    assert told and not [h for h in hidden for text in told if h in text]


def test_staging_is_unreadable_after_72_hours(own_home: Path) -> None:
    staging = Staging(own_home / "staging")
    held = list(staging.posts())
    staging.close()
    assert held
    keys = {path.name: path.read_bytes() for path in (own_home / "staging/keys").glob("*.key")}
    tingjian("upkeep", "--data-dir", str(own_home), "--now", (END + timedelta(hours=73)).isoformat())
    staging = Staging(own_home / "staging")
    assert list(staging.posts()) == [] and staging.count() == 0
    staging.close()
    assert not [name for name in keys if (own_home / "staging/keys" / name).exists()]
    stages = json.loads(tingjian("status", "--json", "--data-dir", str(own_home)).stdout)["stages"]
    assert stages["staging"]["now"] == 0 and stages["staging"]["expired_unheard"] > 0


def test_evidence_and_taken_files_expire(own_home: Path) -> None:
    done = own_home / "drop/12309/done"
    assert list(done.iterdir()) and list((own_home / "evidence").rglob("*.gz"))
    tingjian("upkeep", "--data-dir", str(own_home), "--now", (END + timedelta(days=8)).isoformat())
    assert not list(done.iterdir()) and list((own_home / "evidence").rglob("*.gz"))
    db = Database(load_home(own_home).database_url)
    with db.write() as session:  # an open incident pins what it holds: close them all
        for incident in session.scalars(select(Incident)):
            incident.state = "closed"
    db.close()
    tingjian("upkeep", "--data-dir", str(own_home), "--now", (END + timedelta(days=400)).isoformat())
    assert not list((own_home / "evidence").rglob("*.gz"))
    assert (
        json.loads(tingjian("status", "--json", "--data-dir", str(own_home)).stdout)["stages"]["index"]["documents"]
        == 0
    )


def test_closed_section_was_never_asked_for(demo_home: Path, planted: dict[str, Any]) -> None:
    log = (demo_home / "demo/access.log").read_text(encoding="utf-8")
    assert "/robots.txt" in log
    assert planted["closed_section"]["path"] not in log


def test_one_honest_user_agent(demo_home: Path) -> None:
    lines = (demo_home / "demo/access.log").read_text(encoding="utf-8").splitlines()
    agents = {line.split("\t")[-1] for line in lines}
    assert len(agents) == 1 and next(iter(agents)).startswith("Tingjian/"), agents
