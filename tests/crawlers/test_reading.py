"""The reader's rules one by one, and that no input breaks it."""

from __future__ import annotations

import contextlib
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from crawlers.reading.body import tidy
from crawlers.reading.comments import cut_comments
from crawlers.reading.dates import date_in_url, find_dates, parse_date
from crawlers.reading.decode import decode
from crawlers.reading.page import read_page
from crawlers.reading.saved import read_saved
from crawlers.reading.title import find_title
from crawlers.reading.tree import parse_html, select, text_of
from crawlers.spiders.feeds import feed_entries
from crawlers.spiders.xml import sitemap_entries
from pipeline.errors import QuarantineError
from pipeline.records import SHANGHAI
from pipeline.settings.sources import Selectors

NOW = datetime(2026, 11, 21, 4, 0, tzinfo=UTC)  # 12:00 in Shanghai

DATES = [
    ("2019-06-13", "2019-06-13 00:00", "day"),
    ("2019/6/13", "2019-06-13 00:00", "day"),
    ("2019.06.13", "2019-06-13 00:00", "day"),
    ("2019年6月13日", "2019-06-13 00:00", "day"),
    ("2019年06月13日 08:18", "2019-06-13 08:18", "minute"),
    ("2019 年 6 月 13 日 8 : 18", "2019-06-13 08:18", "minute"),
    ("２０１９年６月１３日", "2019-06-13 00:00", "day"),
    ("二〇一九年六月十三日", "2019-06-13 00:00", "day"),
    ("二〇二五年十一月二十日", "2025-11-20 00:00", "day"),
    ("二〇二五年十月十日", "2025-10-10 00:00", "day"),
    ("发布时间：2026-11-15 09：30：12 来源", "2026-11-15 09:30", "minute"),
    ("2026-11-15T01:30:00Z", "2026-11-15 09:30", "minute"),
    ("2026-11-15T09:30:00+08:00", "2026-11-15 09:30", "minute"),
    ("2026年11月20日（星期五）下午3:05", "2026-11-20 15:05", "minute"),
    ("2026-11-20 上午 12:05", "2026-11-20 00:05", "minute"),
    ("2026-11-20 12:05:09 AM", "2026-11-20 00:05", "minute"),
    ("2026-11-20 凌晨12:05", "2026-11-20 00:05", "minute"),
    ("2026-11-20 中午12:05", "2026-11-20 12:05", "minute"),
    ("2026-11-20 中午1:05", "2026-11-20 13:05", "minute"),
    ("2026-11-20 中午 11:50", "2026-11-20 11:50", "minute"),
    ("2026/11/20 3:05:00 PM", "2026-11-20 15:05", "minute"),
    ("2026/11/20 12:05 p.m.", "2026-11-20 12:05", "minute"),
    ("2026/11/20 PM 3:05", "2026-11-20 15:05", "minute"),
    ("2026年11月20日 3时05分 下午", "2026-11-20 15:05", "minute"),
    ("2026-11-20 15:05 PM", "2026-11-20 15:05", "minute"),
    ("2026-11-20 08:05 下午三点起停水", "2026-11-20 08:05", "minute"),
    ("2026-11-20 08:05 PMI 发布", "2026-11-20 08:05", "minute"),
    ("2026-11-20 傍晚6:30", "2026-11-20 18:30", "minute"),
    ("2026-11-20 晚上12:05", "2026-11-20 00:00", "day"),
    ("2026-11-20 24:00", "2026-11-20 00:00", "day"),
    ("昨天 下午1:05", "2026-11-20 13:05", "minute"),
    ("6月13日", "2026-06-13 00:00", "day"),
    ("12月30日 10:00", "2025-12-30 10:00", "minute"),
    ("11-20 08:18", "2026-11-20 08:18", "minute"),
    ("昨天 08:18", "2026-11-20 08:18", "minute"),
    ("前天", "2026-11-19 00:00", "day"),
    ("3小时前", "2026-11-21 09:00", "minute"),
    ("5 分钟前", "2026-11-21 11:55", "minute"),
    ("2026-11-1809:26清江晚报", "2026-11-18 09:26", "minute"),
    ("20190613081800", "2019-06-13 08:18", "minute"),
    ("某某站 (Tue Mar 16 22:10:09 2010), 站内", "2010-03-16 22:10", "minute"),
    ("Fri, 20 Nov 2026 00:18:00 GMT", "2026-11-20 08:18", "minute"),
]


