"""What the desk says of sources, of the offices' own sites, and of the canary."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import httpx
import pytest
from conftest import House, csrf_of
from desk_data import CITY, NOW
from sqlalchemy import delete, select

from pipeline.desk.tables import AuditLine, CanaryRun, OwnChannelRow, OwnPageRow, SourceRun, SourceState
from pipeline.steps import canary
from pipeline.steps.own_channels import note_check

MINUTE = timedelta(minutes=1)


def passed(house: House, token: str, started: datetime, *stages: str) -> None:
    with house.db.write() as s:
        canary.begin(s, token, started)
        canary.reach(s, token, **{name: started + n * MINUTE / 6 for n, name in enumerate(stages, 1)})


@pytest.fixture
def no_canary(house: House) -> Iterator[None]:
    yield
    house.now = NOW
    with house.db.write() as s:
        s.execute(delete(CanaryRun))


@pytest.mark.usefixtures("no_canary")
def test_the_way_of_the_canary_a_banner_and_a_page_for_monitors(house: House, city: httpx.Client) -> None:
    with house.client() as outside:
        health = outside.get("/healthz/canary")
        assert (health.status_code, health.json()["state"]) == (503, "never")
        passed(house, "arrived", NOW, *canary.STAGES)
        house.now = NOW + 5 * MINUTE
        health = outside.get("/healthz/canary")
        assert health.status_code == 200
        assert health.json() == {"state": "ok", "problem": "", "arrived_at": (NOW + MINUTE).isoformat()}
        page = city.get("/system").text
        assert "按时走完全程" in page and page.count("10 秒") >= 12 and "60 秒" in page
        assert "自检样本" not in city.get("/").text
        passed(house, "stuck", NOW + 15 * MINUTE, "spooled")
        house.now = NOW + 34 * MINUTE
        assert "自检样本" not in city.get("/").text
        house.now = NOW + 36 * MINUTE
        front = city.get("/").text
        assert "自检样本没有送达：上一次送达是" in front and "停在“排队”" in front
        assert "在这里" in city.get("/system").text
        health = outside.get("/healthz/canary")
        assert (health.status_code, health.json()["state"]) == (503, "missing")
        assert outside.get("/healthz").status_code == 200  # the desk itself lives


def test_sources_say_what_is_wrong_since_when_and_show_a_sample(house: House, admin: httpx.Client) -> None:
    with house.db.write() as s:
        for n in range(12):
            filled: dict[str, Any] = {"text": 3, "published_at": 0 if n < 2 else 3}
            sample = {"title": "样本<b>标题", "url": "https://news.example/1"}
            s.add(
                SourceRun(
                    id=f"rb{n}",
                    source_id="rb",
                    at=NOW - timedelta(hours=n + 1),
                    read=3,
                    captured=3,
                    filled=filled,
                    sample=sample,
                )
            )
        s.add(
            SourceRun(id="forum", source_id="forum", at=NOW, read=13, captured=13, filled={"text": 13, "author": 3},
                      sample={"title": "不该有的标题"})
        )  # fmt: skip
    page = admin.get("/sources").text
    assert "版式变了" in page and "原来几乎每条都读得到的发布时间，现在读不到" in page and "最近正常的一天" in page
    assert "样本&lt;b&gt;标题" in page and 'href="https://news.example/1"' in page
    assert "10+ 条，其中正文 10+、发布时间 不足 5、发言人（只用来数人数，不保存） 不足 5" in page
    assert "不该有的标题" not in page
    with house.db.write() as s:
        s.execute(delete(SourceRun))
        assert s.get(SourceState, "rb") is not None


def report(digest: str, at: datetime, office: str = CITY) -> dict[str, Any]:
    return {
        "kind": "own_channel", "id": f"{office}:portal", "office_ids": [office], "at": at.isoformat(), "problem": "",
        "certificate_until": (NOW + timedelta(days=9)).isoformat(), "certificate_problem": "",
        "newest_at": (NOW - timedelta(hours=3)).isoformat(),
        "pages": [{"name": "联系我们", "url": "https://own.example/c", "selector": "", "problem": "", "digest": digest, "length": 40}],
    }  # fmt: skip


def test_a_changed_key_page_is_accepted_by_an_administrator(house: House, admin: httpx.Client, city: httpx.Client, district: httpx.Client) -> None:  # fmt: skip
    assert "尚未检查" in admin.get("/sources").text
    with house.db.write() as s:
        note_check(s, report("a" * 32, NOW - timedelta(hours=2)))
        note_check(s, report("b" * 32, NOW - timedelta(hours=1)))
        note_check(s, report("c" * 32, NOW - timedelta(hours=3)))  # an older one, replayed
        page_id = s.scalars(select(OwnPageRow.id)).one()
    page = admin.get("/sources").text
    assert "门户网站" in page and "还有 9 天" in page and "内容变了" in page
    assert "原为 aaaaaaaaaaaa（40 字），现为 bbbbbbbbbbbb（40 字）" in page
    assert "门户网站" not in district.get("/sources").text
    mine = city.get("/sources").text
    assert "内容变了" in mine and "是预期的变化" not in mine
    form = {"csrf": csrf_of(mine), "digest": "b" * 32}
    assert city.post(f"/own-pages/{page_id}/accept", data=form).status_code == 403
    form = {"csrf": csrf_of(page), "digest": "d" * 32}
    assert admin.post(f"/own-pages/{page_id}/accept", data=form).status_code == 409  # changed again meanwhile
    assert admin.post(f"/own-pages/{page_id}/accept", data={**form, "digest": "b" * 32}).status_code == 303
    assert "没有变，40 字，摘要 bbbbbbbbbbbb（admin" in admin.get("/sources").text
    assert "确认页面变化" in admin.get("/audit").text
    with house.db.write() as s:
        line = s.scalars(select(AuditLine).where(AuditLine.action == "accept_page")).one()
        assert (line.actor, line.detail["digest_before"], line.detail["digest_after"]) == ("admin", "a" * 32, "b" * 32)
        s.execute(delete(OwnPageRow))
        s.execute(delete(OwnChannelRow))
