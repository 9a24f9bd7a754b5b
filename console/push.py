"""`POST /push/{source}`: another system of the office hands over an export, signed. It lands in the source's drop folder,
whole or not at all, where the next crawl takes it: this room reads nothing of it.

The signature covers time, nonce, source, type and the digest of the file, so that it is checked before the file is read.
"""

from __future__ import annotations

import hashlib
import hmac
import logging
import os
import re
import sqlite3
from collections.abc import AsyncIterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response

from console.desk import Desk
from pipeline.errors import RetryLater, storage
from pipeline.settings import Home, Source
from pipeline.settings.sources import DROP_TYPES

MOST_BYTES = 50_000_000  # what a drop folder takes
SKEW = timedelta(minutes=5)
MOST_A_MINUTE = 30  # of one source
SHORTEST_KEY = 32  # characters
_NONCE = re.compile(r"[A-Za-z0-9_-]{16,64}")
_DIGEST = re.compile(r"[0-9a-f]{64}")
log = logging.getLogger(__name__)


class Turned(Exception):
    """A push that is not taken; `words` say to its sender why."""

    def __init__(self, status: int, words: str, wait: int = 0) -> None:
        super().__init__(words)
        self.status, self.words, self.wait = status, words, wait


@dataclass(frozen=True, slots=True)
class Ticket:
    """What the headers of a push say."""

    time: datetime
    nonce: str
    kind: str
    digest: str

    @staticmethod
    def read(headers: Mapping[str, str], kind: str) -> Ticket:
        """Raises Turned where something is missing or malformed."""
        time, nonce = headers.get("x-tingjian-time", ""), headers.get("x-tingjian-nonce", "")
        digest = headers.get("x-tingjian-digest", "").lower()
        if not (re.fullmatch(r"\d{9,11}", time) and _NONCE.fullmatch(nonce) and _DIGEST.fullmatch(digest)):
            raise Turned(
                400,
                "缺少或写错了请求头：X-Tingjian-Time（秒）、X-Tingjian-Nonce（16 至 64 个字母数字）、"
                "X-Tingjian-Digest（文件的 SHA-256）",
            )
        if kind not in DROP_TYPES:
            raise Turned(400, f"type 只能是 {'、'.join(DROP_TYPES)}")
        return Ticket(datetime.fromtimestamp(int(time), UTC), nonce, kind, digest)

    def signed(self, source_id: str, key: str) -> str:
        """HMAC-SHA256 over time, nonce, source, type and digest, one a line; hex."""
        words = "\n".join((str(int(self.time.timestamp())), self.nonce, source_id, self.kind, self.digest))
        return hmac.new(key.encode(), words.encode(), hashlib.sha256).hexdigest()


