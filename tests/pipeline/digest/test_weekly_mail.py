from __future__ import annotations

from datetime import timedelta
from html.parser import HTMLParser

from desk_rows import NOW, OFFICE, issue, item
from sqlalchemy import select

from pipeline.desk.database import Database
from pipeline.desk.tables import AuditLine, Counter, DigestRow, Notification
from pipeline.digest.sentences import change, waited
from pipeline.index.sqlite import SqliteIndex
from pipeline.records import Signal
from pipeline.settings import Home
from pipeline.steps.digest import digest
from pipeline.steps.dispatch import dispatch
from pipeline.steps.watch import watch

EVIL = '<script>alert(1)</script>“&"'


class Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.names: set[str] = set()
        self.attributes: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.add(tag)
        self.attributes |= {name for name, _ in attrs}


def test_one_page_a_week_from_what_is_known(office_home: Home, desk: Database, office_index: SqliteIndex) -> None:
    office_index.write_items(
        [item(), item(id="m1", channel="media", role="subject", outlet="清江日报", story_id="m1"),
         item(id="m0", channel="media", role="subject", outlet="清江日报", story_id="m0", occurred_at=NOW - timedelta(days=9))]
    )  # fmt: skip
    office_index.write_signals([Signal(OFFICE, "论坛", "day", NOW - timedelta(days=1), "all", "", 10)])
    with desk.write() as s:
        s.add(issue(title=EVIL))
        s.add(Counter(name="staging.expired", day="2026-11-17", value=13))
    watch(office_home, desk, office_index, NOW)
    at = NOW + timedelta(hours=60)
    watch(office_home, desk, office_index, at)
    assert digest(office_home, desk, office_index, at) == [f"{OFFICE}:2026-W47"]
    assert digest(office_home, desk, office_index, at + timedelta(hours=1)) == []
    with desk.read() as s:
        row = s.scalars(select(DigestRow)).one()
        mails = s.scalars(select(Notification).where(Notification.kind == "digest")).all()
        assert [m.recipient for m in mails] == ["leader@example.org"] and mails[0].html == row.html
        assert s.scalars(select(AuditLine).where(AuditLine.action == "digest")).one().actor == "system"
        volume = {r["channel"]: (r["now"], r["before"]) for r in row.facts["volume"]}
        assert volume == {"media": (1, 1), "official": (0, 0), "submission": (1, 0), "public": (10, 0)}
        assert (
            row.facts["expired"] == 10 and row.facts["incidents"]["opened"] == 2 and row.facts["clocks"]["missed"] == 4
        )
        html, text = row.html, row.text
    assert "13" not in [w for w in text.split() if w == "13"]
    tags = Tags()
    tags.feed(html)
    assert "script" not in tags.names and not {a for a in tags.attributes if a.startswith("on")}
    assert EVIL not in html and "&lt;script&gt;" in html
    assert "尚未回应" in html and "至少 10 人" in html and len(html) < 40_000
    assert dispatch(office_home, desk, at).failed == 0


def test_a_quiet_week_and_two_offices(office_home: Home, desk: Database, office_index: SqliteIndex) -> None:
    assert len(digest(office_home, desk, office_index, NOW)) == 1
    with desk.read() as s:
        assert "本周没有形成议题" in s.scalars(select(DigestRow.text)).one()
    assert digest(office_home, desk, office_index, NOW + timedelta(days=7)) == [f"{OFFICE}:2026-W48"]


def test_words_for_numbers() -> None:
    assert change(5, 5) == "与上周持平"
    assert change(8, 5) == "比上周多 3"
    assert change(30, 20) == "比上周多 10，增 50%"
    assert change(15, 20) == "比上周少 5，减 25%"
    assert [waited(h) for h in (5, 24, 76)] == ["5 小时", "1 天", "3 天 4 小时"]
