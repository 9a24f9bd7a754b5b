"""Each kind of source, with real Scrapy in a process of its own, against a real site on loopback."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from site_on_loopback import NOW, House, Site

from pipeline.privacy.staging_keys import distinct_voices

LONG = (
    "清江市人民检察院昨日通报一起公益诉讼案件的办理情况，案件涉及饮用水源地保护，检察机关已向主管部门制发检察建议。" * 3
)


def test_listing_follows_pages_and_reads_gb18030(site: Site, house: House) -> None:
    site.put(
        "/dt/index.html",
        '<ul class="l"><li><a href="t1.html">一</a></li><li><a href="t2.html">二</a></li></ul><a href="index_2.html">下一页</a>',
    )
    site.put("/dt/index_2.html", '<ul class="l"><li><a href="t3.html">三</a></li></ul>')
    for n in (1, 2):
        site.article(f"/dt/t{n}.html", f"第{n}条要闻消息标题", LONG)
    page = (
        "<html><head><meta charset=gb2312><title>㵲泉社区听证会</title></head><body><h1>㵲泉社区听证会</h1>"
        f"<p>日期：2026年11月19日</p><div>{LONG}㵲水</div></body></html>"
    )
    site.put("/dt/t3.html", page.encode("gb18030"), Content_Type="text/html")
    house.source("official", "listing", "official", [site.url + "/dt/index.html"], selectors={"link": ".l a"})
    report = house.crawl()["official"]
    found = {c.title: c for c in house.captures()}
    assert report["status"] == "ok" and report["fetched"] == 5 and report["captured"] == 3
    assert set(found) == {"第1条要闻消息标题", "第2条要闻消息标题", "㵲泉社区听证会"}
    third = found["㵲泉社区听证会"]
    assert third.text.endswith("㵲水") and third.published_precision == "day"
    assert third.published_at == datetime(2026, 11, 18, 16, 0, tzinfo=UTC)
    assert third.url == site.url + "/dt/t3.html" and third.voice == () and third.outlet
    assert found["第1条要闻消息标题"].published_at == datetime(2026, 11, 20, 1, 30, tzinfo=UTC)


def test_a_second_run_fetches_only_what_may_have_changed(site: Site, house: House) -> None:
    site.put(
        "/", '<ul><li><a class="a" href="/young.html">新</a></li><li><a class="a" href="/old.html">旧</a></li></ul>'
    )
    site.article("/young.html", "今天刚刚发布的消息", LONG)
    site.article("/old.html", "上个月发布的旧消息", LONG, date="2026-10-15 10:00")
    house.source("news", "listing", "media", [site.url + "/"], selectors={"link": "a.a"})
    house.crawl()
    site.log.clear()
    assert house.crawl(NOW + timedelta(hours=1))["news"]["captured"] == 0
    assert [p for p in site.paths if p.endswith("html")] == []
    site.article("/young.html", "今天刚刚发布的消息", LONG + "\n更正：通报时间为前日。")
    report = house.crawl(NOW + timedelta(days=2))["news"]  # three days after it was published
    assert report["captured"] == 1 and "/old.html" not in site.paths
    captures = house.captures()
    edited = [c for c in captures if "更正" in c.text]
    assert len(captures) == 3 and len({c.id for c in captures}) == 2
    assert edited[0].first_seen == NOW  # an edited article keeps its first sight


def test_feed_reads_articles_with_tracking_and_mobile_twins_as_one(site: Site, house: House) -> None:
    rss = f"""<?xml version="1.0" encoding="gbk"?><!DOCTYPE r [<!ENTITY a "aaaa">]><rss version="2.0" xmlns:dc="http://purl.org/dc/elements/1.1/"><channel><title>&a;</title>
    <item><title>快讯</title><link>{site.url}/a.html?utm_source=rss&amp;spm=1.2</link><dc:creator>笔名甲</dc:creator><pubDate>Fri, 20 Nov 2026 01:00:00 GMT</pubDate></item>
    <item><title>快讯</title><link>{site.url}/a.html</link></item>
    <item><title>手机版</title><link>{site.url}/m/a.html</link></item>
    <item><title>外站</title><link>http://elsewhere.example/a.html</link></item></channel></rss>"""
    site.put("/rss.xml", rss.encode("gbk"), Content_Type="application/xml")
    page = f"<html><head><link rel=canonical href='/a.html'><title>公益诉讼快讯</title></head><body><h1>公益诉讼快讯</h1><p>{LONG}</p></body></html>"
    site.put("/a.html", page)
    site.put("/a.html?utm_source=rss&spm=1.2", page)
    site.put("/m/a.html", page)
    house.source("feed", "feed", "media", [site.url + "/rss.xml"])
    report = house.crawl()["feed"]
    captures = house.captures()
    assert report["refused"] == {"offsite": 1}
    assert len(captures) == 2  # the address itself, and the twin that names it
    twin = next(c for c in captures if c.url.endswith("/m/a.html"))
    own = next(c for c in captures if c is not twin)
    assert own.id in twin.aliases
    assert own.published_at == datetime(2026, 11, 20, 1, 0, tzinfo=UTC)  # the page has no date: the feed's