class Pushes:
    """Who may push, what was pushed before, and how often."""

    def __init__(self, home: Home) -> None:
        self.home = home
        self._sources = {s.id: s for s in home.sources if s.enabled and s.push_key_env}
        self._recent: dict[str, list[datetime]] = {}

    def admit(self, source_id: str, headers: Mapping[str, str], kind: str, now: datetime) -> tuple[Source, Ticket]:
        """Raises Turned; RetryLater where nonces can't be noted. Nothing of the body was read."""
        source = self._sources.get(source_id)
        if source is None:
            raise Turned(404, "没有可以推送的这个来源")
        key = os.environ.get(source.push_key_env, "")
        if len(key) < SHORTEST_KEY:
            raise Turned(503, f"值班台没有读到密钥：环境变量 {source.push_key_env} 要有至少 {SHORTEST_KEY} 个字符")
        ticket = Ticket.read(headers, kind)
        given = headers.get("x-tingjian-signature", "").lower().encode()
        if not hmac.compare_digest(ticket.signed(source_id, key).encode(), given):
            raise Turned(401, "签名不对")
        skew = ticket.time - now
        if abs(skew) > SKEW:
            ahead = "快" if skew > timedelta(0) else "慢"
            raise Turned(
                401,
                f"发送方的时钟比这里{ahead} {abs(int(skew.total_seconds()))} 秒（最多 {int(SKEW.total_seconds())} 秒），"
                f"请校准；这里是 {int(now.timestamp())}（{now:%Y-%m-%d %H:%M:%S} UTC）",
            )
        self._not_too_often(source_id, now)
        self._only_once(ticket.nonce, now)
        return source, ticket

    def _not_too_often(self, source_id: str, now: datetime) -> None:
        minute = timedelta(minutes=1)
        recent = [at for at in self._recent.get(source_id, ()) if abs(now - at) < minute]  # a clock may be set back
        if len(recent) >= MOST_A_MINUTE:
            wait = max(1, 60 - int((now - recent[0]).total_seconds()))
            raise Turned(429, f"太频繁：每分钟最多 {MOST_A_MINUTE} 次，{wait} 秒后再试", wait)
        self._recent[source_id] = [*recent, now]

    def _only_once(self, nonce: str, now: datetime) -> None:
        """Nonces are kept on disk for as long as their time would be taken, so that a restart forgets none."""
        with storage("推送记录"), closing(sqlite3.connect(self.home.folder / "push.db", timeout=10)) as db, db:
            db.execute("CREATE TABLE IF NOT EXISTS nonces (nonce TEXT PRIMARY KEY, at REAL NOT NULL) WITHOUT ROWID")
            db.execute("DELETE FROM nonces WHERE at < ?", ((now - 2 * SKEW).timestamp(),))
            added = db.execute("INSERT OR IGNORE INTO nonces VALUES (?, ?)", (nonce, now.timestamp())).rowcount
        if not added:
            raise Turned(409, "这个请求已经收过（nonce 用过了）；重发时换一个 nonce 重新签名")


async def receive(request: Request) -> Response:
    """Take one file. 202 where it lies in the drop folder; else JSON with `error` in Chinese, and nothing was kept."""
    desk: Desk = request.app.state.desk
    pushes: Pushes = request.app.state.pushes
    source_id, now = request.path_params["source"], desk.clock()
    try:
        length = request.headers.get("content-length", "")
        if length.isdigit() and int(length) > MOST_BYTES:
            raise Turned(413, f"文件太大：最多 {MOST_BYTES // 1_000_000} MB")
        kind = request.query_params.get("type", "")
        source, ticket = await run_in_threadpool(pushes.admit, source_id, request.headers, kind, now)
        size = await _store(request.stream(), desk.home.path(source.folder), ticket)
    except Turned as error:
        log.warning("push to %s turned away: %d", source_id if source_id.isalnum() else "?", error.status)
        headers = {"retry-after": str(error.wait)} if error.wait else None
        return JSONResponse({"error": error.words}, error.status, headers)
    except RetryLater as error:
        return JSONResponse({"error": str(error)}, 503, {"retry-after": "60"})
    except ClientDisconnect:
        return Response(status_code=400)
    log.info("push to %s: %d bytes", source.id, size)
    return JSONResponse({"accepted": True, "bytes": size}, 202)


async def _store(stream: AsyncIterator[bytes], folder: Path, ticket: Ticket) -> int:
    """Write the file beside, compare its digest, rename. Raises Turned or RetryLater; then nothing is left."""
    name = f"push-{ticket.time:%Y%m%dT%H%M%S}-{ticket.digest[:12]}.{ticket.kind}"
    scratch, found, size = folder / f".{name}-{ticket.nonce[:16]}", hashlib.sha256(), 0
    try:
        with storage("投放目录"):
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            scratch.touch(mode=0o600, exist_ok=False)
            with scratch.open("wb") as f:
                async for chunk in stream:
                    size += len(chunk)
                    if size > MOST_BYTES:
                        raise Turned(413, f"文件太大：最多 {MOST_BYTES // 1_000_000} MB")
                    found.update(chunk)
                    f.write(chunk)
                if found.hexdigest() != ticket.digest:
                    raise Turned(400, "收到的内容与 X-Tingjian-Digest 对不上，可能没有传完；换一个 nonce 重发")
                if not size:
                    raise Turned(400, "文件是空的")
                f.flush()
                await run_in_threadpool(os.fsync, f.fileno())
            scratch.rename(folder / name)
    finally:
        scratch.unlink(missing_ok=True)
    return size
