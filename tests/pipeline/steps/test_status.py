"""Where everything stands, for people and for programs that drive us."""

from __future__ import annotations

import json
from datetime import timedelta

from house import NAME, House, article, letter
from making import HOUR, NOW, capture

from pipeline.desk.tables import SourceState
from pipeline.steps.dispatch import dispatch
from pipeline.steps.status import status
from pipeline.steps.watch import watch


def test_an_empty_installation_answers(house: House) -> None:
    told = status(house.home, house.db, house.index, NOW)
    assert told["newest_heartbeat"] is None and told["late_sources"] == []
    assert told["stages"]["ingest"] == {"in": 0, "out": 0, "unchanged": 0, "quarantined": 0, "expired": 0, "batches": 0}


def test_every_stage_counts_in_and_out(house: House) -> None:
    house.ingest(
        article(1, f"{NAME}干警泄露未成年被害人个人信息。", title=f"{NAME}干警泄露未成年人隐私"), letter(2), capture(3, "", "media"),
        *(house.says(n, f"p{n}", f"{NAME}的咨询热线打了三天没人接，谁能管一管") for n in range(10, 17)),
    )  # fmt: skip
    house.hear()
    watch(house.home, house.db, house.index, NOW)
    dispatch(house.home, house.db, NOW)
    house.spool(article(4), article(5), now=NOW + HOUR)
    told = status(house.home, house.db, house.index, NOW + HOUR)
    assert json.loads(json.dumps(told, ensure_ascii=False)) == told
    stages = told["stages"]
    assert stages["spool"] == {"in": 12, "out": 10, "waiting": 2, "batches_waiting": 1}
    assert stages["ingest"]["in"] == 10 and stages["ingest"]["quarantined"] == 1
    assert stages["index"] == {"in": 2, "documents": 2, "purged": 0}
    assert (stages["staging"]["in"], stages["staging"]["now"]) == (5, 5)  # seven posts, in steps of k
    assert stages["issues"]["out"] == 1 and stages["alerts"]["out"] >= 1
    assert sum(told["open_incidents"].values()) == told["incidents"]["open"] >= 1
    assert set(told["outbox"]) == {"sent"}
    assert set(told["heartbeats"]) >= {"ingest", "hear", "watch", "dispatch"}


def test_a_source_is_late_by_its_own_promise(house: House) -> None:
    source = house.home.sources[0].model_copy(update={"enabled": True, "fresh_within_hours": 6})
    home = type(house.home)(
        house.home.folder, house.home.settings, house.home.offices, (source, *house.home.sources[1:])
    )

    def late() -> list[str]:
        return list(status(home, house.db, house.index, NOW)["late_sources"])

    assert late() == [source.id]  # it never had a good run
    with house.db.write() as s:
        s.add(SourceState(source_id=source.id, last_ok_at=NOW - timedelta(hours=5), last_run_at=NOW))
    assert late() == []
    with house.db.write() as s:
        s.get_one(SourceState, source.id).last_ok_at = NOW - timedelta(hours=7)
    assert late() == [source.id]
