"""What the desk's database promises on both engines: schema, transactions, times, JSON, audit."""

from __future__ import annotations

import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from desk_rows import NOW
from sqlalchemy import inspect, select, text
from sqlalchemy.exc import IntegrityError

from console.viewer import Viewer
from pipeline.desk import counters
from pipeline.desk.audit import record
from pipeline.desk.database import Database
from pipeline.desk.tables import AuditLine, Base, Counter, Heartbeat

ROOT = Path(__file__).resolve().parents[3]


def test_migrations_make_exactly_the_tables(empty_desk: Database) -> None:
    empty_desk.migrate()
    with empty_desk.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, Base.metadata) == []
        made = set(inspect(connection).get_table_names())
    assert made == {t.name for t in Base.metadata.sorted_tables} | {"alembic_version"}
    empty_desk.migrate()  # at every start


def test_processes_that_start_together_migrate_once(empty_desk: Database) -> None:
    url = empty_desk.url.render_as_string(hide_password=False)
    code = "import sys; from pipeline.desk.database import Database; Database(sys.argv[1]).migrate()"
    started = [subprocess.Popen([sys.executable, "-c", code, url], cwd=ROOT) for _ in range(4)]
    assert [p.wait(60) for p in started] == [0] * 4
    with empty_desk.read() as s:
        assert s.execute(text("SELECT count(*) FROM alembic_version")).scalar_one() == 1


def test_a_write_is_whole_or_nothing(desk: Database) -> None:
    with pytest.raises(ZeroDivisionError), desk.write() as s:
        counters.add(s, "x", 1, NOW)
        s.flush()
        raise ZeroDivisionError
    with pytest.raises(IntegrityError), desk.write() as s:
        counters.add(s, "x", 1, NOW)
        s.add(Counter(name="x", day="2026-11-18", value=1))
        s.flush()
        s.expunge_all()
        s.add(Counter(name="x", day="2026-11-18", value=1))
    with desk.read() as s:
        assert counters.totals(s) == {}


def test_what_a_write_has_read_stays_true(desk: Database) -> None:
    """Six writers read, think and write: no update is lost, no row inserted twice."""

    def add_ten(_: int) -> None:
        for _ in range(10):
            with desk.write() as s:
                counters.add(s, "x", 1, NOW)

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(add_ten, range(6)))
    with desk.read() as s:
        assert counters.totals(s) == {"x": 60}


def test_a_read_sees_one_moment_waits_for_nobody_and_changes_nothing(desk: Database) -> None:
    with desk.write() as s:
        counters.add(s, "x", 1, NOW)
    with desk.read() as reader:
        assert counters.totals(reader) == {"x": 1}
        with desk.write() as s:
            counters.add(s, "x", 5, NOW)
            assert counters.totals(reader) == {"x": 1}
        assert counters.totals(reader) == {"x": 1}
    with desk.read() as s:
        assert counters.totals(s) == {"x": 6}


def test_times_come_back_in_utc_to_the_microsecond(desk: Database) -> None:
    """Also across Shanghai's midnight and where the server's own zone is another."""
    shanghai = timezone(timedelta(hours=8))
    times = {
        "a": datetime(2026, 11, 19, 0, 30, 0, 123456, shanghai),
        "b": datetime(1999, 12, 31, 23, 59, 59, 999999, UTC),
        "c": datetime(2026, 3, 8, 7, 30, tzinfo=UTC),  # an hour that New York skips
    }
    with desk.write() as s:
        s.add_all([Heartbeat(name=name, beat_at=at, state={}) for name, at in times.items()])
    with desk.read() as s:
        rows = {r.name: r.beat_at for r in s.scalars(select(Heartbeat))}
        late = s.scalars(select(Heartbeat.name).where(Heartbeat.beat_at > datetime(2026, 11, 18, 16, 29, tzinfo=UTC))).all()
        ordered = s.scalars(select(Heartbeat.name).order_by(Heartbeat.beat_at)).all()
    assert rows == times and all(at.tzinfo == UTC for at in rows.values())
    assert late == ["a"] and ordered == ["b", "c", "a"]
    with pytest.raises(Exception, match="a time without a zone"), desk.write() as s:
        s.add(Heartbeat(name="d", beat_at=datetime(2026, 1, 1), state={}))


def test_offices_see_their_own_rows_and_only_those(desk: Database) -> None:
    """`sees` is a condition on JSON; ids that hold one another must not meet."""
    given = [["city"], ["city-east"], ["east"], ["city", "east"], []]
    with desk.write() as s:
        for number, offices in enumerate(given):
            record(s, NOW, "system", offices, "view", f"row:{number}", words="汉字 \"引号\" 100% _")

    def seen(*offices: str, role: str = "duty") -> set[int]:
        viewer = Viewer("a", "A", role, offices, "", "", False)
        with desk.read() as s:
            rows = s.scalars(select(AuditLine).where(viewer.sees(AuditLine.office_ids))).all()
            hidden = s.scalars(select(AuditLine).where(~viewer.sees(AuditLine.office_ids))).all()
        assert len(rows) + len(hidden) == len(given)
        return {int(r.subject.removeprefix("row:")) for r in rows}

    assert seen("city") == {0, 3} and seen("east") == {2, 3} and seen("city-east") == {1}
    assert seen("city", "city-east") == {0, 1, 3} and seen() == set()
    assert seen(role="admin") == {0, 1, 2, 3, 4}


def test_audit_lines_keep_order_words_and_time(desk: Database) -> None:
    with desk.write() as s:
        for number in range(20):
            record(s, NOW, "analyst1", ["city"], "search", "q" * 300, query=f"不起诉 且 “夜市” {number}", hits=number)
    with desk.read() as s:
        lines = s.scalars(select(AuditLine).order_by(AuditLine.id)).all()
    assert [line.detail["hits"] for line in lines] == list(range(20))
    assert lines[3].detail["query"] == "不起诉 且 “夜市” 3" and len(lines[0].subject) == 255 and lines[0].at == NOW


def test_an_address_never_shows_its_password(desk: Database) -> None:
    assert not re.search("p@ss|p%40ss", f"{desk.url} {desk.url!r} {desk.engine!r}")
