"""校对 over HTTP: an analyst's own queue of an own office, blind where drawn at random, each step written down."""

from __future__ import annotations

import re
from collections.abc import Iterator

import httpx
import pytest
from conftest import House, csrf_of
from desk_data import CITY, DISTRICT, item, items
from sqlalchemy import delete, select

from pipeline.desk.accounts import create_user, find_user
from pipeline.desk.tables import AuditLine, Heartbeat, Review
from pipeline.review.reviews import PART_NAMES
from pipeline.steps.model_news import DRIFT, TRAINED

LABELS = {"role": "subject", "sentiment": "neutral", "needs_answer": "0", "sensitive": "0"}


@pytest.fixture(autouse=True)
def empty(house: House) -> Iterator[None]:
    yield
    with house.db.write() as s:
        s.execute(delete(Review))


@pytest.fixture
def leader(house: House) -> Iterator[httpx.Client]:
    with house.db.write() as s:
        if find_user(s, "zhao") is None:
            create_user(s, "zhao", "赵主任", "leader", [CITY], house.now)
    with house.signed_in("zhao") as client:
        yield client


def post(client: httpx.Client, path: str, **form: str) -> httpx.Response:
    return client.post(path, data={"csrf": csrf_of(client.get("/").text), **form}, follow_redirects=True)


def start(client: httpx.Client) -> str:
    return post(client, "/review/next", office=CITY).text


def task(page: str) -> str:
    found = re.search(r'action="/review/([0-9a-f]{32})" id="labels"', page)
    assert found, "no item is asked about"
    return found[1]


def rows(house: House) -> list[Review]:
    with house.db.read() as s:
        return list(s.scalars(select(Review).order_by(Review.position)))


def until(client: httpx.Client, page: str, part: str) -> str:
    """Skip to the first item of a part."""
    while f'part">{PART_NAMES[part]}<' not in page:
        page = post(client, f"/review/{task(page)}/skip").text
    return page


def test_a_batch_is_asked_one_by_one_and_marked(house: House, city: httpx.Client) -> None:
    page = start(city)
    assert "第 1 条，共 20 条" in page and any(f'part">{name}<' in page for name in PART_NAMES.values())
    parts = [r.part for r in rows(house)]
    assert (parts.count("random"), len(parts)) == (4, 20) and parts.count("rare") <= 4
    own = {i.id for i in items() if i.office_id == CITY}
    assert {r.item_id for r in rows(house)} <= own and {r.actor for r in rows(house)} == {"chen"}
    assert len({r.id for r in rows(house)}) == 20
    start(city)  # asking again while some wait changes nothing
    assert len(rows(house)) == 20
    for key in (
        "<kbd>1</kbd> 向本院提出",
        "<kbd>Q</kbd> 负面",
        "<kbd>A</kbd> 案件办理",
        "<kbd>Enter</kbd>",
        "<kbd>U</kbd>",
    ):
        assert key in page, key


def test_the_random_part_hides_what_the_model_said(house: House, city: httpx.Client) -> None:
    start(city)
    with house.db.write() as s:  # one of each part first
        for row in s.scalars(select(Review)):
            row.position += {"uncertain": 0, "random": 100, "rare": 200}[row.part]
    page = city.get("/review").text
    assert len(re.findall(r"<input[^>]* checked", page)) >= 4
    page = until(city, page, "random")
    form = page.split('id="labels"')[1]
    assert " checked" not in form and "请独立判断" in form and "/items/" not in form
    answer = post(city, f"/review/{task(page)}", revision="1", role="subject")
    assert answer.status_code == 422 and "五个标签都要选" in answer.text
    assert re.search(r'value="subject"[^>]* checked', answer.text), "what was chosen is still there"


