"""From texts to one sparse matrix: word 1-2-grams and character 1-3-grams by hash, word groups and the shape of the text."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from models.lexicons import GROUP_NAMES, GROUPS, OFFICE_GROUPS
from models.ngrams import BATCH_CHARS, I64, U64, CodeBatch, NgramHashes, encode, is_word, mix, shorten, span_hashes
from models.office_names import OTHER, OWN, OfficeNames, replace_names
from models.segment import Segmenter
from models.terms import TermMatcher, join_hits, number_terms

FEATURES_VERSION: Final = 3
BUCKET_BITS: Final = 22
CHAR_NGRAMS: Final = 3
BLOCKS: Final = ("char", "word")
_SALT_WORD: Final = np.uint64(0x5851F42D4C957F2D)
_SALT_PAIR: Final = np.uint64(0x14057B7EF767814F)
_BATCH_TEXTS: Final = 1_000
SHAPES: Final[tuple[str, ...]] = (
    "length", "short", "long", "ends_question", "has_url", "hash_tag", "at_sign", "digits", "latin", "paragraphs",
    "nothing", "office_early", "office_late", "office_once", "any_office", "own_named",
)  # fmt: skip
# Word groups, the same again only where an office is in the text (a complaint *about an office* is another thing), shape.
DENSE_NAMES: Final[tuple[str, ...]] = (
    *("lexicon:" + name for name in GROUP_NAMES),
    *("office+lexicon:" + name for name in GROUP_NAMES),
    *("shape:" + name for name in SHAPES),
)
DENSE_SCALE: Final = 0.15

_OFFICE_COLUMNS: Final = [GROUP_NAMES.index(name) for name in OFFICE_GROUPS]
_OWN_COLUMNS: Final = [GROUP_NAMES.index("own_office")]

F32 = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Raw:
    """The hashed n-grams of a batch, not yet counted, and its dense features."""

    size: int
    documents: I64
    buckets: I64
    begins: I64
    ends: I64
    is_word: NDArray[np.bool_]
    dense: F32


def prepare(texts: Sequence[str], office: OfficeNames | None) -> list[str]:
    """What is read of each text: shortened, with office names replaced."""
    return [replace_names(shorten(text), office) for text in texts]


def batches(texts: Sequence[str]) -> Iterator[Sequence[str]]:
    """Cuts prepared texts into batches that fit the tables of `ngrams`."""
    start, chars = 0, 0
    for index, text in enumerate(texts):
        if index > start and (chars + len(text) + 1 > BATCH_CHARS or index - start >= _BATCH_TEXTS):
            yield texts[start:index]
            start, chars = index, 0
        chars += len(text) + 1
    if start < len(texts):
        yield texts[start:]


class Extractor:
    """Hashes batches of prepared texts; holds the segmenter and the compiled word groups."""

    def __init__(self, segmenter: Segmenter) -> None:
        self.segmenter = segmenter
        terms, self._layers = number_terms(GROUPS)
        self._terms = TermMatcher(terms)

    def extract(self, texts: Sequence[str], known: NDArray[np.bool_] | None = None) -> Raw:
        """All n-grams of one batch (see `batches`), or only those whose bucket is `known`: half the work when scoring."""
        batch = encode(texts)
        owner = np.repeat(np.arange(batch.size, dtype=np.int64), np.diff(batch.starts))[: len(batch.codes)]
        begins: list[I64] = []
        ends: list[I64] = []
        buckets: list[I64] = []
        found = []

        def keep(first: I64, last: I64, bucket: I64) -> None:
            if known is not None:
                kept = np.flatnonzero(known[bucket])
                first, last, bucket = first[kept], last[kept], bucket[kept]
            begins.append(first)
            ends.append(last)
            buckets.append(bucket)

        grams = NgramHashes(batch)
        for length in range(1, max(CHAR_NGRAMS, self._terms.max_length) + 1):
            if length > 1:
                grams.step()
            where, hashes = grams.positions()
            hits = self._terms.find_at(length, where, hashes)
            if hits is not None:
                found.append(hits)
            if length <= CHAR_NGRAMS:
                keep(where, where + length, _bucket(hashes))
        chars = sum(map(len, begins))
        for first, last, bucket in self._words(batch, owner):
            keep(first, last, bucket)
        starts = np.concatenate(begins)
        hits = join_hits(found)
        groups = self._groups(owner[hits.begins], hits.groups, batch.size)
        office = groups[:, _OFFICE_COLUMNS].any(axis=1, keepdims=True)
        shape = np.concatenate([_shape(batch, owner), _place_of_office(batch, owner), office], axis=1)
        dense = np.concatenate([groups, groups * office, shape, groups[:, _OWN_COLUMNS] > 0], axis=1)
        return Raw(
            size=batch.size,
            documents=owner[starts],
            buckets=np.concatenate(buckets),
            begins=starts,
            ends=np.concatenate(ends),
            is_word=np.arange(len(starts)) >= chars,
            dense=(dense * DENSE_SCALE).astype(np.float32),
        )

    def group_hits(self, prepared: str) -> dict[int, list[tuple[int, int]]]:
        """Word group → where its terms stand in one prepared text: (begin, end) offsets."""
        hits = self._terms.find(encode([prepared]))
        found: dict[int, list[tuple[int, int]]] = {}
        for layer in self._layers:
            for begin, end, group in zip(hits.begins, hits.ends, layer[hits.groups], strict=True):
                if group >= 0:
                    found.setdefault(int(group), []).append((int(begin), int(end)))
        return found

    def _words(self, batch: CodeBatch, owner: I64) -> Iterator[tuple[I64, I64, I64]]:
        tokens = self.segmenter.cut(batch.joined)
        ends = np.cumsum(np.fromiter(map(len, tokens), dtype=np.int64, count=len(tokens)))
        begins = np.concatenate([np.zeros(1, dtype=np.int64), ends[:-1]]) if len(ends) else ends
        keep = is_word(batch.codes[begins]) if len(begins) else np.zeros(0, dtype=np.bool_)
        begins, ends = begins[keep], ends[keep]
        hashes = span_hashes(batch, begins, ends)
        yield begins, ends, _bucket(hashes + _SALT_WORD)
        # Pairs only of words that touch: nothing spans a comma.
        joint = np.flatnonzero(ends[:-1] == begins[1:])
        pairs = mix(hashes[joint] + _SALT_PAIR) + hashes[joint + 1]
        yield begins[joint], ends[joint + 1], _bucket(pairs)

    def _groups(self, documents: I64, terms: I64, size: int) -> F32:
        width = len(GROUP_NAMES)
        counts = np.zeros(size * width, dtype=np.float64)
        for layer in self._layers:
            group = layer[terms]
            real = group >= 0
            counts += np.bincount(documents[real] * width + group[real], minlength=size * width)
        return np.log1p(np.minimum(counts, 20)).reshape(size, width).astype(np.float32)


def _bucket(hashes: U64) -> I64:
    return (mix(hashes) >> np.uint64(64 - BUCKET_BITS)).astype(np.int64)


def _shape(batch: CodeBatch, owner: I64) -> F32:
    codes, size = batch.codes, batch.size

    def count(mask: NDArray[np.bool_]) -> NDArray[np.float64]:
        return np.bincount(owner[mask], minlength=size).astype(np.float64)

    length = count(codes != 0)
    safe = np.maximum(length, 1)
    lines = np.maximum(count(batch.breaks) - 1, 0)
    last = _last_code(batch)
    url = count(codes == ord("/")) > 1
    columns = [
        np.log1p(length) / 4,
        length < 20,
        length > 300,
        last == ord("?"),
        url,
        count(codes == ord("#")) > 1,
        count(codes == ord("@")) > 0,
        np.minimum(count((codes >= 48) & (codes < 58)) / safe * 4, 1),
        np.minimum(count((codes >= 97) & (codes < 123)) / safe * 2, 1),
        np.log1p(lines) / 2,
        length == 0,
    ]
    return np.stack([np.asarray(column, dtype=np.float32) for column in columns], axis=1)


def _place_of_office(batch: CodeBatch, owner: I64) -> F32:
    """Whether an office is named in the first 15 characters, in the last third, and just once."""
    named = np.flatnonzero((batch.codes >= ord(OWN)) & (batch.codes <= ord(OTHER)))
    text = owner[named]
    inside = named - batch.starts[text]
    length = np.diff(batch.starts)[text]
    early = np.bincount(text[inside < 15], minlength=batch.size) > 0
    late = np.bincount(text[inside * 3 > length * 2], minlength=batch.size) > 0
    once = np.bincount(text, minlength=batch.size) == 1
    return np.stack([early, late, once], axis=1).astype(np.float32)


def _last_code(batch: CodeBatch) -> NDArray[np.uint32]:
    solid = np.flatnonzero(batch.codes != 0)
    if not len(solid):
        return np.zeros(batch.size, dtype=np.uint32)
    place = np.searchsorted(solid, batch.starts[1:], side="left") - 1
    index = solid[np.maximum(place, 0)]
    inside = (place >= 0) & (index >= batch.starts[:-1])
    return np.where(inside, batch.codes[index], 0).astype(np.uint32)


@dataclass(frozen=True)
class Vocabulary:
    """The buckets a model knows, in column order, with their weight (idf) and block."""

    buckets: NDArray[np.int32]
    idf: F32
    block: NDArray[np.uint8]

    @cached_property
    def table(self) -> NDArray[np.int32]:
        """Bucket to column, -1 where unknown."""
        table = np.full(1 << BUCKET_BITS, -1, dtype=np.int32)
        table[self.buckets] = np.arange(self.width, dtype=np.int32)
        return table

    @cached_property
    def known(self) -> NDArray[np.bool_]:
        """Which buckets have a column."""
        return self.table >= 0

    @property
    def width(self) -> int:
        return len(self.buckets)

    @classmethod
    def fit(cls, raws: Iterable[Raw], min_texts: int) -> Vocabulary:
        """Keeps the buckets that at least `min_texts` texts share."""
        frequency = np.zeros(1 << BUCKET_BITS, dtype=np.int64)
        words = np.zeros(1 << BUCKET_BITS, dtype=np.bool_)
        total = 0
        for raw in raws:
            total += raw.size
            keys = np.unique(raw.documents << BUCKET_BITS | raw.buckets)
            frequency += np.bincount(keys & ((1 << BUCKET_BITS) - 1), minlength=1 << BUCKET_BITS)
            words[raw.buckets[raw.is_word]] = True
        kept = np.flatnonzero(frequency >= min_texts)
        idf = np.log((1 + total) / (1 + frequency[kept])) + 1
        return cls(kept.astype(np.int32), idf.astype(np.float32), words[kept].astype(np.uint8))

    def matrix(self, raw: Raw) -> csr_matrix:
        """Sublinear counts times idf, each block of each text scaled to length one."""
        columns = self.table[raw.buckets]
        known = np.flatnonzero(columns >= 0)
        keys = raw.documents[known] * self.width + columns[known]
        if raw.size * self.width < 1 << 32:
            keys = keys.astype(np.uint32)  # sorts in half the time
        keys.sort()
        first = np.flatnonzero(np.concatenate([np.ones(min(len(keys), 1), dtype=np.bool_), keys[1:] != keys[:-1]]))
        counts = np.diff(np.append(first, len(keys)))
        keys = keys[first].astype(np.int64)
        rows = keys // max(self.width, 1)
        columns = (keys - rows * self.width).astype(np.int32)
        values = (1 + np.log(counts)).astype(np.float32) * self.idf[columns]
        part = rows * len(BLOCKS) + self.block[columns]
        norms = np.sqrt(np.bincount(part, weights=values * values, minlength=raw.size * len(BLOCKS)))
        values /= np.maximum(norms, 1e-9).astype(np.float32)[part]
        pointer = np.zeros(raw.size + 1, dtype=np.int32)
        np.cumsum(np.bincount(rows, minlength=raw.size), out=pointer[1:])
        return csr_matrix((values, columns, pointer), shape=(raw.size, self.width))
