"""Which documents are about the same issue: re-read at every run, seven days wide, ids that survive (DESIGN §3).

A thread with its replies, or the near-copies of one story, is one strand. Strands and what earlier runs made of them are
merged by average-link clustering of their weighted words (Sokal & Michener 1958), so that what was seen apart early, when
little was known, comes together later. Documents never leave an issue; an issue that is merged away leaves a redirect.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import numpy as np
from numpy.typing import NDArray
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.sparse import csr_matrix
from scipy.spatial.distance import squareform

from models.frequencies import Frequencies

# Chosen on the demo's story at rhythms from hourly to daily; tests/pipeline/cluster pins what they reach.
APART = 0.86  # cosine distance up to which strands are one issue
CAUTION = 0.06  # added between two issues that both hold several strands: else the larger swallows the smaller in time
SEVERAL = 3
TOPIC_WEIGHT = 0.3  # of the topics, against 1 for all words
TITLE_WEIGHT = 1.6  # a word in a title counts so often
BACKGROUND_WEIGHT = 0.3  # a text of the general background counts so much, against 1 for a strand of this week
MOST = 2000  # strands and issues compared in one run, newest first: the distance matrix is square
TELLING = frozenset(
    {
        "impersonation_scam", "privacy_leak", "service_access", "integrity", "public_interest", "minors_victims",
        "case_handling", "procedure_rights", "staff_conduct",
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Document:
    """What clustering sees of an item or a post. `issue_id` is where it was put before; `kin` its story and thread keys."""

    id: str
    words: tuple[str, ...]
    title_words: frozenset[str]
    topics: frozenset[str]
    at: datetime
    kin: tuple[str, ...] = ()
    issue_id: str = ""


@dataclass(frozen=True, slots=True)
class Clustering:
    """`places`: document id → issue id, for every document; `redirects`: merged id → the surviving, older one."""

    places: dict[str, str]
    redirects: dict[str, str]


@dataclass(slots=True)
class _Unit:
    """What is held together already: the strands of one issue, or one new strand."""

    issue_ids: list[str] = field(default_factory=list)  # oldest first; several where a strand joins two issues
    documents: list[Document] = field(default_factory=list)
    strands: int = 0
    counts: dict[str, float] = field(default_factory=lambda: defaultdict(float))  # documents that hold a word
    profile: Mapping[str, float] = field(default_factory=dict)

    @property
    def newest(self) -> float:
        return max((d.at.timestamp() for d in self.documents), default=0.0)


def strands(documents: Sequence[Document]) -> list[list[Document]]:
    """Documents grouped by their kin, in the order of their first document."""
    leader: dict[str, str] = {d.id: d.id for d in documents}

    def root(key: str) -> str:
        while leader[key] != key:
            leader[key] = leader[leader[key]]
            key = leader[key]
        return key

    for document in documents:
        for key in document.kin:
            node = f"kin:{key}"
            leader.setdefault(node, node)
            leader[root(document.id)] = root(node)
    groups: dict[str, list[Document]] = defaultdict(list)
    for document in documents:
        groups[root(document.id)].append(document)
    return list(groups.values())


def held_by(groups: Sequence[Sequence[Document]]) -> Counter[str]:
    """Word → how many of the groups hold it."""
    held: Counter[str] = Counter()
    for group in groups:
        held.update({word for document in group for word in document.words})
    return held


def rarity(held: Mapping[str, int], total: int, background: Frequencies) -> dict[str, float]:
    """How much each word tells: ln of the inverse share of texts that hold it (Spärck Jones 1972).

    `held`: word → how many of this window's `total` texts (or strands) hold it. The background keeps a quiet day's few texts
    from deciding, and says which words are usual: a word that everybody uses this week may be what everybody speaks of.
    """
    everything = total + BACKGROUND_WEIGHT * background.texts
    return {
        word: math.log(everything / max(1.0, count + BACKGROUND_WEIGHT * background.of(word)))
        for word, count in held.items()
    }


def cluster(
    documents: Sequence[Document],
    profiles: Mapping[str, Mapping[str, float]],
    weights: Mapping[str, float],
    new_id: Callable[[], str],
) -> Clustering:
    """Place every document.

    `documents` of one window, oldest first; `profiles`: issue id → word counts of issues already published, oldest first
    (they stand for documents that are gone); `weights` from `rarity` over strands; `new_id` gives ids to new issues.
    """
    units = _units(documents, profiles)
    known = {issue_id for unit in units for issue_id in unit.issue_ids}
    while True:  # until nothing moves any more, so that a second run at the same time changes nothing
        merged: list[_Unit] = []
        for together in sorted(_together(units, weights), key=min):  # older issues stay before younger ones
            first, *others = (units[number] for number in sorted(together))
            for other in others:
                _absorb(first, other)
            if not first.issue_ids:
                first.issue_ids.append(new_id())
            merged.append(first)
        if len(merged) == len(units):
            break
        units = merged
    places = {document.id: unit.issue_ids[0] for unit in units for document in unit.documents}
    redirects = {old: unit.issue_ids[0] for unit in units for old in unit.issue_ids[1:] if old in known}
    return Clustering(places, redirects)


def _units(documents: Sequence[Document], profiles: Mapping[str, Mapping[str, float]]) -> list[_Unit]:
    """Issues of earlier runs, oldest first, then new strands."""
    found: dict[str, _Unit] = {issue_id: _Unit([issue_id], profile=words) for issue_id, words in profiles.items()}
    new: list[_Unit] = []
    for group in strands(documents):
        known = list(dict.fromkeys(d.issue_id for d in group if d.issue_id))
        for issue_id in known:
            found.setdefault(issue_id, _Unit([issue_id]))
        unit = found[known[0]] if known else _Unit()
        if not known:
            new.append(unit)
        for issue_id in known[1:]:  # one strand in two issues: they are one
            if found[issue_id] is not unit:
                _absorb(unit, found[issue_id])
                found.update(dict.fromkeys(unit.issue_ids, unit))
        unit.documents += group
        unit.strands += 1
        for document in group:
            for word in dict.fromkeys(document.words):
                unit.counts[word] += TITLE_WEIGHT if word in document.title_words else 1.0
    return [*{id(unit): unit for unit in found.values()}.values(), *new]


def _absorb(unit: _Unit, other: _Unit) -> None:
    unit.issue_ids += other.issue_ids
    unit.documents += other.documents
    unit.strands += other.strands
    for word, count in other.counts.items():
        unit.counts[word] += count
    unit.profile = {**other.profile, **unit.profile}


def _together(units: Sequence[_Unit], weights: Mapping[str, float]) -> Iterator[list[int]]:
    """Numbers of units that are one issue."""
    order = sorted(range(len(units)), key=lambda n: -units[n].newest)
    compared, alone = sorted(order[:MOST]), order[MOST:]
    yield from ([number] for number in alone)
    if len(compared) < 2:
        yield from ([number] for number in compared)
        return
    distance = _distances([units[n] for n in compared], weights)
    labels = fcluster(linkage(squareform(distance, checks=False), "average"), APART, "distance")
    groups: dict[int, list[int]] = defaultdict(list)
    for number, label in zip(compared, labels, strict=True):
        groups[int(label)].append(number)
    yield from groups.values()


def _distances(units: Sequence[_Unit], weights: Mapping[str, float]) -> NDArray[np.float64]:
    columns: dict[str, int] = {}
    values: list[float] = []
    indices: list[int] = []
    pointer = [0]
    for unit in units:
        vector = _vector(unit, weights)
        indices += [columns.setdefault(key, len(columns)) for key in vector]
        values += vector.values()
        pointer.append(len(values))
    matrix = csr_matrix((values, indices, pointer), shape=(len(units), len(columns) or 1))
    distance = 1.0 - (matrix @ matrix.T).toarray()
    settled = np.array([bool(unit.issue_ids) and unit.strands >= SEVERAL for unit in units])
    distance += CAUTION * np.outer(settled, settled)
    np.clip(distance, 0.0, None, out=distance)
    np.fill_diagonal(distance, 0.0)
    return distance


def _vector(unit: _Unit, weights: Mapping[str, float]) -> dict[str, float]:
    """Unit vector: words by sublinear count and rarity, then topics."""
    counts = unit.counts or unit.profile
    words = _scaled({w: (1 + math.log(max(1.0, n))) * weights[w] for w, n in counts.items() if weights.get(w, 0.0) > 0})
    topics = Counter(f"topic:{t}" for d in unit.documents for t in d.topics if t in TELLING)
    told = _scaled({t: float(n) for t, n in topics.items()})
    return _scaled({**words, **{t: TOPIC_WEIGHT * x for t, x in told.items()}})


def _scaled(vector: Mapping[str, float]) -> dict[str, float]:
    length = math.sqrt(sum(x * x for x in vector.values())) or 1.0
    return {key: x / length for key, x in vector.items()}
