"""What Elasticsearch is told: analysis of Chinese, fields of every index, names of indices. The one definition.

`items` and `signals` are the index (`engine`); the others mirror the desk's database for Kibana (`steps.mirror`), one
document a row. Every index has `occurred_at`, the time field, and `office_id` (one or several), by which offices are parted.

Text is indexed as single characters and overlapping pairs (cjk_bigram), so that a character and a phrase are both found;
a phrase that somebody types in quotes is cut the same way (`search_quote_analyzer`), unquoted words into pairs alone.
The character filters make the cuts of `pipeline.index.tokens`; a test holds the two equal.
"""

from __future__ import annotations

import unicodedata
from datetime import datetime
from typing import Any

from models.taxonomy import TOPICS
from pipeline.index.tokens import GAP, HAN, SENTENCE_END
from pipeline.records import SHANGHAI, Item, Signal

MAPPING_VERSION = 1
ITEMS, SIGNALS = "items", "signals"
ISSUES, INCIDENTS, SOURCES, AUDIT = "issues", "incidents", "sources", "audit"
# Blocks in which NFKC changes characters that Chinese pages use: letter-like, numbers, enclosed, CJK marks, full width.
_FOLDED = (
    (0x2100, 0x2190),
    (0x2460, 0x2500),
    (0x2E80, 0x2FE0),
    (0x3000, 0x3001),
    (0x3200, 0x3400),
    (0xF900, 0xFB00),
    (0xFF00, 0xFFF0),
)
_WORD = r"\p{L}\p{N}"

_KEYWORD = {"type": "keyword", "ignore_above": 8000}  # 32,766 bytes at four a character
_DATE, _FLAG, _FLOAT, _NUMBER = {"type": "date"}, {"type": "boolean"}, {"type": "float"}, {"type": "integer"}
_LONG = {"type": "long"}
_STORED = {"type": "keyword", "index": False, "doc_values": False}
_TEXT = {"type": "text", "analyzer": "han", "search_analyzer": "han_pairs", "search_quote_analyzer": "han"}
_TITLE = {**_TEXT, "fields": {"keyword": _KEYWORD}}

ITEM_FIELDS: dict[str, dict[str, Any]] = {
    **dict.fromkeys(
        ("doc_id", "story_key", "id", "office_id", "channel", "source_id", "site", "site_group", "story_id", "content_hash",
         "role", "sentiment", "topics", "published_precision", "outlet", "region", "source_ref", "issue_id",
         "extractor", "model", "words_version"),
        _KEYWORD,
    ),
    "words": {**_KEYWORD, "normalizer": "folded"},
    **dict.fromkeys(("title", "text"), _TEXT),
    **dict.fromkeys(("occurred_at", "first_seen", "indexed_at", "published_at", "received_at"), _DATE),
    **dict.fromkeys(("needs_answer", "sensitive", "backfill"), _FLAG),
    **dict.fromkeys(("revision", "level", "duplicates"), _NUMBER),
    **dict.fromkeys(("url", "evidence"), _STORED),
    "outlet_weight": _FLOAT,
    "labels": {
        "dynamic": "strict",
        "properties": {
            **dict.fromkeys(("role", "sentiment"), _KEYWORD),
            **dict.fromkeys(("needs_answer", "sensitive"), _FLAG),
            **dict.fromkeys(("role_p", "sentiment_p", "needs_answer_p", "sensitive_p"), _FLOAT),
            "topics": {"dynamic": "strict", "properties": dict.fromkeys(TOPICS, _FLOAT)},
        },
    },
}  # fmt: skip
SIGNAL_FIELDS: dict[str, dict[str, Any]] = {
    **dict.fromkeys(("signal_id", "office_id", "site_group", "period", "dimension", "label"), _KEYWORD),
    "occurred_at": _DATE,  # where the cell begins: the time field of every index
    "count": _NUMBER,
}
ISSUE_FIELDS: dict[str, dict[str, Any]] = {
    **dict.fromkeys(("issue_id", "office_id", "keywords", "topics", "outlets", "regions", "site_groups", "factors"), _KEYWORD),
    **dict.fromkeys(("title", "phrases"), _TITLE),
    "occurred_at": _DATE,  # when it was last spoken of
    **dict.fromkeys(("first_at", "answered_at", "updated_at"), _DATE),
    **dict.fromkeys(("needs_answer", "sensitive"), _FLAG),
    **dict.fromkeys(("level", "voices", "items", "media_items", "official_items", "submissions"), _NUMBER),
    **dict.fromkeys(("items_before_answer", "items_after_answer"), _NUMBER),  # in the three days on either side
    "heat": _FLOAT,
    "answer_seconds": _LONG,  # from first heard to answered
}  # fmt: skip
INCIDENT_FIELDS: dict[str, dict[str, Any]] = {
    **dict.fromkeys(("incident_id", "short_id", "office_id", "subject_kind", "subject_id", "state", "plan_id"), _KEYWORD),
    **dict.fromkeys(("deadlines_met", "deadlines_missed", "deadlines_running"), _KEYWORD),  # kinds of clock
    "title": _TITLE,
    "occurred_at": _DATE,  # when it was opened
    **dict.fromkeys(("acknowledged_at", "answered_at", "closed_at", "next_due_at"), _DATE),
    **dict.fromkeys(("level", "met", "missed", "running", "tasks", "tasks_open"), _NUMBER),
    **dict.fromkeys(("acknowledge_seconds", "answer_seconds", "close_seconds"), _LONG),  # from opened
}  # fmt: skip
SOURCE_FIELDS: dict[str, dict[str, Any]] = {
    **dict.fromkeys(("source_id", "office_id", "name", "kind", "channel", "outlet", "region", "site_group", "status"), _KEYWORD),
    "occurred_at": _DATE,  # when this was so: a source that is late stays in sight
    **dict.fromkeys(("last_run_at", "last_ok_at", "last_new_at"), _DATE),
    **dict.fromkeys(("enabled", "late"), _FLAG),
    "fresh_within_hours": _NUMBER,
}  # fmt: skip
AUDIT_FIELDS: dict[str, dict[str, Any]] = {  # `actor` is staff or `system`; what was searched for stays on the desk
    **dict.fromkeys(("actor", "action", "office_id", "subject_kind", "subject_id"), _KEYWORD),
    "audit_id": _LONG,
    "occurred_at": _DATE,
}
FIELDS: dict[str, dict[str, dict[str, Any]]] = {
    ITEMS: ITEM_FIELDS,
    SIGNALS: SIGNAL_FIELDS,
    ISSUES: ISSUE_FIELDS,
    INCIDENTS: INCIDENT_FIELDS,
    SOURCES: SOURCE_FIELDS,
    AUDIT: AUDIT_FIELDS,
}
# Which indices a kind has: one by channel and month, by month, or one alone.
PATTERNS: dict[str, str] = {
    ITEMS: f"{ITEMS}-*",
    SIGNALS: f"{SIGNALS}-*",
    ISSUES: ISSUES,
    INCIDENTS: INCIDENTS,
    SOURCES: SOURCES,
    AUDIT: f"{AUDIT}-*",
}