@pytest.mark.parametrize(("text", "expected", "precision"), DATES)
def test_every_form_of_date(text: str, expected: str, precision: str) -> None:
    date = parse_date(text, NOW)
    assert date is not None
    assert (f"{date.at.astimezone(SHANGHAI):%Y-%m-%d %H:%M}", date.precision) == (expected, precision)


@pytest.mark.parametrize(
    "text",
    ["", "2027-01-01", "2019-13-01", "2019年2月30日", "1.2019.6.13.4", "电话 2019-61300", "第2019613号", "1899-01-01"],
)
def test_what_is_no_date(text: str) -> None:
    assert parse_date(text, NOW) is None


@pytest.mark.parametrize(
    ("url", "day"),
    [
        ("http://a/2019/0613/c1.html", "2019-06-13"),
        ("http://a/2019-06/13/x.html", "2019-06-13"),
        ("http://a/t20190613_1.html", "2019-06-13"),
        ("http://a/2019/06/13/", "2019-06-13"),
        ("http://a/article-20199999.html", ""),
        ("http://a/id/8201906131", ""),
        ("http://a/2031/0101/x", ""),
    ],
)
def test_a_day_in_the_address(url: str, day: str) -> None:
    date = date_in_url(url, NOW)
    assert (f"{date.at.astimezone(SHANGHAI):%Y-%m-%d}" if date else "") == day


FORMS = [
    "{y}-{m:02}-{d:02}",
    "{y}-{m}-{d}",
    "{y}/{m}/{d}",
    "{y}.{m:02}.{d:02}",
    "{y}年{m}月{d}日",
    "{y}年{m:02}月{d:02}日",
    "{y} 年 {m} 月 {d} 日",
]
_WIDE = str.maketrans("0123456789", "０１２３４５６７８９")


@given(st.dates(datetime(1991, 1, 1).date(), NOW.date()), st.sampled_from(FORMS), st.booleans(), st.none() | st.times())
def test_a_written_date_is_read_back(day: object, form: str, wide: bool, clock: object) -> None:
    y, m, d = day.year, day.month, day.day  # type: ignore[attr-defined]
    text = form.format(y=y, m=m, d=d) + (f" {clock.hour:02}:{clock.minute:02}" if clock else "")  # type: ignore[attr-defined]
    found = parse_date("发布于 " + (text.translate(_WIDE) if wide else text) + " 来源", NOW)
    assert found is not None
    local = found.at.astimezone(SHANGHAI)
    assert (local.year, local.month, local.day) == (y, m, d)
    if clock:
        assert (local.hour, local.minute, found.precision) == (clock.hour, clock.minute, "minute")  # type: ignore[attr-defined]
    else:
        assert found.precision == "day"


@given(st.text(alphabet=st.sampled_from("0123456789年月日-/.:： 时分前昨天小二〇十TZ+"), max_size=60))
def test_no_date_lies_in_the_future_or_before_1990(text: str) -> None:
    for date in find_dates(text, NOW):
        assert datetime(1989, 12, 31, tzinfo=UTC) < date.at <= NOW + timedelta(days=1)


CHINESE = st.text(alphabet=st.characters(min_codepoint=0x4E00, max_codepoint=0x9FA5), min_size=10, max_size=200)


@given(CHINESE)
def test_gb_pages_read_as_utf8_pages_do(text: str) -> None:
    assert decode(f"<p>{text}</p>".encode())[0] == f"<p>{text}</p>"
    for name in ("gb2312", "gbk", "GB18030"):
        assert decode(f'<meta charset="{name}"><p>{text}</p>'.encode("gb18030"))[0].endswith(f"<p>{text}</p>")
    assert text in decode(f"<p>{text}</p>".encode("gb18030"), "text/html; charset=gb2312")[0]


@given(st.binary(max_size=300), st.text(max_size=40))
def test_decode_never_raises_and_gives_what_a_parser_takes(body: bytes, content_type: str) -> None:
    text, _ = decode(body, content_type)
    assert "\0" not in text
    text.encode("utf-8")


def test_a_page_that_names_a_strange_codec_is_still_text() -> None:
    for name in ("zlib", "rot13", "idna", "undefined", "unicode_escape", "base64", "nonsense"):
        assert "你好" in decode(f'<meta charset="{name}">你好'.encode("gb18030"))[0]


def test_one_broken_byte_does_not_change_the_encoding() -> None:
    body = b'<meta charset="utf-8">' + "检察院公开听证".encode() * 50 + b"\xe6" + "结束".encode()
    text, used = decode(body)
    assert used == "utf-8" and text.endswith("结束")


