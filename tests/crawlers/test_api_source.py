"""`api`: public JSON by JMESPath, with real Scrapy against a real site on loopback."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from site_on_loopback import NOW, House, Site

from pipeline.errors import ConfigurationError
from pipeline.privacy.staging_keys import distinct_voices
from pipeline.settings import load_model
from pipeline.settings.sources import Source

LONG = "清江市人民检察院昨日通报一起公益诉讼案件的办理情况，案件涉及饮用水源地保护。" * 4


def put(site: Site, path: str, data: Any) -> None:
    site.put(path, json.dumps(data, ensure_ascii=False), Content_Type="application/json")


def test_pages_are_counted_and_the_text_is_in_the_answer(site: Site, house: House) -> None:
    for page in (1, 2, 3):
        rows = [
            {
                "docId": page * 10 + n,
                "docTitle": f"第{page}页第{n}条<em>通报</em>",
                "docContent": f"<p>{LONG}</p><p>电话13900001111</p>",
                "time": 1795136400000,
                "docUrl": f"/d/{page}{n}.html",
            }
            for n in (1, 2)
        ]
        put(site, f"/list?page={page}&size=2", {"data": {"list": rows if page < 3 else []}})
        put(site, f"/list?size=2&page={page}", {"data": {"list": rows if page < 3 else []}})
    fields = {"id": "docId", "url": "docUrl", "title": "docTitle", "text": "docContent", "published_at": "time"}
    house.source(
        "api",
        "api",
        "official",
        [site.url + "/list?page=1&size=2"],
        api={"items": "data.list", "fields": fields, "paging": {"parameter": "page"}},
    )
    report = house.crawl()["api"]
    captures = house.captures()
    assert report["status"] == "ok" and report["captured"] == len(captures) == 4
    assert [p for p in site.paths if "list" in p] == [
        "/list?page=1&size=2",
        "/list?size=2&page=2",
        "/list?size=2&page=3",
    ]
    one = next(c for c in captures if c.url.endswith("/d/11.html"))
    assert one.title == "第1页第1条通报" and one.text.startswith(LONG) and "13900001111" not in one.text
    assert one.published_at == datetime(2026, 11, 20, 1, 0, tzinfo=UTC) and one.voice == ()
    site.log.clear()
    assert house.crawl(NOW + timedelta(hours=1))["api"]["captured"] == 0
    assert len([p for p in site.paths if "list" in p]) == 1  # nothing new on the first: no further answer


def test_cursors_end_and_a_circle_ends_too(site: Site, house: House) -> None:
    def posts(*numbers: int) -> list[dict[str, Any]]:
        return [{"id": n, "body": f"第{n}帖：{LONG}", "user": {"name": f"网名{n}号"}} for n in numbers]

    put(site, "/posts", {"items": posts(1, 2), "next": "c2"})
    put(site, "/posts?after=c2", {"items": posts(3), "next": "c3"})
    put(site, "/posts?after=c3", {"items": posts(4), "next": "c2"})
    house.source(
        "posts",
        "api",
        "public",
        [site.url + "/posts"],
        max_pages=50,
        api={
            "items": "items",
            "fields": {"id": "id", "text": "body", "author": "user.name"},
            "paging": {"parameter": "after", "next": "next"},
        },
    )
    house.crawl()
    captures = house.captures()
    assert len(captures) == 4 and distinct_voices([c.voice for c in captures]) == 4
    assert len([p for p in site.paths if "posts" in p]) == 3
    assert "网名1号" not in house.everything_on_disk().decode("utf-8", "replace")


def test_pages_of_articles_and_addresses_of_the_next_answer(site: Site, house: House) -> None:
    put(site, "/v1", {"rows": [{"link": "/1.html"}, {"link": "/u/5"}], "links": {"next": "/v1/more"}})
    put(site, "/v1/more", {"rows": [{"link": "/2.html"}], "links": {"next": "http://elsewhere.example/v1"}})
    for n in (1, 2):
        site.article(f"/{n}.html", f"第{n}条公益诉讼消息", LONG)
    house.source(
        "api",
        "api",
        "media",
        [site.url + "/v1"],
        api={"items": "rows", "fields": {"url": "link"}, "paging": {"next": "links.next"}},
    )
    report = house.crawl()["api"]
    assert report["captured"] == 2 and report["refused"] == {"profile": 1, "offsite": 1}


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (b"<html>login</html>", "not_json"),
        (b"[" * 100_000, "not_json"),
        (b'{"data": 5}', "no_items"),
        ('{"data": ["文字", 5, null, {"t": "没有编号"}]}'.encode(), "no_identity"),
        (b'{"data": [{"n": 5, "t": "x"}]}', "bad_mapping"),
    ],
)
def test_an_answer_of_another_shape_is_set_aside(site: Site, house: House, answer: bytes, reason: str) -> None:
    site.put("/x", answer, Content_Type="application/json")
    fields = {"id": "length(n)", "text": "t"} if reason == "bad_mapping" else {"id": "n", "text": "t"}
    house.source("api", "api", "media", [site.url + "/x"], api={"items": "data", "fields": fields})
    report = house.crawl()["api"]
    assert {q["reason"] for q in report["quarantined"]} == {reason} and report["status"] == "failing"


@pytest.mark.parametrize(
    ("channel", "api", "words"),
    [
        ("media", "items: a, fields: {id: b, text: c, author: d}", "章程第 1 条"),
        ("media", "items: 'a[', fields: {id: b, text: c}", "JMESPath"),
        ("media", "items: a, fields: {text: c}", "id 或 url"),
        ("public", "items: a, fields: {url: c}", "fields.text"),
        ("media", "items: a, fields: {id: b, avatar: c, text: d}", "没有这个设置项"),
        ("media", "items: a, fields: {id: b, text: d}, paging: {}", "翻页需要"),
    ],
)
def test_mistakes_are_named(tmp_path: Path, channel: str, api: str, words: str) -> None:
    file = tmp_path / "s.yaml"
    file.write_text(
        f"id: aa\nname: n\nkind: api\nchannel: {channel}\nurls: ['http://a.example/']\napi: {{{api}}}\n",
        encoding="utf-8",
    )
    with pytest.raises(ConfigurationError, match=words) as caught:
        load_model(file, Source)
    assert str(file) in str(caught.value)