def item_index(item: Item) -> str:
    """`items-{channel}-{yyyy.mm}` by the month in which it was first seen: that never changes, `occurred_at` may."""
    return f"{ITEMS}-{item.channel}-{_month(item.first_seen)}"


def signal_index(signal: Signal) -> str:
    """`signals-{yyyy.mm}`."""
    return f"{SIGNALS}-{_month(signal.starts_at)}"


def audit_index(at: datetime) -> str:
    """`audit-{yyyy.mm}`."""
    return f"{AUDIT}-{_month(at)}"


def all_of(prefix: str, kind: str) -> str:
    """The alias before all indices of a kind."""
    return f"{prefix}all-{kind}"


def office_alias(prefix: str, office_id: str, kind: str) -> str:
    """The alias through which one office sees its own documents of a kind, and nothing else."""
    return f"{prefix}office-{office_id}-{kind}"


def aliases(prefix: str, kind: str, offices: tuple[str, ...]) -> dict[str, dict[str, Any]]:
    """Name → filter of the aliases of every index of a kind."""
    filtered = {office_alias(prefix, o, kind): {"filter": {"term": {"office_id": o}}} for o in offices}
    return {all_of(prefix, kind): {}, **filtered}


def templates(prefix: str, offices: tuple[str, ...], shards: int, replicas: int) -> dict[str, dict[str, Any]]:
    """Name → body of each index template."""
    return {
        f"{prefix}{kind}": {
            "index_patterns": [f"{prefix}{PATTERNS[kind]}"],
            "priority": 200,
            "version": MAPPING_VERSION,
            "template": {
                "settings": {"number_of_shards": shards, "number_of_replicas": replicas, "analysis": _analysis()},
                "mappings": {"dynamic": "strict", "_meta": {"version": MAPPING_VERSION}, "properties": fields},
                "aliases": aliases(prefix, kind, offices),
            },
        }
        for kind, fields in FIELDS.items()
    }


def _analysis() -> dict[str, Any]:
    end = "。！？；!?;\n"
    filters = {
        "fold": {"type": "mapping", "mappings": _folds()},
        "sentences": _replace(rf"[^{_WORD}]*[{end}](?:[^{_WORD}]*[{end}])*[^{_WORD}]*", f" {SENTENCE_END} "),
        "gaps": _replace(rf"(?<=[{_java(HAN)}])[^{_WORD}]+(?=[{_java(HAN)}])", f" {GAP} "),
        "marks": _replace(rf"[^{_WORD}]+", " "),
    }
    pairs = {"type": "cjk_bigram", "ignored_scripts": ["hiragana", "katakana", "hangul"]}
    chain = {"type": "custom", "char_filter": list(filters), "tokenizer": "standard"}
    return {
        "char_filter": filters,
        "filter": {"pairs": pairs, "singles_and_pairs": {**pairs, "output_unigrams": True}},
        "normalizer": {"folded": {"type": "custom", "char_filter": ["fold"], "filter": ["lowercase"]}},
        "analyzer": {
            "han": {**chain, "filter": ["lowercase", "singles_and_pairs"]},
            "han_pairs": {**chain, "filter": ["lowercase", "pairs"]},
        },
    }


def _replace(pattern: str, by: str) -> dict[str, str]:
    return {"type": "pattern_replace", "pattern": pattern, "replacement": by}


def _folds() -> list[str]:
    chars = (chr(code) for first, last in _FOLDED for code in range(first, last))
    folded = ((c, unicodedata.normalize("NFKC", c)) for c in chars)
    return [f"{_escape(c)} => {_escape(new)}" for c, new in folded if new != c]


def _escape(text: str) -> str:
    return "".join(f"\\u{ord(c):04X}" for c in text)


def _java(ranges: str) -> str:
    """Python's character ranges as Java writes them."""
    return "".join(f"\\x{{{ord(c):X}}}" if ord(c) > 0xFFFF else c for c in ranges)


def _month(time: datetime) -> str:
    return f"{time.astimezone(SHANGHAI):%Y.%m}"
