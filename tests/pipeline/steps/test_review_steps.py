"""Reviews over a real index and desk: whole items only, each decision written down, and gone with its item."""

from __future__ import annotations

import json
import shutil
from datetime import timedelta
from typing import Any

import pytest
from house import NAME, OFFICE, House, article, letter
from making import NOW, ident
from sqlalchemy import select

from models.drift import SCORES, Profile
from models.taxonomy import columns
from pipeline.desk.tables import AuditLine, Heartbeat, Notification, Review
from pipeline.errors import Conflict, Refused
from pipeline.review import reviews
from pipeline.steps import drift
from pipeline.steps.model_news import DRIFT, model_news
from pipeline.steps.retrain import gather
from pipeline.steps.roster import load_post
from pipeline.steps.shelf import shelf_of

DAY = timedelta(days=1)
LABELS: dict[str, Any] = {
    "role": "subject", "sentiment": "neutral", "topics": ["case_handling"], "needs_answer": False, "sensitive": True,
}  # fmt: skip


def fill(house: House, actor: str = "chen") -> list[Review]:
    found = reviews.candidates(house.index, OFFICE, NOW)
    with house.db.write() as s:
        reviews.fill(s, found, OFFICE, actor, NOW, "seed")
    with house.db.read() as s:
        return reviews.waiting(s, OFFICE, actor)


def decide(house: House, row: Review, **change: Any) -> list[str]:
    item = house.index.get(row.item_id, [OFFICE])
    assert item is not None
    with house.db.write() as s:
        return reviews.decide(s, s.get_one(Review, row.id), item, LABELS | change, NOW)


def audited(house: House) -> list[tuple[str, str, str]]:
    with house.db.read() as s:
        return [(a.action, a.actor, a.subject) for a in s.scalars(select(AuditLine).order_by(AuditLine.id))]


def test_only_whole_items_are_asked_about(house: House) -> None:
    posts = [house.says(f"p{n}", f"人{n}", f"{NAME}的热线三天没有人接，第{n}次打了") for n in range(6)]
    house.ingest(article(1), letter(2), *posts)
    house.hear()
    rows = fill(house)
    assert {r.item_id for r in rows} == {ident(1), ident(2)}
    assert {r.channel for r in rows} == {"media", "submission"}


def test_a_decision_keeps_who_when_which_model_and_both_readings(house: House) -> None:
    house.ingest(article(1))
    (row,) = fill(house)
    item = house.item(1)
    assert item is not None
    changed = decide(house, row, topics=["praise"], sensitive=not item.sensitive)
    with house.db.read() as s:
        kept = s.get_one(Review, row.id)
        assert (kept.actor, kept.decided_at, kept.model, kept.state) == ("chen", NOW, item.model, "done")
        assert kept.given["role"] == item.labels["role"] and kept.given["topics"] == sorted(item.labels["topics"])
        assert kept.labels["topics"] == ["praise"] and kept.part == row.part and kept.office_id == OFFICE
    assert {"topics", "sensitive"} <= set(changed)
    assert audited(house)[-1] == ("correct_labels", "chen", f"item:{ident(1)}")
    with pytest.raises(Conflict):
        decide(house, row)


def test_the_last_one_is_taken_back(house: House) -> None:
    house.ingest(article(1), article(2))
    first, second = fill(house)
    decide(house, first)
    with house.db.write() as s:
        reviews.skip(s, s.get_one(Review, second.id), NOW + DAY)
    with house.db.write() as s:
        assert reviews.undo(s, OFFICE, "chen", NOW).id == second.id
    with house.db.write() as s:
        assert reviews.undo(s, OFFICE, "chen", NOW).id == first.id
    with house.db.write() as s, pytest.raises(Refused):
        reviews.undo(s, OFFICE, "chen", NOW)
    with house.db.read() as s:
        assert [r.labels for r in reviews.waiting(s, OFFICE, "chen")] == [{}, {}]
    assert [a for a, _, _ in audited(house)][-2:] == ["undo_review", "undo_review"]


