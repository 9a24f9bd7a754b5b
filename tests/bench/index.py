"""The index at size: writing, space and time to answer, for both engines.

Makes N synthetic documents (`index_documents.py` says how), writes each into both engines and asks what analysts ask
(`index_queries.py`). Documents are streamed: memory holds one batch. Each engine runs in a process of its own; Elasticsearch
is a node of our own (needs `make setup-elasticsearch`) or the one at TINGJIAN_TEST_ELASTICSEARCH_URL.

It measures, in this order
  raw      the first 20,000 documents, ready made, by the engine's own bulk (Elasticsearch: helpers.streaming_bulk and one
           refresh; SQLite: executemany of text and tokens, nothing else), beside our writer on the same ones, taking turns
  write    all N by our writer, 500 at a time as ingest does, each searchable when its batch returns
  queries  p50 and p95 by kind, warm: a tenth of the queries, not counted, are asked before
  spool    up to 5,000 more from the spool to searchable at size N: unseal, dedup, read, write
Rates are per second of the writer's own time; making the documents is not counted. On a shared machine times are upper
bounds: `own_cpu` is what our process itself computed (SQLite: everything). The last line is one JSON object.

  python tests/bench/index.py --docs 20000                        both engines, about three minutes
  python tests/bench/index.py --docs 1000000 --engine sqlite --seed 7 --folder /big/disk
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import random
import re
import resource
import secrets
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from itertools import islice
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(Path(__file__).parent)]

from elasticsearch.helpers import streaming_bulk  # noqa: E402
from index_documents import END, OFFICES, Documents  # noqa: E402
from index_queries import KINDS, SAMPLE, Queries  # noqa: E402

from models.scorer import Scorer  # noqa: E402
from pipeline.desk.database import Database  # noqa: E402
from pipeline.index import open_index  # noqa: E402
from pipeline.index.documents import to_document  # noqa: E402
from pipeline.index.elastic import ElasticIndex  # noqa: E402
from pipeline.index.engine import Index  # noqa: E402
from pipeline.index.mapping import FIELDS, item_index  # noqa: E402
from pipeline.index.sqlite import SqliteIndex  # noqa: E402
from pipeline.index.tokens import index_tokens  # noqa: E402
from pipeline.privacy.seal import seal  # noqa: E402
from pipeline.privacy.staging_keys import StagingKeys  # noqa: E402
from pipeline.records import Capture, Item  # noqa: E402
from pipeline.settings import Home, load_home  # noqa: E402
from pipeline.spool import BATCH_SIZE, Spool  # noqa: E402
from pipeline.steps import ingest as step  # noqa: E402
from tests.elasticsearch_node.fixtures import ADDRESS  # noqa: E402
from tests.elasticsearch_node.node import Node  # noqa: E402

ENGINES = ("sqlite", "elasticsearch")
RAW, SPOOLED, KNOWN = 20_000, 5_000, 400
TURN = 2_000  # documents that one writer takes before the other has its turn
GOALS = {  # p95 in ms
    "sqlite": {"list": 50, "facet": 500, "significant": 2000},
    "elasticsearch": {"list": 100, "facet": 100, "significant": 100},
}
_OFFICE = "- {id: ID, name: NAME人民检察院, short_name: NAME检察院, region: NAME}"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--docs", type=int, default=20_000, help="how many documents (default 20000)")
    parser.add_argument("--seed", default="1", help="any word; another one makes other documents and queries")
    parser.add_argument("--engine", choices=("both", *ENGINES), default="both")
    parser.add_argument("--queries", type=int, default=100, help="queries of each kind (default 100)")
    parser.add_argument("--folder", type=Path, help="where the data lies while it runs (default: a temporary folder);"
                        " a million documents need 20 GB an engine")  # fmt: skip
    options = parser.parse_args()
    if options.docs < 100 or options.queries < 20:
        parser.error("--docs at least 100, --queries at least 20")
    if options.engine != "both":
        with tempfile.TemporaryDirectory(prefix="tingjian-index-", dir=options.folder) as folder:
            Path(folder).chmod(0o755)  # Elasticsearch runs as another user
            print(json.dumps(measure(options, Path(folder)), ensure_ascii=False))
        return 0
    results = {engine: _in_a_process(engine) for engine in ENGINES}
    ours, theirs = (results[engine].pop("answers") for engine in ENGINES)
    agree = {kind: ours[kind] == theirs[kind] for kind in KINDS}
    print(json.dumps({**results, "same_answers": agree}, ensure_ascii=False))
    return 0 if all(agree.values()) else 1


def _in_a_process(engine: str) -> dict[str, Any]:
    """Its result; what it says on the way is passed on."""
    last = ""
    command = [sys.executable, __file__, *sys.argv[1:], "--engine", engine]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            last = line
            if not line.startswith("{"):
                print(line, end="", flush=True)
    if process.returncode:
        raise SystemExit(process.returncode)
    result: dict[str, Any] = json.loads(last)
    return result


def measure(options: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """One engine, in this process."""
    engine, seed, many = options.engine, options.seed, options.docs
    documents = Documents(ROOT, Scorer.load(ROOT / "models" / "artifact"))
    with server(engine, folder) as settings:
        home = configured(folder / "home", engine, settings)
        index = open_index(home)
        assert isinstance(index, SqliteIndex | ElasticIndex)
        say(engine, "raw bulk and our writer, taking turns")
        raw = compare(engine, documents.stream(f"{seed} raw", min(RAW, many)), folder, settings)
        say(engine, f"raw {raw['raw_docs_per_s']}/s, ours {raw['ours_docs_per_s']}/s")
        written, known = write(engine, index, documents.stream(seed, many), many, seed)
        size = size_of(index) / many
        kinds, answers = ask(engine, index, Queries(seed, known), options.queries)
        spool = through_spool(home, index, documents.stream(f"{seed} spool", min(SPOOLED, many)))
        say(engine, f"spool to searchable: {spool}/s")
        if isinstance(index, ElasticIndex):
            drop(index)
        index.close()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    return {
        "engine": engine, "docs": many, "seed": seed, "cpus": os.cpu_count(), "spool_to_searchable_docs_per_s": spool, **raw, **written,
        "bytes_per_doc": round(size), "significant_sample": SAMPLE, "query_ms": kinds,
        "peak_mb_with_mapped_file": peak, "answers": answers,
    }  # fmt: skip


@contextmanager
def server(engine: str, folder: Path) -> Iterator[dict[str, str]]:
    """The lines of `index:` in tingjian.yaml; a node of our own where no address is given."""
    if engine == "sqlite":
        yield {"engine": "sqlite"}
        return
    given = os.environ.get(ADDRESS)
    node = None if given else Node(folder=folder / "node", heap="2g")
    if node:
        (folder / "node").mkdir(exist_ok=True)
        say(engine, "starting a node")
        node.start()
    try:
        url = given or (node.url if node else "")
        yield {"engine": engine, "hosts": f"[{url}]", "prefix": f"bench-{secrets.token_hex(3)}-"}
    finally:
        if node:
            node.remove()


def configured(folder: Path, engine: str, settings: dict[str, str]) -> Home:
    (folder / "config").mkdir(parents=True)
    offices = [_OFFICE.replace("ID", o).replace("NAME", name) for o, name in zip(OFFICES, ("清江市", "云溪区"), strict=True)]
    (folder / "config" / "office.yaml").write_text("offices:\n" + "\n".join(offices) + "\n", encoding="utf-8")
    index = "".join(f"  {key}: {value}\n" for key, value in settings.items())
    (folder / "config" / "tingjian.yaml").write_text(f"index:\n{index}", encoding="utf-8")
    return load_home(folder)


def compare(engine: str, stream: Iterator[Item], folder: Path, settings: dict[str, str]) -> dict[str, Any]:
    """The engine's own bulk of ready documents beside our writer, each into an empty index."""
    raw, ours = (_empty(engine, folder / name, settings, name) for name in ("raw", "ours"))
    seconds = {"raw": 0.0, "ours": 0.0}
    many = turns = 0
    while items := list(islice(stream, TURN)):
        many, turns = many + len(items), turns + 1
        ready = _ready(raw, items)
        for name in ("raw", "ours") if turns % 2 else ("ours", "raw"):
            started = time.perf_counter()
            if name == "ours":
                for batch in batches(iter(items)):
                    ours.write_items(batch)
            else:
                _bulk(raw, ready)
            seconds[name] += time.perf_counter() - started
    started = time.perf_counter()
    if isinstance(raw, ElasticIndex):
        raw.server.refresh(f"{raw.server.prefix}items-*")
    seconds["raw"] += time.perf_counter() - started
    for index in (raw, ours):
        if isinstance(index, ElasticIndex):
            drop(index)
        index.close()
    return {
        "raw_docs_per_s": round(many / seconds["raw"]), "ours_docs_per_s": round(many / seconds["ours"]),
        "share_of_raw": round(seconds["raw"] / seconds["ours"], 2),
    }  # fmt: skip


