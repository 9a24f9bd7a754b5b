"""Searches kept under a name: for oneself or an office, on matters and never on a person, each step written down."""

from __future__ import annotations

import re
from collections.abc import Iterator

import httpx
import pytest
from conftest import House, csrf_of, version_of
from desk_data import CITY, DISTRICT, HOSTILE
from markupsafe import escape
from sqlalchemy import delete, select

from pipeline.desk.accounts import create_user, find_user
from pipeline.desk.tables import AuditLine, SavedSearch


@pytest.fixture(autouse=True)
def empty(house: House) -> Iterator[None]:
    yield
    with house.db.write() as s:
        s.execute(delete(SavedSearch))


@pytest.fixture
def colleague(house: House) -> Iterator[httpx.Client]:
    """Somebody else of the city's office."""
    with house.db.write() as s:
        if find_user(s, "wu") is None:
            create_user(s, "wu", "吴分析", "analyst", [CITY], house.now)
    with house.signed_in("wu") as client:
        yield client


def save(client: httpx.Client, name: str, **form: str) -> httpx.Response:
    return client.post("/searches", data={"csrf": csrf_of(client.get("/").text), "name": name, **form})


def post(client: httpx.Client, path: str, **form: str) -> httpx.Response:
    page = client.get(path)
    version = re.search(r'name="version" value="(\d+)"', page.text)
    fields = {"version": version[1]} if version else {}
    return client.post(path, data={"csrf": csrf_of(client.get("/").text), **fields, **form})


def audit(house: House, action: str) -> list[AuditLine]:
    with house.db.read() as s:
        return list(s.scalars(select(AuditLine).where(AuditLine.action == action).order_by(AuditLine.id.desc())))


def test_a_search_is_saved_opened_renamed_and_given_up(house: House, city: httpx.Client) -> None:
    page = city.get("/search?q=不起诉&level=3&from=2026-11-01").text
    assert "保存这个检索" in page and 'name="from" value="2026-11-01"' in page
    answer = save(city, "不起诉的报道", q="不起诉", level="3", **{"from": "2026-11-01"})
    assert answer.status_code == 303
    opened = city.get(answer.headers["location"], follow_redirects=True)
    assert opened.url.params["q"] == "不起诉" and opened.url.params["level"] == "3" and opened.status_code == 200
    assert "保存的检索：不起诉的报道" in opened.text and 'id="h-hits">2 条' in opened.text
    listed = city.get("/searches").text
    assert (
        "不起诉的报道" in listed and "等级：Ⅲ级 黄" in listed and "从 2026-11-01" in listed and "只有我能看到" in listed
    )

    place = answer.headers["location"]
    assert post(city, f"{place}/name", name="不起诉（三级）").status_code == 303
    assert "不起诉（三级）" in city.get("/search").text and "不起诉的报道" not in city.get("/searches").text
    confirm = city.get(f"{place}/discard").text
    assert "确认取消保存" in confirm and "内容都不受影响" in confirm
    assert "不起诉（三级）" in city.get("/searches").text  # asking is not doing
    assert post(city, f"{place}/discard").status_code == 303
    assert "不起诉" not in city.get("/searches").text and city.get(place).status_code == 404

    saved, renamed, gone = (audit(house, f"{what}_search")[0] for what in ("save", "rename", "discard"))
    assert saved.detail == {
        "name": "不起诉的报道", "q": "不起诉", "shared": "", "level": "3", "from": "2026-11-01"
    }  # fmt: skip
    assert renamed.detail == {"name": "不起诉（三级）", "was": "不起诉的报道"}
    assert {line.actor for line in (saved, renamed, gone)} == {"chen"}
    assert {line.subject for line in (saved, renamed, gone)} == {f"saved:{place.rpartition('/')[2]}"}
    assert any(line.subject == saved.subject and line.detail["name"] == "不起诉的报道" for line in audit(house, "view"))


