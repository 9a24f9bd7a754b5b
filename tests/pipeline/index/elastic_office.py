"""An installation whose index is Elasticsearch, with something of everything in its desk's database."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from desk_rows import NOW, OFFICE, TEMPLATES, issue, plans, post
from engines import open_elastic
from making import capture
from sqlalchemy.orm import Session

from pipeline.desk import audit
from pipeline.desk.database import Database
from pipeline.desk.tables import Incident
from pipeline.index.elastic import ElasticIndex
from pipeline.privacy.seal import seal
from pipeline.privacy.staging_keys import StagingKeys
from pipeline.response.opening import open_incident
from pipeline.settings import Home, load_home
from pipeline.spool import Spool


@dataclass
class ElasticOffice:
    home: Home
    db: Database
    index: ElasticIndex

    def documents(self, kind: str) -> dict[str, dict[str, Any]]:
        """Everything of a kind by id, as Kibana sees it."""
        server = self.index.server
        server.refresh(f"{server.prefix}all-{kind}")
        hits = server.search(f"{server.prefix}all-{kind}", {"match_all": {}}, 1000)
        return {hit["_id"]: hit["_source"] for hit in hits}


def build(folder: Path, url: str) -> ElasticOffice:
    shutil.copytree(TEMPLATES, folder / "config")
    index = open_elastic(url, [OFFICE, "other-office"])
    home = load_home(folder)
    home = replace(home, settings=home.settings.model_copy(update={"index": index.server.settings}))
    db = Database(home.database_url)
    db.migrate()
    return ElasticOffice(home, db, index)


def opened(session: Session, **change: Any) -> Incident:
    values: dict[str, Any] = {
        "key": "alert-1", "title": "多人接到自称检察官的电话", "subject_kind": "issue", "subject_id": "i1",
        "group_key": "issue:i1:o", "level": 2, "office_ids": [OFFICE], "plan": plans()["scam-warning"], "post": post(),
        "now": NOW, "reasons": ["冒充检察机关诈骗"],
    }  # fmt: skip
    return open_incident(session, **(values | change))


def fill(office: ElasticOffice) -> None:
    """An issue, its incident, and a search that somebody made."""
    with office.db.write() as session:
        session.add(issue())
        opened(session)
        audit.record(session, NOW, "chen", [OFFICE], "search", "search", q="王某某 住址", total=3)


def spool(office: ElasticOffice, *names: object, text: str = "", now: datetime = NOW, **fields: Any) -> Path:
    """One batch of reports as a spider commits it; returns its file."""
    keys = StagingKeys(office.home.staging / "keys").live(now)
    values: dict[str, Any] = {
        "source_id": "news", "site": "news.example", "site_group": "新闻网站", "outlet": "清江日报", "published_at": now,
        "title": "某某市检察院的消息", "first_seen": now,
    }  # fmt: skip
    captures = [
        capture(name, text or f"某某市检察院依法提起公诉，案件正在审理。第{name}条。", "media", url=f"http://news.example/{name}", **{**values, **fields})
        for name in names
    ]  # fmt: skip
    batch_id = Spool(office.home.spool).write("news", [seal(c, keys) for c in captures], (), now)
    return office.home.spool / "ready" / f"{batch_id}.jsonl"
