"""The embedded engine: SQLite with FTS5. One file, any number of readers, one writer at a time."""

from __future__ import annotations

import json
import sqlite3
import threading
from collections import Counter
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import replace
from datetime import UTC, date, datetime
from heapq import merge
from itertools import groupby, islice, takewhile
from pathlib import Path
from typing import Any, Literal

import numpy

from pipeline.errors import storage
from pipeline.index.documents import from_document, milliseconds, place, place_of, snippet, wanted_texts
from pipeline.index.engine import Bucket, Field, Hit, Number, Page, Search, Written
from pipeline.index.significance import least_count, significant
from pipeline.index.sqlite_names import Names
from pipeline.index.sqlite_query import COUNT, HOURS, Plan, alternatives, compile_search
from pipeline.index.sqlite_schema import HOUR, PLACES, is_current, prepare, row_of
from pipeline.index.sqlite_write import forget, note_issue, write
from pipeline.index.tokens import folded_words
from pipeline.records import Item, Signal

WRITE_BATCH = 500
READ_BATCH = 1000
PATIENCE = 30.0  # seconds that a writer waits for another
_SHANGHAI_HOURS = 8  # no summer time since 1991
_OLD = (
    "SELECT row, doc_id FROM items JOIN documents USING (row) JOIN names ON code = channel"
    " WHERE field = 'channel' AND value = ? AND occurred_at < ? AND row < ?"
)
_EPOCH = date(1970, 1, 1).toordinal()
_DOCUMENT = (
    "document, coalesce(value, ''), level FROM documents JOIN items USING (row) LEFT JOIN names ON code = issue_id"
)


