"""Each run fetches only what is new or may have changed, nothing twice, and misses nothing: real spiders, a real site."""

from __future__ import annotations

import re
import sqlite3
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from site_on_loopback import NOW, House, Site
from test_killed import wait_for
from test_kinds import FORUM, LONG

from crawlers.ledger import BACK_OFF, Ledger, Mark, page_is_due
from pipeline.urls import canonical, former, keyed_id

MODIFIED = "Fri, 20 Nov 2026 02:00:00 GMT"


def listing(house: House, site: Site, **more: object) -> None:
    given = {"selectors": {"link": "a.a"}, **more}
    house.source("news", "listing", "media", [site.url + "/"], **given)


def validate(site: Site, path: str, **headers: str) -> None:
    site.pages[path].headers.update({k.replace("_", "-"): v for k, v in headers.items()})  # type: ignore[union-attr]


def requests_for(site: Site, path: str) -> list[dict[str, str]]:
    return [headers for asked, headers in site.log if asked == path]


@pytest.mark.parametrize("kind", ["listing", "feed"])
def test_what_did_not_change_is_asked_for_and_not_sent(site: Site, house: House, kind: str) -> None:
    link = f"<item><title>消息</title><link>{site.url}/1.html</link></item>"
    page = '<a class="a" href="/1.html">一</a>' if kind == "listing" else f"<rss><channel>{link}</channel></rss>"
    site.put("/", page, ETag='W/"list-1"')
    site.article("/1.html", "三小时前发布的消息", LONG, date="2026-11-21 09:00")  # NOW is noon
    validate(site, "/1.html", Last_Modified=MODIFIED)
    house.source("news", kind, "media", [site.url + "/"], selectors={"link": "a.a"} if kind == "listing" else {})
    assert house.crawl()["news"]["captured"] == 1
    site.log.clear()
    report = house.crawl(NOW + timedelta(minutes=30))["news"]
    assert site.paths == ["/robots.txt", "/"] and requests_for(site, "/")[0]["If-None-Match"] == 'W/"list-1"'
    assert report["status"] == "ok" and report["captured"] == 0 and "1 页没有更新" in report["message"]
    report = house.crawl(NOW + timedelta(hours=4))[
        "news"
    ]  # its sixth hour is over: asked for, though the list is the same
    assert requests_for(site, "/1.html")[0]["If-Modified-Since"] == MODIFIED and report["unchanged"] == 1
    site.article("/1.html", "三小时前发布的消息", LONG + "\n更正：数字有误。", date="2026-11-21 09:00")
    validate(site, "/1.html", Last_Modified="Sun, 22 Nov 2026 02:00:00 GMT")
    site.log.clear()
    assert house.crawl(NOW + timedelta(hours=23))["news"]["captured"] == 1
    assert house.crawl(NOW + timedelta(hours=24))["news"]["captured"] == 0
    assert len(requests_for(site, "/1.html")) == 1
    revisions = house.captures()
    assert len({c.id for c in revisions}) == 1 and [("更正" in c.text) for c in revisions] == [False, True]
    assert {c.first_seen for c in revisions} == {NOW}


def test_an_article_is_read_again_as_it_ages_and_then_never() -> None:
    born = NOW
    mark, read = Mark("x", born, born, born), []
    for minutes in range(0, 60 * 24 * 20, 30):
        now = born + timedelta(minutes=minutes)
        if page_is_due(mark, "", now):
            read.append(now - born)
            mark = Mark("x", born, born, now)
    assert tuple(read) == BACK_OFF == tuple(timedelta(hours=h) for h in (1, 6, 24, 72, 168))
    late = Mark("x", born, born, born + timedelta(hours=30))  # found late
    assert not page_is_due(late, "", born + timedelta(hours=31)) and page_is_due(late, "", born + timedelta(hours=72))
    assert not page_is_due(late, "", born + timedelta(days=30))


def test_an_edited_article_that_left_the_list_is_still_found(site: Site, house: House) -> None:
    site.put("/", '<a class="a" href="/1.html">一</a>')
    site.article("/1.html", "昨日发布后来更正的消息", LONG)
    listing(house, site)
    house.crawl()
    site.put("/", '<a class="a" href="/2.html">二</a>')
    site.article("/2.html", "列表上如今只有这一条", LONG + "另一件事。", date="2026-11-23 10:00")
    site.article("/1.html", "昨日发布后来更正的消息", LONG + "\n更正：数字有误。")
    assert house.crawl(NOW + timedelta(days=2))["news"]["captured"] == 2
    assert sum("更正" in c.text for c in house.captures()) == 1


