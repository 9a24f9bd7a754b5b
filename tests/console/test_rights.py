"""Each office sees its own; each look is written down."""

from __future__ import annotations

import httpx
from conftest import House, csrf_of
from desk_data import CITY, DISTRICT, items
from sqlalchemy import select

from pipeline.desk.tables import AuditLine, Incident

DISTRICTS = next(i for i in items() if i.office_id == DISTRICT)


def incident_id(house: House, title: str) -> str:
    with house.db.read() as s:
        found = s.scalar(select(Incident.id).where(Incident.title.like(f"{title}%")))
    assert found
    return found


def last_line(house: House) -> AuditLine:
    with house.db.read() as s:
        line = s.scalars(select(AuditLine).order_by(AuditLine.id.desc()).limit(1)).one()
        s.expunge(line)
    return line


def test_an_office_sees_only_its_own(house: House, city: httpx.Client, district: httpx.Client) -> None:
    mine = f"/incidents/{incident_id(house, '冒充')}"
    theirs = f"/incidents/{incident_id(house, '云溪')}"
    for client, yes, no in (
        (city, [mine, "/issues/issue-scam", f"/items/{items()[0].id}", f"/digests/{CITY}:2026-W46", "/inbox/1.eml"],
         [theirs, "/issues/issue-yunxi", f"/items/{DISTRICTS.id}", f"/digests/{DISTRICT}:2026-W46", "/inbox/2.eml",
          f"/digests/{DISTRICT}:2026-W46/page"]),
        (district, [theirs, "/issues/issue-yunxi", f"/items/{DISTRICTS.id}", f"/digests/{DISTRICT}:2026-W46"],
         [mine, "/issues/issue-scam", "/issues/issue-old", f"/items/{items()[0].id}", f"/items/{items()[0].id}/evidence",
          f"/digests/{CITY}:2026-W46", "/inbox/1.eml", "/inbox/1.eml/page", f"{mine}/close"]),
    ):  # fmt: skip
        for path in yes:
            assert client.get(path).status_code == 200, path
        for path in no:
            assert client.get(path).status_code == 404, path
    page = (
        district.get("/").text
        + district.get("/issues").text
        + district.get("/incidents").text
        + district.get("/search").text
    )
    assert "云溪" in page and "冒充检察官" not in page and "不起诉" not in page.replace("不起诉 听证", "")
    assert "云溪区的一件事" not in city.get("/incidents").text
    assert "云溪发布" not in city.get("/sources").text and "云溪发布" in district.get("/sources").text


def test_nobody_acts_on_another_offices_incident(house: House, district: httpx.Client) -> None:
    mine = incident_id(house, "冒充")
    csrf = csrf_of(district.get("/").text)
    for action in ("acknowledge", "answered", "close", "note", "tasks/x/complete"):
        answer = district.post(f"/incidents/{mine}/{action}", data={"csrf": csrf, "version": "1", "note": "x"})
        assert answer.status_code == 404, action
    with house.db.read() as s:
        found = s.get(Incident, mine)
        assert found is not None and found.state == "open" and found.version == 1


def test_administration_is_for_administrators(city: httpx.Client) -> None:
    for path in ("/audit", "/people"):
        answer = city.get(path)
        assert answer.status_code == 403 and "管理员" in answer.text
    assert "/audit" not in city.get("/").text
    answer = city.post(
        "/people", data={"csrf": csrf_of(city.get("/").text), "what": "create", "name": "mallory", "role": "admin"}
    )
    assert answer.status_code == 403


def test_each_look_is_written_down(house: House, city: httpx.Client) -> None:
    scam = incident_id(house, "冒充")
    looks = [
        ("/search?q=不起诉&level=3", "search", "search"),
        ("/search.csv?q=不起诉", "export", "search"),
        ("/issues/issue-decision", "view", "issue:issue-decision"),
        (f"/items/{items()[0].id}", "view", f"item:{items()[0].id}"),
        (f"/items/{items()[0].id}/evidence", "evidence", f"item:{items()[0].id}"),
        (f"/incidents/{scam}", "view", f"incident:{scam}"),
        (f"/digests/{CITY}:2026-W46", "view", f"digest:{CITY}:2026-W46"),
        ("/inbox/1.eml", "view", "mail:1.eml"),
        ("/", "view", "page:today"),
    ]
    for path, action, subject in looks:
        assert city.get(path).status_code == 200
        line = last_line(house)
        assert (line.actor, line.action, line.subject) == ("chen", action, subject)
        assert line.office_ids == [CITY] and line.at == house.now
    city.get("/search?q=不起诉&level=3")
    assert last_line(house).detail == {"q": "不起诉", "level": "3", "total": 2}


def test_the_audit_page_shows_them(admin: httpx.Client) -> None:
    admin.get("/search?q=审计看得见")
    page = admin.get("/audit?action=search").text
    assert "检索词 审计看得见" in page
    admin.get("/issues/issue-scam")
    page = admin.get("/audit?action=view").text
    assert '<a href="/issues/issue-scam">议题 issue-scam</a>' in page and "page:" not in page
    assert admin.get("/audit?actor=nobody&action=bogus&before=abc").status_code == 200


def test_people_are_managed_by_link(house: House, admin: httpx.Client) -> None:
    csrf = csrf_of(admin.get("/people").text)
    answer = admin.post(
        "/people",
        data={
            "csrf": csrf,
            "what": "create",
            "name": "sun",
            "display_name": "孙<b>",
            "role": "duty",
            f"office-{DISTRICT}": "1",
        },
    )
    assert answer.status_code == 200 and "/sign-in/" in answer.text and "孙&lt;b&gt;" in answer.text
    with house.signed_in("sun") as client:
        assert client.get("/issues/issue-yunxi").status_code == 200
        assert client.get("/issues/issue-scam").status_code == 404
        assert admin.post("/people", data={"csrf": csrf, "what": "disable", "name": "sun"}).status_code == 200
        assert client.get("/").status_code == 303
    answer = admin.post("/people", data={"csrf": csrf, "what": "disable", "name": "admin"})
    assert answer.status_code == 422
