"""Posts per second from spool to indexed, embedded engines: in all and by stage, and the peak of memory.

Texts are new ones, recombined from the sentences of the repository's own (fictional) corpus: 70 % public posts of one to
three sentences, 10 % messages to the office, 15 % media and 5 % official texts of six to twelve. Filling the spool is not
measured. On one core: taskset -c 0 python tests/bench/ingest.py

Run: python tests/bench/ingest.py [--posts 10000] [--profile FILE]
"""

from __future__ import annotations

import argparse
import cProfile
import json
import multiprocessing
import random
import re
import resource
import secrets
import shutil
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from pipeline import dedup, registry  # noqa: E402
from pipeline.desk.database import Database  # noqa: E402
from pipeline.index import open_index  # noqa: E402
from pipeline.index.sqlite import SqliteIndex  # noqa: E402
from pipeline.privacy.seal import seal  # noqa: E402
from pipeline.privacy.staging_keys import StagingKeys, voice_of  # noqa: E402
from pipeline.records import Capture, Channel  # noqa: E402
from pipeline.score import Reader  # noqa: E402
from pipeline.settings import load_home  # noqa: E402
from pipeline.spool import BATCH_SIZE, Spool  # noqa: E402
from pipeline.staging import Staging  # noqa: E402
from pipeline.steps import ingest as step  # noqa: E402

NOW = datetime(2026, 11, 21, 13, 0, tzinfo=UTC)
SHARES: dict[Channel, float] = {"public": 0.70, "submission": 0.10, "media": 0.15, "official": 0.05}
GOAL = 1500


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--posts", type=int, default=10_000)
    parser.add_argument("--profile", type=Path, help="write a cProfile dump here (slower)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="tingjian-ingest-") as folder:
        home = Path(folder)
        shutil.copytree(ROOT / "deploy" / "office", home / "config")
        filler = multiprocessing.Process(target=fill, args=(home, options.posts))  # its memory is not ours
        filler.start()
        filler.join()
        if filler.exitcode:
            return 1
        print(json.dumps(measure(home, options.posts, options.profile)))
    return 0


def fill(home_folder: Path, posts: int) -> None:
    """Seal and spool the posts."""
    rng = random.Random(7)
    home = load_home(home_folder)
    keys, spool = StagingKeys(home.staging / "keys").live(NOW), Spool(home.spool)
    sentences = [
        [s for s in re.findall(r"[^。！？!?\n]+[。！？!?]?", json.loads(line)["text"]) if len(s) > 5]
        for path in sorted((ROOT / "models" / "corpus").glob("*.jsonl"))
        for line in path.read_text(encoding="utf-8").splitlines()
    ]
    for start in range(0, posts, BATCH_SIZE):
        batch = [capture(rng, sentences, keys) for _ in range(min(BATCH_SIZE, posts - start))]
        spool.write("bench", [seal(c, keys) for c in batch], [], NOW + timedelta(microseconds=start))


def capture(rng: random.Random, sentences: list[list[str]], keys: Any) -> Capture:
    """One new text and its circumstances."""
    channel: Channel = rng.choices(list(SHARES), list(SHARES.values()))[0]
    whole = channel in ("media", "official")
    texts = rng.sample(sentences, 4 if whole else 2)
    pool = [s for t in texts for s in t]
    body = rng.sample(pool, min(len(pool), rng.randint(6, 12) if whole else rng.randint(1, 3)))
    body.insert(
        rng.randrange(len(body) + 1),
        f"{rng.randint(1, 12)}月{rng.randint(1, 28)}日{rng.randint(6, 22)}点，第{rng.randint(1, 9999)}号。",
    )
    site = f"site{rng.randint(1, 20)}.example.org"
    return Capture(
        id=secrets.token_hex(16), source_id="bench", site=site, site_group="论坛", channel=channel,
        title=pool[0][:24] if channel != "public" else "", text="".join(body), first_seen=NOW,
        published_at=NOW - timedelta(minutes=rng.randint(0, 2000)), published_precision="minute",
        url=f"https://{site}/{secrets.token_hex(8)}" if whole else "", outlet=site if whole else "",
        voice=voice_of(keys, site, str(rng.randint(1, 100_000))) if not whole else (),
    )  # fmt: skip


class Stages:
    """Seconds by stage: wraps the functions that each stage consists of."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = defaultdict(float)

    def time(self, stage: str, owner: Any, name: str) -> None:
        original: Callable[..., Any] = getattr(owner, name)

        def timed(*args: Any, **kwargs: Any) -> Any:
            started = time.perf_counter()
            try:
                return original(*args, **kwargs)
            finally:
                self.seconds[stage] += time.perf_counter() - started

        setattr(owner, name, timed)


def measure(home_folder: Path, posts: int, profile: Path | None) -> dict[str, Any]:
    """Take the spool in, once."""
    stages = Stages()
    stages.time("unseal", step, "_open")
    for owner, name in ((dedup, "content_hash"), (registry, "resolve"), (step, "_stories")):
        stages.time("dedup", owner, name)
    for name in ("read", "words"):
        stages.time("score", Reader, name)
    stages.time("index", SqliteIndex, "write_items")
    stages.time("staging", Staging, "put")
    home = load_home(home_folder)
    db = Database(home.database_url)
    db.migrate()
    index = open_index(home)
    memory: list[int] = []

    def progress(_: str) -> None:
        memory.append(resident_mb())

    profiler = cProfile.Profile() if profile else None
    started, busy = time.perf_counter(), time.process_time()
    if profiler:
        profiler.enable()
    report = step.ingest(home, db, index, NOW, progress)
    if profiler and profile:
        profiler.disable()
        profiler.dump_stats(profile)
    total, busy = time.perf_counter() - started, time.process_time() - busy
    index.close()
    db.close()
    assert report.taken == posts and report.items + report.staged == posts and not report.quarantined
    stages.seconds["commit and rest"] = total - sum(stages.seconds.values())
    for name, seconds in stages.seconds.items():
        print(f"{name:16s} {seconds:7.2f} s {1e6 * seconds / posts:7.0f} µs a post {seconds / total:5.0%}")
    return {
        "posts": posts, "posts_per_second": round(posts / total), "posts_per_cpu_second": round(posts / busy), "goal": GOAL,
        "stages_s": {name: round(s, 2) for name, s in stages.seconds.items()},
        "memory_mb": {"after_a_tenth": memory[len(memory) // 10], "end": memory[-1],
                      "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024},
    }  # fmt: skip


def resident_mb() -> int:
    """Our own memory, without the pages of files that SQLite maps."""
    status = Path("/proc/self/status").read_text()
    return int(re.findall(r"RssAnon:\s+(\d+)", status)[0]) // 1024


if __name__ == "__main__":
    sys.exit(main())
