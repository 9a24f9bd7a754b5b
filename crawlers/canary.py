"""Lets a canary go: one page on loopback, read by the real crawler into the real spool, gone when the crawl ends."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from crawlers.report import CrawlReport
from crawlers.run import crawl
from pipeline.records import CANARY, SHANGHAI
from pipeline.settings import Home, Source
from pipeline.settings.json_api import Fields, JsonApi

TITLE = "自检样本"
TEXT = "这是听见给自己写的一条测试消息，不是任何人的来信：从抓取到发送走一遍，看每一步要多久。请确认收到。"


def release(home: Home, token: str, now: datetime) -> CrawlReport:
    """Serve and crawl one item whose title ends in `token`. To be called once in a process, in its main thread."""
    with _page(token, now) as url:
        source = Source(
            id="canary", name="自检", kind="api", channel="submission", urls=[url], site_group="自检", delay_seconds=0,
            allow_private=True, every_minutes=15,
            api=JsonApi(items="@", fields=Fields(id="id", title="title", text="text", published_at="at")),
        ).model_copy(update={"id": CANARY})  # fmt: skip
        return crawl(home, [source], now, lambda _line: None)[CANARY]


@contextmanager
def _page(token: str, now: datetime) -> Iterator[str]:
    # one identity a month: new at first, then revised, so that both ways are gone and nothing piles up
    item = {
        "id": f"{now:%Y-%m}",
        "title": f"{TITLE} {token}",
        "text": TEXT,
        "at": f"{now.astimezone(SHANGHAI):%Y-%m-%d %H:%M}",
    }
    body = json.dumps([item], ensure_ascii=False).encode()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            found = self.path == "/canary.json"
            self.send_response(200 if found else 404)  # no robots.txt: all is allowed (RFC 9309)
            self.send_header("Content-Type", "application/json; charset=utf-8")
            self.send_header("Content-Length", str(len(body) if found else 0))
            self.end_headers()
            if found:
                self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            return

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/canary.json"
        finally:
            server.shutdown()
