"""What is read of an office's own pages: the newest article's date, and words whatever their width and spacing."""

from __future__ import annotations

from datetime import datetime

import pytest
from site_on_loopback import NOW

from crawlers.own_channels import newest_of, plain_words
from crawlers.reading.tree import parse_html
from pipeline.records import SHANGHAI


@pytest.mark.parametrize(
    ("page", "newest"),
    [
        ("<p>今天是2026年11月21日</p><ul><li><a href='/1'>检察长带队走访企业</a> 2026-11-18 09:30</li></ul>", (18, 9, 30)),
        ("<ul><li><a href='/1'>检察长带队走访企业</a></li><li><a href='/t20261117_2.html'>普法进校园活动举行</a></li></ul>", (18, 0, 0)),
        ("<table><tr><td><a href='/1'>检察长带队走访企业</a></td><td>2026年11月16日</td></tr></table>", (17, 0, 0)),
        ("<ul><li><a href='/1'>首页</a> 2026-11-20</li></ul>", None),
        ("<p>检察长带队走访企业 2026-11-20</p>", None),
    ],
)  # fmt: skip
def test_the_newest_article(page: str, newest: tuple[int, int, int] | None) -> None:
    found = newest_of(parse_html(f"<html><body>{page}</body></html>"), "http://own.example/", NOW)
    assert found == (newest and datetime(2026, 11, newest[0], newest[1], newest[2], tzinfo=SHANGHAI))


def test_words_alone_count() -> None:
    assert plain_words("电话：１２３０９\n\n 地址　滨江大道") == plain_words("电话:12309 地址 滨江大道")
    assert plain_words("电话：12309") != plain_words("电话：12345")
