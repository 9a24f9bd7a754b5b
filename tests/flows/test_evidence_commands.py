"""`tingjian evidence` as its user runs it: show, verify, export; each look with its audit line."""

from __future__ import annotations

import hashlib
import re
import shutil
import sqlite3
import zipfile
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest
from conftest import Cli

from flows.evidence_export import BROWSERS, lay_out
from pipeline.evidence.records import Answer
from pipeline.evidence.store import Store

NOW = datetime(2026, 11, 21, 4, 0, tzinfo=UTC)
ITEM = "fbfb2c6d5fcb952db617c2323ae6c895"
PAGE = "<html><head><title>听证会</title></head><body><h1>公开听证会</h1><p>检察建议已经送达。</p></body></html>"


@pytest.fixture
def kept(office: Path) -> Path:
    """Three pages of which two are an article's; returns the WARC file."""
    with closing(Store(office / "evidence", office / "evidence.db")) as store:
        for number, item in ((1, ITEM), (2, ITEM), (1, "0" * 32)):
            headers = (("Server", "nginx\x1b[2J"), ("Content-Type", "text/html; charset=gb2312"))
            answer = Answer(f"http://news.example/{item[:2]}_{number}.html", PAGE.encode("gb18030"), "HTTP/1.1 200 OK",
                            headers, part=number, cut=number - 1)  # fmt: skip
            reference = store.keep("media", "news", item, answer, NOW)
        store.sync()
    return office / "evidence" / reference.partition("#")[0]


def audited(office: Path) -> list[tuple[str, str]]:
    with closing(sqlite3.connect(office / "desk.db")) as db:
        return db.execute("SELECT action, subject FROM audit ORDER BY id").fetchall()


def test_show_tells_what_is_kept_and_is_audited(cli: Cli, office: Path, kept: Path) -> None:
    shown = cli("evidence", "show", ITEM, "--data-dir", office).stdout
    assert "保存了 2 份网页" in shown and "http://news.example/fb_2.html" in shown and "HTTP/1.1 200 OK" in shown
    assert "2026-11-21 12:00:00（北京时间）" in shown and "剪去 1 处" in shown and "按收到的字节保存" in shown
    assert hashlib.sha256(PAGE.encode("gb18030")).hexdigest() in shown and "\x1b" not in shown
    assert audited(office)[-1] == ("evidence", f"item:{ITEM}")
    assert "没有条目 nothing 的证据" in cli("evidence", "show", "nothing", "--data-dir", office, code=1).stderr


def test_verify_says_what_was_touched(cli: Cli, office: Path, kept: Path) -> None:
    assert "3 条记录：全部相符" in cli("evidence", "verify", "--all", "--data-dir", office).stdout
    raw = bytearray(kept.read_bytes())
    raw[len(raw) // 2] ^= 1
    kept.write_bytes(raw)
    done = cli("evidence", "verify", "--all", "--data-dir", office, code=1)
    assert "第 2 条被改动过" in done.stdout and "1 个文件有问题" in done.stdout
    assert "读不出来" in cli("evidence", "show", ITEM, "--data-dir", office, code=1).stdout
    assert "证据不符" in cli("upkeep", "--data-dir", office).stdout
    kept.unlink()
    assert "整个文件不见了" in cli("evidence", "verify", ITEM, "--data-dir", office, code=1).stdout


def test_export_holds_all_of_it(cli: Cli, office: Path, kept: Path, tmp_path: Path) -> None:
    out = tmp_path / "证据.zip"
    said = cli("evidence", "export", ITEM, "-o", out, "--data-dir", office).stdout
    assert "网页 2 份" in said and audited(office)[-1] == ("export", f"item:{ITEM}")
    with zipfile.ZipFile(out) as packed:
        files = {name: packed.read(name) for name in packed.namelist()}
    assert files["网页/2.html"] == PAGE.encode("gb18030") and b"HTTP/1.1 200 OK" in files["响应头/1.txt"]
    for line in files["SHA256SUMS"].decode().splitlines():
        digest, _, name = line.partition("  ")
        assert hashlib.sha256(files[name]).hexdigest() == digest
    assert {line.partition("  ")[2] for line in files["SHA256SUMS"].decode().splitlines()} == {*files} - {"SHA256SUMS"}
    cover = files["封面.html"].decode()
    assert "清江市人民检察院" in cover and "相符" in cover and "剪去 1 处" in cover and ITEM in cover
    assert hashlib.sha256(files["记录/1.warc.gz"]).hexdigest() in cover
    if any(map(shutil.which, BROWSERS)):
        assert files["排版/1.pdf"].startswith(b"%PDF")
    assert "没有改动" in cli("evidence", "export", ITEM, "-o", out, "--data-dir", office, code=1).stderr


@pytest.mark.skipif(not any(map(shutil.which, BROWSERS)), reason="no Chromium")
def test_a_hostile_page_loads_nothing_into_its_layout(tmp_path: Path) -> None:
    secret = tmp_path / "secret.html"
    secret.write_text("<h1>TOPSECRET</h1>" * 50, "utf-8")
    url = secret.as_uri()
    plain = lay_out("<p>正文</p>".encode(), "text/html; charset=utf-8")
    hostile = lay_out(
        f'<meta http-equiv="refresh" content="0;url={url}"><iframe src="{url}" height="900"></iframe><object data="{url}"></object>'
        f'<embed src="{url}"><script>location="{url}"</script><link rel="import" href="{url}"><base href="{url}"><p>正文</p>'
        f'<img src="{url}"><svg><image href="{url}"/></svg><style>@import "{url}";</style>'.encode(),
        "text/html; charset=utf-8",
    )
    assert plain is not None and hostile is not None
    pages = [len(re.findall(rb"/Type\s*/Page\b", pdf)) for pdf in (plain, hostile)]
    assert pages == [1, 1] and len(hostile) < 2 * len(plain)


def test_without_chromium_there_is_no_layout(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    assert lay_out(PAGE.encode(), "text/html; charset=utf-8") is None