@pytest.mark.parametrize(
    "change",
    [{"role": "boss"}, {"sentiment": None}, {"topics": ["stability"]}, {"needs_answer": None}, {"sensitive": "yes"},
     {"role": "unrelated", "topics": ["praise"]}],
)  # fmt: skip
def test_labels_outside_the_closed_lists_are_refused(change: dict[str, Any]) -> None:
    with pytest.raises(Refused):
        reviews.checked(LABELS | change)


def test_two_analysts_are_not_asked_the_same(house: House) -> None:
    house.ingest(*(article(n, f"{NAME}的第{n}件事，内容是{chr(0x4E00 + 37 * n) * 30}") for n in range(30)))
    mine = {r.item_id for r in fill(house) if r.part != "random"}
    theirs = {r.item_id for r in fill(house, "wang") if r.part != "random"}
    assert len(mine) == 16 and theirs and not mine & theirs


def test_a_correction_teaches_while_its_text_stands_and_goes_with_it(house: House) -> None:
    first = article(1)
    house.ingest(first, article(2, f"{NAME}的另一件事，和头一件不相干。"), letter(3, "我的事到哪一步了"))
    for row in fill(house):
        decide(house, row, role="addressed")
    found = gather(house.home, house.db, house.index)
    assert len(found.corrections) == 2 and (found.gone, found.by_channel) == (
        0,
        1,
    )  # of the letter only the channel tells
    assert {c.example.role for c in found.corrections} == {"addressed"}
    house.ingest(article(1, f"{NAME}改了说法，完全是另一件事情了。"), now=NOW + DAY)
    found = gather(house.home, house.db, house.index)
    assert len(found.corrections) == 1 and found.gone == 1  # the labels belong to the older form
    house.upkeep(NOW + 182 * DAY)
    assert house.rows(Review) == [] and gather(house.home, house.db, house.index).corrections == []


def test_drift_is_measured_once_a_day_and_told_once(house: House) -> None:
    """110 calm items in the weeks before, 110 about a fraud this week."""
    scams = [f"有人自称{NAME}检察官来电要求转账到安全账户，第{n}起{chr(0x4E00 + 91 * n) * 12}" for n in range(110)]
    calm = [f"{NAME}公开招聘文员{n}名，{chr(0x4E00 + 53 * n) * 12}" for n in range(110)]
    house.ingest(*(article(f"a{n}", text, NOW - 20 * DAY) for n, text in enumerate(calm)), now=NOW - 20 * DAY)
    house.ingest(*(article(f"b{n}", text) for n, text in enumerate(scams)))
    trained_on_calm(house)
    post, later = load_post(house.home), NOW + timedelta(hours=1)
    assert "impersonation_scam" in drift.measure_drift(house.home, house.db, house.index, post, later)[OFFICE]
    assert drift.measure_drift(house.home, house.db, house.index, post, later + timedelta(hours=2)) == {}
    told = [n for n in house.rows(Notification) if n.kind == "self_alert"]
    assert told and "冒充检察机关诈骗" in told[0].text
    assert drift.measure_drift(house.home, house.db, house.index, post, later + DAY)[OFFICE]
    assert len([n for n in house.rows(Notification) if n.kind == "self_alert"]) == len(told)
    with house.db.read() as s:
        state = s.get_one(Heartbeat, DRIFT + OFFICE).state
        assert state["texts"] == state["earlier"] == 110
        assert model_news(s)["drift"][OFFICE]


def trained_on_calm(house: House) -> None:
    """A version whose training texts held hardly any scams, as its card says."""
    usable = shelf_of(house.home).usable()
    cuts = {name: [n / 10 for n in range(1, 10)] for name in SCORES}
    labels = dict.fromkeys(columns(), 200) | {"impersonation_scam": 5}
    profile = Profile(1000, labels, cuts, {name: [100] * 10 for name in SCORES})
    copy = house.home.models / ".copy"
    shutil.copytree(house.home.model, copy)
    card = usable.card | {"version": "calm", "profile": profile.to_dict()}
    (copy / "card.json").write_text(json.dumps(card), encoding="utf-8")
    assert shelf_of(house.home).take(copy) == "calm"
