"""One line per request: time, site, method, path, status, User-Agent, between tabs."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path

from starlette.types import ASGIApp, Message, Receive, Scope, Send

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")


class AccessLog:
    """Appends to `path`; each line is on disk when the answer starts."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = path.open("a", encoding="utf-8", buffering=1)

    def write(self, site: str, method: str, path: str, status: str, agent: str) -> None:
        now = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S.%f}Z"
        self._file.write("\t".join(_CONTROL.sub("?", x) for x in (now, site, method, path, status, agent)) + "\n")

    def close(self) -> None:
        self._file.close()


class Logged:
    """ASGI middleware of one site. A request that gets no answer is logged with status `-` when it ends."""

    def __init__(self, app: ASGIApp, site: str, log: AccessLog) -> None:
        self._app, self._site, self._log = app, site, log

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        query = scope.get("query_string", b"").decode("latin-1")
        path = scope.get("raw_path", b"").decode("latin-1").split("?")[0] + (f"?{query}" if query else "")
        agent = next((v.decode("latin-1") for k, v in scope["headers"] if k == b"user-agent"), "")
        logged = False

        def line(status: str) -> None:
            nonlocal logged
            if not logged:
                logged = True
                self._log.write(self._site, scope["method"], path, status, agent)

        async def seen(message: Message) -> None:
            if message["type"] == "http.response.start":
                line(str(message["status"]))
            await send(message)

        try:
            await self._app(scope, receive, seen)
        finally:
            line("-")
