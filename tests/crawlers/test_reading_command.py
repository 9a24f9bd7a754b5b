"""`tingjian read`, run as its user runs it."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGE = """<title>检察建议守护一库清水_松岭新闻网</title><h1>检察建议守护一库清水</h1>
<p class="info">来源：松岭日报 发布时间：{date}</p><div class="box"><p>近日，松岭县人民检察院开展“回头看”，确认五项问题已全部整改到位。</p>
<p>去年十月，该院接到群众举报，办案人员走访下游三个村庄，提取水样送检，查明两家养殖场未建粪污处理设施，随即立案。</p></div>"""
SOURCE = """
id: songling-news
name: 松岭新闻网
kind: listing
channel: media
urls: ["http://news.songling.example/"]
selectors:
  link: a
  title: .info
  body: .box p:first-child
"""


def started(*arguments: str | Path, cwd: Path = ROOT) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "flows", "read", "--now", "2026-11-21T12:00", *map(str, arguments)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=cwd, env=environment)


def line_of(html: bytes, url: str = "http://a.example/1") -> bytes:
    return json.dumps({"url": url, "html_base64": base64.b64encode(html).decode()}).encode() + b"\n"


def test_it_streams_says_what_it_found_and_never_stops_at_a_bad_line(tmp_path: Path) -> None:
    process = started(cwd=tmp_path)
    assert process.stdin and process.stdout

    def ask(line: bytes) -> dict[str, object]:
        """One line in, one line out, before the next one goes in."""
        assert process.stdin and process.stdout
        process.stdin.write(line)
        process.stdin.flush()
        return dict(json.loads(process.stdout.readline()))

    good = ask(line_of(PAGE.format(date="2026年11月14日 09:30").encode("gb18030")))
    assert good["url"] == "http://a.example/1" and good["title"] == "检察建议守护一库清水"
    assert (good["published_at"], good["published_precision"]) == ("2026-11-14T09:30:00+08:00", "minute")
    assert (good["outlet"], good["charset"]) == ("松岭日报", "gb18030") and "error" not in good
    assert str(good["text"]).startswith("近日，松岭县") and isinstance(good["how"], dict)
    for bad in (
        b"{\n",
        b"[]\n",
        b'"text"\n',
        b"\xff\xfe\n",
        b'{"url": 5, "html_base64": ""}\n',
        b'{"url": "http://a.example/2"}\n',
        b'{"url": "http://[bad", "html_base64": "*"}\n',
        line_of(b""),
        line_of(b"%PDF-1.4"),
        b'{"url": "\\ud800", "html_base64": "PGI+"}\n',
    ):
        assert ask(bad)["error"], bad
    shell = ask(line_of("<title>一张由脚本画出的页面</title><div id=app></div>".encode()))
    assert shell["title"] == "一张由脚本画出的页面" and "empty_text" in str(shell["error"])
    day = ask(b"\n" + line_of(PAGE.format(date="2026-11-14").encode()))
    assert (day["published_at"], day["published_precision"]) == ("2026-11-14", "day")
    none = ask(line_of(PAGE.format(date="").encode()))
    assert (none["published_at"], none["published_precision"]) == (None, "unknown")
    process.stdin.close()
    assert process.stdout.read() == b"" and process.wait(10) == 0
    assert not list(tmp_path.iterdir()), "it stores nothing"


def test_files_and_the_selectors_of_a_source(tmp_path: Path) -> None:
    page, source = tmp_path / "页面.html", tmp_path / "source.yaml"
    page.write_text(PAGE.format(date="2026-11-14"), encoding="utf-8")
    source.write_text(SOURCE, encoding="utf-8")
    out, _ = started("--source", source, page, tmp_path / "没有", tmp_path).communicate(timeout=60)
    first, *missing = map(json.loads, out.splitlines())
    assert first["file"] == str(page) and first["how"]["body"] == first["how"]["title"] == "selector"
    assert first["title"].startswith("来源：松岭日报") and first["text"].count("\n") == 0
    assert [list(m) for m in missing] == [["file", "error"]] * 2
    assert [m["file"] for m in missing] == [str(tmp_path / "没有"), str(tmp_path)]
