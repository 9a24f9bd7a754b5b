"""Staging keys: random, 72 h of life, a new one every 36 h, so that two are live at any time (charter 1, 2).

A key's id is the number of its 36-hour window since 1970; the folder is left out of backups. When a key dies its file
is overwritten and deleted, and whatever was sealed under it is unreadable for everybody, us included.
"""

from __future__ import annotations

import hashlib
import os
import secrets
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from pipeline.errors import Unreadable, storage
from pipeline.records import Voice

KEY_EVERY = timedelta(hours=36)
KEY_LIFE = timedelta(hours=72)
_STEP = int(KEY_EVERY.total_seconds())


@dataclass(frozen=True, slots=True)
class StagingKey:
    """One live key. `repr` hides the secret; neither it nor a digest made with it is ever logged."""

    id: str
    secret: bytes = field(repr=False)

    @property
    def dies_at(self) -> int:
        """Unix time at which the key must be gone."""
        return int(self.id) * _STEP + int(KEY_LIFE.total_seconds())

    def digest(self, what: str) -> str:
        """Keyed digest (32 hex digits) of `what`: comparable only while this key lives, and only under this key."""
        return hashlib.blake2b(what.encode("utf-8", "surrogatepass"), key=self.secret, digest_size=16).hexdigest()

    def encrypt(self, plain: bytes) -> bytes:
        nonce = secrets.token_bytes(12)
        return nonce + AESGCM(self.secret).encrypt(nonce, plain, self.id.encode())

    def decrypt(self, sealed: bytes) -> bytes:
        """Raises Unreadable where `sealed` was not made by this very key."""
        try:
            return AESGCM(self.secret).decrypt(sealed[:12], sealed[12:], self.id.encode())
        except InvalidTag:
            raise Unreadable("sealed under another key") from None


class StagingKeys:
    """The keys of one data folder; safe for several processes."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._cache: dict[str, StagingKey] = {}

    def live(self, now: datetime) -> tuple[StagingKey, ...]:
        """The two live keys, oldest first; makes what is missing."""
        window = window_of(now)
        return tuple(self._obtain(str(w)) for w in (window - 1, window))

    def get(self, key_id: str) -> StagingKey:
        """Raises Unreadable where the key has died or never was."""
        if not key_id.isdigit() or not self._path(key_id).is_file():
            self._cache.pop(key_id, None)
            raise Unreadable(f"staging key {key_id[:12]} is gone")
        return self._obtain(key_id)

    def purge(self, now: datetime) -> list[str]:
        """Destroy every key that is 72 h old at `now`; returns their ids."""
        dead = [
            p.stem
            for p in self.folder.glob("*.key")
            if p.stem.isdigit() and (int(p.stem) * _STEP + KEY_LIFE.total_seconds()) <= now.timestamp()
        ]
        for key_id in dead:
            path = self._path(key_id)
            with suppress(FileNotFoundError):  # another process destroys it too
                with path.open("r+b") as f:
                    f.write(bytes(32))
                    f.flush()
                    os.fsync(f.fileno())
                path.unlink()
            self._cache.pop(key_id, None)
        return sorted(dead)

    def _path(self, key_id: str) -> Path:
        return self.folder / f"{key_id}.key"

    def _obtain(self, key_id: str) -> StagingKey:
        if key_id in self._cache:
            return self._cache[key_id]
        path = self._path(key_id)
        if not path.is_file():
            with storage("暂存密钥"):
                self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
                make_key(path)
        key = self._cache[key_id] = StagingKey(key_id, path.read_bytes())
        return key


def make_key(path: Path) -> None:
    """32 random bytes at `path`, whole and synced; never replaces a key that another process made first."""
    scratch = path.with_name(f".{secrets.token_hex(8)}")
    try:
        descriptor = os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as f:
            f.write(secrets.token_bytes(32))
            f.flush()
            os.fsync(f.fileno())
        with suppress(FileExistsError):
            os.link(scratch, path)
    finally:
        scratch.unlink(missing_ok=True)


def window_of(time: datetime) -> int:
    """Number of the 36-hour window: the id of the key that is new then."""
    return int(time.timestamp()) // _STEP


def voice_of(keys: Sequence[StagingKey], site: str, author: str) -> Voice:
    """Keyed digests of one author of one site, one under each live key; call it while parsing and drop `author` there.

    An empty author is one voice per site at most.
    """
    identity = f"{site}\0{author.strip() or '(nobody)'}"
    return tuple((key.id, key.digest("voice\0" + identity)) for key in keys)


def distinct_voices(voices: Sequence[Voice]) -> int:
    """How many people: the maximum over keys of the distinct digests under that key, never a sum (charter 1)."""
    seen: dict[str, set[str]] = {}
    for voice in voices:
        for key_id, digest in voice:
            seen.setdefault(key_id, set()).add(digest)
    return max((len(s) for s in seen.values()), default=0)


def rounded_down(count: int, k: int) -> int:
    """The only form in which a public count leaves staging: a multiple of k (charter 2)."""
    return count - count % k