def test_a_page_that_fails_is_tried_again_and_hides_behind_no_list(site: Site, house: House) -> None:
    site.put("/", '<a class="a" href="/1.html">一</a><a class="a" href="/2.html">二</a>', ETag='"1"')
    site.put("/1.html", "busy", status=500)
    site.article("/2.html", "这一条读得出来的消息", LONG)
    listing(house, site)
    assert house.crawl()["news"]["captured"] == 1
    site.log.clear()
    house.crawl(NOW + timedelta(minutes=30))
    assert "/1.html" not in site.paths  # not in every run
    site.article("/1.html", "后来才读得出来的消息", LONG)
    assert house.crawl(NOW + timedelta(hours=1))["news"]["captured"] == 1  # the list itself answers 304
    assert len({c.id for c in house.captures()}) == 2


def test_killed_before_the_spool_has_all_the_list_is_read_again(site: Site, house: House) -> None:
    site.put("/", "".join(f'<a class="a" href="/{n}.html">{n}</a>' for n in range(40)), ETag='"1"')
    for n in range(40):
        site.article(f"/{n}.html", f"第{n}条要闻消息的标题", LONG)
        site.pages[f"/{n}.html"].wait = 0.2  # type: ignore[union-attr]
    listing(house, site)
    process = house.start()
    wait_for(site, 20)
    process.kill()
    process.communicate(timeout=30)
    house.crawl(NOW + timedelta(minutes=30))
    assert all("If-None-Match" not in headers for headers in requests_for(site, "/"))
    assert len({c.id for c in house.captures()}) == 40
    house.crawl(NOW + timedelta(minutes=60))
    assert requests_for(site, "/")[-1]["If-None-Match"] == '"1"'


def test_a_changed_source_reads_its_lists_anew(site: Site, house: House) -> None:
    site.put("/", '<a class="a" href="/1.html">一</a><a class="b" href="/2.html">二</a>', ETag='"1"')
    for n in (1, 2):
        site.article(f"/{n}.html", f"第{n}条要闻消息的标题", LONG)
    listing(house, site)
    house.crawl()
    listing(house, site, selectors={"link": "a"})
    assert house.crawl(NOW + timedelta(minutes=30))["news"]["captured"] == 1


def paged(site: Site, newest: int, per_page: int = 4, pages: int = 30) -> None:
    """A list of articles `newest`, `newest - 1`, …, as it stands on one day."""
    for page in range(pages):
        numbers = range(newest - page * per_page, newest - (page + 1) * per_page, -1)
        links = "".join(f'<li><a class="a" href="/{n}.html">{n}</a></li>' for n in numbers if n > 0)
        site.put("/" if page == 0 else f"/list_{page}.html", f'{links}<a href="/list_{page + 1}.html">下一页</a>')
        for n in numbers:
            site.article(f"/{n}.html", f"第{n}条要闻消息的标题", LONG, date=f"2026-11-{20 + n // 100} 09:30")


def lists_read(site: Site) -> list[str]:
    return [p for p in site.paths if p == "/" or p.startswith("/list")]


def test_three_days_without_a_run_are_caught_up(site: Site, house: House) -> None:
    paged(site, newest=100)
    listing(house, site, max_pages=2)
    assert house.crawl()["news"]["captured"] == 8 and len(lists_read(site)) == 2
    paged(site, newest=140)
    site.log.clear()
    process = house.start(NOW + timedelta(days=3))
    wait_for(site, 25)
    process.kill()  # in the middle of it
    process.communicate(timeout=30)
    house.crawl(NOW + timedelta(days=3, minutes=30))
    titles = {c.title for c in house.captures()}
    assert {f"第{n}条要闻消息的标题" for n in range(93, 141)} <= titles and len(titles) == 48
    assert (
        "/list_10.html" in site.paths and "/list_12.html" not in site.paths
    )  # known ones are met on the eleventh page
    site.log.clear()
    assert house.crawl(NOW + timedelta(days=3, minutes=60))["news"]["captured"] == 0
    assert lists_read(site) == ["/"]


def test_a_site_that_was_down_for_three_days_is_caught_up(site: Site, house: House) -> None:
    paged(site, newest=100)
    listing(house, site, max_pages=2)
    house.crawl()
    for day in (1, 2):
        site.put("/", "down", status=500)
        assert house.crawl(NOW + timedelta(days=day))["news"]["status"] == "failing"
    paged(site, newest=140)
    assert house.crawl(NOW + timedelta(days=3))["news"]["captured"] == 40


