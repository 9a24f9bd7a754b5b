"""Each page answers, quickly, escaped, in its frame."""

from __future__ import annotations

import asyncio
import re
import time
from datetime import datetime, timedelta
from pathlib import Path

import httpx
import pytest
from conftest import House
from desk_data import CITY, HOSTILE, NOW, configure, issue, items
from sqlalchemy import select

from console.app import create_app
from console.issues_view import trend_of
from pipeline.desk.accounts import create_user, start_session
from pipeline.desk.database import Database
from pipeline.desk.tables import Incident
from pipeline.index import open_index

PAGES = ["/", "/issues", "/issues/issue-decision", "/issues/issue-hostile", "/search", "/search?q=检察院", "/incidents",
         "/incidents?state=closed", "/digests", f"/digests/{CITY}:2026-W46", "/sources", "/system", "/inbox", "/inbox/1.eml", "/inbox/2.eml",
         "/inbox/3.eml", "/audit", "/people", "/account", "/help", f"/items/{items()[0].id}", f"/items/{items()[5].id}",
         f"/items/{items()[0].id}/evidence"]  # fmt: skip


def incident_id(house: House, title: str) -> str:
    with house.db.read() as s:
        found = s.scalar(select(Incident.id).where(Incident.title.like(f"{title}%")))
    assert found
    return found


@pytest.mark.parametrize("path", PAGES)
def test_every_page_answers_escaped_and_named(admin: httpx.Client, path: str) -> None:
    answer = admin.get(path)
    assert answer.status_code == 200, answer.text[:500]
    assert HOSTILE not in answer.text
    assert '<html lang="zh-CN">' in answer.text and "<h1>" in answer.text
    assert not re.search(r"<(script|style)(?![^>]*\bsrc=)[^>]*>", answer.text)
    assert not re.search(r"\s(style|on\w+)=\"", answer.text), "inline style or handler: the CSP would refuse it"
    for field in re.findall(r"<(?:input|select|textarea)\b[^>]*>", answer.text):
        if 'type="hidden"' in field or "aria-hidden" in field or 'type="checkbox"' in field:
            continue
        name = re.search(r'id="([^"]+)"', field)
        assert name and f'<label for="{name[1]}"' in answer.text.replace('class="unseen" ', ""), f"no label for {field}"


def test_pages_are_quick(house: House, admin: httpx.Client) -> None:
    paths = [*PAGES, f"/incidents/{incident_id(house, '冒充')}"]
    slow = {}
    for path in paths:
        admin.get(path)
        took = []
        for _ in range(5):
            start = time.perf_counter()
            admin.get(path)
            took.append(time.perf_counter() - start)
        if min(took) > 0.1:  # of an idle moment: the machine may be busy with other tests
            slow[path] = min(took)
    assert not slow


def test_today_says_what_needs_me(city: httpx.Client) -> None:
    page = city.get("/").text
    assert page.index("冒充检察官要求转账") < page.index("伤害案不起诉决定引发讨论")
    assert "超时" in page and "还剩" in page and "Ⅰ级 红" in page and "值班员" in page
    assert "对方不许抓取" in page and "迟到" in page
    assert 'aria-current="page"' in page and "公众讨论" in page


def test_an_issue_explains_its_level(city: httpx.Client) -> None:
    page = city.get("/issues/issue-decision").text
    assert "已等待 61 小时没有回应" in page and "合计 38 分" in page and "一起伤害案不起诉" in page
    assert "20</b> 人以上" in page and "向下取整" in page
    assert "接到自称检察官的电话千万不要转账" in city.get("/issues/issue-scam").text


def test_a_merged_issue_leads_to_the_new_one(city: httpx.Client) -> None:
    answer = city.get("/issues/issue-old")
    assert answer.status_code == 308 and answer.headers["location"] == "/issues/issue-decision"
    assert city.get("/issues/none").status_code == 404


def test_an_item_shows_text_labels_and_source(city: httpx.Client) -> None:
    page = city.get(f"/items/{items()[0].id}").text
    assert page.count("<p>") >= 3 and "案件办理" in page and "83%" in page
    assert 'rel="noopener noreferrer nofollow"' in page and "看保存的网页" in page
    assert "同一议题" in page and f'href="/items/{items()[1].id}"' in page
    assert "同一议题" not in city.get(f"/items/{items()[4].id}").text
    rumour = city.get(f"/items/{items()[4].id}").text
    assert "疑似不实信息（待核实）" in rumour and "谣言" not in rumour
    assert "javascript:" not in city.get(f"/items/{items()[5].id}").text
    assert "QJ-2026-1118-07" in city.get(f"/items/{items()[3].id}").text


def test_sources_name_both_exceptions_and_round_public_counts(admin: httpx.Client) -> None:
    page = admin.get("/sources").text
    assert "证据文件夹" in page and "done/ 文件夹" in page and "日期无法读懂" in page
    assert "60+" in page and "63" not in page and "http://bbs.example.org" not in page


