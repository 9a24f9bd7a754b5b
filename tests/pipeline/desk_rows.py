"""Rows as ingest and clustering write them, for tests of what comes after."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pipeline.desk.tables import IssueRow
from pipeline.records import Item
from pipeline.response.announce import Post
from pipeline.response.oncall import load_oncall
from pipeline.response.plans import Plan, load_plans

TEMPLATES = Path(__file__).resolve().parents[2] / "deploy" / "office"
NOW = datetime(2026, 11, 18, 2, 0, tzinfo=UTC)  # a Wednesday, 10:00 in Shanghai
OFFICE = "our-office"


def post() -> Post:
    return Post(load_oncall(TEMPLATES / "oncall.yaml"), ("folder",), "http://desk.test:8600")


def plans() -> dict[str, Plan]:
    return load_plans(TEMPLATES / "plans")


def issue(**change: Any) -> IssueRow:
    values: dict[str, Any] = {
        "id": "i1", "office_ids": [OFFICE], "title": "多人接到自称检察官的电话", "keywords": ["安全账户", "逮捕令"],
        "phrases": ["把钱转到安全账户"], "topics": {"impersonation_scam": 0.9}, "level": 2,
        "reasons": [{"factor": "harm", "name": "损害", "value": "impersonation_scam", "points": 3, "text": "冒充检察机关诈骗"}],
        "voices": 10, "items": 2, "media_items": 1, "official_items": 0, "submissions": 1, "outlets": ["清江日报"],
        "site_groups": {}, "trend": [], "needs_answer": True, "sensitive": True, "profile": {}, "heat": 5.0,
        "first_at": NOW, "last_at": NOW, "updated_at": NOW, "answered_at": None,
    }  # fmt: skip
    return IssueRow(**(values | change))


def item(**change: Any) -> Item:
    values: dict[str, Any] = {
        "id": "a1", "office_id": OFFICE, "revision": 1, "channel": "submission", "source_id": "hotline", "site": "hotline",
        "site_group": "12309", "title": "询问案件进度", "text": "我想问一下我的申诉到哪一步了。", "occurred_at": NOW,
        "first_seen": NOW, "indexed_at": NOW, "content_hash": "h", "story_id": "s1", "role": "addressed",
        "sentiment": "neutral", "topics": ("help_request",), "needs_answer": True, "sensitive": False, "labels": {},
        "received_at": NOW, "source_ref": "QJ-2026-001", "level": 4,
    }  # fmt: skip
    return Item(**(values | change))