def test_nothing_is_fetched_twice_in_one_run(site: Site, house: House) -> None:
    forms = ("/1.html", "/1.html?utm_source=x", "/1.html#top", "./a/../1.html", "/1.html?spm=3", "/2.html", "/old", "/")
    links = "".join(f'<a class="a" href="{form}">x</a>' for form in forms)
    site.put("/", f'{links}<a href="/list_2.html">下一页</a>')
    site.put("/list_2.html", f'{links}<a href="/">下一页</a>')  # leads back
    site.article("/1.html", "许多写法的同一条消息", LONG)
    site.put("/2.html", "", status=302, Location="/1.html")
    site.put("/old", "", status=301, Location="/")  # a page that is gone
    listing(house, site)
    house.source("twin", "listing", "media", [site.url + "/list_2.html"], selectors={"link": "a[href*='1.html']"})
    reports = house.crawl()
    articles = [p for p in site.paths if p.startswith("/1.html")]
    assert articles == ["/1.html"] and len(house.captures()) == 1
    assert reports["news"]["captured"] + reports["twin"]["captured"] == 1
    site.log.clear()
    house.crawl(NOW + timedelta(minutes=30))
    assert not {"/1.html", "/2.html", "/old"} & set(site.paths)  # nor in the next one


def long_topic(site: Site, replies: int, newest_first: bool = False, shown: int = 999) -> None:
    site.put("/f", f'<ul><li><a class="t" href="/t/1">热线打不通</a> {replies} 回复</li></ul>')
    numbers = list(range(replies, 0, -1) if newest_first else range(1, replies + 1))
    pages = [numbers[i : i + 3] for i in range(0, replies, 3)]
    ends = {1, 2, len(pages) - 1, len(pages)}
    for here, posts in enumerate(pages, 1):
        pager = "".join(
            f'<a href="/t/1?page={n}">{n}</a>'
            for n in range(1, len(pages) + 1)
            if n != here and (n in ends or abs(n - here) <= shown)
        )
        pager += f'<a class="next" href="/t/1?page={here + 1}">下一页</a>' if here < len(pages) else ""
        text = "".join(
            f'<div class="post" id="p{n:03d}"><a class="by" href="/u/{n}">网名{n}</a><div class="c">第{n}层：电话没人接。</div></div>'
            for n in posts
        )
        for path in ("/t/1", "/t/1?page=1") if here == 1 else (f"/t/1?page={here}",):
            site.put(path, f"<h1>热线打不通</h1>{text}{pager}")


@pytest.mark.parametrize(
    ("newest_first", "shown", "replies", "pages"),
    [
        (False, 999, 31, ["/t/1", "/t/1?page=10", "/t/1?page=11"]),  # one reply on a new page
        (False, 1, 43, ["/t/1", "/t/1?page=15", "/t/1?page=14", "/t/1?page=13", "/t/1?page=12", "/t/1?page=11", "/t/1?page=10"]),
        (False, 2, 43, ["/t/1", "/t/1?page=15", "/t/1?page=14", "/t/1?page=13", "/t/1?page=12", "/t/1?page=11", "/t/1?page=10"]),
        (True, 999, 34, ["/t/1", "/t/1?page=2", "/t/1?page=3", "/t/1?page=10", "/t/1?page=11", "/t/1?page=12"]),
    ],
)  # fmt: skip
def test_of_a_long_topic_only_pages_with_new_replies_are_fetched(
    site: Site, house: House, newest_first: bool, shown: int, replies: int, pages: list[str]
) -> None:
    long_topic(site, 30, newest_first, shown)
    house.source("forum", "thread", "public", [site.url + "/f"], selectors=FORUM)
    assert house.crawl()["forum"]["captured"] == 30
    long_topic(site, replies, newest_first, shown)
    site.log.clear()
    assert house.crawl(NOW + timedelta(hours=1))["forum"]["captured"] == replies - 30
    fetched = [p for p in site.paths if p.startswith("/t/1")]
    assert sorted(fetched) == sorted(pages) and len(fetched) == len(set(fetched))


