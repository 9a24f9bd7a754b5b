"""A small city's week; fictional. Names of documents stand in the expected hit sets."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from making import NOW, item

from pipeline.index.engine import Index, Search
from pipeline.index.query import parse
from pipeline.records import Item

DAY = timedelta(days=1)
CITY, DISTRICT = "city", "district"

# name → title, text, and what differs from the usual
_TEXTS: dict[str, tuple[str, str, dict[str, Any]]] = {
    "dropped": ("清江市检察院对张某作出不起诉决定", "检方认为证据不足，依法不起诉。家属表示不服，将申诉。",
                {"topics": ("case_handling", "procedure_rights"), "level": 2, "words": ("检察院", "不起诉", "证据")}),
    "charged": ("李某被提起公诉", "检察院以涉嫌诈骗罪起诉李某。法院已经受理。",
                {"topics": ("case_handling",), "words": ("起诉", "诈骗罪"), "outlet": "云溪晚报", "region": "云溪区"}),
    "phone": ("", "12309热线一直没人接，我打了三天！请问什么时候能回复？",
              {"channel": "submission", "role": "addressed", "needs_answer": True, "topics": ("service_access",),
               "source_id": "hotline", "outlet": "", "level": 3, "words": ("热线",)}),
    "scam": ("警惕冒充检察官的诈骗电话", "骗子自称检察官，要求把钱转到“安全账户”。不要相信。",
             {"channel": "official", "role": "subject", "topics": ("impersonation_scam", "official_release"),
              "sensitive": True, "source_id": "official-site", "outlet": "", "level": 2, "words": ("诈骗", "检察官")}),
    "split": ("散步", "他慢慢站起。诉说了当年的经过。", {"role": "unrelated", "words": ("散步",)}),
    "app": ("新版ＡＰＰ上线", "检察服务App 2.0版上线，支持WiFi环境。C++写成。",
            {"channel": "official", "role": "subject", "sentiment": "positive", "topics": ("official_release",),
             "words": ("App", "上线")}),
    "away": ("邻市检察院开放日", "学生们参观了检察院。", {"role": "other_office", "words": ("开放日", "检察院")}),
    "ours": ("云溪区检察院开放日", "区检察院邀请群众参观，现场解答不批准逮捕的条件。",
             {"office_id": DISTRICT, "topics": ("official_release",), "words": ("开放日",)}),
}  # fmt: skip


def corpus() -> list[Item]:
    """One document a day, the first one today at noon."""
    return [
        item(name, title, text, **{"occurred_at": NOW - n * DAY, "indexed_at": NOW - n * DAY, **fields})
        for n, (name, (title, text, fields)) in enumerate(_TEXTS.items())
    ]


NAMES = {document.id: name for document, name in zip(corpus(), _TEXTS, strict=True)}


def found(index: Index, query: str, **search: Any) -> list[str]:
    """Names of the hits of a typed query, in their order."""
    wanted = Search((CITY,), parse(query), **search)
    page = index.search(wanted, size=100)
    assert len(page.hits) == index.count(wanted) and page.after is None
    return [NAMES[hit.item.id] for hit in page.hits]
