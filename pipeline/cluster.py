"""Which documents are about the same issue: incremental, seven days wide, ids that survive (DESIGN §3).

A document goes to the issue whose centre it resembles most (cosine of idf-weighted words), else it starts a new one.
Replies go where their topic went, near-copies where their story went. Centres that have grown together are merged.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

JOIN = 0.24  # cosine at which a document joins an issue
MERGE = 0.52  # cosine at which two issues are one
TOPIC_BONUS = 0.06  # for a shared telling topic
COMMON = 0.35  # words in more than this share of a window tell nothing
MIN_WORDS = 3
TELLING = frozenset({"impersonation_scam", "privacy_leak", "service_access", "integrity", "public_interest"})


@dataclass(frozen=True, slots=True)
class Document:
    """What clustering sees of an item or a post. `issue_id` is where it was put before; `kin` its story and topic keys."""

    id: str
    words: tuple[str, ...]
    title_words: frozenset[str]
    topics: frozenset[str]
    at: datetime
    kin: tuple[str, ...] = ()
    issue_id: str = ""


@dataclass(slots=True)
class _Centre:
    issue_id: str
    born: int
    weights: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    topics: Counter[str] = field(default_factory=Counter)
    size: int = 0

    def add(self, vector: Mapping[str, float], topics: Iterable[str], times: float = 1.0) -> None:
        for word, weight in vector.items():
            self.weights[word] += weight * times
        self.topics.update(topics)
        self.size += 1

    @property
    def length(self) -> float:
        return math.sqrt(sum(w * w for w in self.weights.values())) or 1.0

    def tells(self) -> set[str]:
        return {t for t, n in self.topics.items() if t in TELLING and n * 2 >= self.size}


@dataclass(frozen=True, slots=True)
class Clustering:
    """`places`: document id → issue id, for every document; `redirects`: merged id → the surviving, older one."""

    places: dict[str, str]
    redirects: dict[str, str]


def cluster(
    documents: Sequence[Document], profiles: Mapping[str, Mapping[str, float]], new_id: Callable[[], str]
) -> Clustering:
    """Place every document.

    `documents` of one window, oldest first; `profiles`: issue id → word weights of issues already published, oldest
    first; `new_id` gives ids to new issues. Documents that had a place keep it unless their issue was merged.
    """
    idf = _idf(documents)
    centres: dict[str, _Centre] = {}
    holders: dict[str, set[str]] = defaultdict(set)  # word → issues

    def centre(issue_id: str) -> _Centre:
        if issue_id not in centres:
            centres[issue_id] = _Centre(issue_id, len(centres))
        return centres[issue_id]

    def put(document: Document, vector: Mapping[str, float], issue_id: str) -> None:
        centre(issue_id).add(vector, document.topics)
        for word in vector:
            holders[word].add(issue_id)

    for issue_id, weights in profiles.items():
        centre(issue_id).add(_unit({w: x for w, x in weights.items() if w in idf}), ())
        for word in weights:
            holders[word].add(issue_id)
    places: dict[str, str] = {}
    kin: dict[str, str] = {}
    vectors = {d.id: _vector(d, idf) for d in documents}
    for document in documents:
        if document.issue_id:
            places[document.id] = document.issue_id
            put(document, vectors[document.id], document.issue_id)
            kin.update(dict.fromkeys(document.kin, document.issue_id))
    for document in documents:
        if document.id in places:
            continue
        vector = vectors[document.id]
        found = next((kin[k] for k in document.kin if k in kin), "") or _nearest(document, vector, centres, holders)
        issue_id = found or new_id()
        places[document.id] = issue_id
        put(document, vector, issue_id)
        kin.update({k: issue_id for k in document.kin if k not in kin})
    redirects = _merged(centres, holders)
    return Clustering({d: redirects.get(i, i) for d, i in places.items()}, redirects)


def _idf(documents: Sequence[Document]) -> dict[str, float]:
    seen: Counter[str] = Counter()
    for document in documents:
        seen.update(set(document.words))
    total = len(documents)
    most = max(8.0, COMMON * total)
    return {word: math.log(1 + total / n) for word, n in seen.items() if n <= most}


def _vector(document: Document, idf: Mapping[str, float]) -> dict[str, float]:
    return _unit(
        {w: idf[w] * (1.6 if w in document.title_words else 1.0) for w in dict.fromkeys(document.words) if w in idf}
    )


def _unit(weights: Mapping[str, float]) -> dict[str, float]:
    length = math.sqrt(sum(w * w for w in weights.values())) or 1.0
    return {word: w / length for word, w in weights.items()}


def _nearest(
    document: Document, vector: Mapping[str, float], centres: Mapping[str, _Centre], holders: Mapping[str, set[str]]
) -> str:
    if len(vector) < MIN_WORDS:
        return ""
    dots: dict[str, float] = defaultdict(float)
    for word, weight in vector.items():
        for issue_id in holders.get(word, ()):
            dots[issue_id] += weight * centres[issue_id].weights.get(word, 0.0)
    best, best_id = 0.0, ""
    for issue_id, dot in dots.items():
        centre = centres[issue_id]
        likeness = dot / centre.length + (TOPIC_BONUS if centre.tells() & document.topics else 0.0)
        if (likeness, -centre.born) > (best, -centres[best_id].born if best_id else 0):
            best, best_id = likeness, issue_id
    return best_id if best >= JOIN else ""


def _merged(centres: Mapping[str, _Centre], holders: Mapping[str, set[str]]) -> dict[str, str]:
    redirects: dict[str, str] = {}
    order = sorted((c for c in centres.values() if c.size > 1), key=lambda c: c.born)
    for number, young in enumerate(order):
        for old in order[:number]:
            if old.issue_id in redirects or not _touch(old, young, holders):
                continue
            dot = sum(w * old.weights.get(word, 0.0) for word, w in young.weights.items())
            if dot / (old.length * young.length) >= MERGE:
                redirects[young.issue_id] = old.issue_id
                break
    return redirects


def _touch(a: _Centre, b: _Centre, holders: Mapping[str, set[str]]) -> bool:
    heaviest = sorted(b.weights, key=lambda w: -b.weights[w])[:8]
    return any(a.issue_id in holders.get(word, ()) for word in heaviest)
