"""The canary, late and silent sources, and the office's own sites: by the shipped commands, over real sites on loopback."""

from __future__ import annotations

import json
import signal
import sqlite3
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from conftest import ROOT, Cli, change, command
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from flows.canary_watch import CanaryWatch
from flows.cli import tingjian
from pipeline.index import open_index
from pipeline.index.engine import Search
from pipeline.records import CANARY
from pipeline.settings import load_home

NOW = datetime(2026, 11, 24, 2, 0, tzinfo=UTC)
MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)


class Site:
    """Pages by path on loopback, in the clear or with a certificate."""

    def __init__(self, context: ssl.SSLContext | None = None) -> None:
        pages = self.pages = dict[str, str]()

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                body = pages.get(self.path, "").encode()
                self.send_response(200 if body else 404)
                self.send_header("Content-Type", "text/html; charset=utf-8")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *args: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        if context is not None:
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.url = f"http{'s' if context else ''}://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def serve() -> Iterator[Callable[..., Site]]:
    sites: list[Site] = []

    def make(context: ssl.SSLContext | None = None) -> Site:
        sites.append(Site(context))
        return sites[-1]

    yield make
    for site in sites:
        site.close()


def inside(*arguments: object, code: int = 0) -> str:
    """A command in this process, for speed; what crawls needs one of its own (`cli`). Checks the exit code."""
    done = CliRunner().invoke(tingjian, [str(a) for a in arguments])
    assert done.exit_code == code, f"{arguments} ended with {done.exit_code}\n{done.output}\n{done.exception!r}"
    return done.output


def at(moment: datetime) -> tuple[str, str]:
    return "--now", moment.isoformat()


def mails(office: Path) -> list[str]:
    """Subject and text of every mail in the folder, oldest first."""
    found = []
    for path in sorted((office / "outbox").glob("*.eml"), key=lambda p: p.stat().st_mtime_ns):
        mail = message_from_bytes(path.read_bytes(), policy=policy.default)
        body = mail.get_body(("plain",))
        assert body is not None
        found.append(f"{mail['Subject']}\n{body.get_content()}")
    return found


def status(office: Path, moment: datetime) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(inside("status", "--json", "--data-dir", office, *at(moment)))
    return told


def rows(office: Path, sql: str) -> list[tuple[Any, ...]]:
    with sqlite3.connect(office / "desk.db") as db:
        return db.execute(sql).fetchall()


# --- the canary -----------------------------------------------------------------------------------------------------


def test_the_canary_goes_the_whole_way_and_nobody_sees_it(cli: Cli, office: Path) -> None:
    here = ("--data-dir", office)
    before = status(office, NOW)
    assert "还没有" in inside("canary", "check", *here, *at(NOW), code=1)
    for n in range(2):  # a new item, then a revision
        moment = NOW + n * 15 * MINUTE
        cli("canary", "send", *here, *at(moment))
        for step in ("ingest", "watch", "dispatch"):
            said = inside(step, *here, *at(moment))
        assert "发送 0 条" in said
        told = status(office, moment + MINUTE)
        assert told["canary"]["state"] == "ok" and told["canary"]["waits_at"] is None
        assert list(told["canary"]["seconds"]) == ["spooled", "taken", "scored", "indexed", "decided", "sent"]
        assert all(isinstance(s, float) for s in told["canary"]["seconds"].values())
        assert {k: told[k] for k in ("stages", "outbox", "incidents")} == {k: before[k] for k in ("stages", "outbox", "incidents")}  # fmt: skip
        assert "按时" in inside("canary", "check", *here, *at(moment + MINUTE))
    home = load_home(office)
    index = open_index(home)
    try:
        assert index.count(Search(tuple(o.id for o in home.offices))) == 0
        assert index.count(Search((CANARY,))) == 1  # it is there: nobody has that office
    finally:
        index.close()
    inside("digest", *here, *at(NOW + DAY))
    tables = ("issues", "issue_items", "alerts", "incidents", "source_states", "source_runs", "quarantined")
    assert all(rows(office, f"SELECT count(*) FROM {table}") == [(0,)] for table in tables)
    assert not [text for text in mails(office) if "自检" in text or CANARY in text]
    assert rows(office, "SELECT count(*) FROM notifications WHERE kind = '_canary'") == [(0,)]
    assert not any("自检" in str(row) for row in rows(office, "SELECT * FROM digests"))
    assert "自检" not in inside("doctor", *here, *at(NOW + 16 * MINUTE), code=1)


