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

from elasticsearch import Elasticsearch, NotFoundError
from elasticsearch.helpers import streaming_bulk

from pipeline.errors import RetryLater
from pipeline.index.documents import from_document, place, place_of, snippet, to_document, wanted_texts
from pipeline.index.elastic_client import call, connect
from pipeline.index.elastic_query import NOTHING, Query, compile_search
from pipeline.index.engine import Bucket, Field, Hit, Page, Search, Written
from pipeline.index.mapping import ITEMS, SIGNALS, item_index, signal_index, templates
from pipeline.records import SHANGHAI, Item, Signal
from pipeline.settings.home import IndexSettings

WRITE_BATCH = 500
WRITE_BYTES = 8 * 1024 * 1024
READ_BATCH = 1000
EXACT_STORIES = 40_000  # up to here a collapsed count is exact
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
        self.settings = settings
        self.client: Elasticsearch = connect(settings)
        self._prefix = settings.prefix
        self._items, self._signals = f"{settings.prefix}{ITEMS}-*", f"{settings.prefix}{SIGNALS}-*"
        self._prepare(templates(settings.prefix, tuple(offices), settings.shards, settings.replicas))

    def _prepare(self, wanted: Mapping[str, Any]) -> None:
        """Put templates that are missing, older or of other offices, and give indices that are there the new aliases."""
        for name, body in wanted.items():
            try:
                found = call(lambda: self.client.indices.get_index_template(name=name))["index_templates"]  # noqa: B023
            except NotFoundError:
                found = []
            aliases = body["template"]["aliases"]
            if found:
                known = found[0]["index_template"]
                if known.get("version", 0) >= body["version"] and set(known["template"].get("aliases", {})) >= set(
                    aliases
                ):
                    continue
            call(lambda: self.client.indices.put_index_template(name=name, **body))  # noqa: B023
            actions = [
                {"add": {"index": body["index_patterns"][0], "alias": alias, **rest, "must_exist": False}}
                for alias, rest in aliases.items()
            ]
            if call(lambda: self.client.indices.exists(index=body["index_patterns"][0], allow_no_indices=False)):  # noqa: B023
                call(lambda: self.client.indices.update_aliases(actions=actions))  # noqa: B023

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
        self._refresh(self._items)
        return Written(written, stale, tuple(refused))

    def write_signals(self, signals: Iterable[Signal]) -> int:
        changed = 0
        source = iter(signals)
        while batch := list(islice(source, WRITE_BATCH)):
            documents = [(s.id, self._prefix + signal_index(s), _cell(s)) for s in batch]
            changed += self._write(documents, _RAISE)[0]
        self._refresh(self._signals)
        return changed

    def set_issue(self, doc_ids: Sequence[str], issue_id: str, level: int) -> None:
        change = {"issue_id": issue_id, "level": level}
        for start in range(0, len(doc_ids), WRITE_BATCH):
            query = {"ids": {"values": list(doc_ids[start : start + WRITE_BATCH])}}
            found = self._search(self._items, query=query, size=WRITE_BATCH, source=False)
            actions = [
                {"_op_type": "update", "_index": h["_index"], "_id": h["_id"], "doc": change, "retry_on_conflict": 5}
                for h in found["hits"]["hits"]
            ]
            for _, status, _, reason in self._bulk(actions):
                if status not in (200, 201, 404):
                    raise RetryLater(f"Elasticsearch 没有记下议题：{reason}")
        self._refresh(self._items)

    def purge(self, channel: str, before: datetime, keep: Iterable[str]) -> int:
        if channel == "public":
            return self._delete(self._signals, {"range": {"occurred_at": {"lt": before.isoformat()}}})
        kept = list(keep)
        pattern = f"{self._prefix}{ITEMS}-{channel}-*"
        old = {"range": {"occurred_at": {"lt": before.isoformat()}}}
        pinned = {"terms": {"id": kept}} if kept else NOTHING
        deleted = 0
        for name in call(lambda: self.client.indices.get(index=pattern, features="settings", expand_wildcards="all")):
            # Nothing occurred after it was first seen: a month that lies wholly before is wholly old.
            if _month_ends(name) <= before and not self._total(name, pinned):
                deleted += self._total(name, {"match_all": {}})
                call(lambda: self.client.indices.delete(index=name))  # noqa: B023
        query = {"bool": {"filter": [old], "must_not": [pinned]}}
        return deleted + self._delete(pattern, query)

    # --- reading

    def older(self, channel: str, before: datetime) -> set[str]:
        query = {"range": {"occurred_at": {"lt": before.isoformat()}}}
        found: set[str] = set()
        after: list[Any] | None = None
        while True:
            hits = self._search(
                f"{self._prefix}{ITEMS}-{channel}-*", query=query, size=READ_BATCH, sort=[{"doc_id": "asc"}],
                search_after=after, source=["id"],
            )["hits"]["hits"]  # fmt: skip
            found |= {hit["_source"]["id"] for hit in hits}
            if len(hits) < READ_BATCH:
                return found
            after = hits[-1]["sort"]

    def get(self, item_id: str, office_ids: Sequence[str]) -> Item | None:
        query = {"bool": {"filter": [{"term": {"id": item_id}}, {"terms": {"office_id": list(office_ids)}}]}}
        found = {i.office_id: i for i in map(_item, self._search(self._items, query=query, size=100)["hits"]["hits"])}
        return next((found[office] for office in office_ids if office in found), None)

    def indexed_since(self, after: datetime, office_ids: Sequence[str]) -> Iterator[Item]:
        times = {"range": {"indexed_at": {"gte": after.isoformat()}}}
        query = {"bool": {"filter": [times, {"terms": {"office_id": list(office_ids)}}]}}
        at: list[Any] | None = None
        while True:
            sort = [{"indexed_at": "asc"}, {"doc_id": "asc"}]
            hits = self._search(self._items, query=query, size=READ_BATCH, sort=sort, search_after=at)["hits"]["hits"]
            yield from map(_item, hits)
            if len(hits) < READ_BATCH:
                return
            at = hits[-1]["sort"]

    def search(self, search: Search, size: int = 20, after: str | None = None) -> Page:
        query = compile_search(search)
        found = self._collapsed(query, size, after) if search.collapse_stories else self._newest(query, size, after)
        wanted = wanted_texts(search.query)
        hits = tuple(Hit(item, *snippet(item.text, wanted)) for item in found[:size])
        return Page(hits, self.count(search), place(hits[-1].item) if len(found) > size else None)

    def count(self, search: Search) -> int:
        query = compile_search(search)
        if not search.collapse_stories:
            return self._total(self._items, query)
        stories = {"cardinality": {"field": "story_key", "precision_threshold": EXACT_STORIES}}
        return int(self._aggregate(query, stories).get("value", 0))

    def histogram(self, search: Search, interval: Literal["hour", "day"] = "day") -> list[Bucket]:
        form = "yyyy-MM-dd" if interval == "day" else "yyyy-MM-dd'T'HH"
        parts = {"field": "occurred_at", "calendar_interval": interval, "time_zone": "Asia/Shanghai", "format": form}
        found = self._aggregate(compile_search(search), {"date_histogram": {**parts, "min_doc_count": 1}})
        return [Bucket(b["key_as_string"], b["doc_count"]) for b in found.get("buckets", ())]

    def terms(self, search: Search, name: Field, size: int = 10) -> list[Bucket]:
        order = [{"_count": "desc"}, {"_key": "asc"}]
        terms: dict[str, Any] = {"field": name, "size": size, "shard_size": max(1000, size * 10), "order": order}
        if name != "level":
            terms["exclude"] = [""]
        found = self._aggregate(compile_search(search), {"terms": terms})
        return [Bucket(str(b["key"]), b["doc_count"]) for b in found.get("buckets", ())]

    def words(self, search: Search, size: int = 30, sample: int = 2000) -> list[Bucket]:
        counts: Counter[str] = Counter()
        after: list[Any] | None = None
        query = compile_search(search)
        while sample > 0:
            many = min(sample, READ_BATCH)
            answer = self._search(
                self._items, query=query, size=many, sort=_NEWEST, search_after=after, source=["words"]
            )
            hits = answer["hits"]["hits"]
            for hit in hits:
                counts.update(set(hit["_source"]["words"]))
            if len(hits) < many:
                break
            sample, after = sample - many, hits[-1]["sort"]
        ranked = sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))
        return [Bucket(word, count) for word, count in ranked[:size]]

    def signals(
        self, office_ids: Sequence[str], since: datetime, until: datetime, period: Literal["hour", "day"]
    ) -> list[Signal]:
        times = {"range": {"occurred_at": {"gte": since.isoformat(), "lt": until.isoformat()}}}
        query = {"bool": {"filter": [times, {"term": {"period": period}}, {"terms": {"office_id": list(office_ids)}}]}}
        cells: list[Signal] = []
        after: list[Any] | None = None
        while True:
            sort = [{"occurred_at": "asc"}, {"signal_id": "asc"}]
            hits = self._search(self._signals, query=query, size=READ_BATCH, sort=sort, search_after=after)["hits"][
                "hits"
            ]
            cells += [_signal(hit["_source"]) for hit in hits]
            if len(hits) < READ_BATCH:
                return cells
            after = hits[-1]["sort"]

    def close(self) -> None:
        self.client.close()

    # --- inside

    def _write(
        self, documents: Sequence[tuple[str, str, dict[str, Any]]], script: str
    ) -> tuple[int, int, list[tuple[str, str]]]:
        """Create; what is there already is changed by `script` where that finds it newer. (changed, stale, refused)."""
        written = stale = 0
        refused: list[tuple[str, str]] = []
        there: list[dict[str, Any]] = []
        create = [{"_op_type": "create", "_index": i, "_id": d, "_source": document} for d, i, document in documents]
        for (doc_id, index, document), (_, status, _, reason) in zip(documents, self._bulk(create), strict=True):
            if status == 201:
                written += 1
            elif status == 409:
                update = {"lang": "painless", "source": script, "params": {"document": document}}
                there.append(
                    {"_op_type": "update", "_index": index, "_id": doc_id, "script": update, "retry_on_conflict": 5}
                )
            else:
                refused.append((doc_id, reason))
        for doc_id, status, result, reason in self._bulk(there):
            if status == 200:
                written, stale = written + (result == "updated"), stale + (result == "noop")
            else:
                refused.append((doc_id, reason))
        return written, stale, refused

    def _bulk(self, actions: Sequence[dict[str, Any]]) -> list[tuple[str, int, str, str]]:
        """(id, status, result, reason) of each action, in order. Raises RetryLater where the server takes no writes."""

        def send() -> list[tuple[str, int, str, str]]:
            answers = []
            for _, entry in streaming_bulk(
                self.client, actions, chunk_size=WRITE_BATCH, max_chunk_bytes=WRITE_BYTES, raise_on_error=False,
                max_retries=4, initial_backoff=0.5, max_backoff=8,
            ):  # fmt: skip
                ((_, info),) = entry.items()
                error = info.get("error") or {}
                if info["status"] in (429, 503) or error.get("type") == "cluster_block_exception":
                    raise RetryLater(f"Elasticsearch 暂时不接受写入：{error.get('reason', '')}")
                answers.append((info["_id"], info["status"], info.get("result", ""), _reason(error)))
            return answers

        return call(send) if actions else []

    def _newest(self, query: Query, size: int, after: str | None) -> list[Item]:
        found = self._search(self._items, query=query, size=size + 1, sort=_NEWEST, search_after=_after(after))
        return [_item(hit) for hit in found["hits"]["hits"]]

    def _collapsed(self, query: Query, size: int, after: str | None) -> list[Item]:
        """The newest match of each story, one more than `size`. (`collapse` can't go on by `search_after`.)"""
        kept: list[Item] = []
        at = _after(after)
        many = min(READ_BATCH, 2 * size + 2)
        while len(kept) <= size:
            hits = self._search(self._items, query=query, size=many, sort=_NEWEST, search_after=at)["hits"]["hits"]
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
        found = self._aggregate(among, {"terms": {"field": "story_key", "size": len(stories)}, "aggs": top})
        return {hit["_id"] for bucket in found.get("buckets", ()) for hit in bucket["newest"]["hits"]["hits"]}

    def _search(
        self,
        index: str,
        *,
        query: Query,
        size: int,
        sort: Any = None,
        search_after: list[Any] | None = None,
        source: Any = None,
    ) -> Any:
        options: dict[str, Any] = {} if source is None else {"source": source}
        return call(
            lambda: self.client.search(
                index=index,
                query=query,
                size=size,
                sort=sort,
                search_after=search_after,
                track_total_hits=False,
                **options,
            )
        )

    def _aggregate(self, query: Query, aggregation: dict[str, Any]) -> dict[str, Any]:
        answer = call(lambda: self.client.search(index=self._items, query=query, size=0, aggs={"a": aggregation}))
        return dict(answer.get("aggregations", {}).get("a", {}))

    def _total(self, index: str, query: Query) -> int:
        return int(call(lambda: self.client.count(index=index, query=query))["count"])

    def _delete(self, index: str, query: Query) -> int:
        def send() -> Any:
            return self.client.delete_by_query(index=index, query=query, conflicts="proceed", refresh=True)

        return int(call(send)["deleted"])

    def _refresh(self, index: str) -> None:
        call(lambda: self.client.indices.refresh(index=index))


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


def _reason(error: Mapping[str, Any]) -> str:
    """What the server said, without the text of the document that it quotes."""
    return str(error.get("type", ""))


def _month_ends(index: str) -> datetime:
    year, month = (int(part) for part in index.rsplit("-", 1)[-1].split("."))
    return (datetime(year, month, 1, tzinfo=SHANGHAI) + timedelta(days=32)).replace(day=1)