def _empty(engine: str, folder: Path, settings: dict[str, str], name: str) -> SqliteIndex | ElasticIndex:
    own = {**settings, "prefix": f"{settings['prefix']}{name}-"} if "prefix" in settings else settings
    index = open_index(configured(folder, engine, own))
    assert isinstance(index, SqliteIndex | ElasticIndex)
    return index


def _ready(raw: SqliteIndex | ElasticIndex, items: list[Item]) -> list[Any]:
    """What the engine's own bulk is given."""
    documents = [{**to_document(i), "doc_id": i.doc_id, "story_key": f"{i.story_id}:{i.office_id}"} for i in items]
    if isinstance(raw, SqliteIndex):
        texts = ((index_tokens(i.title), index_tokens(i.text)) for i in items)
        return [(json.dumps(d, ensure_ascii=False), *t) for d, t in zip(documents, texts, strict=True)]
    names = (raw.server.prefix + item_index(i) for i in items)
    return [
        {"_op_type": "index", "_index": name, "_id": d["doc_id"], "_source": d}
        for name, d in zip(names, documents, strict=True)
    ]


def _bulk(raw: SqliteIndex | ElasticIndex, ready: list[Any]) -> None:
    if isinstance(raw, ElasticIndex):
        for _ in streaming_bulk(raw.server.client, ready, chunk_size=BATCH_SIZE):
            pass
        return
    connection = sqlite3.connect(raw.path, isolation_level=None)
    connection.execute("PRAGMA synchronous=NORMAL")
    (last,) = connection.execute("SELECT coalesce(max(row), 0) FROM documents").fetchone()
    document = "INSERT INTO documents (row, doc_id, revision, indexed_at, document) VALUES (?1, ?1, 1, 0, ?2)"
    for start in range(0, len(ready), BATCH_SIZE):
        rows = list(enumerate(ready[start : start + BATCH_SIZE], last + start + 1))
        connection.execute("BEGIN")
        connection.executemany(document, ((n, body) for n, (body, _, _) in rows))
        connection.executemany("INSERT INTO fts (rowid, title, text) VALUES (?, ?, ?)", ((n, *t) for n, (_, *t) in rows))
        connection.execute("COMMIT")
    connection.close()