def test_frames_are_sandboxed(admin: httpx.Client) -> None:
    for path in (f"/digests/{CITY}:2026-W46", "/inbox/1.eml"):
        outer, inner = admin.get(path), admin.get(f"{path}/page")
        assert 'sandbox="allow-popups allow-popups-to-escape-sandbox"' in outer.text
        assert "frame-src 'self'" in outer.headers["content-security-policy"]
        policy = inner.headers["content-security-policy"]
        assert (
            "sandbox" in policy
            and "default-src 'none'" in policy
            and "script-src" not in policy
            and "allow-scripts" not in policy
        )
        assert inner.headers["x-frame-options"] == "SAMEORIGIN"


def test_evidence_is_text_only_and_stays_in_its_folder(city: httpx.Client, house: House) -> None:
    from dataclasses import replace

    page = city.get(f"/items/{items()[0].id}/evidence").text
    assert "&lt;script&gt;" in page and "不起诉决定" in page
    house.index.write_items([replace(items()[1], revision=2, evidence="../secret.txt")])
    refused = city.get(f"/items/{items()[1].id}/evidence")
    assert refused.status_code == 404 and "不该给人看" not in refused.text


def test_an_article_of_two_pages_with_its_headers_and_a_changed_byte(city: httpx.Client, house: House) -> None:
    from dataclasses import replace

    from pipeline.evidence.records import Answer
    from pipeline.evidence.store import Store

    store, references = Store(house.home.evidence, house.home.evidence_register), []
    for part in (1, 2):
        answer = Answer(f"https://news.example.org/{part}.html", f"<p>{HOSTILE}第{part}页的正文".encode("gb18030"),
                        "HTTP/1.1 200 OK", (("Server", "nginx"),), part=part, cut=part - 1)  # fmt: skip
        references.append(store.keep("media", "rb", items()[2].id, answer, NOW))
        store.sync()
    first = references[0]
    house.index.write_items([replace(items()[2], revision=2, evidence=first)])
    page = city.get(f"/items/{items()[2].id}/evidence").text
    assert page.index("第1页的正文") < page.index("第2页的正文") and "Server: nginx" in page and "sha256:" in page
    assert "剪去 1 处" in page and "<script>" not in page.split("<main")[1]
    path = store.path(first.partition("#")[0])
    raw = bytearray(path.read_bytes())
    raw[60] ^= 1
    path.write_bytes(raw)
    refused = city.get(f"/items/{items()[2].id}/evidence")
    assert refused.status_code == 422 and "与登记的不符" in refused.text


@pytest.mark.parametrize("declared", ["punycode", "idna", "utf-7", "gbk", "no-such", "big5"])
def test_a_page_chooses_no_strange_codec(tmp_path: Path, declared: str) -> None:
    from console.pages.items import evidence_pages
    from pipeline.settings import Home
    from pipeline.settings.home import Settings

    home = Home(tmp_path, Settings(), (), ())
    home.evidence.mkdir()
    words = "不起訴決定" if declared == "big5" else "不起诉决定"
    page = f'<meta charset="{declared}">{words}'
    for raw in (page.encode(), page.encode("big5" if declared == "big5" else "gb18030")):
        (home.evidence / "page.html").write_bytes(raw)
        assert words in evidence_pages(home, "page.html")[0].text


def test_a_trend_shows_quiet_days_too() -> None:
    def days(*stored: list[object], now: datetime = NOW) -> list[tuple[str, int, int]]:
        return trend_of(issue("i", "议题", 4, trend=list(stored)), now)

    assert days() == []
    assert days(["2026-11-19", 2, 5])[4:] == [("11/19", 2, 5), ("11/20", 0, 0), ("11/21", 0, 0)]
    assert days(["2026-11-19", 2, 5], now=NOW + timedelta(days=60))[-1] == ("11/19", 2, 5)


def test_a_mail_leads_to_its_incident(admin: httpx.Client, house: House) -> None:
    assert f'href="/incidents/{incident_id(house, "冒充")}"' in admin.get("/inbox/1.eml").text
    assert "打开这件处置" not in admin.get("/inbox/2.eml").text


def test_a_desk_without_data_says_so(tmp_path: Path) -> None:
    home = configure(tmp_path / "desk")
    db = Database(home.database_url)
    db.migrate()
    index = open_index(home)
    with db.write() as s:
        token = start_session(s, create_user(s, "admin", "管理员", "admin", [], NOW), NOW, 12)

    async def read() -> dict[str, str]:
        asgi = httpx.ASGITransport(create_app(home, db, index, lambda: NOW))
        async with httpx.AsyncClient(
            transport=asgi, base_url="http://127.0.0.1", cookies={"tingjian": token}
        ) as client:
            return {path: (await client.get(path)).raise_for_status().text for path in empty}

    empty = {
        "/": "眼下没有待处置的事",
        "/issues": "没有符合条件的议题",
        "/incidents": "没有在办的处置",
        "/incidents?state=closed": "还没有办结的处置",
        "/search": "没有找到",
        "/digests": "还没有周报",
        "/inbox": "没有配置邮件文件夹",
        "/sources": "尚未运行",
    }
    pages = asyncio.run(read())
    assert [path for path, words in empty.items() if words not in pages[path]] == []
    index.close()
    db.close()


def test_unknown_things_look_alike(city: httpx.Client) -> None:
    for path in (
        "/items/nothing",
        "/incidents/nothing",
        "/digests/nothing",
        "/inbox/..%2Fsecret.txt",
        "/inbox/none.eml",
    ):
        assert city.get(path).status_code == 404, path
    assert city.get("/no-such-page").status_code == 404