def test_sitemap_index_gzip_and_lastmod(site: Site, house: House) -> None:
    ns = 'xmlns="http://www.sitemaps.org/schemas/sitemap/0.9"'
    site.put(
        "/sitemap.xml",
        f"<sitemapindex {ns}><sitemap><loc>{site.url}/s1.xml.gz</loc></sitemap></sitemapindex>",
        Content_Type="text/xml",
    )

    def urls(stamp: str) -> bytes:
        entry = f"<url><loc>{site.url}/old.html</loc><lastmod>{stamp}</lastmod></url>"
        return gzip.compress(f"<urlset {ns}>{entry}</urlset>".encode())

    site.put("/s1.xml.gz", urls("2026-10-01"), Content_Type="application/gzip")
    site.article("/old.html", "十月的一条旧闻标题", LONG, date="2026-10-01 10:00")
    house.source("map", "sitemap", "media", [site.url + "/sitemap.xml"])
    assert house.crawl()["map"]["captured"] == 1
    assert house.captures()[0].backfill
    assert house.crawl(NOW + timedelta(days=1))["map"]["fetched"] == 2
    site.put("/s1.xml.gz", urls("2026-11-22"), Content_Type="application/gzip")
    site.article("/old.html", "十月的一条旧闻标题", LONG + "\n编者更正一处数字。", date="2026-10-01 10:00")
    assert house.crawl(NOW + timedelta(days=2))["map"]["captured"] == 1


def forum(site: Site, replies: int) -> None:
    site.put(
        "/f",
        f'<ul><li><a class="t" href="/t/1">热线打不通</a> 网名甲 {replies} 回复</li></ul><a class="next" href="/f?page=2">下一页</a>',
    )
    site.put("/f?page=2", '<ul><li><a class="t" href="/t/2">另一个话题</a> 0 回复</li></ul>')

    def post(n: int) -> str:
        quote = "<blockquote>网名甲 说：电话没人接</blockquote>" if n == 2 else ""
        return (
            f'<div class="post" id="p{n:03d}"><a class="by" href="/u/{n}">网名{"甲乙丙丁戊己庚辛"[n % 8]}</a><span class="when">2026-11-2{n % 2} 08:1{n % 10}</span>'
            f'{quote}<div class="c">第{n}层：@网名乙 检察院的电话没人接，网名甲 也这么说。</div></div>'
        )

    pages = [list(range(i, min(i + 3, replies + 1))) for i in range(0, replies + 1, 3)]
    for number, posts in enumerate(pages, 1):
        path = "/t/1" if number == 1 else f"/t/1?page={number}"
        after = f'<a class="next" href="/t/1?page={number + 1}">下一页</a>' if number < len(pages) else ""
        site.put(path, f"<h1>热线打不通</h1>{''.join(map(post, posts))}{after}")
    site.put("/t/2", f"<h1>另一个话题</h1>{post(900)}")


FORUM = {
    "link": "a.t",
    "post": ".post",
    "post_author": ".by",
    "post_text": ".c",
    "post_date": ".when",
    "title": "h1",
    "next_page": "a.next",
}


def test_thread_reads_every_reply_once_and_only_new_ones_later(site: Site, house: House) -> None:
    forum(site, replies=6)
    house.source("forum", "thread", "public", [site.url + "/f"], selectors=FORUM)
    report = house.crawl()["forum"]
    captures = house.captures()
    assert report["captured"] == len(captures) == 8
    first = [c for c in captures if c.title == "热线打不通"]
    assert len(first) == 1 and "第0层" in first[0].text
    thread = [c for c in captures if c.thread == first[0].thread]
    assert len(thread) == 7 and distinct_voices([c.voice for c in thread]) == 7
    assert all(c.url == "" and c.published_at is not None and len(c.voice) == 2 for c in captures)
    assert all("网名" not in c.text for c in thread)
    site.log.clear()
    assert house.crawl(NOW + timedelta(minutes=30))["forum"]["captured"] == 0
    assert not any(p.startswith("/t/") for p in site.paths)  # its row in the list hasn't changed
    forum(site, replies=7)
    report = house.crawl(NOW + timedelta(minutes=60))["forum"]
    assert report["captured"] == 1 and not any(p == "/t/2" for p in site.paths)
    assert len({c.id for c in house.captures()}) == 9


def test_several_sources_in_one_process_and_one_that_fails(new_site: Callable[[], Site], house: House) -> None:
    for n in range(3):
        site = new_site()
        site.put("/", '<a class="a" href="/1.html">一</a>')
        site.article("/1.html", f"第{n}个网站的一条消息", LONG)
        house.source(f"site{n}", "listing", "media", [site.url + "/"], selectors={"link": "a.a"})
    broken = new_site()
    broken.put("/", "down", status=500)
    house.source("broken", "listing", "media", [broken.url + "/"], selectors={"link": "a.a"})
    empty = new_site()
    empty.put("/", "<html><body>改版了</body></html>")
    house.source("empty", "listing", "media", [empty.url + "/"], selectors={"link": "a.a"})
    reports = house.crawl()
    assert {k: r["status"] for k, r in reports.items()} == {
        "site0": "ok",
        "site1": "ok",
        "site2": "ok",
        "broken": "failing",
        "empty": "empty",
    }
    assert "服务器返回 500" in reports["broken"]["message"]


def test_evidence_is_kept_without_readers_comments(site: Site, house: House) -> None:
    comments = '<div id="comments"><h3>网友评论</h3><div class="item"><b>昵称QX</b> 我的电话13900001111</div></div>'
    site.put("/", '<a class="a" href="/1.html">一</a>')
    site.article("/1.html", "一条带评论的新闻消息", LONG, more=comments)
    house.source("news", "listing", "media", [site.url + "/"], selectors={"link": "a.a"})
    assert house.crawl()["news"]["comments_cut"] == 1
    capture = house.captures()[0]
    page = house.evidence(capture.evidence).body.decode()
    assert "一条带评论的新闻消息" in page and "昵称QX" not in page and "13900001111" not in page
    assert "昵称QX" not in capture.text
