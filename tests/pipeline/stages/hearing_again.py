"""Runs clustering over days as `hear` would, and measures what came together (Bagga & Baldwin 1998)."""

from __future__ import annotations

import itertools
from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from models.frequencies import Frequencies
from pipeline.cluster import Document, cluster
from pipeline.issues import PROFILE

STAGED = timedelta(hours=72)
WINDOW = timedelta(days=7)
K = 5


@dataclass(slots=True)
class Heard:
    """`places`: where every document was last; `redirects`: every merge; `moved`: (a document's first issue, its last)."""

    places: dict[str, str] = field(default_factory=dict)
    redirects: dict[str, str] = field(default_factory=dict)
    moved: list[tuple[str, str]] = field(default_factory=list)


def hear_again(
    documents: Sequence[Document], public: Collection[str], background: Frequencies, begin: datetime, end: datetime,
    step: timedelta,
) -> Heard:  # fmt: skip
    """Run `cluster` every `step`; places are kept, whole documents leave after 7 days and public posts after 72 hours."""
    numbers = itertools.count()
    heard = Heard()
    first: dict[str, str] = {}
    now = begin
    profiles: dict[str, Mapping[str, float]] = {}
    while now <= end:
        seen = sorted(
            (
                replace(d, issue_id=heard.places.get(d.id, ""))
                for d in documents
                if d.at <= now and now - d.at < (STAGED if d.id in public else WINDOW)
            ),
            key=lambda d: (d.at, d.id),
        )
        profiles = {heard.redirects.get(i, i): words for i, words in profiles.items()}
        found = cluster(seen, profiles, background, lambda: f"i{next(numbers)}")
        heard.places |= found.places
        first = {**found.places, **first}
        heard.redirects |= found.redirects
        heard.places = {key: found.redirects.get(issue, issue) for key, issue in heard.places.items()}
        profiles |= _profiles(seen, found.places, public, profiles)
        now += step
    heard.moved = [(first[key], heard.places[key]) for key in first]
    return heard


def _profiles(
    seen: Sequence[Document],
    places: Mapping[str, str],
    public: Collection[str],
    before: Mapping[str, Mapping[str, float]],
) -> dict[str, dict[str, float]]:
    """What `issues.describe` would publish of each issue's words, with every public post another voice."""
    held: dict[str, list[Document]] = defaultdict(list)
    for document in seen:
        held[places[document.id]].append(document)
    found: dict[str, dict[str, float]] = {}
    for issue, documents in held.items():
        told = [d for d in documents if d.id not in public]
        said = Counter(w for d in documents if d.id in public for w in d.words)
        counts = Counter({w: n // K * K for w, n in said.items() if n >= K})
        for document in told:
            counts.update({w: 2 if w in document.title_words else 1 for w in document.words})
        if len(told) > 1 or len(documents) - len(told) >= K:
            older = before.get(issue, {})
            words = {w: max(float(counts[w]), older.get(w, 0.0)) for w in {*counts, *older}}
            found[issue] = dict(sorted(words.items(), key=lambda p: (-p[1], p[0]))[:PROFILE])
    return found


def bcubed(
    places: Mapping[str, str], gold: Mapping[str, str], over: Collection[str] | None = None
) -> tuple[float, float, float]:
    """Precision, recall and F1, the means over texts (`over`: of these alone).

    For each text: the share of its found issue that belongs with it, and of what belongs with it that is there.
    """
    found: dict[str, set[str]] = defaultdict(set)
    real: dict[str, set[str]] = defaultdict(set)
    for key, issue in places.items():
        found[issue].add(key)
        real[gold[key]].add(key)
    judged = places.keys() if over is None else over
    both = {key: len(found[places[key]] & real[gold[key]]) for key in judged}
    precision = sum(n / len(found[places[key]]) for key, n in both.items()) / len(both)
    recall = sum(n / len(real[gold[key]]) for key, n in both.items()) / len(both)
    return precision, recall, 2 * precision * recall / (precision + recall)
