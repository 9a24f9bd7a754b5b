"""What each kind of source may look like on the real web: feeds, pagers, articles on several pages, sitemaps of news."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
from site_on_loopback import NOW, House, Site

from crawlers.spiders.feeds import FeedEntry, feed_entries
from crawlers.spiders.parts import is_part

LONG = (
    "清江市人民检察院昨日通报一起公益诉讼案件的办理情况，案件涉及饮用水源地保护，检察机关已向主管部门制发检察建议。" * 3
)
RSS_090 = """<?xml version="1.0"?><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"
xmlns="http://my.netscape.com/rdf/simple/0.9/"><channel><title>x</title></channel>
<item><title>老式订阅</title><link>http://a.example/1.html</link></item></rdf:RDF>"""
RSS_091 = """<?xml version="1.0"?><rss version="0.91"><channel><title>x</title><item><title>老式订阅</title>
<link>http://a.example/1.html</link><description>摘要</description></item></channel></rss>"""
RSS_10 = """<?xml version="1.0"?><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"
xmlns="http://purl.org/rss/1.0/" xmlns:dc="http://purl.org/dc/elements/1.1/"><channel rdf:about="/"/>
<item rdf:about="http://a.example/1.html"><title>老式订阅</title><link>http://a.example/1.html</link>
<dc:date>2026-11-20T09:00:00+08:00</dc:date><dc:creator>笔名甲</dc:creator></item></rdf:RDF>"""
RSS_20 = """<rss version="2.0" xmlns:content="http://purl.org/rss/1.0/modules/content/"><channel><item>
<title>老式订阅</title><guid>http://a.example/1.html</guid><pubDate>Fri, 20 Nov 2026 01:00:00 GMT</pubDate>
<description>摘要</description><content:encoded><![CDATA[<p>全文</p>]]></content:encoded></item></channel></rss>"""
ATOM = """<feed xmlns="http://www.w3.org/2005/Atom"><title>x</title><entry><title>老式订阅</title>
<link rel="self" href="http://a.example/api/1"/><link rel="alternate" href="http://a.example/1.html"/>
<published>2026-11-20T09:00:00+08:00</published><author><name>笔名甲</name></author>
<content type="xhtml"><div xmlns="http://www.w3.org/1999/xhtml"><p>全文</p></div></content></entry></feed>"""
JSON_FEED = json.dumps(
    {
        "version": "https://jsonfeed.org/version/1.1",
        "items": [
            {
                "id": "1",
                "url": "http://a.example/1.html",
                "title": "老式订阅",
                "date_published": "2026-11-20T09:00:00+08:00",
                "content_html": "<p>全文</p>",
                "authors": [{"name": "笔名甲"}],
            },
            "no entry",
            {"id": "without an address"},
        ],
    }
)


@pytest.mark.parametrize(
    ("feed", "content", "author"),
    [
        (RSS_090, False, ""),
        (RSS_091, False, ""),
        (RSS_10, False, "笔名甲"),
        (RSS_20, True, ""),
        (ATOM, True, "笔名甲"),
        (JSON_FEED, True, "笔名甲"),
    ],
    ids=["RSS 0.90", "RSS 0.91", "RSS 1.0", "RSS 2.0", "Atom", "JSON Feed"],
)
def test_every_form_of_feed(feed: str, content: bool, author: str) -> None:
    (entry,) = feed_entries(feed.encode())
    assert (entry.url, entry.title, entry.author) == ("http://a.example/1.html", "老式订阅", "")
    assert ("全文" in entry.content) == content and "摘要" not in entry.content
    assert feed_entries(feed.encode(), authors=True)[0].author == author
    assert author not in repr(feed_entries(feed.encode(), authors=True)) or not author
    assert isinstance(entry, FeedEntry)


def test_a_page_is_fetched_only_where_the_feed_has_a_summary(site: Site, house: House) -> None:
    def entry(n: int, content: str) -> str:
        return (
            f"<item><title>第{n}条公益诉讼消息</title><link>{site.url}/{n}.html</link><pubDate>2026-11-20 09:0{n}</pubDate>"
            f"<description>摘要</description><c:encoded><![CDATA[{content}]]></c:encoded></item>"
        )

    whole = f"<p>{LONG}</p><p>联系电话13900001111</p>"
    site.put(
        "/rss",
        '<rss version="2.0" xmlns:c="http://purl.org/rss/1.0/modules/content/"><channel>'
        + entry(1, whole)
        + entry(2, LONG + "……阅读全文")
        + entry(3, "一句话")
        + "</channel></rss>",
        Content_Type="application/rss+xml",
    )
    for n in (2, 3):
        site.article(f"/{n}.html", f"第{n}条公益诉讼消息", LONG + f"\n第{n}页的全文。")
    house.source("feed", "feed", "media", [site.url + "/rss"])
    report = house.crawl()["feed"]
    found = {c.title: c for c in house.captures()}
    assert report["captured"] == 3 and "/1.html" not in site.paths
    first = found["第1条公益诉讼消息"]
    assert first.text.startswith(LONG) and "13900001111" not in first.text and first.url == site.url + "/1.html"
    assert first.published_at == datetime(2026, 11, 20, 1, 1, tzinfo=UTC)
    assert LONG in house.evidence(first.evidence).body.decode()
    assert found["第2条公益诉讼消息"].text.endswith("第2页的全文。") and "第3页" in found["第3条公益诉讼消息"].text
    assert house.crawl(NOW + timedelta(hours=1))["feed"]["captured"] == 0