def test_a_killed_dispatcher_is_told_past_the_outbox(cli: Cli, office: Path) -> None:
    here = ("--data-dir", office)
    process = subprocess.Popen(command("dispatch", "--loop", "--data-dir", str(office)), cwd=ROOT)
    try:
        cli("canary", "send", *here)
        inside("ingest", *here)
        deadline = time.monotonic() + 60
        while status(office, datetime.now(UTC))["canary"]["state"] != "ok":
            assert time.monotonic() < deadline
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    cli("canary", "send", *here)
    inside("ingest", *here)
    now = datetime.now(UTC)
    late = inside("canary", "check", *here, *at(now + 21 * MINUTE), code=1)
    assert "迟到" in late and "停在“规则”" in late and "值守进程" in late
    missing = inside("canary", "check", "--mail", *here, *at(now + 36 * MINUTE), code=1)
    assert "没有送达" in missing
    (to_duty, to_leader) = [text for text in mails(office) if "自检样本没有走完全程" in text]
    assert "停在“规则”" in to_duty and "不经过待发箱" in to_leader
    assert rows(office, "SELECT count(*) FROM notifications WHERE state = 'pending' AND kind != '_canary'") == [(0,)]


def test_the_watching_process_tells_once_and_also_without_a_database(cli: Cli, office: Path) -> None:
    inside("status", "--data-dir", office)
    said: list[str] = []
    watch = CanaryWatch(load_home(office), said.append, NOW)
    watch.look(NOW + 34 * MINUTE)
    assert said == [] and mails(office) == []  # it has just begun to look
    for minutes in (36, 37, 300):
        watch.look(NOW + minutes * MINUTE)
    assert len(said) == 1 and "调度可能停了" in said[0] and len(mails(office)) == 2
    watch.look(NOW + 36 * MINUTE + DAY)
    assert len(mails(office)) == 4
    (office / "desk.db").write_bytes(b"no database " * 400)
    other = CanaryWatch(load_home(office), said.append, NOW)
    other.look(NOW)
    assert "查不到自检样本" in said[-1] and len(mails(office)) == 6


# --- sources --------------------------------------------------------------------------------------------------------


def article(n: int, day: str, dated: bool) -> str:
    date = f"<p class='date'>发布时间：{day} 09:30</p>" if dated else ""
    text = f"第{n}条消息说的是清江市人民检察院在{n}号社区办的一场普法活动，居民问了许多问题，检察官一一作答。" * 3
    return f"<html><head><title>消息{n}</title></head><body><h1>清江检察消息第{n}条</h1>{date}<div id='c'><p>{text}</p></div></body></html>"


def listing(numbers: range) -> str:
    return (
        "<html><body><ul>"
        + "".join(f"<li><a href='/a/{n}.html'>消息{n}</a></li>" for n in numbers)
        + "</ul></body></html>"
    )


def test_a_changed_layout_and_an_emptied_list_are_told_with_day_and_sample(
    cli: Cli, office: Path, serve: Callable[..., Site]
) -> None:
    site, here = serve(), ("--data-dir", office)
    change(
        office / "config/rules.yaml",
        "source_status: [failing, blocked, empty, layout, emptied]\n    late: true",
        "late: true",
    )
    (office / "config/sources/gov.yaml").write_text(
        "id: gov\nname: 官网\nkind: listing\nchannel: official\nallow_private: true\ndelay_seconds: 0\n"
        f"urls: ['{site.url}/list.html']\nselectors: {{link: 'li a', date: .date, body: '#c', title: h1}}\n",
        encoding="utf-8",
    )
    site.pages["/list.html"] = listing(range(1, 13))
    site.pages |= {f"/a/{n}.html": article(n, "2026-11-23", True) for n in range(1, 13)}
    cli("crawl", *here, *at(NOW))
    for step in ("ingest", "dispatch"):
        inside(step, *here, *at(NOW))
    assert mails(office) == []
    # the next day every page has lost its date
    site.pages["/list.html"] = listing(range(1, 19))
    site.pages |= {f"/a/{n}.html": article(n, "2026-11-24", False) for n in range(1, 19)}
    cli("crawl", *here, *at(NOW + DAY))
    for step, minutes in (("ingest", 1), ("dispatch", 1), ("dispatch", 12)):
        inside(step, *here, *at(NOW + DAY + minutes * MINUTE))
    told = [text for text in mails(office) if "信源需要看一看" in text]
    assert len(told) == 2  # duty and leader, one mail each
    assert "官网：版式变了" in told[0] and "发布时间" in told[0] and "最近正常的一天：2026-11-24" in told[0]
    assert "样本：《清江检察消息第" in told[0] and f"{site.url}/a/" in told[0]
    # and then the list is empty
    site.pages["/list.html"] = "<html><body><p>栏目调整中</p></body></html>"
    cli("crawl", *here, *at(NOW + 2 * DAY))
    for step, minutes in (("ingest", 1), ("dispatch", 1), ("dispatch", 12)):
        inside(step, *here, *at(NOW + 2 * DAY + minutes * MINUTE))
    told = [text for text in mails(office) if "突然没有内容" in text]
    assert len(told) == 2 and "最近正常的一天：2026-11-25" in told[0]
    inside("dispatch", *here, *at(NOW + 2 * DAY + 40 * MINUTE))
    assert len([text for text in mails(office) if "信源需要看一看" in text]) == 4  # each once