PIECES = st.sampled_from(
    [
        "<div>",
        "<div class=t_f>",
        "<li class=reply-content>",
        "<b>3楼</b>",
        "</div>",
        "<p>",
        "<table><tr><td>",
        "</table>",
        "<!--",
        "-->",
        "<![CDATA[",
        "<script>",
        "</script>",
        "<h1>标题在此</h1>",
        "2026-11-20",
        "<meta name=publishdate content='2026-99-99'>",
        "<title>",
        "</title>",
        "&#0;",
        "&#xD800;",
        "&nbsp;",
        "<a href='javascript:1'>",
        "评论",
        "\x00",
        "𠮷",
        "<svg><foreignObject>",
        "<template>",
        "<link rel=canonical href='http://[bad'>",
        "<time datetime='x'>",
        '<script type="application/ld+json">{"headline": 1}</script>',
        "<form><form>",
        "来源：日报",
        "<p>检察机关通报案件办理情况。</p>",
        "<base href='ftp://x'>",
        "<html><html>",
        "<?xml version='1.0' encoding='utf-16'?>",
    ]
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(PIECES, max_size=40))
def test_the_reader_returns_a_page_or_a_reason(pieces: list[str]) -> None:
    body = "".join(pieces).encode("utf-8", "surrogatepass")
    with contextlib.suppress(QuarantineError):
        read_saved(body, "", "http://bbs.a.example/thread-1.html", Selectors(), NOW)
    try:
        page = read_page(body, "text/html", "http://a.example/x", Selectors(), NOW)
    except QuarantineError as error:
        assert error.reason in ("empty_text", "not_html", "too_large")
        return
    assert page.body
    assert page.published_at is None or page.published_at <= NOW + timedelta(days=1)


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=400))
def test_bytes_of_any_kind_end_in_a_page_or_a_reason(body: bytes) -> None:
    for read in (
        lambda: read_page(body, "", "http://a.example/", Selectors(), NOW),
        lambda: read_saved(body, "", "http://bbs.a.example/thread-1.html", Selectors(), NOW),
        lambda: feed_entries(body),
        lambda: sitemap_entries(body),
    ):
        with contextlib.suppress(QuarantineError):
            read()


def test_deep_and_wide_pages_end() -> None:
    for body in (
        b"<div>" * 50_000 + b"text",
        b"<b>" * 100_000,
        b"<a href=x>x</a>" * 20_000,
        b"<table><tr>" + b"<td>1" * 30_000,
        "<div class=t_f>沙发 2019-06-13 08:18".encode() * 20_000,
        "<li>沙发<p>2019-06-13 08:18</p>这里说了一句话，很长的话，说给大家听".encode() * 10_000,
    ):
        with contextlib.suppress(QuarantineError):
            read_page(body, "text/html", "http://a.example/", Selectors(), NOW)
        with contextlib.suppress(QuarantineError):
            read_saved(body, "text/html", "http://bbs.a.example/thread-1.html", Selectors(), NOW)


def test_a_page_with_too_many_elements_is_set_aside() -> None:
    with pytest.raises(QuarantineError) as caught:
        read_page("<p>大，".encode() * 60_000, "text/html", "http://a.example/", Selectors(), NOW)
    assert (caught.value.reason, caught.value.detail) == ("too_large", "elements")


def test_the_year_of_a_day_without_one_is_the_page_s_own() -> None:
    def day(more: str) -> str:
        page = f"<title>一条没有年份的消息</title><h1>一条没有年份的消息</h1><p>发布时间：10-08 12:00</p><p>{'正文在此，' * 40}</p>{more}"
        at = read_page(page.encode(), "text/html", "http://a.example/x", Selectors(), NOW).published_at
        return f"{at.astimezone(SHANGHAI):%Y-%m-%d}" if at else ""

    assert day("<footer>© 2026</footer>") == "2026-10-08"
    assert day("<script>t='2024-10-08 12:00:57',now='2026-11-20'</script>") == "2024-10-08"
    assert day("<footer>© 2019</footer>") == ""  # unknown beats wrong


def test_an_advertisement_goes_with_its_button_and_a_word_about_advertising_stays() -> None:
    text = "第一段的话。\n广告某某奶茶今日开张\n×\n第二段的话。\n广告法的修订征求意见。\n第三段的话。"
    assert tidy(text, "") == "第一段的话。\n第二段的话。\n广告法的修订征求意见。\n第三段的话。"


