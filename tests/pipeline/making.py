"""Captures, posts, items and homes for the tests of the pipeline; texts are fictional."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from pipeline.privacy.staging_keys import StagingKey, voice_of
from pipeline.records import Capture, Channel, Item, Voice
from pipeline.staging import Post

NOW = datetime(2026, 11, 21, 4, 0, tzinfo=UTC)  # noon in Shanghai
HOUR = timedelta(hours=1)


def ident(name: object) -> str:
    return hashlib.blake2b(str(name).encode(), digest_size=16).hexdigest()


def capture(name: object, text: str = "检察院的电话没人接", channel: Channel = "public", **fields: Any) -> Capture:
    values: dict[str, Any] = {
        "source_id": "forum", "site": "bbs.example", "site_group": "论坛", "title": "", "first_seen": NOW, "extractor": "t1",
    }  # fmt: skip
    return Capture(id=ident(name), channel=channel, text=text, **{**values, **fields})


def reading(role: str = "subject", topics: Sequence[str] = (), **fields: Any) -> dict[str, Any]:
    return {
        "role": role,
        "sentiment": "neutral",
        "topics": sorted(topics),
        "needs_answer": False,
        "sensitive": False,
        **fields,
    }


def post(
    name: object, text: str, author: str, keys: Sequence[StagingKey], words: Sequence[str] = (), site: str = "bbs.example",
    voice: Voice | None = None, **fields: Any,
) -> Post:  # fmt: skip
    values: dict[str, Any] = {
        "revision": 1, "site_group": "论坛", "thread": "", "title": "", "occurred_at": NOW, "seen_at": NOW, "backfill": False,
        "offices": {"city": reading()}, "place": {},
    }  # fmt: skip
    own = voice_of(keys, site, author) if voice is None else voice
    return Post(id=ident(name), text=text, words=tuple(words), voice=own, **{**values, **fields})


def item(name: object, title: str = "", text: str = "", **fields: Any) -> Item:
    values: dict[str, Any] = {
        "office_id": "city", "revision": 1, "channel": "media", "source_id": "news", "site": "news.example",
        "site_group": "新闻网站", "occurred_at": NOW, "first_seen": NOW, "indexed_at": NOW, "content_hash": ident(text),
        "story_id": ident(name), "role": "subject", "sentiment": "neutral", "topics": (), "needs_answer": False,
        "sensitive": False, "labels": {}, "outlet": "清江日报",
    }  # fmt: skip
    return Item(id=ident(name), title=title, text=text, **{**values, **fields})


def bytes_anywhere(folder: Path, secret: str) -> list[Path]:
    """Files under `folder` that hold `secret` in any encoding that we write (UTF-8, JSON escapes, UTF-16)."""
    forms = {secret.encode(), secret.encode("unicode_escape"), secret.encode("utf-16-le"), secret.encode("gb18030")}
    return [p for p in folder.rglob("*") if p.is_file() and any(form in p.read_bytes() for form in forms)]
