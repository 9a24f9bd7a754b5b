"""A loopback proxy before a real node, which can swallow an answer after the request was done; and a server of another version."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx


class Proxy:
    """`swallow(path)` is asked for each request that the node has answered: True lets the client wait in vain."""

    def __init__(self, target: str) -> None:
        self.swallow: Callable[[str], bool] = lambda _: False
        self.swallowed = 0
        self._ended = threading.Event()
        proxy, client = self, httpx.Client(base_url=target, trust_env=False, timeout=60)

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def pass_on(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                headers = {k: v for k, v in self.headers.items() if k.lower() not in ("host", "connection")}
                answer = client.request(self.command, self.path, content=body, headers=headers)
                if proxy.swallow(self.path):
                    proxy.swallowed += 1
                    proxy._ended.wait(30)
                    self.close_connection = True
                    return
                self.send_response(answer.status_code)
                for name in ("content-type", "x-elastic-product"):
                    if name in answer.headers:
                        self.send_header(name, answer.headers[name])
                content = b"" if self.command == "HEAD" else answer.content
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = pass_on

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    @contextmanager
    def running(self) -> Iterator[Proxy]:
        thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self._ended.set()
            self._server.shutdown()
            self._server.server_close()


@contextmanager
def answering(product: str, number: str) -> Iterator[str]:
    """The address of a loopback server that says it is such an Elasticsearch."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = f'{{"version": {{"number": "{number}"}}, "tagline": "You Know, for Search"}}'.encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("X-Elastic-Product", product)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