class SqliteIndex:
    """See `pipeline.index.engine.Index`. A file of an earlier version is rebuilt when it is opened."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._local = threading.local()
        self._open: list[sqlite3.Connection] = []
        path.parent.mkdir(parents=True, exist_ok=True)
        with storage("索引"):
            ready = is_current(self._connection, path)
        if not ready:
            with self._writing() as c:
                prepare(c, lambda before: _write_all(c, before))

    # --- writing

    def write_items(self, items: Iterable[Item]) -> Written:
        written = stale = 0
        source = iter(items)
        while batch := list(islice(source, WRITE_BATCH)):
            with self._writing() as c:
                new = write(c, batch)
            written, stale = written + new, stale + len(batch) - new
        return Written(written, stale)

    def write_signals(self, signals: Iterable[Signal]) -> int:
        with self._writing() as c:
            before = c.total_changes
            c.executemany(
                "INSERT INTO signals VALUES (?,?,?,?,?,?,?,?) ON CONFLICT (id) DO UPDATE SET count = excluded.count"
                " WHERE excluded.count > count",
                (
                    (
                        s.id,
                        s.office_id,
                        s.site_group,
                        s.period,
                        milliseconds(s.starts_at),
                        s.dimension,
                        s.label,
                        s.count,
                    )
                    for s in signals
                ),
            )
            return c.total_changes - before

    def set_issue(self, doc_ids: Sequence[str], issue_id: str, level: int) -> None:
        with self._writing() as c:
            note_issue(c, doc_ids, issue_id, level)

    def purge(self, channel: str, before: datetime, keep: Iterable[str]) -> int:
        edge = milliseconds(before)
        if channel == "public":
            with self._writing() as c:
                return c.execute("DELETE FROM signals WHERE starts_at < ?", (edge,)).rowcount
        kept = set(keep)
        deleted, at = 0, row_of(0) - (1 << 62)
        while True:
            with self._writing() as c:
                rows = c.execute(f"{_OLD} AND row >= ? ORDER BY row", (channel, edge, row_of(edge + HOUR), at))
                doomed = [r for r, _ in islice((r for r in rows if _id_of(r[1]) not in kept), WRITE_BATCH)]
                forget(c, doomed)
            deleted += len(doomed)
            if len(doomed) < WRITE_BATCH:
                return deleted
            at = doomed[-1] + 1

    # --- reading

    def get(self, item_id: str, office_ids: Sequence[str]) -> Item | None:
        sql = f"SELECT {_DOCUMENT} WHERE doc_id = ?"
        found = (row for o in office_ids for row in self._rows(sql, (f"{item_id}:{o}",)))
        return next((_item(*row) for row in found), None)

    def older(self, channel: str, before: datetime) -> set[str]:
        edge = milliseconds(before)
        return {_id_of(doc_id) for _, doc_id in self._rows(_OLD, (channel, edge, row_of(edge + HOUR)))}

    def indexed_since(self, after: datetime, office_ids: Sequence[str]) -> Iterator[Item]:
        names = Names(self._rows)
        offices = [names.code("office_id", office) for office in office_ids]
        where = f"(indexed_at, doc_id) > (?, ?) AND office_id IN ({','.join('?' * len(offices))})"
        sql = f"SELECT {_DOCUMENT} WHERE {where} ORDER BY indexed_at, doc_id LIMIT ?"
        at: tuple[int, str] = (milliseconds(after), "")
        while rows := self._rows(sql, (*at, *offices, READ_BATCH)):
            items = [_item(*row) for row in rows]
            yield from items
            at = milliseconds(items[-1].indexed_at), items[-1].doc_id

    def search(self, search: Search, size: int = 20, after: str | None = None) -> Page:
        with self._reading():
            with closing(self._newest(search, after)) as newest:
                found = list(islice(newest, size + 1))
            sql = f"SELECT {_DOCUMENT} WHERE row = ?"
            items = [_item(*self._rows(sql, (row,))[0]) for row, _ in found[:size]]
        wanted = wanted_texts(search.query)
        hits = tuple(Hit(item, *snippet(item.text, wanted)) for item in items)
        return Page(hits, place(hits[-1].item) if len(found) > size else None)

    def count(self, search: Search) -> int:
        plan = self._plan(search)
        if not search.collapse_stories:
            return int(self._rows(*plan.select(COUNT))[0][0])
        return int(self._rows(*plan.select("count(DISTINCT story)"))[0][0])

    def histogram(self, search: Search, interval: Literal["hour", "day"] = "day") -> list[Bucket]:
        counts: Counter[int] = Counter()
        for hour, count in self._counted(search, HOURS).items():
            counts[(hour + _SHANGHAI_HOURS) // (24 if interval == "day" else 1)] += count
        name = _day if interval == "day" else _hour
        return [Bucket(name(number), counts[number]) for number in sorted(counts)]

    def terms(self, search: Search, name: Field, size: int = 10) -> list[Bucket]:
        numbers = self._counted(search, name)
        if name == "level":
            return _most(numbers, size)
        names = Names(self._rows)
        counts: Counter[str] = Counter()
        for number, count in numbers.items():
            value = names.value(number)
            counts.update(dict.fromkeys(value.split() if name == "topics" else [value], count))
        counts.pop("", None)
        return _most(counts, size)

    def words(self, search: Search, size: int = 30, sample: int = 2000) -> list[Bucket]:
        counts: Counter[str] = Counter()
        for words in self._words(search, sample, ties=False):
            counts.update(set(words))
        return _most(counts, size)

    def significant_words(self, search: Search, size: int = 10, sample: int = 2000) -> list[Bucket]:
        here: Counter[str] = Counter()
        hits = 0
        for words in self._words(search, sample, ties=True):
            hits += 1
            here.update({*folded_words(words)})
        least = least_count(hits)
        sql = "SELECT coalesce(sum(count), 0) FROM word_counts WHERE word = ?"
        there = {word: self._rows(sql, (word,))[0][0] for word, count in here.items() if count >= least}
        documents = self._rows("SELECT count(*) FROM items", ())[0][0]
        return significant(here, hits, there, documents, size)

    def percentiles(self, search: Search, name: Number, percents: Sequence[float]) -> list[float]:
        path = f"$.labels.{name}" if name.endswith("_p") else f"$.{name}"
        number = f"(SELECT json_extract(document, '{path}') FROM documents WHERE documents.row = items.row)"  # noqa: S608
        with closing(self._stream(*self._plan(search).select(number))) as rows:
            values = numpy.fromiter((n for (n,) in rows if n is not None), float)
        return [float(p) for p in numpy.percentile(values, percents)] if len(values) else []

    def signals(
        self, office_ids: Sequence[str], since: datetime, until: datetime, period: Literal["hour", "day"]
    ) -> list[Signal]:
        sql = (
            "SELECT office_id, site_group, period, starts_at, dimension, label, count FROM signals WHERE period = ?"  # noqa: S608
            f" AND starts_at >= ? AND starts_at < ? AND office_id IN ({','.join('?' * len(office_ids))})"
            " ORDER BY starts_at, id"
        )
        rows = self._rows(sql, (period, milliseconds(since), milliseconds(until), *office_ids))
        return [Signal(o, g, p, datetime.fromtimestamp(t / 1000, UTC), d, label, n) for o, g, p, t, d, label, n in rows]

    def close(self) -> None:
        for connection in self._open:
            connection.close()
        self._open.clear()

    # --- inside

    def _plan(self, search: Search) -> Plan:
        return compile_search(search, Names(self._rows))

    def _newest(self, search: Search, after: str | None = None) -> Generator[tuple[int, int]]:
        """(row, occurred_at) of the hits below `after`, newest first; collapsed: of each story the newest alone."""
        names = Names(self._rows)
        plans = [compile_search(s, names) for s in alternatives(search, names)]
        edge, once = place_of(after) if after else None, search.collapse_stories
        if edge and not once:  # else what lies above must be seen, to know which stories were there
            plans = [plan.before(row_of(edge[0] + HOUR)) for plan in plans]
        told: set[int] = set()
        for row, at, story in self._by_time(plans):
            if once:
                if story in told:
                    continue
                told.add(story)
            if edge is None or at < edge[0] or (at == edge[0] and self._doc_id(row) < edge[1]):
                yield row, at

    def _by_time(self, plans: Sequence[Plan]) -> Generator[tuple[int, int, int]]:
        """(row, occurred_at, story) of all hits in the order of lists: rows lie by hours, within one they are sorted."""
        with ExitStack() as stack:
            streams = [stack.enter_context(closing(self._downwards(plan))) for plan in plans]
            for _, hour in groupby(merge(*streams, reverse=True), lambda r: r[0] >> PLACES):
                for _, moment in groupby(sorted({*hour}, key=_moment, reverse=True), _moment):
                    together = list(moment)
                    if len(together) > 1:
                        together.sort(key=lambda r: self._doc_id(r[0]), reverse=True)
                    yield from together

    def _downwards(self, plan: Plan) -> Generator[tuple[int, int, int]]:
        for part in self._parts(plan):
            sql, values = part.select("{row}, occurred_at, story", "ORDER BY {row} DESC")
            with closing(self._stream(sql, values)) as rows:
                yield from rows

    def _parts(self, plan: Plan) -> Iterator[Plan]:
        """The plan, or where it needs sets of rows: ever longer spans of it, so that the newest page needs small ones."""
        if not plan.by_sets:
            yield plan
            return
        ((first, last),) = self._rows("SELECT min(row), max(row) FROM items", ())
        if last is None:
            return
        low = first if plan.low is None else max(first, plan.low)
        high = last + 1 if plan.high is None else min(last + 1, plan.high)
        length = 24
        while high > low:
            start = ((high - 1 >> PLACES) + 1 - length) << PLACES
            yield plan.between(max(low, start), high)
            high, length = start, 4 * length

    def _doc_id(self, row: int) -> str:
        return str(self._rows("SELECT doc_id FROM documents WHERE row = ?", (row,))[0][0])

    def _words(self, search: Search, sample: int, ties: bool) -> Iterator[list[str]]:
        """The words of the newest `sample` hits, and with `ties` of those as old as the last of them."""
        with self._reading(), closing(self._newest(search)) as newest:
            found = list(islice(newest, sample))
            if ties and len(found) == sample:
                found += takewhile(lambda hit: hit[1] == found[sample - 1][1], newest)
            sql = "SELECT json_extract(document, '$.words') FROM documents WHERE row = ?"
            for row, _ in found:
                yield json.loads(self._rows(sql, (row,))[0][0])

    def _counted(self, search: Search, what: str) -> Counter[Any]:
        """Hits by the value of a column. (GROUP BY would sort them all.)"""
        with closing(self._stream(*self._plan(search).select(what))) as rows:
            counts = Counter(rows)
        return Counter({value: count for (value,), count in counts.items()})

    @property
    def _connection(self) -> sqlite3.Connection:
        connection: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if connection is None:
            connection = sqlite3.connect(self.path, timeout=PATIENCE, isolation_level=None, check_same_thread=False)
            for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "cache_size=-65536", "mmap_size=2147418112"):
                connection.execute(f"PRAGMA {pragma}")
            self._local.connection = connection
            self._open.append(connection)
        return connection

    def _rows(self, sql: str, values: Sequence[Any]) -> list[Any]:
        return list(self._stream(sql, values))

    def _stream(self, sql: str, values: Sequence[Any]) -> Generator[Any]:
        with storage("索引"), closing(self._connection.execute(sql, values)) as rows:
            yield from rows

    @contextmanager
    def _reading(self) -> Iterator[None]:
        """Several statements see one moment."""
        with storage("索引"):
            self._connection.execute("BEGIN")
        try:
            yield
        finally:
            self._connection.execute("COMMIT")

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        with storage("索引"):
            connection = self._connection
            try:
                connection.execute("BEGIN IMMEDIATE")
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise


def _write_all(c: sqlite3.Connection, documents: Iterator[str]) -> None:
    while batch := [from_document(json.loads(document)) for document in islice(documents, WRITE_BATCH)]:
        write(c, batch)


def _item(document: str, issue_id: str, level: int) -> Item:
    return replace(from_document(json.loads(document)), issue_id=issue_id, level=level)


def _moment(row: tuple[int, int, int]) -> int:
    return row[1]


def _id_of(doc_id: str) -> str:
    return doc_id.rpartition(":")[0]


def _most(counts: Counter[Any], size: int) -> list[Bucket]:
    ranked = sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))
    return [Bucket(str(key), count) for key, count in ranked[:size]]


def _day(number: int) -> str:
    return date.fromordinal(_EPOCH + number).isoformat()


def _hour(number: int) -> str:
    return f"{_day(number // 24)}T{number % 24:02d}"
