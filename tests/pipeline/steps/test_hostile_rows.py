"""Text that a database might refuse, all the way to incidents and mails, on both of the desk's databases."""

from __future__ import annotations

import pytest
from house import NAME, House, article, letter
from making import HOUR, NOW

from pipeline.desk.tables import Incident, Notification
from pipeline.steps.dispatch import dispatch
from pipeline.steps.watch import watch

HOSTILE = {
    "nul": "a\x00b",
    "long": "长" * 3000,
    "marks": "'); DROP TABLE incidents; -- %s {} :name \\",
    "beyond": "𠮷野家\U0001f600",
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_it_arrives_or_is_set_aside_and_stops_nothing(house: House, kind: str) -> None:
    words = HOSTILE[kind]
    house.ingest(
        letter(1, f"我要投诉：你院电话没人接，请答复。{words}", source_ref=words, title=words),
        article(2, f"{NAME}泄露未成年被害人信息。{words}", title=words, outlet=words, region=words, site_group=words),
        article(3),
    )
    house.hear()
    watch(house.home, house.db, house.index, NOW)
    dispatch(house.home, house.db, NOW)
    assert house.found("") == 3 and house.findings(NOW + HOUR) == []
    assert house.rows(Incident) and {n.state for n in house.rows(Notification)} == {"sent"}
