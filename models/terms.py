"""Finds all occurrences of thousands of fixed terms in a batch, by hash, in time that does not grow with their number."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from models.ngrams import I64, U64, CodeBatch, NgramHashes, hash_string

_SIEVE_BITS: Final = 18


@dataclass(frozen=True, slots=True)
class _Length:
    sieve: NDArray[np.bool_]
    hashes: U64
    groups: I64


@dataclass(frozen=True, slots=True)
class Hits:
    """Where terms were found: start and end offset in the batch, and the term's group."""

    begins: I64
    ends: I64
    groups: I64


class TermMatcher:
    """Built once from term -> group number; thread-safe afterwards."""

    def __init__(self, terms: Mapping[str, int]) -> None:
        by_length: dict[int, dict[int, int]] = defaultdict(dict)
        for term, group in terms.items():
            by_length[len(term)][int(hash_string(term))] = group
        self._lengths: dict[int, _Length] = {}
        for length, table in by_length.items():
            hashes = np.array(sorted(table), dtype=np.uint64)
            sieve = np.zeros(1 << _SIEVE_BITS, dtype=np.bool_)
            sieve[_slot(hashes)] = True
            groups = np.array([table[int(value)] for value in hashes], dtype=np.int64)
            self._lengths[length] = _Length(sieve, hashes, groups)
        self.max_length = max(self._lengths, default=0)

    def find_at(self, length: int, positions: I64, hashes: U64) -> Hits | None:
        """Terms of one length among n-grams of that length; None if there are none of that length."""
        table = self._lengths.get(length)
        if table is None:
            return None
        likely = np.flatnonzero(table.sieve[_slot(hashes)])
        place = np.searchsorted(table.hashes, hashes[likely])
        place[place == len(table.hashes)] = 0
        same = table.hashes[place] == hashes[likely]
        begins = positions[likely[same]]
        return Hits(begins, begins + length, table.groups[place[same]])

    def find(self, batch: CodeBatch) -> Hits:
        """All terms in a batch, overlapping ones too."""
        found: list[Hits] = []
        grams = NgramHashes(batch)
        while self.max_length:
            hits = self.find_at(grams.length, *grams.positions()) if grams.length in self._lengths else None
            if hits is not None:
                found.append(hits)
            if grams.length == self.max_length:
                break
            grams.step()
        return join_hits(found)


def join_hits(parts: list[Hits]) -> Hits:
    """Several findings as one."""
    if not parts:
        empty = np.zeros(0, dtype=np.int64)
        return Hits(empty, empty, empty)
    return Hits(
        np.concatenate([part.begins for part in parts]),
        np.concatenate([part.ends for part in parts]),
        np.concatenate([part.groups for part in parts]),
    )


def number_terms(groups: Mapping[str, Sequence[str]]) -> tuple[dict[str, int], list[I64]]:
    """Term numbers, and per layer the group of each term or -1: a term's second group stands in the second layer."""
    numbers: dict[str, int] = {}
    members: dict[str, list[int]] = {}
    for group, terms in enumerate(groups.values()):
        for term in terms:
            numbers.setdefault(term, len(numbers))
            mine = members.setdefault(term, [])
            if group not in mine:
                mine.append(group)
    depth = max(map(len, members.values()), default=0)
    layers = [
        np.array([members[term][level] if level < len(members[term]) else -1 for term in numbers], dtype=np.int64)
        for level in range(depth)
    ]
    return numbers, layers


def _slot(hashes: U64) -> I64:
    return ((hashes * np.uint64(0xD6E8FEB86659FD93)) >> np.uint64(64 - _SIEVE_BITS)).astype(np.int64)