# --- own sites ------------------------------------------------------------------------------------------------------


def certificate(folder: Path, days: int) -> ssl.SSLContext:
    """A server's context with a certificate of its own for 127.0.0.1 that ends in so many days."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - DAY)
        .not_valid_after(now + timedelta(days=days, hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    (folder / "key.pem").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    (folder / "cert.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "cert.pem", folder / "key.pem")
    return context


def test_own_sites_are_watched(
    cli: Cli, office: Path, serve: Callable[..., Site], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = ("--data-dir", office)
    site = serve(certificate(tmp_path, 5))
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "cert.pem"))  # so that a browser of ours would trust it
    path = office / "config/office.yaml"
    text = path.read_text(encoding="utf-8").partition("    own_channels")[0]
    path.write_text(
        f"{text}    own_channels:\n      - id: portal\n        name: 门户\n        url: {site.url}/list/\n        fresh_within_hours: 48\n"
        f"        allow_private: true\n        key_pages:\n          - {{name: 联系我们, url: '{site.url}/contact', selector: '#c'}}\n"
        f"          - {{name: 公告, url: '{site.url}/notice'}}\n",
        encoding="utf-8",
    )  # fmt: skip
    now = datetime.now(UTC)
    day = (now - timedelta(days=5)).strftime("%Y-%m-%d")
    site.pages |= {
        "/list/": f"<p>今天是{now:%Y-%m-%d}</p><ul><li><a href='/1'>检察长带队走访企业</a><span>{day}</span></li></ul>",
        "/contact": "<p>访问量 1</p><div id='c'>地址：滨江大道1号　电话：12309</div>",
    }

    def look(moment: datetime) -> str:
        said = cli("own-sites", *here, *at(moment)).stdout
        for step in ("ingest", "dispatch"):
            inside(step, *here, *at(moment))
        return said

    assert "门户：打得开" in look(now)
    inside("dispatch", *here, *at(now + 11 * MINUTE))
    told = [m for m in mails(office) if "本院网站需要看一看" in m]
    assert len(told) == 2
    assert "证书还有 5 天到期" in told[0] and "最新文章已是" in told[0] and "约定 48 小时内" in told[0]
    assert "重点页面“公告”读不到：服务器返回 404" in told[0] and "联系我们" not in told[0]
    site.pages["/contact"] = "<p>访问量 2</p><div id='c'>地址：滨江大道1号 电话：12345</div>"
    look(now + 30 * MINUTE)
    inside("dispatch", *here, *at(now + 41 * MINUTE))
    (changed, _) = [m for m in mails(office) if "联系我们" in m]
    before, after = rows(office, "SELECT accepted_digest, digest FROM own_pages WHERE name = '联系我们'")[0]
    assert before != after and f"原为 {before[:12]}（18 字），现为 {after[:12]}（18 字）" in changed
    assert "12345" not in changed
    # one check that does not reach it is no news, two are
    site.close()
    assert "连接失败" in look(now + 60 * MINUTE)
    inside("dispatch", *here, *at(now + 71 * MINUTE))
    assert not [m for m in mails(office) if "打不开" in m]
    look(now + 90 * MINUTE)
    inside("dispatch", *here, *at(now + 101 * MINUTE))
    told = [m for m in mails(office) if "打不开：" in m]
    assert len(told) == 2 and "连接失败" in told[0] and "最近一次正常" in told[0] and "重点页面" not in told[0]
