"""A whole installation without crawlers: batches go into its spool by hand, everything behind is real."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from making import NOW, capture, ident
from sqlalchemy import select

from pipeline.desk.database import Database
from pipeline.desk.tables import Base, RegistryRow
from pipeline.index.engine import Search
from pipeline.index.query import parse
from pipeline.index.sqlite import SqliteIndex
from pipeline.privacy.seal import Envelope, seal
from pipeline.privacy.staging_keys import StagingKeys, voice_of
from pipeline.records import Capture, Item
from pipeline.settings import Home, load_home
from pipeline.spool import Spool
from pipeline.staging import Post, Staging
from pipeline.steps.hear import HearReport, hear
from pipeline.steps.ingest import IngestReport, ingest
from pipeline.steps.reconcile import findings
from pipeline.steps.upkeep import UpkeepReport, upkeep

OFFICE = "our-office"
NAME = "某某市检察院"
TEMPLATES = Path(__file__).resolve().parents[3] / "deploy" / "office"


@dataclass
class House:
    """Steps of one installation at a given time."""

    home: Home
    db: Database
    index: SqliteIndex

    def seal(self, captures: Sequence[Capture], now: datetime = NOW) -> list[Envelope]:
        return [seal(c, self.keys.live(now)) for c in captures]

    def spool(self, *captures: Capture, now: datetime = NOW, reports: Sequence[dict[str, Any]] = ()) -> Path:
        """One batch, as a spider commits it; returns its file."""
        batch_id = Spool(self.home.spool).write("news", self.seal(captures, now), reports, now)
        return self.home.spool / "ready" / f"{batch_id}.jsonl"

    def ingest(self, *captures: Capture, now: datetime = NOW) -> IngestReport:
        if captures:
            self.spool(*captures, now=now)
        return ingest(self.home, self.db, self.index, now)

    def hear(self, now: datetime = NOW) -> HearReport:
        return hear(self.home, self.db, self.index, now)

    def upkeep(self, now: datetime = NOW) -> UpkeepReport:
        return upkeep(self.home, self.db, self.index, now)

    def findings(self, now: datetime = NOW) -> list[str]:
        return findings(self.home, self.db, self.index, now)

    @property
    def keys(self) -> StagingKeys:
        return StagingKeys(self.home.staging / "keys")

    def item(self, name: object) -> Item | None:
        return self.index.get(ident(name), [o.id for o in self.home.offices])

    def found(self, query: str) -> int:
        return self.index.count(Search(tuple(o.id for o in self.home.offices), parse(query)))

    def staged(self) -> list[Post]:
        staging = Staging(self.home.staging)
        try:
            return list(staging.posts())
        finally:
            staging.close()

    def rows(self, table: type[Base]) -> list[Any]:
        with self.db.read() as session:
            return list(session.scalars(select(table)))

    def revision(self, name: object) -> int:
        with self.db.read() as session:
            return session.get_one(RegistryRow, ident(name)).revision

    def dump(self, *without: str) -> dict[str, list[tuple[str, ...]]]:
        """Every table of the desk as text."""
        with self.db.read() as session:
            return {
                t.name: sorted(tuple(map(repr, r)) for r in session.execute(select(t)))
                for t in Base.metadata.sorted_tables
                if t.name not in without
            }

    def says(self, name: object, author: str, text: str, now: datetime = NOW, **fields: Any) -> Capture:
        """A post of a person; `author` is digested here, as in a spider."""
        voice = voice_of(self.keys.live(now), "bbs.example", author)
        return capture(name, text, "public", voice=voice, first_seen=now, published_at=now, **fields)


def article(
    name: object, text: str = f"{NAME}依法提起公诉，案件正在审理。", now: datetime = NOW, **fields: Any
) -> Capture:
    """A report of a news site."""
    values: dict[str, Any] = {
        "source_id": "news", "site": "news.example", "site_group": "新闻网站", "outlet": "清江日报", "title": f"{NAME}的消息",
        "url": f"http://news.example/{name}", "published_at": now, "first_seen": now,
    }  # fmt: skip
    return capture(name, text, "media", **{**values, **fields})


def letter(name: object, text: str = "我的申诉到哪一步了，请答复。", now: datetime = NOW, **fields: Any) -> Capture:
    """A message to the office's own line."""
    values: dict[str, Any] = {
        "source_id": "hotline", "site": "hotline", "site_group": "12309", "received_at": now, "source_ref": f"QJ-{name}", "first_seen": now,
    }  # fmt: skip
    return capture(name, text, "submission", **{**values, **fields})


def build(folder: Path, database_url: str = "") -> House:
    if not (folder / "config").exists():
        shutil.copytree(TEMPLATES, folder / "config")
        settings = folder / "config" / "tingjian.yaml"
        text = settings.read_text(encoding="utf-8")
        settings.write_text(text.replace('database_url: ""', f'database_url: "{database_url}"'), encoding="utf-8")
    home = load_home(folder)
    db = Database(home.database_url)
    db.migrate()
    return House(home, db, SqliteIndex(home.index_path))


def with_settings(house: House, **change: Any) -> House:
    """The same installation under changed settings."""
    return replace(house, home=replace(house.home, settings=house.home.settings.model_copy(update=change)))
