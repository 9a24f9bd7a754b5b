"""What people do with an incident, through the pages."""

from __future__ import annotations

import re

import httpx
from conftest import House, csrf_of, version_of
from desk_data import HOSTILE
from sqlalchemy import select

from console.app import ACTIONS
from pipeline.desk.tables import AuditLine, Incident, Task


def incident_of(house: House, title: str) -> Incident:
    with house.db.read() as s:
        found = s.scalar(select(Incident).where(Incident.title.like(f"{title}%")))
        assert found is not None
        s.expunge(found)
    return found


def tasks_of(house: House, incident_id: str) -> list[Task]:
    with house.db.read() as s:
        found = list(s.scalars(select(Task).where(Task.incident_id == incident_id).order_by(Task.position)))
        s.expunge_all()
    return found


def test_from_open_to_closed(house: House, city: httpx.Client) -> None:
    address = f"/incidents/{incident_of(house, '伤害案').id}"
    page = city.get(address).text
    assert "由我签收" in page and "还剩 18 分钟" in page and "国办发" in page and "公众 20 人以上" in page

    def send(action: str, note: str = "", version: str = "") -> httpx.Response:
        now = city.get(address).text
        return city.post(
            f"{address}/{action}", data={"csrf": csrf_of(now), "version": version or version_of(now), "note": note}
        )

    assert send("acknowledge").status_code == 303
    page = city.get(address).text
    assert "由我签收" not in page and "陈分析" in page and "处置中" in page
    tasks = tasks_of(house, address.rsplit("/", 1)[1])
    note = f"已核对卷宗{HOSTILE}"
    answer = send(f"tasks/{tasks[0].id}/complete", note)
    assert answer.status_code == 303 and answer.headers["location"] == f"{address}#h-plan"
    page = city.get(address).text
    assert "已核对卷宗&lt;script&gt;" in page and HOSTILE not in page and "1/8 项" in page

    stale = send(f"tasks/{tasks[1].id}/complete", version="1")
    assert stale.status_code == 409 and "没有执行" in stale.text and "别人刚刚改动过" in stale.text
    silent = send(f"tasks/{tasks[1].id}/skip")
    assert silent.status_code == 422 and "原因" in silent.text
    publish = next(t for t in tasks if t.kind == "publish")
    early = send(f"tasks/{publish.id}/complete", "抢先发布")
    assert early.status_code == 422 and "审批" in early.text
    other = tasks_of(house, incident_of(house, "冒充").id)[0]
    assert send(f"tasks/{other.id}/complete").status_code == 404

    assert send("note", "记者来电询问").status_code == 303
    assert send("answered", "已书面答复").status_code == 303
    confirm = city.get(f"{address}/close").text
    assert "项任务没有完成" in confirm and "确认办结" in confirm
    assert send("close").status_code == 422
    assert send("close", "其余任务并入另一件").status_code == 303
    page = city.get(address).text
    assert "已办结" in page and "确认办结" not in page and "记者来电询问" in page
    assert "伤害案" in city.get("/incidents?state=closed").text
    with house.db.read() as s:
        actions = s.scalars(
            select(AuditLine.action).where(AuditLine.subject == f"incident:{address.rsplit('/', 1)[1]}")
        ).all()
    assert {"acknowledge", "complete_task", "mark_answered", "close", "view"} <= set(actions)


def test_a_clock_is_met_outside_the_plan(house: House, city: httpx.Client) -> None:
    address = f"/incidents/{incident_of(house, '冒充').id}"
    page = city.get(address).text
    form = re.search(r'action="([^"]+/clocks/[^"]+/met)"', page)
    assert form and page.count('/met"') == 1, "signing and answering have buttons of their own"
    data = {"csrf": csrf_of(page), "version": version_of(page), "note": "已在广播里提醒"}
    assert city.post(form[1], data=data).status_code == 303
    page = city.get(address).text
    assert "时限“首次提醒公众”按时完成" in page and '/met"' not in page
    theirs = incident_of(house, "伤害案").id
    assert city.post(form[1].replace(address, f"/incidents/{theirs}"), data=data).status_code == 404


def test_there_is_no_action_against_speech() -> None:
    words = re.compile(r"delete|remove|report|trace|block|flood|drown|ban")
    assert not [path for path, _ in ACTIONS if words.search(path)]


def test_half_a_form_changes_nothing(house: House, city: httpx.Client) -> None:
    address = f"/incidents/{incident_of(house, '冒充').id}"
    csrf = csrf_of(city.get(address).text)
    for version in ("", "x", "-1", "9" * 30):
        assert city.post(f"{address}/acknowledge", data={"csrf": csrf, "version": version}).status_code == 422
    long = city.post(f"{address}/note", data={"csrf": csrf, "version": "1", "note": "长" * 2001})
    assert long.status_code == 422
    assert incident_of(house, "冒充").state == "open"


def test_incidents_of_one_issue_know_each_other(house: House, city: httpx.Client) -> None:
    one, other = incident_of(house, "伤害案"), incident_of(house, "冒充检察官")
    with house.db.write() as s:
        s.get_one(Incident, other.id).subject_id = one.subject_id
    page = city.get(f"/incidents/{one.id}").text
    assert f'href="/incidents/{other.id}"' in page and "同一议题还有" in page