def test_a_line_of_the_template_never_takes_the_text_with_it() -> None:
    text = "检察机关通报案件办理情况，" * 10 + "。"
    assert tidy(f"来源：清江日报\n责任编辑：小岭\n{text}\n打印 关闭", "") == text
    assert text in tidy(f"导语一句。\n编辑：小岭\n{text}", "")
    assert tidy("声明：以上为本院唯一公告。", "声明")


def test_no_line_makes_tidying_slow() -> None:
    for line in ("1" * 5000 + "x", "打印" * 2500 + "x", "[1] " * 2000 + "x", "来源：" * 2000):
        assert tidy(f"正文。\n{line}", "") and tidy(f"{line}\n正文。", "")


def test_entity_bombs_stay_small() -> None:
    bomb = (
        '<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "aaaaaaaaaa">'
        + "".join(f'<!ENTITY {chr(98 + i)} "{f"&{chr(97 + i)};" * 10}">' for i in range(9))
        + "]><rss><channel><item><title>&j;</title><link>http://a/</link></item></channel></rss>"
    )
    with contextlib.suppress(QuarantineError):
        assert sum(len(e.title) for e in feed_entries(bomb.encode())) < 100_000
    outside = '<!DOCTYPE x [<!ENTITY f SYSTEM "file:///etc/passwd">]><rss><item><title>&f;</title><link>http://a/</link></item></rss>'
    assert all("root:" not in e.title for e in feed_entries(outside.encode()))


def test_selectors_in_css_and_xpath_and_bad_ones() -> None:
    root = parse_html("<div id=a><p class=x>一</p><p class=x>二</p></div>")
    assert (
        [text_of(e) for e in select(root, "#a .x")]
        == ["一", "二"]
        == [text_of(e) for e in select(root, "//p[@class='x']")]
    )
    for bad in ("p[", "//p[", ":::", "(", ""):
        assert select(root, bad) == []


TITLES = [
    ("<title>听证公告_清江市人民检察院</title><div><h1>清江市人民检察院</h1></div><p>听证公告</p>", "听证公告"),
    (
        "<title>清江市人民政府 部门动态 我市召开冬季供暖调度会议</title><h2>我市召开冬季供暖调度会议</h2>",
        "我市召开冬季供暖调度会议",
    ),
    ("<title>夜里十点以后安静了|噪声|检察建议_河湾新闻_河湾网</title>", "夜里十点以后安静了"),
    ("<title>人民至上--一线见闻--河湾网</title>", "人民至上"),
    ("<title>松岭水库回头看——清水回来了</title>", "松岭水库回头看——清水回来了"),
    ("<title>松岭水库回头看——河湾新闻网</title>", "松岭水库回头看"),
    (
        '<title>清江市人民检察院</title><div class="logo">清江市人民检察院</div><div class="article-title">检察长接访日安排公布</div>',
        "检察长接访日安排公布",
    ),
    ('<title></title><meta property="og:title" content="一库清水回来了">', "一库清水回来了"),
    ("<title>3-1逆转！清江女足晋级_体育频道</title><h1>3-1逆转！清江女足晋级</h1>", "3-1逆转！清江女足晋级"),
    (
        "<title>标题被截断的一条很长的新闻它的名字...-河湾网</title><h1>标题被截断的一条很长的新闻它的名字其实更长</h1>",
        "标题被截断的一条很长的新闻它的名字其实更长",
    ),
    ("<title>「热点」检察官答疑_河湾网</title><h1>「热点」检察官答疑</h1><h2>相关阅读</h2>", "「热点」检察官答疑"),
    ("<title>河湾区检察院通报三起案件-新闻中心-河湾区人民检察院</title><h1>新闻中心</h1>", "河湾区检察院通报三起案件"),
    (
        '<title>新闻中心_河湾区人民检察院</title><h1>河湾区人民检察院</h1><div class="con_title">河湾区检察院通报三起案件</div>',
        "河湾区检察院通报三起案件",
    ),
]


@pytest.mark.parametrize(("page", "title"), TITLES)
def test_titles_without_the_names_of_site_and_column(page: str, title: str) -> None:
    assert find_title(parse_html(page))[0] == title


def test_comment_blocks_are_cut_and_articles_stay() -> None:
    root = parse_html(
        "<div class=article><h1>评论：一次听证会</h1><p>正文在这里</p></div><div class='pl-list'><p>读者甲说</p></div>"
        "<div><h3>网友评论（12条）</h3><ul><li>读者乙说</li></ul></div><div id=SOHUCS>1</div>"
    )
    assert cut_comments(root) >= 2
    assert "正文在这里" in text_of(root) and "评论：一次听证会" in text_of(root)
    assert "读者甲" not in text_of(root) and "读者乙" not in text_of(root)
