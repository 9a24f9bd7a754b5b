"""Average-link clustering of units of different sizes (Sokal & Michener 1958), from means alone.

The mean likeness of all pairs of two groups is the product of the groups' mean vectors, so a group is as small as its mean
and a later run goes on where an earlier one stopped. (scipy's linkage takes no sizes.)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix, diags

# Chosen with `cluster.ALIKE`, on the same texts.
COHESION = 0.75  # 0: plain average link; 1: cosine of the means, where a large loose group is near to everything
TOPICS = 0.7  # likeness grows by so much where all topics are the same
FADES = 300.0  # hours after which likeness has fallen to 1/e
CAUTION = (
    0.8  # times the likeness of two settled units: what is left of them may resemble each other by its style alone
)
FEW, THIN = 4.0, 0.8  # times the likeness of two units of fewer strands together: few words meet by chance

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Likeness:
    """Means over the strands of each unit: word vectors, shares of the time's bins, topics; `sizes` counts the strands.

    `settled`: 1 for a unit that was an issue of several strands before, so was found to differ from others that were.
    """

    rows: csr_matrix
    times: Floats
    topics: Floats
    sizes: Floats
    settled: Floats
    bin_hours: float

    def part(self, places: NDArray[np.int64]) -> Likeness:
        """The units at `places` alone."""
        rows = csr_matrix(self.rows[places])
        return Likeness(
            rows, self.times[places], self.topics[places], self.sizes[places], self.settled[places], self.bin_hours
        )

    def merged(self, groups: Sequence[Sequence[int]]) -> Likeness:
        """One unit for each of `groups` (numbers of units)."""
        pointer = np.cumsum([0, *(len(g) for g in groups)])
        members = np.array([n for g in groups for n in g], dtype=np.int64)
        sizes = np.add.reduceat(self.sizes[members], pointer[:-1]) if len(members) else np.zeros(0)
        shares = self.sizes[members] / np.repeat(sizes, np.diff(pointer))
        mean = csr_matrix((shares, members, pointer), shape=(len(groups), len(self.sizes)))
        settled = np.array([self.settled[list(g)].max(initial=0.0) for g in groups])
        return Likeness(
            csr_matrix(mean @ self.rows), mean @ self.times, mean @ self.topics, sizes, settled, self.bin_hours
        )

    def by_theme(self) -> NDArray[np.int64]:
        """Units in such an order that those with the same leading feature (much used by all, much in them) are neighbours."""
        common = np.asarray(self.rows.sum(axis=0)).ravel()
        weighted = csr_matrix(self.rows @ diags(common))
        lead = np.zeros(weighted.shape[0], dtype=np.int64)
        for unit in range(weighted.shape[0]):
            start, end = weighted.indptr[unit], weighted.indptr[unit + 1]
            if end > start:
                lead[unit] = weighted.indices[start + int(weighted.data[start:end].argmax())]
        return np.argsort(lead, kind="stable")


def linked(units: Likeness, alike: float) -> list[list[int]]:
    """Groups of numbers of units, merged while two are alike by `alike` or more; needs memory for four square matrices."""
    count = len(units.sizes)
    members = [[number] for number in range(count)]
    if count < 2:
        return members
    hours = (
        np.abs(np.subtract.outer(np.arange(units.times.shape[1]), np.arange(units.times.shape[1]))) * units.bin_hours
    )
    words = (units.rows @ units.rows.T).toarray()
    times = units.times @ np.exp(-hours / FADES) @ units.times.T
    topics = units.topics @ units.topics.T
    sizes, settled = units.sizes.copy(), units.settled.copy()
    inner = _inner(words.diagonal().copy())
    likeness = words * times * (1 + TOPICS * topics) / np.outer(inner, inner)
    likeness *= _doubt(np.add.outer(sizes, sizes), np.outer(settled, settled))
    np.fill_diagonal(likeness, -1.0)
    nearest = likeness.argmax(axis=1)
    value = likeness[np.arange(count), nearest]
    while True:
        one = int(value.argmax())
        if value[one] < alike:
            break
        stays, goes = sorted((one, int(nearest[one])))
        share = sizes[stays] / (sizes[stays] + sizes[goes])
        for matrix in (words, times, topics):
            _mix(matrix, stays, goes, share)
        sizes[stays] += sizes[goes]
        members[stays] += members[goes]
        members[goes] = []
        inner[stays] = _inner(words[stays, stays])
        settled[stays] = max(settled[stays], settled[goes])
        row = words[stays] * times[stays] * (1 + TOPICS * topics[stays]) / (inner[stays] * inner)
        row *= _doubt(sizes[stays] + sizes, settled[stays] * settled)
        row[(likeness[stays] < 0) & (np.arange(count) != goes)] = -1.0  # what is merged away already, and itself
        row[goes] = -1.0
        likeness[stays], likeness[:, stays] = row, row
        likeness[goes], likeness[:, goes] = -1.0, -1.0
        value[goes] = -1.0
        closer = row > value
        stale = (value >= 0) & ~closer & ((nearest == stays) | (nearest == goes))
        nearest[closer], value[closer] = stays, row[closer]
        for number in {stays, *np.flatnonzero(stale).tolist()}:
            nearest[number] = likeness[number].argmax()
            value[number] = likeness[number, nearest[number]]
    return [group for group in members if group]


def _doubt(strands: Floats, both_settled: Floats) -> Floats:
    """By what likeness is multiplied where it may be chance."""
    return np.asarray(np.where(strands < FEW, THIN, 1.0) * (1 - (1 - CAUTION) * both_settled))


def _inner(likeness_to_itself: Floats | np.float64) -> Floats:
    """By what likeness is divided: a group whose strands are near to each other has a longer mean."""
    return np.asarray(np.where(likeness_to_itself > 0, likeness_to_itself, 1.0) ** (COHESION / 2))


def _mix(matrix: Floats, stays: int, goes: int, share: float) -> None:
    """Row and column `stays` become the mean of both."""
    matrix[stays] = share * matrix[stays] + (1 - share) * matrix[goes]
    matrix[:, stays] = share * matrix[:, stays] + (1 - share) * matrix[:, goes]