def test_own_ones_and_the_offices_ones(
    house: House, city: httpx.Client, colleague: httpx.Client, district: httpx.Client, admin: httpx.Client
) -> None:
    mine = save(city, "只给自己", q="热线").headers["location"]
    ours = save(city, "全院都用", q="听证", office=CITY).headers["location"]
    assert "清江市检察院共用" in city.get("/searches").text
    page = colleague.get("/searches").text
    assert "全院都用" in page and "只给自己" not in page and "陈分析 保存" in page and "取消保存" not in page
    assert colleague.get(ours).status_code == 303 and colleague.get(mine).status_code == 404
    for client, paths in ((colleague, (mine, ours)), (district, (mine, ours)), (admin, (mine,))):
        for path in paths:
            for what in ("name", "discard"):
                assert post(client, f"{path}/{what}", version="1", name="x").status_code == 404, (path, what)
    for client, path in ((district, mine), (district, ours), (admin, mine)):
        assert client.get(path).status_code == 404
    assert "全院都用" not in district.get("/searches").text + district.get("/search").text
    assert save(district, "给别的单位", q="听证", office=CITY).status_code == 422
    assert post(admin, f"{ours}/discard").status_code == 303  # of somebody who left, say
    assert save(district, "云溪的", q="云溪", office=DISTRICT).status_code == 303
    assert "云溪的" not in colleague.get("/searches").text


@pytest.mark.parametrize(
    "form",
    [
        {"q": "王小明"},
        {"q": '"王小明"'},
        {"q": "打人 或 (热线 且 非 王小明)"},
        {"q": "标题:王小明"},
        {"q": "词:王小明"},
        {"q": "王 小明"},
        {"q": "王.小明"},
        {"q": "检察官 孟晚舟"},
        {"q": "阿依古丽·买买提"},
        {"q": "热线", "name": "盯住 王小明"},
        {"q": "王小明", "office": CITY},
    ],
)
def test_a_standing_search_on_a_person_is_refused(house: House, city: httpx.Client, form: dict[str, str]) -> None:
    """Charter 6; looking once stays possible, and is written down."""
    answer = save(city, **{"name": "关注", **form})
    assert answer.status_code == 422 and "章程第 6 条" in answer.text and "像是人名" in answer.text
    assert f'name="q" value="{escape(form["q"])}"' in answer.text  # nothing is typed twice
    with house.db.read() as s:
        assert s.scalars(select(SavedSearch)).all() == []
    assert city.get("/search", params={"q": form["q"]}).status_code == 200
    kept = save(city, "先存下", q="热线").headers["location"]
    assert post(city, f"{kept}/name", name="王小明").status_code == 422
    assert "先存下" in city.get("/searches").text


@pytest.mark.parametrize(
    "query",
    [
        "王小明案",
        "于欢案",
        "王小明故意伤害案",
        "张某 不起诉",
        "李某某 听证",
        "云溪区检察院",
        "高空抛物",
        "安排 方法",
        "媒体:清江日报",
    ],
)
def test_matters_and_cases_by_their_public_name_are_kept(city: httpx.Client, query: str) -> None:
    assert save(city, "存下", q=query).status_code == 303


@pytest.mark.parametrize(
    ("form", "words", "status"),
    [
        ({"name": "空的"}, "先写检索词或选筛选条件", 422),
        ({"name": " ", "q": "热线"}, "名称要写 1 到 40 个字", 422),
        ({"name": "长" * 41, "q": "热线"}, "名称要写 1 到 40 个字", 422),
        ({"name": "坏的", "q": "(热线"}, "少一个右括号", 400),
        ({"name": "坏的", "q": "热线", "channel": "public"}, "没有“public”这个值", 400),
        ({"name": "坏的", "q": "热线", "from": "昨天"}, "不是日期", 400),
    ],
)
def test_mistakes_are_said_in_words(city: httpx.Client, form: dict[str, str], words: str, status: int) -> None:
    answer = save(city, **form)
    assert answer.status_code == status and words in answer.text


def test_a_name_stands_once_and_hostile_words_stay_words(city: httpx.Client, colleague: httpx.Client) -> None:
    assert save(city, HOSTILE, q=HOSTILE, office=CITY).status_code == 303
    assert save(city, HOSTILE, q="热线").status_code == 422
    for client in (city, colleague):
        for path in ("/searches", "/search"):
            page = client.get(path).text
            assert HOSTILE not in page and str(escape(HOSTILE)) in page


def test_of_two_changes_the_second_is_told(city: httpx.Client) -> None:
    place = save(city, "第一版", q="热线").headers["location"]
    version = version_of(city.get(f"{place}/name").text)
    csrf = csrf_of(city.get("/").text)
    form = {"csrf": csrf, "version": version}
    assert city.post(f"{place}/name", data={**form, "name": "第二版"}).status_code == 303
    answer = city.post(f"{place}/discard", data=form)
    assert answer.status_code == 409 and "没有执行" in answer.text and "第二版" in city.get("/searches").text