def write(
    engine: str, index: Index, stream: Iterator[Item], many: int, seed: str
) -> tuple[dict[str, Any], list[Item]]:
    """All documents; also some of them, drawn evenly, from which queries take their words."""
    rng = random.Random(f"{seed} known")
    known: list[Item] = []
    seconds, busy, done = 0.0, 0.0, 0
    memory: list[int] = []
    for batch in batches(stream):
        for item in batch:
            done += 1
            if len(known) < KNOWN:
                known.append(item)
            elif rng.random() < KNOWN / done:
                known[rng.randrange(KNOWN)] = item
        started, worked = time.perf_counter(), time.process_time()
        index.write_items(batch)
        seconds += time.perf_counter() - started
        busy += time.process_time() - worked
        if done * 10 // many > (done - len(batch)) * 10 // many:
            memory.append(own_memory_mb())
            say(engine, f"{done:,} of {many:,} written, {done / seconds:.0f}/s, own memory {memory[-1]} MB")
    return {
        "write_docs_per_s": round(done / seconds), "write_docs_per_own_cpu_s": round(done / busy), "own_memory_mb": {"after_a_tenth": memory[0], "end": memory[-1]},
    }, known  # fmt: skip


def batches(stream: Iterator[Item]) -> Iterator[list[Item]]:
    while batch := list(islice(stream, BATCH_SIZE)):
        yield batch