def test_ids_of_an_older_canonicaliser_stay(site: Site, house: House) -> None:
    url = site.url + "/1.html?vd_source=7"  # today's canonicaliser drops what the first one kept
    (old,) = former(url)
    assert old != canonical(url)
    site.put("/", f'<a class="a" href="{url}">一</a><a class="a" href="/2.html?vd_source=7">二</a>')
    for n in (1, 2):
        site.article(f"/{n}.html?vd_source=7", f"第{n}条要闻消息的标题", LONG)
    listing(house, site)
    key = house.home.installation_key()
    ledger = Ledger(house.folder / "crawl.db")
    ledger.commit("news", [Mark(keyed_id(key, old), NOW, NOW - timedelta(days=1), NOW, "")])
    ledger.close()
    house.crawl(NOW + timedelta(minutes=30))
    assert "/1.html?vd_source=7" not in site.paths  # known under its old name
    house.crawl(NOW + timedelta(days=2))  # its third day: read once more
    captures = {c.title: c for c in house.captures()}
    assert captures["第1条要闻消息的标题"].id == keyed_id(key, old)
    second = captures["第2条要闻消息的标题"]  # whose ledger was lost: the registry finds it by what it was called
    assert keyed_id(key, former(site.url + "/2.html?vd_source=7")[0]) in second.aliases


def test_a_ledger_of_the_first_version_goes_on(site: Site, house: House) -> None:
    house.folder.mkdir(exist_ok=True)
    db = sqlite3.connect(house.folder / "crawl.db")
    db.executescript(
        "CREATE TABLE seen (id TEXT PRIMARY KEY, source_id TEXT NOT NULL, first_seen REAL NOT NULL, born REAL NOT NULL, "
        "read_at REAL NOT NULL, content TEXT NOT NULL DEFAULT '', hint TEXT NOT NULL DEFAULT '') WITHOUT ROWID;"
        "CREATE TABLE runs (source_id TEXT PRIMARY KEY, complete INTEGER NOT NULL) WITHOUT ROWID;"
    )
    at = (NOW - timedelta(days=30)).timestamp()
    mark = keyed_id(house.home.installation_key(), canonical(site.url + "/1.html"))
    db.execute("INSERT INTO seen VALUES (?, 'news', ?, ?, ?, '', '')", (mark, at, at, at))
    db.commit()
    db.close()
    site.put("/", '<a class="a" href="/1.html">一</a>')
    listing(house, site)
    report = house.crawl()["news"]
    assert report["unchanged"] == 1 and "/1.html" not in site.paths


def test_of_public_pages_the_ledger_holds_keyed_values_only(site: Site, house: House) -> None:
    long_topic(site, 4)
    for path in ("/f", "/t/1"):
        validate(site, path, ETag='"tell-tale"', Last_Modified=MODIFIED)
    house.source("forum", "thread", "public", [site.url + "/f"], selectors=FORUM)
    site.put("/l", '<a class="a" href="/p/1.html">一</a><a class="a" href="/p/2.html">二</a>', ETag='"tell-tale"')
    site.article("/p/1.html", "网友发在网上的帖子", LONG, date="2026-11-21 11:30")
    validate(site, "/p/1.html", ETag='"tell-tale"')
    site.put("/p/2.html", "busy", status=500)
    house.source("posts", "listing", "public", [site.url + "/l"], selectors={"link": "a.a"})
    house.crawl()
    house.crawl(NOW + timedelta(hours=2))
    assert "If-Modified-Since" in requests_for(site, "/f")[-1] and "If-None-Match" not in requests_for(site, "/f")[-1]
    assert requests_for(site, "/p/1.html")[1:] == []  # never heard twice, so never fetched twice
    db = sqlite3.connect(house.folder / "crawl.db")
    rows = [row for table in ("seen", "runs", "waits") for row in db.execute(f"SELECT * FROM {table}")]
    allowed = re.compile(
        r"[0-9a-f]{16,32}|forum|posts|(?:forum|posts)/[0-9a-f]{32}|missed|\d{1,3}|" + re.escape(MODIFIED)
    )
    words = [value for row in rows for value in row if isinstance(value, str) and value]
    assert len(rows) >= 8 and [w for w in words if not allowed.fullmatch(w)] == []
    on_disk = b"".join(p.read_bytes() for p in files(house.folder) if "config" not in p.parts)
    assert b"tell-tale" not in on_disk and b"/t/1" not in on_disk and b"/p/1" not in on_disk


def files(folder: Path) -> list[Path]:
    return [p for p in folder.rglob("*") if p.is_file()]


def test_the_ledger_forgets_after_400_days(tmp_path: Path) -> None:
    ledger, old = Ledger(tmp_path / "crawl.db"), datetime(2025, 1, 1, tzinfo=UTC)
    ledger.commit("a", [Mark("1", old, old, old), Mark("2", old, old, NOW)])
    ledger.set_wait("h", NOW)
    assert ledger.forget(NOW + timedelta(days=1)) == 1
    assert ledger.get("1") is None and ledger.get("2") is not None and ledger.wait_until("h") is None
    ledger.close()
