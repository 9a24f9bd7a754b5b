"""One item: its text, its labels and what moved them, where it came from."""

from __future__ import annotations

import gzip
import re
import zlib
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from urllib.parse import urlsplit

from starlette.responses import Response

from console.asking import Ask, missing
from console.desk import Desk
from console.hits import opening
from console.review_view import changes
from models.errors import ModelsError
from models.explain import OTHERS
from pipeline.desk.tables import IssueRow, Review
from pipeline.errors import Refused
from pipeline.evidence.records import sha256
from pipeline.evidence.store import Damaged, Store
from pipeline.index.engine import Search
from pipeline.records import WHOLE, Item
from pipeline.review.reviews import decisions
from pipeline.settings import Home

EVIDENCE_MOST = 3_000_000
RELATED = 6
READ_MOST = 20_000  # as `pipeline.score` reads
_CHARSET = re.compile(rb"""charset\s*=\s*["']?\s*([A-Za-z0-9_-]{3,20})""", re.I)


@dataclass(frozen=True, slots=True)
class LabelView:
    """One label: `kind` 关系/倾向/话题/判断, probability, and the words that moved it (word, contribution)."""

    kind: str
    label: str
    given: bool
    p: float
    words: tuple[tuple[str, float], ...] = ()


@dataclass(frozen=True, slots=True)
class EvidencePage:
    """One kept page: its source text and, where a WARC file holds it, address, time, status line and headers, hash."""

    text: str
    url: str = ""
    at: datetime | None = None
    head: str = ""
    cut: int = 0
    digest: str = ""


def item(ask: Ask) -> Response:
    found = _find(ask)
    readings = [r for o in ask.viewer.office_ids if (r := ask.desk.index.get(found.id, [o])) is not None]
    issue = None
    if found.issue_id:
        with ask.desk.reading() as session:
            row = session.get(IssueRow, found.issue_id)
            issue = row if row is not None and ask.viewer.may_see(row.office_ids) else None
    ask.looked("view", f"item:{found.id}", [r.office_id for r in readings])
    return ask.page(
        "item.html",
        item=found,
        paragraphs=[p for p in (line.strip() for line in found.text.splitlines()) if p],
        labels=labels(ask.desk, found),
        source=ask.desk.source_name(found.source_id),
        link=found.url if urlsplit(found.url).scheme in ("http", "https") and found.channel != "submission" else "",
        readings=readings,
        issue=issue,
        related=related(ask, found) if issue is not None else [],
        problem="" if ask.desk.scorer else ask.desk.scorer_problem,
        corrected=corrected(ask, found),
    )


def corrected(ask: Ask, item: Item) -> list[tuple[str, str, str, Review]]:
    """What analysts decided otherwise about this form of the item: (label kind, the model's, theirs, the decision)."""
    with ask.desk.reading() as session:
        rows = decisions(session, [item.office_id], item_id=item.id)
    return [(*change, row) for row in rows if row.revision == item.revision for change in changes(row)]


def evidence(ask: Ask) -> Response:
    """The stored page as plain text: charter 4's first exception, each look audited."""
    found = _find(ask)
    pages = evidence_pages(ask.desk.home, found.evidence) if found.channel != "submission" else []
    if not pages:
        raise missing("这一条的证据页")
    ask.looked("evidence", f"item:{found.id}", [found.office_id])
    return ask.page("evidence.html", item=found, pages=pages, source=ask.desk.source_name(found.source_id))


def labels(desk: Desk, item: Item) -> list[LabelView]:
    """Every label given, most certain first within its kind, with words where the model is loaded."""
    said = item.labels
    topics = said.get("topics") or {}
    sure = dict(topics) if isinstance(topics, dict) else dict.fromkeys(topics, 0.0)
    rows = [
        ("与本院关系", item.role, True, said.get("role_p", 0)),
        *(("话题", t, True, p) for t, p in sorted(sure.items(), key=lambda pair: -float(pair[1]))),
        ("判断", "needs_answer", item.needs_answer, said.get("needs_answer_p", 0)),
        ("判断", "sensitive", item.sensitive, said.get("sensitive_p", 0)),
        ("行文倾向", item.sentiment, True, said.get("sentiment_p", 0)),
    ]
    return [
        LabelView(kind, label, given, float(p), _words(desk, item, label) if given else ())
        for kind, label, given, p in rows
    ]


def related(ask: Ask, item: Item) -> list[tuple[Item, str]]:
    """The newest others of its issue, each once."""
    search = Search(ask.viewer.office_ids, filters={"issue_id": (item.issue_id,)})
    others = {h.item.id: h.item for h in ask.desk.index.search(search, size=20).hits if h.item.id != item.id}
    return [(other, opening(other, 60)) for other in list(others.values())[:RELATED]]


def evidence_pages(home: Home, reference: str) -> list[EvidencePage]:
    """What is kept under a reference; empty where that is nothing. Raises Refused where it was damaged, RetryLater."""
    file, number, _ = reference.partition("#")
    path = evidence_file(home.evidence, file)
    if path is None:
        return []
    if not number:  # kept before there were WARC files
        return [EvidencePage(text=_decoded(_unpacked(path)))]
    try:
        with closing(Store(home.evidence, home.evidence_register)) as store:
            records = store.reading(reference)
    except Damaged:
        raise Refused("证据文件已损坏，或者与登记的不符，读不出来。") from None
    return [
        EvidencePage(_decoded(r.body[:EVIDENCE_MOST]), r.url, r.at, r.head.strip(), r.cut, sha256(r.body))
        for r in records
    ]


def evidence_file(folder: Path, name: str) -> Path | None:
    """The stored file, only if it lies within the evidence folder."""
    if not name:
        return None
    path = (folder / name).resolve()
    return path if path.is_relative_to(folder.resolve()) and path.is_file() else None


def _unpacked(path: Path) -> bytes:
    """The beginning of a page kept in a file of its own. Raises Refused where it can't be read."""
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as f:
            return f.read(EVIDENCE_MOST)
    except (OSError, EOFError, zlib.error):
        raise Refused("证据文件已损坏，读不出来。") from None


def _decoded(raw: bytes) -> str:
    """Strictly as UTF-8, then as Big5 where declared, else as gb18030: what a hostile page declares picks no other codec."""
    declared = match[1].decode("ascii").lower() if (match := _CHARSET.search(raw[:4096])) else ""
    for charset in ("utf-8", *(("big5",) if declared.startswith("big5") else ())):
        try:
            return raw.decode(charset)
        except UnicodeDecodeError:
            continue
    return raw.decode("gb18030", "replace")


def _find(ask: Ask) -> Item:
    found = ask.desk.index.get(ask.path["id"], ask.viewer.office_ids)
    if found is None or found.channel not in WHOLE:
        raise missing("这一条")
    return found


def _words(desk: Desk, item: Item, label: str) -> tuple[tuple[str, float], ...]:
    scorer = desk.current_scorer()
    if scorer is None:
        return ()
    body = f"{item.title}\n{item.text}" if item.title else item.text
    try:
        moved = scorer.explain(body[:READ_MOST], desk.names_of(item.office_id), label)
    except (ModelsError, KeyError, ValueError):
        return ()
    strongest = sorted((m for m in moved if m[0] not in OTHERS), key=lambda m: -abs(m[1]))[:8]
    rest = sum(weight for _, weight in moved) - sum(weight for _, weight in strongest)
    return (*sorted(strongest, key=lambda m: -m[1]), ("其余", rest))
