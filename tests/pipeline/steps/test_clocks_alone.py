"""Clocks and what we say of ourselves go on without an index."""

from __future__ import annotations

from datetime import timedelta

from house import House, letter
from making import HOUR, NOW
from sqlalchemy import select

from pipeline.desk.tables import Notification
from pipeline.steps.clocks import drive
from pipeline.steps.troubles import note, standing
from pipeline.steps.watch import watch


def told(house: House, kind: str) -> list[str]:
    with house.db.read() as session:
        return [row.subject for row in session.scalars(select(Notification).where(Notification.kind == kind))]


def test_what_time_brings_is_what_watch_would_have_brought(house: House) -> None:
    house.ingest(letter(1))
    watch(house.home, house.db, house.index, NOW)
    later = NOW + 60 * HOUR
    report = drive(house.home, house.db, later)
    assert report.escalated == 1 and report.missed >= 1 and told(house, "escalation")
    before = house.dump()
    assert drive(house.home, house.db, later).escalated == 0 and house.dump() == before
    assert watch(house.home, house.db, house.index, later).tick.escalated == 0


def test_an_engine_that_stays_away_is_told_once_a_day_and_forgotten_when_it_is_back(house: House) -> None:
    for minutes in (0, 5, 20):
        now = NOW + timedelta(minutes=minutes)
        with house.db.write() as session:
            note(session, "watch", "Elasticsearch 暂时用不了：连不上", now)
        drive(house.home, house.db, now)
        assert bool(told(house, "self_alert")) == (minutes == 20)
    drive(house.home, house.db, NOW + HOUR)
    assert set(told(house, "self_alert")) == {"研判暂停"} and len(told(house, "self_alert")) == 2  # on call, and leader
    with house.db.write() as session:
        note(session, "watch", "", NOW + HOUR)
        assert standing(session) == []