def ask(engine: str, index: Index, queries: Queries, many: int) -> tuple[dict[str, Any], dict[str, str]]:
    """(p50, p95, whether the goal is met) and a digest of the answers, by kind."""
    result: dict[str, Any] = {}
    digests: dict[str, str] = {}
    for kind in KINDS:
        for _ in range(many // 10):
            queries.draw(kind).ask(index)
        times, busy, slowest, answers = [], [], (0.0, ""), hashlib.sha256()
        for _ in range(many):
            query = queries.draw(kind)
            started, worked = time.perf_counter(), time.process_time()
            answer = query.ask(index)
            times.append(1000 * (time.perf_counter() - started))
            busy.append(1000 * (time.process_time() - worked))
            slowest = max(slowest, (times[-1], query.words))
            answers.update(repr(answer).encode())
        p95, goal = statistics.quantiles(times, n=20)[18], GOALS[engine][kind.split()[0].strip(":")]
        result[kind] = {
            "p50": round(statistics.median(times), 1), "p95": round(p95, 1), "goal": goal, "met": p95 <= goal,
            "own_cpu_p95": round(statistics.quantiles(busy, n=20)[18], 1),
        }  # fmt: skip
        digests[kind] = answers.hexdigest()[:16]
        say(engine, f"{kind}: {result[kind]} (slowest {slowest[0]:.0f} ms: {slowest[1]})")
    return result, digests


def through_spool(home: Home, index: Index, stream: Iterator[Item]) -> int:
    """Documents per second by the ingest step."""
    keys, spool = StagingKeys(home.staging / "keys").live(END), Spool(home.spool)
    many = 0
    for number, batch in enumerate(batches(stream)):
        spool.write("bench", [seal(_capture(i), keys) for i in batch], [], END + timedelta(seconds=number))
        many += len(batch)
    db = Database(home.database_url)
    db.migrate()
    started = time.perf_counter()
    report = step.ingest(home, db, index, END)
    seconds = time.perf_counter() - started
    db.close()
    assert report.items >= many and not report.quarantined, report
    return round(many / seconds)


def _capture(item: Item) -> Capture:
    return Capture(
        id=item.id, source_id="bench", site=item.site, site_group=item.site_group, channel=item.channel, title=item.title,
        text=item.text, first_seen=item.first_seen, published_at=item.published_at, published_precision=item.published_precision,
        url=item.url, outlet=item.outlet, outlet_weight=item.outlet_weight, region=item.region, source_ref=item.source_ref,
    )  # fmt: skip


def size_of(index: SqliteIndex | ElasticIndex) -> int:
    """Bytes on disk, once what was written has settled there."""
    if isinstance(index, SqliteIndex):
        with sqlite3.connect(index.path) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        return index.path.stat().st_size
    client, pattern = index.server.client, f"{index.server.prefix}items-*"
    client.indices.flush(index=pattern)
    return int(client.indices.stats(index=pattern, metric="store")["_all"]["primaries"]["store"]["size_in_bytes"])


def drop(index: ElasticIndex) -> None:
    client, prefix = index.server.client, index.server.prefix
    for name in client.indices.get(index=f"{prefix}*"):
        client.indices.delete(index=name)
    for name in FIELDS:
        client.indices.delete_index_template(name=f"{prefix}{name}")


def own_memory_mb() -> int:
    """Without the pages of files that SQLite maps."""
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    return int(re.findall(r"RssAnon:\s+(\d+)", status)[0]) // 1024


def say(engine: str, words: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {engine}: {words}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
