"""Requests to one cluster: each bounded, sent again where that may help, and never answered in part.

What is wrong with a document (`Answer.refused`) is told apart from what is wrong with the cluster, which is raised.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from elasticsearch import Elasticsearch
from elasticsearch.helpers import streaming_bulk

from pipeline.errors import RetryLater, TingjianError
from pipeline.index.elastic_client import RequestRefused, call, connect, not_for_us, trouble
from pipeline.settings.home import IndexSettings

Query = dict[str, Any]
WRITE_BATCH = 500
WRITE_BYTES = 8 * 1024 * 1024
READ_BATCH = 1000
# A closed month is said, not left out; so is a shard that does not answer.
_ALL = "open,closed"


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of one action of a bulk. `again`: an earlier try was sent and never answered, it may have done it."""

    id: str
    status: int
    result: str
    refused: str = ""  # the server's word for what is wrong with this document
    again: bool = False


class Server:
    """The cluster of the settings. Every call raises ConfigurationError, RetryLater or RequestRefused (`elastic_client.call`)."""

    def __init__(self, settings: IndexSettings) -> None:
        self.settings, self.prefix = settings, settings.prefix
        self.client: Elasticsearch = connect(settings)

    def bulk(self, actions: Sequence[dict[str, Any]]) -> list[Answer]:
        """The answer to each action, in order. A further try sends only what has no answer yet."""
        answers: dict[int, Answer] = {}
        unsure: set[int] = set()  # sent, and nothing came back

        def send() -> None:
            waiting = [n for n in range(len(actions)) if n not in answers]
            before = frozenset(unsure)
            unsure.update(waiting)
            sent = streaming_bulk(
                self.client, (actions[n] for n in waiting), chunk_size=WRITE_BATCH, max_chunk_bytes=WRITE_BYTES,
                raise_on_error=False,
            )  # fmt: skip
            busy: TingjianError | None = None
            for n, (_, entry) in zip(waiting, sent, strict=True):
                unsure.discard(n)
                (info,) = entry.values()
                try:
                    answers[n] = _answer(info, again=n in before)
                except TingjianError as error:  # the others have their answer all the same
                    busy = error
            if busy is not None:
                raise busy

        if actions:
            call(send)
        return [answers[n] for n in range(len(actions))]

    def put(self, documents: Iterable[tuple[str, str, Mapping[str, Any]]], version: int) -> tuple[int, list[Answer]]:
        """Set (index, id, document) to what it was at `version`, except where a newer one stands: (set, refused)."""
        actions = [
            {"_op_type": "index", "_index": self.prefix + index, "_id": doc_id, "version": version,
             "version_type": "external_gte", "_source": document}
            for index, doc_id, document in documents
        ]  # fmt: skip
        answers = self.bulk(actions)
        return sum(a.status in (200, 201) for a in answers), [a for a in answers if a.refused]

    def remove(self, index: str, ids: Iterable[str]) -> None:
        """Delete documents of one index by id; those that are not there are gone already."""
        self.bulk([{"_op_type": "delete", "_index": self.prefix + index, "_id": doc_id} for doc_id in ids])

    def search(self, index: str, query: Query, size: int, **options: Any) -> list[dict[str, Any]]:
        """Hits of one request."""

        def send() -> Any:
            return self.client.search(
                index=index, query=query, size=size, track_total_hits=False, expand_wildcards=_ALL,
                allow_partial_search_results=False, **options,
            )  # fmt: skip

        return list(call(send)["hits"]["hits"])

    def pages(self, index: str, query: Query, sort: Sequence[Any], **options: Any) -> Iterator[list[dict[str, Any]]]:
        """Every hit, a page at a time; `sort` must part any two of them."""
        after: list[Any] | None = None
        while True:
            hits = self.search(index, query, READ_BATCH, sort=sort, search_after=after, **options)
            if hits:
                yield hits
            if len(hits) < READ_BATCH:
                return
            after = hits[-1]["sort"]

    def aggregate(self, index: str, query: Query, aggregation: dict[str, Any]) -> dict[str, Any]:
        """One aggregation's answer; empty where there is no index yet."""

        def send() -> Any:
            return self.client.search(
                index=index, query=query, size=0, aggs={"a": aggregation}, expand_wildcards=_ALL,
                allow_partial_search_results=False,
            )  # fmt: skip

        return dict(call(send).get("aggregations", {}).get("a", {}))

    def total(self, index: str, query: Query) -> int:
        found = call(lambda: self.client.count(index=index, query=query, expand_wildcards=_ALL))
        if found["_shards"]["failed"]:
            raise RetryLater("Elasticsearch 暂时用不了：有分片没有回音")
        return int(found["count"])

    def delete(self, index: str, query: Query) -> int:
        """Delete what matches; a document that changes meanwhile is left."""

        def send() -> Any:
            return self.client.delete_by_query(
                index=index, query=query, conflicts="proceed", refresh=True, expand_wildcards=_ALL
            )

        return int(call(send)["deleted"])

    def refresh(self, index: str) -> None:
        """What was written can be found from now on."""
        call(lambda: self.client.indices.refresh(index=index, ignore_unavailable=True))

    def indices(self, pattern: str) -> list[str]:
        """Names of the indices behind a pattern, closed ones too."""
        options: dict[str, Any] = {"features": "settings", "expand_wildcards": "all", "ignore_unavailable": True}
        return sorted(call(lambda: self.client.indices.get(index=pattern, **options)))

    def create(self, index: str, **body: Any) -> None:
        """Make an index unless it is there."""
        try:
            call(lambda: self.client.indices.create(index=index, **body))
        except RequestRefused as error:
            if error.reason != "resource_already_exists_exception":
                raise

    def drop(self, index: str) -> None:
        """Delete a whole index."""
        call(lambda: self.client.indices.delete(index=index))

    def close(self) -> None:
        self.client.close()


def _answer(info: Mapping[str, Any], again: bool) -> Answer:
    """Raises where the cluster, not the document, is what is wrong."""
    status, error = int(info["status"]), info.get("error") or {}
    kind = str(error.get("type", ""))
    if error and not_for_us(status, kind):
        raise trouble(status, kind, str(error.get("reason", "")))
    # Not the reason: it quotes the document.
    refused = kind if error and status not in (404, 409) else ""
    return Answer(str(info["_id"]), status, str(info.get("result", "")), refused, again)
