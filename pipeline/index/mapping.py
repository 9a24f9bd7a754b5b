"""What Elasticsearch is told: analysis of Chinese, fields of items and signals, names of indices. The one definition.

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
_STORED = {"type": "keyword", "index": False, "doc_values": False}
_TEXT = {"type": "text", "analyzer": "han", "search_analyzer": "han_pairs", "search_quote_analyzer": "han"}

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


def item_index(item: Item) -> str:
    """`items-{channel}-{yyyy.mm}` by the month in which it was first seen: that never changes, `occurred_at` may."""
    return f"{ITEMS}-{item.channel}-{_month(item.first_seen)}"


def signal_index(signal: Signal) -> str:
    """`signals-{yyyy.mm}`."""
    return f"{SIGNALS}-{_month(signal.starts_at)}"


def templates(prefix: str, offices: tuple[str, ...], shards: int, replicas: int) -> dict[str, dict[str, Any]]:
    """Name → body of each index template; every index also stands behind `items`, and behind one alias an office."""
    found = {}
    for name, fields in ((ITEMS, ITEM_FIELDS), (SIGNALS, SIGNAL_FIELDS)):
        aliases: dict[str, Any] = {f"{prefix}all-{name}": {}}
        for office in offices:
            aliases[f"{prefix}office-{office}-{name}"] = {"filter": {"term": {"office_id": office}}}
        found[f"{prefix}{name}"] = {
            "index_patterns": [f"{prefix}{name}-*"],
            "priority": 200,
            "version": MAPPING_VERSION,
            "template": {
                "settings": {"number_of_shards": shards, "number_of_replicas": replicas, "analysis": _analysis()},
                "mappings": {"dynamic": "strict", "_meta": {"version": MAPPING_VERSION}, "properties": fields},
                "aliases": aliases,
            },
        }
    return found


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
