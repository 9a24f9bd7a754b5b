"""No author anywhere, nothing unmasked, no address of a public page: searched for in every byte a crawl left (charter 1, 2, 4)."""

from __future__ import annotations

from pathlib import Path

import pytest
from site_on_loopback import House, Site

from pipeline.privacy.staging_keys import distinct_voices
from pipeline.settings.sources import Source, is_profile

AUTHOR, HANDLE, PHONE, SECRET = "夜航船QX7731", "yhc-qx7731", "13912345678", "这句话只说一次不该明着躺在磁盘上"
LONG = "清江市人民检察院昨日通报一起公益诉讼案件的办理情况，检察机关已向主管部门制发检察建议。" * 5
FORUM = {"link": "a.t", "post": ".post", "post_author": ".by", "post_text": ".c", "post_date": ".when", "title": "h1"}


def planted(site: Site, house: House, drop: Path) -> None:
    def post(n: int, text: str) -> str:
        return (
            f'<div class="post" id="p{n}01"><img class="avatar" src="/avatar/{HANDLE}.png" alt="{AUTHOR}"><a class="by" href="/u/{HANDLE}">{AUTHOR}</a>'
            f'<span class="when">2026-11-20 08:1{n}</span><div class="c">{text}</div><div class="ip">IP属地 清江 203.0.113.77</div></div>'
        )

    site.put("/f", '<ul><li><a class="t" href="/t/qidai-1">话题</a></li></ul>')
    site.put(
        "/t/qidai-1",
        f"<h1>热线没人接</h1>{post(1, SECRET + '我的电话' + PHONE)}{post(2, f'@{AUTHOR} 说得对，{AUTHOR}我支持你')}",
    )
    house.source("forum", "thread", "public", [site.url + "/f"], selectors=FORUM)
    byline = f'<span class="author">作者：{AUTHOR}</span><div class="comment-list"><p>{AUTHOR}：我电话{PHONE}</p></div>'
    site.put(
        "/rss.xml",
        f"<rss><channel><item><title>一条消息</title><link>{site.url}/1.html</link><author>{AUTHOR}</author></item></channel></rss>",
    )
    site.article("/1.html", "检察机关通报一起案件", LONG + f"\n联系电话 {PHONE}，热线 0689-6612309。", more=byline)
    house.source("feed", "feed", "media", [site.url + "/rss.xml"])
    drop.mkdir()
    (drop / "a.csv").write_bytes(
        f"编号,时间,姓名,内容\nQ1,2026-11-20 10:00,{AUTHOR},热线没人接我的电话{PHONE}\n".encode("gb18030")
    )
    house.write(
        "sources/line.yaml",
        {
            "id": "line",
            "name": "热线",
            "kind": "drop",
            "channel": "submission",
            "folder": str(drop),
            "columns": {"text": "内容", "source_ref": "编号", "received_at": "时间", "author": "姓名"},
        },
    )


def test_authors_and_numbers_are_nowhere(site: Site, house: House, tmp_path: Path) -> None:
    planted(site, house, tmp_path / "drop")
    reports = house.crawl()
    assert {r["captured"] for r in reports.values()} == {1, 2}
    found = house.everything_on_disk(skip=("evidence",))
    for needle in (AUTHOR, "QX7731", HANDLE, PHONE, "203.0.113.77", "qidai"):
        assert needle.encode() not in found, needle
    assert AUTHOR.encode("gb18030") not in found
    captures = house.captures()
    posts = [c for c in captures if c.channel == "public"]
    assert distinct_voices([c.voice for c in posts]) == 1  # one person, two posts
    assert next(c for c in captures if c.channel == "submission").voice
    assert any("0689-6612309" in c.text for c in captures)  # the office's own number stays


def test_a_forum_whose_source_names_no_author_field(site: Site, house: House) -> None:
    def post(n: int, who: str) -> str:
        return (
            f'<div class="post" id="p{n}01"><a href="/home.php?mod=space&amp;uid={n}"><img src="/avatar/{n}.png" alt="{who}"></a>'
            f'<a href="space-uid-{n}.html">{who}</a><em>发表于 2026-11-20 08:1{n}</em><div>热线打不通，第{n}个人说。</div></div>'
        )

    site.put("/f", '<ul><li><a href="/t/1">话题</a> <a href="/space-uid-1.html">夜航船</a></li></ul>')
    site.put("/t/1", f"<h1>热线没人接</h1>{post(1, '夜航船')}{post(2, '河边的石头')}{post(3, '夜航船')}")
    house.source("forum", "thread", "public", [site.url + "/f"], selectors={"link": "li a", "post": ".post"})
    report = house.crawl()["forum"]
    assert report["captured"] == 3 and report["refused"] == {"profile": 1}
    assert not any("space" in path for path in site.paths)
    captures = house.captures()
    assert distinct_voices([c.voice for c in captures]) == 2
    found = house.everything_on_disk()
    assert "夜航船".encode() not in found and "河边的石头".encode() not in found and b"avatar" not in found


@pytest.mark.parametrize(
    "address",
    [
        "http://f.example/space-uid-12.html",
        "http://f.example/home.php?mod=space&uid=12",
        "http://w.example/u/1234567",
        "http://z.example/people/somebody",
        "http://v.example/@somebody",
        "http://t.example/home/main?un=somebody",
        "http://b.example/?author=3",
    ],
)
def test_a_persons_page_is_no_source(address: str) -> None:
    assert is_profile(address)
    with pytest.raises(ValueError, match="个人主页"):
        Source(id="one", name="一个人", kind="feed", channel="public", urls=[address])


def test_columns_about_people_are_no_profiles() -> None:
    for address in (
        "http://n.example/people/2026/1120/c1.html",
        "http://n.example/news/user-guide.html",
        "/t/1",
        "http://[",
    ):
        assert not is_profile(address)


def test_public_posts_lie_sealed_and_are_never_sealed_again(site: Site, house: House, tmp_path: Path) -> None:
    from datetime import timedelta

    from site_on_loopback import NOW

    planted(site, house, tmp_path / "drop")
    house.crawl()
    raw = b"".join(p.read_bytes() for p in house.folder.rglob("*") if p.is_file())
    assert SECRET.encode() not in raw and site.url.encode() + b"/t/" not in raw
    assert any(SECRET in c.text for c in house.captures())
    for days in (1, 2, 3):  # re-read, edited or not: it would outlive its 72 hours
        site.put("/f", f'<ul><li><a class="t" href="/t/qidai-1">话题</a> {days} 阅</li></ul>')
        assert house.crawl(NOW + timedelta(days=days))["forum"]["captured"] == 0
