"""Posts clustered per second, and how it grows: 10,000, 30,000, 100,000 posts of three days in one run of `cluster`.

    taskset -c 0 python tests/bench/cluster.py

The posts come from the labelled issues of tests/cases/issues: each is one of their texts with a third of its words
exchanged for words of the background, so that neither copies nor noise are all alike. The last line is JSON.
"""

from __future__ import annotations

import argparse
import itertools
import json
import random
import resource
import sys
import time
from datetime import datetime, timedelta
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "pipeline" / "stages")]

from hearing_again import bcubed  # noqa: E402
from issue_cases import FOLDER, load_texts  # noqa: E402

from models.artifact import load_frequencies  # noqa: E402
from models.frequencies import Frequencies  # noqa: E402
from models.scorer import Scorer  # noqa: E402
from pipeline.cluster import MOST, Document, cluster  # noqa: E402
from pipeline.records import SHANGHAI  # noqa: E402
from pipeline.score import Reader  # noqa: E402
from pipeline.settings import load_model  # noqa: E402
from pipeline.settings.offices import Offices  # noqa: E402

BEGIN = datetime(2026, 11, 23, tzinfo=SHANGHAI)
CHATTER = 0.3  # share of posts that belong to no issue


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--posts", type=int, nargs="+", default=[10_000, 30_000, 100_000])
    sizes = parser.parse_args().posts
    background = load_frequencies(ROOT / "models" / "artifact")
    samples = _samples()
    found = []
    for size in sizes:
        documents, gold = _posts(size, samples, background)
        numbers = itertools.count()
        started, cpu = time.perf_counter(), time.process_time()
        result = cluster(documents, {}, background, lambda: f"i{next(numbers)}")  # noqa: B023
        took, computed = time.perf_counter() - started, time.process_time() - cpu
        precision, recall, f1 = bcubed(result.places, gold, [k for k in gold if not gold[k].startswith("none")])
        row = {
            "posts": size, "posts_per_second": round(size / computed), "seconds": round(took, 1), "cpu_seconds": round(computed, 1),
            "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024, "issues": len(set(result.places.values())),
            "uncompared": result.uncompared, "placed": len(result.places), "precision": round(precision, 3), "recall": round(recall, 3),
        }  # fmt: skip
        found.append(row)
        print(f"{size:>7} posts: {row['posts_per_second']} posts/s of own computing time, {took:.1f} s, peak {row['peak_mb']} MB,"
              f" {row['issues']} issues, B-cubed F1 of posts in issues {f1:.3f}, {row['uncompared']} compared in parts only", flush=True)  # fmt: skip
    growth = found[-1]["cpu_seconds"] / found[0]["cpu_seconds"] / (sizes[-1] / sizes[0])
    print(f"From {sizes[0]} to {sizes[-1]} posts the time grows {growth:.2f} times as fast as their number.")
    print(json.dumps({"at_once": MOST, "runs": found, "growth_over_linear": round(growth, 2)}))


def _samples() -> list[tuple[str, tuple[str, ...], frozenset[str]]]:
    reader = Reader(Scorer.load(ROOT / "models" / "artifact"), load_model(FOLDER / "office.yaml", Offices).offices)
    texts = [t for t in load_texts() if t.issue and not t.copy_of]
    readings = reader.read([(t.title, t.text, ["yuanbei"]) for t in texts])
    return [
        (t.issue, reader.words(t.title, t.text), frozenset(r[0].labels.topics))
        for t, r in zip(texts, readings, strict=True)
    ]


def _posts(
    count: int, samples: list[tuple[str, tuple[str, ...], frozenset[str]]], background: Frequencies
) -> tuple[list[Document], dict[str, str]]:
    rng = random.Random(count)
    usual = list(background.counts or {})
    weights = list(itertools.accumulate((background.counts or {}).values()))
    documents: list[Document] = []
    gold: dict[str, str] = {}
    topics: frozenset[str]
    for number in range(count):
        key, at = f"p{number}", BEGIN + timedelta(hours=72 * number / count)
        if rng.random() < CHATTER:
            words, topics, gold[key] = (
                tuple(rng.choices(usual, cum_weights=weights, k=rng.randint(4, 20))),
                frozenset(),
                f"none{number}",
            )
        else:
            gold[key], told, topics = rng.choice(samples)
            foreign = rng.choices(usual, cum_weights=weights, k=len(told) // 3 + 1)
            words = (*rng.sample(told, max(1, len(told) - len(told) // 3)), *foreign)
        documents.append(Document(key, tuple(dict.fromkeys(words)), frozenset(), topics, at))
    return documents, gold


if __name__ == "__main__":
    main()