def test_confirm_correct_take_back(house: House, city: httpx.Client) -> None:
    page = start(city)
    first = task(page)
    answer = post(city, f"/review/{first}", revision="1", **LABELS | {"role": "mentioned", "topic-praise": "1"})
    assert "已改正：" in answer.text and "与本院关系" in answer.text and "提及本院" in answer.text
    row = next(r for r in rows(house) if r.id == first)
    assert (row.state, row.labels["role"], row.labels["topics"], row.given["role"]) == (
        "done",
        "mentioned",
        ["praise"],
        row.given["role"],
    )
    assert row.decided_at == house.now and row.actor == "chen"
    shown = city.get(f"/items/{row.item_id}").text
    assert "人工校对" in shown and "提及本院" in shown
    assert post(city, f"/review/{first}", revision="1", **LABELS).status_code == 409
    page = post(city, "/review/undo", office=CITY).text
    assert "已撤销" in page and task(page) == first
    assert "人工校对" not in city.get(f"/items/{row.item_id}").text
    with house.db.read() as s:
        actions = list(s.scalars(select(AuditLine.action).where(AuditLine.actor == "chen").order_by(AuditLine.id)))
        line = s.scalars(select(AuditLine).where(AuditLine.action == "correct_labels")).first()
    assert {"fill_review", "correct_labels", "undo_review"} <= set(actions)
    assert line is not None and line.subject == f"item:{row.item_id}" and "与本院关系" in line.detail["changed"]


def test_what_was_revised_meanwhile_is_not_decided(house: House, city: httpx.Client) -> None:
    page = start(city)
    row = next(r for r in rows(house) if r.id == task(page))
    known = house.index.get(row.item_id, [CITY])
    assert known is not None
    house.index.write_items([item("any", known.title, "改过的正文", id=known.id, revision=2, labels=known.labels)])
    try:
        answer = post(city, f"/review/{row.id}", revision="1", **LABELS)
        assert answer.status_code == 409 and "没有保存" in answer.text
        assert task(city.get("/review").text) != row.id
    finally:
        house.index.write_items([item("any", known.title, known.text, id=known.id, revision=3, labels=known.labels)])


def test_who_may_review_what(house: House, city: httpx.Client, district: httpx.Client, leader: httpx.Client) -> None:
    mine = task(start(city))
    assert post(leader, "/review/next", office=CITY).status_code == 403
    assert leader.get("/review", follow_redirects=True).url.path == "/review/quality"
    assert post(district, f"/review/{mine}", revision="1", **LABELS).status_code == 404
    assert post(city, "/review/next", office=DISTRICT).status_code == 404
    assert city.get(f"/review?office={DISTRICT}").status_code == 404
    assert city.get(f"/review/quality?office={DISTRICT}").status_code == 404
    assert city.post("/review/next", data={"office": CITY}).status_code == 403  # without the form's token
    assert {r.state for r in rows(house)} == {"waiting"}


def test_quality_counts_the_random_part_only(house: House, city: httpx.Client) -> None:
    assert "还没有随机抽样的校对" in city.get("/review/quality").text
    page = start(city)
    while 'id="labels"' in page:
        revision = re.findall(r'name="revision" value="(\d+)"', page)[0]
        page = post(city, f"/review/{task(page)}", revision=revision, **LABELS | {"topic-case_handling": "1"}).text
    page = city.get("/review/quality").text
    assert "随机抽到 4 条，已校对 4 条" in page and "抽样只有 4 条" in page
    found = re.search(r"涉及本院工作</th>.*?(\d+)/(\d+)", page, re.S)
    assert found and int(found[2]) <= 4
    assert re.search(r"随机抽样 4 条", page) and "%</b>" not in page, "no percentage of so few"


def test_training_and_drift_are_shown(house: House, city: httpx.Client) -> None:
    drifted = {
        "model": "m", "texts": 300, "earlier": 900, "since": "x", "public": {"topic": {"praise": 15}},
        "rows": [{"name": "role", "psi": 0.61, "chance": 0.02, "own": 0.4, "large": True},
                 {"name": "praise", "psi": 0.01, "chance": 0.02, "own": 0.0, "large": False}],
        "shares": {"praise": [0.1, 0.11, 0.12]},
    }  # fmt: skip
    with house.db.write() as s:
        s.add(
            Heartbeat(
                name=TRAINED, beat_at=house.now, state={"kind": "kept", "lines": ["新模型没有换上：x。", "原因：y。"]}
            )
        )
        s.add(Heartbeat(name=DRIFT + CITY, beat_at=house.now, state=drifted))
    page = city.get("/review/quality").text
    for words in ("新模型没有换上：x。", "原因：y。", "变化很大：与本院关系", "0.61", "肯定表扬 15"):
        assert words in page, words
    with house.db.write() as s:
        s.execute(delete(Heartbeat).where(Heartbeat.name.in_([TRAINED, DRIFT + CITY])))
