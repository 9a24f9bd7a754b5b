"""The engine for many machines: Elasticsearch 8.19, one document per item and office.

New documents are created; one that is there already is compared by revision inside the server, so that replays, late
batches and concurrent writers neither double nor turn back anything.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any, Literal

from pipeline.errors import RetryLater
from pipeline.index.documents import from_document, place, place_of, snippet, to_document, wanted_texts
from pipeline.index.elastic_query import NOTHING, Query, compile_search
from pipeline.index.elastic_server import READ_BATCH, WRITE_BATCH, Server
from pipeline.index.elastic_setup import need_our_mapping, prepare
from pipeline.index.engine import Bucket, Field, Hit, Number, Page, Search, Written
from pipeline.index.mapping import ITEMS, SIGNALS, item_index, signal_index
from pipeline.index.significance import least_count, significant
from pipeline.records import SHANGHAI, Item, Signal
from pipeline.settings.home import IndexSettings

EXACT_STORIES = 40_000  # up to here a collapsed count is exact
_CANDIDATES = 2000  # words that are looked up for significance
_ADDED = ("doc_id", "story_key")
_NEWEST = [{"occurred_at": "desc"}, {"doc_id": "desc"}]
_REVISE = """
if (ctx._source.revision >= params.document.revision) { ctx.op = 'none' }
else {
  def issue = ctx._source.issue_id;
  ctx._source = params.document;
  if (params.document.issue_id == '') { ctx._source.issue_id = issue }
}"""
_RAISE = "if (ctx._source.count >= params.document.count) { ctx.op = 'none' } else { ctx._source.count = params.document.count }"


class ElasticIndex:
    """See `pipeline.index.engine.Index`."""

    def __init__(self, settings: IndexSettings, offices: Sequence[str]) -> None:
        self._settings, self._offices = settings, tuple(offices)
        self._server: Server | None = None
        self._prefix = settings.prefix
        self._items, self._signals = f"{settings.prefix}{ITEMS}-*", f"{settings.prefix}{SIGNALS}-*"

    @property
    def server(self) -> Server:
        """Connected and checked at first use, so that a cluster that is away keeps nobody from starting.

        Raises ConfigurationError (version, key, certificate, an older mapping) or RetryLater, here or at any later use.
        """
        if self._server is None:
            server = Server(self._settings)
            prepare(server, self._offices)
            need_our_mapping(server)
            self._server = server
        return self._server

    # --- writing

    def write_items(self, items: Iterable[Item]) -> Written:
        written = stale = 0
        refused: list[tuple[str, str]] = []
        source = iter(items)
        while batch := list(islice(source, WRITE_BATCH)):
            documents = [(item.doc_id, self._prefix + item_index(item), _document(item)) for item in batch]
            new, old, bad = self._write(documents, _REVISE)
            written, stale = written + new, stale + old
            refused += bad
        self.server.refresh(self._items)
        return Written(written, stale, tuple(refused))

    def write_signals(self, signals: Iterable[Signal]) -> int:
        changed = 0
        source = iter(signals)
        while batch := list(islice(source, WRITE_BATCH)):
            documents = [(s.id, self._prefix + signal_index(s), _cell(s)) for s in batch]
            changed += self._write(documents, _RAISE)[0]
        self.server.refresh(self._signals)
        return changed

    def set_issue(self, doc_ids: Sequence[str], issue_id: str, level: int) -> None:
        change = {"issue_id": issue_id, "level": level}
        for start in range(0, len(doc_ids), WRITE_BATCH):
            query = {"ids": {"values": list(doc_ids[start : start + WRITE_BATCH])}}
            actions = [
                {"_op_type": "update", "_index": h["_index"], "_id": h["_id"], "doc": change, "retry_on_conflict": 5}
                for h in self.server.search(self._items, query, WRITE_BATCH, source=False)
            ]
            for answer in self.server.bulk(actions):
                if answer.status not in (200, 404):  # 404: purged meanwhile
                    raise RetryLater(f"Elasticsearch 没有记下议题（{answer.status}）")
        self.server.refresh(self._items)

    def purge(self, channel: str, before: datetime, keep: Iterable[str]) -> int:
        if channel == "public":
            return self.server.delete(self._signals, {"range": {"occurred_at": {"lt": before.isoformat()}}})
        kept = list(keep)
        pattern = f"{self._prefix}{ITEMS}-{channel}-*"
        old = {"range": {"occurred_at": {"lt": before.isoformat()}}}
        pinned = {"terms": {"id": kept}} if kept else NOTHING
        deleted = 0
        for name in self.server.indices(pattern):
            # Nothing occurred after it was first seen: a month that lies wholly before is wholly old.
            if _month_ends(name) <= before and not self.server.total(name, pinned):
                deleted += self.server.total(name, {"match_all": {}})
                self.server.drop(name)
        query = {"bool": {"filter": [old], "must_not": [pinned]}}
        return deleted + self.server.delete(pattern, query)

    # --- reading

    def older(self, channel: str, before: datetime) -> set[str]:
        query = {"range": {"occurred_at": {"lt": before.isoformat()}}}
        pages = self.server.pages(f"{self._prefix}{ITEMS}-{channel}-*", query, [{"doc_id": "asc"}], source=["id"])
        return {hit["_source"]["id"] for hits in pages for hit in hits}

    def get(self, item_id: str, office_ids: Sequence[str]) -> Item | None:
        query = {"bool": {"filter": [{"term": {"id": item_id}}, {"terms": {"office_id": list(office_ids)}}]}}
        found = {i.office_id: i for i in map(_item, self.server.search(self._items, query, 100))}
        return next((found[office] for office in office_ids if office in found), None)

    def indexed_since(self, after: datetime, office_ids: Sequence[str]) -> Iterator[Item]:
        times = {"range": {"indexed_at": {"gte": after.isoformat()}}}
        query = {"bool": {"filter": [times, {"terms": {"office_id": list(office_ids)}}]}}
        for hits in self.server.pages(self._items, query, [{"indexed_at": "asc"}, {"doc_id": "asc"}]):
            yield from map(_item, hits)

    def search(self, search: Search, size: int = 20, after: str | None = None) -> Page:
        query = compile_search(search)
        found = self._collapsed(query, size, after) if search.collapse_stories else self._newest(query, size, after)
        wanted = wanted_texts(search.query)
        hits = tuple(Hit(item, *snippet(item.text, wanted)) for item in found[:size])
        return Page(hits, place(hits[-1].item) if len(found) > size else None)

    def count(self, search: Search) -> int:
        query = compile_search(search)
        if not search.collapse_stories:
            return self.server.total(self._items, query)
        stories = {"cardinality": {"field": "story_key", "precision_threshold": EXACT_STORIES}}
        return int(self.server.aggregate(self._items, query, stories).get("value", 0))

    def histogram(self, search: Search, interval: Literal["hour", "day"] = "day") -> list[Bucket]:
        form = "yyyy-MM-dd" if interval == "day" else "yyyy-MM-dd'T'HH"
        parts = {"field": "occurred_at", "calendar_interval": interval, "time_zone": "Asia/Shanghai", "format": form}
        found = self.server.aggregate(
            self._items, compile_search(search), {"date_histogram": {**parts, "min_doc_count": 1}}
        )
        return [Bucket(b["key_as_string"], b["doc_count"]) for b in found.get("buckets", ())]

    def terms(self, search: Search, name: Field, size: int = 10) -> list[Bucket]:
        order = [{"_count": "desc"}, {"_key": "asc"}]
        terms: dict[str, Any] = {"field": name, "size": size, "shard_size": max(1000, size * 10), "order": order}
        if name != "level":
            terms["exclude"] = [""]
        found = self.server.aggregate(self._items, compile_search(search), {"terms": terms})
        return [Bucket(str(b["key"]), b["doc_count"]) for b in found.get("buckets", ())]

    def words(self, search: Search, size: int = 30, sample: int = 2000) -> list[Bucket]:
        counts: Counter[str] = Counter()
        for hits in self.server.pages(self._items, compile_search(search), _NEWEST, source=["words"]):
            for hit in hits[:sample]:
                counts.update(set(hit["_source"]["words"]))
            sample -= len(hits)
            if sample <= 0:
                break
        ranked = sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))
        return [Bucket(word, count) for word, count in ranked[:size]]

    def significant_words(self, search: Search, size: int = 10, sample: int = 2000) -> list[Bucket]:
        query = compile_search(search)
        edge = self.server.search(self._items, query, 1, sort=_NEWEST, from_=sample - 1, source=["occurred_at"])
        if edge:
            newest = {"range": {"occurred_at": {"gte": edge[0]["_source"]["occurred_at"]}}}
            query = {"bool": {"filter": [query, newest]}}
        hits = self.server.total(self._items, query)
        least = least_count(hits)
        # few hits, many words: numbering all words of the index first (global ordinals) would take longer than counting
        words = {"terms": {"field": "words", "size": _CANDIDATES, "min_doc_count": least, "execution_hint": "map"}}
        here = {b["key"]: b["doc_count"] for b in self.server.aggregate(self._items, query, words).get("buckets", ())}
        if not here:
            return []
        each = {"filters": {"filters": {word: {"term": {"words": word}} for word in here}}}
        everywhere = self.server.aggregate(self._items, {"match_all": {}}, each)["buckets"]
        there = {word: found["doc_count"] for word, found in everywhere.items()}
        return significant(here, hits, there, self.server.total(self._items, {"match_all": {}}), size)

    def percentiles(self, search: Search, name: Number, percents: Sequence[float]) -> list[float]:
        field = f"labels.{name}" if name.endswith("_p") else name
        asked = {"percentiles": {"field": field, "percents": list(percents), "keyed": False}}
        values = self.server.aggregate(self._items, compile_search(search), asked).get("values", ())
        return [v["value"] for v in values if v["value"] is not None]

    def signals(
        self, office_ids: Sequence[str], since: datetime, until: datetime, period: Literal["hour", "day"]
    ) -> list[Signal]:
        times = {"range": {"occurred_at": {"gte": since.isoformat(), "lt": until.isoformat()}}}
        query = {"bool": {"filter": [times, {"term": {"period": period}}, {"terms": {"office_id": list(office_ids)}}]}}
        pages = self.server.pages(self._signals, query, [{"occurred_at": "asc"}, {"signal_id": "asc"}])
        return [_signal(hit["_source"]) for hits in pages for hit in hits]

    def close(self) -> None:
        if self._server is not None:
            self._server.close()

    # --- inside

    def _write(
        self, documents: Sequence[tuple[str, str, dict[str, Any]]], script: str
    ) -> tuple[int, int, list[tuple[str, str]]]:
        """Create; what is there already is changed by `script` where that finds it newer. (changed, stale, refused).

        Exact unless an answer was lost on the way: what it was about counts as changed.
        """
        written = stale = 0
        refused: list[tuple[str, str]] = []
        there: list[dict[str, Any]] = []
        ours: set[str] = set()
        create = [{"_op_type": "create", "_index": i, "_id": d, "_source": document} for d, i, document in documents]
        for (doc_id, index, document), answer in zip(documents, self.server.bulk(create), strict=True):
            if answer.status == 201:
                written += 1
            elif answer.status == 409:
                if answer.again:
                    ours.add(doc_id)
                update = {"lang": "painless", "source": script, "params": {"document": document}}
                there.append(
                    {"_op_type": "update", "_index": index, "_id": doc_id, "script": update, "retry_on_conflict": 5}
                )
            else:
                refused.append((doc_id, answer.refused))
        for answer in self.server.bulk(there):
            if answer.status == 200:
                # What a try without an answer wrote is found unchanged by the next one.
                changed = answer.result == "updated" or answer.again or answer.id in ours
                written, stale = written + changed, stale + (not changed)
            elif answer.refused:
                refused.append((answer.id, answer.refused))
            else:  # purged or changed by somebody else at the same moment
                raise RetryLater(f"Elasticsearch 没有写成（{answer.status}）")
        return written, stale, refused

    def _newest(self, query: Query, size: int, after: str | None) -> list[Item]:
        return [
            _item(h) for h in self.server.search(self._items, query, size + 1, sort=_NEWEST, search_after=_after(after))
        ]

    def _collapsed(self, query: Query, size: int, after: str | None) -> list[Item]:
        """The newest match of each story, one more than `size`. (`collapse` can't go on by `search_after`.)"""
        kept: list[Item] = []
        at = _after(after)
        many = min(READ_BATCH, 2 * size + 2)
        while len(kept) <= size:
            hits = self.server.search(self._items, query, many, sort=_NEWEST, search_after=at)
            newest = self._newest_of({hit["_source"]["story_key"] for hit in hits}, query)
            kept += [_item(hit) for hit in hits if hit["_id"] in newest]
            if len(hits) < many:
                break
            at = hits[-1]["sort"]
        return kept

    def _newest_of(self, stories: set[str], query: Query) -> set[str]:
        if not stories:
            return set()
        among = {"bool": {"filter": [query, {"terms": {"story_key": sorted(stories)}}]}}
        top = {"newest": {"top_hits": {"size": 1, "sort": _NEWEST, "_source": False}}}
        found = self.server.aggregate(
            self._items, among, {"terms": {"field": "story_key", "size": len(stories)}, "aggs": top}
        )
        return {hit["_id"] for bucket in found.get("buckets", ()) for hit in bucket["newest"]["hits"]["hits"]}


def _document(item: Item) -> dict[str, Any]:
    document = _clean(to_document(item))
    return {**document, "doc_id": item.doc_id, "story_key": f"{item.story_id}:{item.office_id}"}


def _clean(value: Any) -> Any:
    """Lone surrogates become question marks, as in the other engine: JSON can't carry them."""
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode("utf-8")
    if isinstance(value, Mapping):
        return {key: _clean(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_clean(inner) for inner in value]
    return value


def _item(hit: Mapping[str, Any]) -> Item:
    return from_document({name: value for name, value in hit["_source"].items() if name not in _ADDED})


def _cell(signal: Signal) -> dict[str, Any]:
    return {
        "signal_id": signal.id, "office_id": signal.office_id, "site_group": signal.site_group, "period": signal.period,
        "occurred_at": signal.starts_at.isoformat(), "dimension": signal.dimension, "label": signal.label, "count": signal.count,
    }  # fmt: skip


def _signal(cell: Mapping[str, Any]) -> Signal:
    starts_at = datetime.fromisoformat(cell["occurred_at"]).astimezone(UTC)
    return Signal(
        cell["office_id"],
        cell["site_group"],
        cell["period"],
        starts_at,
        cell["dimension"],
        cell["label"],
        cell["count"],
    )


def _after(after: str | None) -> list[Any] | None:
    return list(place_of(after)) if after else None


def _month_ends(index: str) -> datetime:
    year, month = (int(part) for part in index.rsplit("-", 1)[-1].split("."))
    return (datetime(year, month, 1, tzinfo=SHANGHAI) + timedelta(days=32)).replace(day=1)
