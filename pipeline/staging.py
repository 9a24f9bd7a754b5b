"""Staging: where public posts live until k voices are heard, and for 72 h at most (charter 2).

A SQLite file of sealed rows. In the open stand only: a keyed id, the id of the staging key, when it was seen, the revision,
and whether the post was part of something published. Left out of backups; unreadable once the key is gone.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from pipeline.errors import Unreadable, storage
from pipeline.privacy.staging_keys import StagingKey, StagingKeys, window_of
from pipeline.records import Voice

_SCHEMA = """
CREATE TABLE IF NOT EXISTS posts (
  id TEXT PRIMARY KEY, revision INTEGER NOT NULL, key_id TEXT NOT NULL, seen_at TEXT NOT NULL, heard INTEGER NOT NULL DEFAULT 0,
  body BLOB NOT NULL, older BLOB, place BLOB) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS posts_key ON posts (key_id);
CREATE INDEX IF NOT EXISTS posts_seen ON posts (seen_at, id);
CREATE TABLE IF NOT EXISTS gone (total INTEGER NOT NULL, unheard INTEGER NOT NULL);
"""
_BATCH = 1000


@dataclass(frozen=True, slots=True)
class Post:
    """One public post as clustering sees it. Never leaves staging. `offices`: office id → its reading (labels dict)."""

    id: str
    revision: int
    site_group: str
    thread: str
    title: str
    text: str
    occurred_at: datetime
    seen_at: datetime
    backfill: bool
    voice: Voice
    offices: dict[str, dict[str, Any]]
    words: tuple[str, ...]
    place: dict[str, str]  # office id → issue id it was put to; sealed like the rest


class Staging:
    """The staging file and its keys; one writer at a time (the ingest and watch locks see to it)."""

    def __init__(self, folder: Path) -> None:
        self.keys = StagingKeys(folder / "keys")
        with storage("暂存区"):
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._db = sqlite3.connect(folder / "staging.db", timeout=30, isolation_level=None, check_same_thread=False)
            # secure_delete: what is deleted is overwritten; no WAL, so that no copy lingers beside
            for pragma in ("journal_mode=DELETE", "synchronous=FULL", "secure_delete=ON"):
                self._db.execute(f"PRAGMA {pragma}")
            self._db.executescript(_SCHEMA)

    def put(self, posts: Iterable[Post], now: datetime) -> None:
        """Add posts; one with the same or a newer revision stays as it is. Raises RetryLater where the file can't be written.

        A post lies under the key of the window in which it was seen, so that a late ingest does not lengthen its 72 h;
        under the older of the keys live at `now` where that one is dead already.
        """
        older, newest = self.keys.live(now)
        rows = [
            self._row(post, older if window_of(post.seen_at) <= int(older.id) else newest, (older, newest))
            for post in posts
        ]
        with self._writing():
            self._db.executemany(
                "INSERT INTO posts (id, revision, key_id, seen_at, body, older) VALUES (?,?,?,?,?,?) ON CONFLICT (id) DO UPDATE SET"
                " revision = excluded.revision, key_id = excluded.key_id, body = excluded.body, older = excluded.older, place = NULL"
                " WHERE excluded.revision > posts.revision",
                rows,
            )

    def posts(self) -> Iterator[Post]:
        """Every readable post, by (seen_at, id); streams."""
        at: tuple[str, str] = ("", "")
        while True:
            with storage("暂存区"):
                rows = self._db.execute(
                    "SELECT id, revision, key_id, seen_at, body, older, place FROM posts WHERE (seen_at, id) > (?, ?)"
                    " ORDER BY seen_at, id LIMIT ?",
                    (*at, _BATCH),
                ).fetchall()
            if not rows:
                return
            at = rows[-1][3], rows[-1][0]
            for row in rows:
                try:
                    yield self._post(*row)
                except Unreadable:
                    continue  # its key has just died; `expire` counts it

    def place(self, places: Iterable[tuple[Post, dict[str, str]]], heard: Iterable[str]) -> None:
        """Note, sealed, which issue of each office a post was put to; mark those that were part of something published."""
        rows = []
        for post, place in places:
            try:
                key = self._key_of(post.id)
            except Unreadable:
                continue
            rows.append((key.encrypt(json.dumps(place).encode()), post.id))
        with self._writing():
            self._db.executemany("UPDATE posts SET place = ? WHERE id = ?", rows)
            self._db.executemany("UPDATE posts SET heard = 1 WHERE id = ?", ((i,) for i in heard))

    def expire(self, now: datetime) -> tuple[int, int]:
        """Destroy dead keys and the rows under them. Returns (rows gone, of those never heard).

        Their sums are kept beside (`gone`), so that a kill before the caller has counted them loses no count.
        """
        self.keys.purge(now)
        gone = unheard = 0
        with self._writing():  # one transaction, so that two processes do not count the same rows
            dead = [k for (k,) in self._db.execute("SELECT DISTINCT key_id FROM posts") if not self._lives(k)]
            for key_id in dead:
                count, heard = self._db.execute(
                    "SELECT count(*), sum(heard) FROM posts WHERE key_id = ?", (key_id,)
                ).fetchone()
                self._db.execute("DELETE FROM posts WHERE key_id = ?", (key_id,))
                gone, unheard = gone + count, unheard + count - (heard or 0)
            if gone:
                before = self.gone()
                self._db.execute("DELETE FROM gone")
                self._db.execute("INSERT INTO gone VALUES (?, ?)", (before[0] + gone, before[1] + unheard))
        return gone, unheard

    def gone(self) -> tuple[int, int]:
        """(rows that ever expired here, of those never heard)."""
        row = self._db.execute("SELECT total, unheard FROM gone").fetchone()
        return (int(row[0]), int(row[1])) if row else (0, 0)

    def count(self) -> int:
        """How many rows lie here."""
        with storage("暂存区"):
            return int(self._db.execute("SELECT count(*) FROM posts").fetchone()[0])

    def has(self, post_id: str) -> bool:
        return self._db.execute("SELECT 1 FROM posts WHERE id = ?", (post_id,)).fetchone() is not None

    def close(self) -> None:
        self._db.close()

    @contextmanager
    def _writing(self) -> Iterator[None]:
        with storage("暂存区"):
            try:
                self._db.execute("BEGIN IMMEDIATE")
                yield
                self._db.execute("COMMIT")
            except BaseException:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                raise

    def _lives(self, key_id: str) -> bool:
        try:
            self.keys.get(key_id)
        except Unreadable:
            return False
        return True

    def _key_of(self, post_id: str) -> StagingKey:
        row = self._db.execute("SELECT key_id FROM posts WHERE id = ?", (post_id,)).fetchone()
        if row is None:
            raise Unreadable("post is gone")
        return self.keys.get(row[0])

    def _row(self, post: Post, own: StagingKey, live: tuple[StagingKey, ...]) -> tuple[Any, ...]:
        voices = dict(post.voice)
        body = {
            "g": post.site_group, "t": post.thread, "h": post.title, "x": post.text, "o": post.occurred_at.isoformat(),
            "b": post.backfill, "f": post.offices, "w": post.words, "v": voices.get(own.id, ""),
        }  # fmt: skip
        sealed_other = None
        for other in live:
            if other is not own and other.id in voices:
                sealed_other = other.id.encode() + b":" + other.encrypt(voices[other.id].encode())
        plain = json.dumps(body, ensure_ascii=False).encode("utf-8", "surrogatepass")
        return post.id, post.revision, own.id, post.seen_at.isoformat(), own.encrypt(plain), sealed_other

    def _post(
        self,
        post_id: str,
        revision: int,
        key_id: str,
        seen_at: str,
        body: bytes,
        older: bytes | None,
        place: bytes | None,
    ) -> Post:
        key = self.keys.get(key_id)
        b = json.loads(key.decrypt(body).decode("utf-8", "surrogatepass"))
        voice: list[tuple[str, str]] = [(key_id, b["v"])] if b["v"] else []
        if older is not None:
            older_id, _, sealed = older.partition(b":")
            with suppress(Unreadable):  # the older key may have died before the newer one: counted under the newer only
                voice.append((older_id.decode(), self.keys.get(older_id.decode()).decrypt(sealed).decode()))
        put = json.loads(key.decrypt(place)) if place is not None else {}
        return Post(
            post_id, revision, b["g"], b["t"], b["h"], b["x"], datetime.fromisoformat(b["o"]), datetime.fromisoformat(seen_at),
            b["b"], tuple(sorted(voice)), b["f"], tuple(b["w"]), put,
        )  # fmt: skip