def test_a_list_by_xpath_whose_pager_a_script_writes(site: Site, house: House) -> None:
    def page(number: int) -> str:
        return (
            f'<div class="commonList_con"><ul><li><a href="./t{number}.html">标题</a></li></ul></div>'
            f'<a href="javascript:void(0)">下一页</a><script>createPageHTML(3, {number}, "index", "shtml");</script>'
        )

    for number in range(3):
        site.put("/xw/" + ("index.shtml" if number == 0 else f"index_{number}.shtml"), page(number))
        site.article(f"/xw/t{number}.html", f"第{number}条要闻消息标题", LONG)
    house.source(
        "list",
        "listing",
        "official",
        [site.url + "/xw/index.shtml"],
        selectors={"link": "//div[@class='commonList_con']//li/a", "body": "//div[@class='content']"},
    )
    assert house.crawl()["list"]["captured"] == 3
    assert [p for p in site.paths if "index" in p] == ["/xw/index.shtml", "/xw/index_1.shtml", "/xw/index_2.shtml"]


def test_an_article_on_several_pages_is_one(site: Site, house: House) -> None:
    site.put("/", "".join(f'<a class="a" href="{p}">x</a>' for p in ("/a/1234.html", "/b/77.html", "/c?id=5")))

    def part(path: str, title: str, text: str, more: str = "") -> None:
        site.article(path, title, text, more=more)

    part(
        "/a/1234.html",
        "三页的调查报道",
        LONG + "第一页。",
        "<a href='1234_2.html'>下一页</a><a href='1235.html'>下一篇</a>",
    )
    part("/a/1234_2.html", "三页的调查报道", LONG + "第二页。", "<a href='1234_3.html'>下一页</a>")
    part("/a/1234_3.html", "三页的调查报道", LONG + "第三页。", "<a href='1235.html'>下一页</a>")
    part("/a/1235.html", "另一篇文章的标题", LONG + "另一篇。")
    part("/b/77.html", "第二页坏了的报道", LONG + "好的一页。", "<a href='77_2.html'>下一页</a>")
    part("/c?id=5", "用参数翻页的报道", LONG + "参数一。", "<a href='/c?id=5&page=2'>下一页</a>")
    part("/c?id=5&page=2", "用参数翻页的报道", LONG + "参数二。", "<a href='/c?id=6'>下一页</a>")
    house.source("news", "listing", "media", [site.url + "/"], selectors={"link": "a.a"})
    report = house.crawl()["news"]
    texts = {c.title: c.text for c in house.captures()}
    assert report["captured"] == len(texts) == 3
    assert [line[-4:] for line in texts["三页的调查报道"].split("\n")] == ["第一页。", "第二页。", "第三页。"]
    assert texts["第二页坏了的报道"].endswith("好的一页。") and "服务器返回 404" in report["message"]
    assert texts["用参数翻页的报道"].endswith("参数二。") and "/a/1235.html" not in site.paths


@pytest.mark.parametrize(
    ("first", "url", "number", "same"),
    [
        ("/t20261120_55.html", "/t20261120_55_1.html", 2, True),  # counted from zero
        ("/t20261120_55.html", "/t20261120_55_2.html", 2, True),
        ("/n1/2026/1120/c1-2.html", "/n1/2026/1120/c1-2-2.html", 2, True),
        ("/a/5_1.html", "/a/5_2.html", 2, True),
        ("/a/5/", "/a/5/2/", 2, True),
        ("/a?id=1", "/a?id=1&p=2", 2, True),
        ("/a?id=1", "/a?id=2", 2, False),
        ("/a?id=1", "/a?id=1&page=9", 2, False),
        ("/a/55.html", "/a/56.html", 2, False),
        ("/t20261120_55.html", "/t20261120_56.html", 2, False),
        ("/a/5.html", "/b/5_2.html", 2, False),
        ("/a/5.html", "/a/5_2.shtml", 2, False),
        ("/a/5.html", "/a/5_2.html", 3, True),
        ("/a/5.html", "/a/5_2.html", 4, False),
    ],
)
def test_what_is_a_part_of_an_article(first: str, url: str, number: int, same: bool) -> None:
    assert is_part("http://a.example" + first, "http://a.example" + url, number) is same


def test_a_sitemap_of_news_gives_title_and_date_to_pages_without(site: Site, house: House) -> None:
    site.put(
        "/news.xml",
        '<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9" xmlns:news="http://www.google.com/schemas/sitemap-news/0.9">'
        f"<url><loc>{site.url}/a.html</loc><news:news><news:publication><news:name>测试日报</news:name></news:publication>"
        "<news:publication_date>2026-11-20T09:30:00+08:00</news:publication_date><news:title>站点地图里的标题</news:title>"
        "</news:news></url></urlset>",
        Content_Type="text/xml",
    )
    site.put("/a.html", f"<html><body><div class=content><p>{LONG}</p></div></body></html>")
    house.source("map", "sitemap", "media", [site.url + "/news.xml"])
    house.crawl()
    (capture,) = house.captures()
    assert capture.title == "站点地图里的标题" and capture.published_at == datetime(2026, 11, 20, 1, 30, tzinfo=UTC)


def test_a_public_feed_counts_voices_and_keeps_no_name(site: Site, house: House) -> None:
    items = [
        {
            "id": str(n),
            "url": f"{site.url}/t/{n}",
            "content_text": f"第{n}帖：" + LONG,
            "authors": [{"name": f"网名{n % 2}号"}],
        }
        for n in range(4)
    ]
    site.put("/feed.json", json.dumps({"version": "1", "items": items}), Content_Type="application/feed+json")
    house.source("bridge", "feed", "public", [site.url + "/feed.json"])
    house.crawl()
    captures = house.captures()
    assert len(captures) == 4 and len({c.voice for c in captures}) == 2 and all(c.url == "" for c in captures)
    assert "网名0号" not in house.everything_on_disk().decode("utf-8", "replace")
