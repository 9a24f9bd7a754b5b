"""A small real web site on loopback, and a way to crawl it in a process of its own, as the command line does."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import yaml

from pipeline.evidence.records import Record
from pipeline.evidence.store import Store
from pipeline.evidence.verify import Checked, verify
from pipeline.privacy.seal import unseal
from pipeline.privacy.staging_keys import StagingKeys
from pipeline.records import Capture
from pipeline.settings import Home, load_home
from pipeline.spool import Spool

ROOT = Path(__file__).resolve().parents[2]
NOW = datetime(2026, 11, 21, 4, 0, tzinfo=UTC)
_SCRIPT = """
import json, sys
from datetime import datetime
from pathlib import Path
from crawlers.run import crawl
from pipeline.settings import load_home
home = load_home(Path(sys.argv[1]))
reports = crawl(home, home.sources, datetime.fromisoformat(sys.argv[2]), lambda line: print("#", line, flush=True))
print(json.dumps({k: r.to_dict() for k, r in reports.items()}))
"""


@dataclass
class Answer:
    body: bytes
    status: int = 200
    headers: dict[str, str] = field(default_factory=lambda: {"Content-Type": "text/html; charset=utf-8"})
    wait: float = 0.0


@dataclass
class Site:
    """Pages by path; `log` holds (path, User-Agent, all headers) of every request that arrived."""

    pages: dict[str, Answer | Callable[[], Answer]] = field(default_factory=dict)
    log: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    port: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def paths(self) -> list[str]:
        return [path for path, _ in self.log]

    def put(self, path: str, text: str | bytes, status: int = 200, wait: float = 0.0, **headers: str) -> None:
        body = text.encode() if isinstance(text, str) else text
        given = {k.replace("_", "-"): v for k, v in headers.items()}
        self.pages[path] = Answer(body, status, {"Content-Type": "text/html; charset=utf-8", **given}, wait)

    def article(self, path: str, title: str, body: str, date: str = "2026-11-20 09:30", more: str = "") -> None:
        paragraphs = "".join(f"<p>{p}</p>" for p in body.split("\n"))
        self.put(
            path,
            f"<html><head><title>{title}_测试新闻网</title></head><body><div class='nav'><a href='/'>首页</a></div>"
            f"<h1>{title}</h1><div class='info'>发布时间：{date} 来源：测试日报</div>"
            f"<div class='content'>{paragraphs}</div>{more}</body></html>",
        )

    def serve(self) -> ThreadingHTTPServer:
        site = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                site.log.append((self.path, dict(self.headers)))
                page = site.pages.get(self.path, Answer(b"nothing here", 404))
                answer = page() if callable(page) else page
                if answer.wait:
                    time.sleep(answer.wait)
                asked = {"ETag": self.headers["If-None-Match"], "Last-Modified": self.headers["If-Modified-Since"]}
                if any(value and answer.headers.get(name) == value for name, value in asked.items()):
                    answer = Answer(b"", 304)
                try:
                    self.send_response(answer.status)
                    for name, value in answer.headers.items():
                        self.send_header(name, value)
                    if "Transfer-Encoding" not in answer.headers:
                        self.send_header("Content-Length", str(len(answer.body)))
                    self.end_headers()
                    self.wfile.write(answer.body)
                except OSError:
                    pass

            def log_message(self, *args: object) -> None:
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        server.daemon_threads = True
        self.port = server.server_port
        threading.Thread(target=server.serve_forever, daemon=True).start()
        return server


class House:
    """An installation in a temporary folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "config" / "sources").mkdir(parents=True)
        self.write(
            "tingjian.yaml",
            {"crawl": {"contact": "press@example.org", "timeout_seconds": 5, "max_page_bytes": 300_000}},
        )
        self.write(
            "office.yaml",
            {
                "offices": [
                    {"id": "city", "name": "清江市人民检察院", "short_name": "清江市检", "numbers": ["0689-6612309"]}
                ]
            },
        )

    def write(self, name: str, data: dict[str, Any]) -> None:
        (self.folder / "config" / name).write_text(yaml.safe_dump(data, allow_unicode=True), encoding="utf-8")

    def source(self, source_id: str, kind: str, channel: str, urls: list[str], **more: Any) -> None:
        given = {"delay_seconds": 0, "allow_private": True, **more}
        self.write(
            f"sources/{source_id}.yaml",
            {"id": source_id, "name": source_id, "kind": kind, "channel": channel, "urls": urls, **given},
        )

    @property
    def home(self) -> Home:
        return load_home(self.folder)

    def start(self, now: datetime = NOW) -> subprocess.Popen[str]:
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "no_proxy": "*"}
        return subprocess.Popen(
            [sys.executable, "-c", _SCRIPT, str(self.folder), now.isoformat()],
            cwd=ROOT,
            env=environment,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )

    def crawl(self, now: datetime = NOW) -> dict[str, dict[str, Any]]:
        process = self.start(now)
        out, err = process.communicate(timeout=90)
        assert process.returncode == 0, err
        assert err == "", err  # nothing of a page is logged
        reports: dict[str, dict[str, Any]] = json.loads(out.splitlines()[-1])
        return reports

    def captures(self) -> list[Capture]:
        """Everything in the spool, unsealed; a capture of the same id twice comes twice."""
        ring = StagingKeys(self.home.staging / "keys")
        return [
            unseal(line, ring)
            for batch in Spool(self.home.spool).batches()
            for _, line in batch.lines()
            if "report" not in line
        ]

    def evidence(self, reference: str) -> Record:
        """What is kept under a capture's reference."""
        with closing(Store(self.home.evidence, self.home.evidence_register)) as store:
            return store.read(reference)[0]

    def verified(self) -> list[Checked]:
        """Every evidence file, held against register and chain."""
        with closing(Store(self.home.evidence, self.home.evidence_register)) as store:
            return [verify(store, name, None, NOW) for name in store.files()]

    def everything_on_disk(self, skip: tuple[str, ...] = ()) -> bytes:
        """All bytes that lie in the home folder, with every sealed capture opened beside them."""
        files = [p for p in sorted(self.folder.rglob("*")) if p.is_file() and not any(s in p.parts for s in skip)]
        raw = b"\n".join(p.read_bytes() for p in files)
        names = "\n".join(str(p.relative_to(self.folder)) for p in files)
        opened = "\n".join(json.dumps(c.to_dict(), ensure_ascii=False) for c in self.captures())
        escaped = raw.decode("utf-8", "replace").encode()
        return raw + escaped + names.encode() + opened.encode()
