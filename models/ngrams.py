"""Hashes of character n-grams and of words for a whole batch at once, with numpy only.

A batch of texts becomes one array of code points in which 0 separates texts (and stands for any white space).
The hashes depend on the characters alone: the same in every process, on every machine, at every place in a batch.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

U64 = NDArray[np.uint64]
I64 = NDArray[np.int64]

BATCH_CHARS: Final = 200_000  # no batch holds more code points than this (plus one text)
MAX_TEXT: Final = 8_000  # a longer text is read at its head and its tail
_HEAD: Final = 6_000
_TABLE: Final = BATCH_CHARS + MAX_TEXT + 16
_MULTIPLIER: Final = 0x9E3779B97F4A7C15 | 1
_INVERSE: Final = pow(_MULTIPLIER, -1, 2**64)
_MIX_A: Final = np.uint64(0xBF58476D1CE4E5B9)
_MIX_B: Final = np.uint64(0x94D049BB133111EB)
_QUOTES: Final = "“”„‟«»「」『』〝〞‘’`´"


def _normal_forms() -> NDArray[np.uint32]:
    """Code point to code point: full width to half width, capitals to small, white space and controls to 0."""
    table = np.arange(0x10000, dtype=np.uint32)
    table[0xFF01:0xFF5F] = np.arange(0x21, 0x7F, dtype=np.uint32)
    for code in range(0x10000):
        char = chr(code)
        if (not char.isprintable() and not 0xE000 <= code < 0xF900) or char.isspace():
            table[code] = 0
    table[0xD800:0xE000] = 0xFFFD
    table[0x3000] = 0
    for capital in range(ord("A"), ord("Z") + 1):
        table[capital] = capital + 32
        table[capital + 0xFEE0] = capital + 32
    for quote in _QUOTES:
        table[ord(quote)] = ord('"')
    return table


def _word_chars() -> NDArray[np.bool_]:
    """Which code points can be part of a word (letters, digits, Han, placeholders)."""
    table = np.array([chr(code).isalnum() for code in range(0x10000)], dtype=np.bool_)
    table[0xE000:0xE010] = True
    return table


_NORMAL: Final = _normal_forms()
_IS_WORD: Final = _word_chars()


def _powers(base: int) -> U64:
    table: U64 = np.full(_TABLE, np.uint64(base), dtype=np.uint64)
    table[0] = 1
    return np.cumprod(table, dtype=np.uint64)


_POWERS: Final = _powers(_MULTIPLIER)
_INVERSES: Final = _powers(_INVERSE)


def mix(values: U64) -> U64:
    """Spreads every input bit over the whole word (splitmix64's finaliser)."""
    out = values ^ (values >> np.uint64(30))
    out *= _MIX_A
    out ^= out >> np.uint64(27)
    out *= _MIX_B
    out ^= out >> np.uint64(31)
    return out


def shorten(text: str) -> str:
    """At most MAX_TEXT characters: what a very long text begins and ends with."""
    if len(text) <= MAX_TEXT:
        return text
    return text[:_HEAD] + "\n" + text[-(MAX_TEXT - _HEAD - 1) :]


@dataclass(frozen=True, slots=True)
class CodeBatch:
    """Texts joined by newlines, as normalised code points, with the text that each position belongs to."""

    joined: str
    codes: NDArray[np.uint32]
    starts: I64  # offset of each text, plus one final offset
    char_hash: U64  # hash of each single character; 0 at separators
    breaks: NDArray[np.bool_]  # where a line ends

    @property
    def size(self) -> int:
        return len(self.starts) - 1


def encode(texts: Sequence[str]) -> CodeBatch:
    """Joins and normalises texts. A lone surrogate becomes U+FFFD; nothing raises."""
    joined = "".join(f"{text}\n" for text in texts)  # the last one too: its lines are counted like the others'
    try:
        raw = joined.encode("utf-32-le")
    except UnicodeEncodeError:
        joined = "".join("\ufffd" if 0xD800 <= ord(char) < 0xE000 else char for char in joined)
        raw = joined.encode("utf-32-le")
    codes = np.frombuffer(raw, dtype="<u4").astype(np.uint32)
    low = codes < 0x10000
    breaks = codes == ord("\n")
    codes = np.where(low, _NORMAL[np.where(low, codes, 0)], codes)
    lengths = np.fromiter(map(len, texts), dtype=np.int64, count=len(texts))
    starts = np.zeros(len(texts) + 1, dtype=np.int64)
    np.cumsum(lengths + 1, out=starts[1:])
    char_hash = mix(codes.astype(np.uint64) + np.uint64(0x1234567))
    char_hash[codes == 0] = 0
    return CodeBatch(joined, codes, starts, char_hash, breaks)


def is_word(codes: NDArray[np.uint32]) -> NDArray[np.bool_]:
    """True where a code point is a letter, digit, Han character or placeholder."""
    low = codes < 0x10000
    return np.where(low, _IS_WORD[np.where(low, codes, 0)], False)


class NgramHashes:
    """Rolling hashes of the n-grams of a batch, one length after the other."""

    def __init__(self, batch: CodeBatch) -> None:
        self._chars = batch.char_hash
        self._solid = batch.codes != 0
        self._hash = batch.char_hash
        self._valid = self._solid
        self.length = 1

    def step(self) -> None:
        """Goes on to n-grams of one more character."""
        self.length += 1
        tail = self.length - 1
        keep = max(len(self._chars) - tail, 0)
        self._hash = self._hash[:keep] * np.uint64(_MULTIPLIER) + self._chars[tail:]
        self._valid = self._valid[:keep] & self._solid[tail:]

    def positions(self) -> tuple[I64, U64]:
        """Start and hash of each n-gram of the present length that crosses no white space."""
        where: I64 = np.flatnonzero(self._valid)
        return where, self._hash[where]


def span_hashes(batch: CodeBatch, begins: I64, ends: I64) -> U64:
    """One hash for each span of characters; equal texts give equal hashes wherever they stand."""
    if len(batch.codes) >= _TABLE:
        raise ValueError(f"batch of {len(batch.codes)} characters, at most {_TABLE - 1}")
    sums = np.zeros(len(batch.codes) + 1, dtype=np.uint64)
    np.cumsum(batch.char_hash * _INVERSES[: len(batch.codes)], out=sums[1:])
    spans: U64 = (sums[ends] - sums[begins]) * _POWERS[begins]
    return spans


def hash_string(text: str) -> np.uint64:
    """The n-gram hash of one whole string (for lookup tables); it must hold no white space."""
    batch = encode([text])
    grams = NgramHashes(batch)
    for _ in range(len(text) - 1):
        grams.step()
    where, hashes = grams.positions()
    if len(where) != 1:
        raise ValueError(f"not one unbroken term: {text!r}")
    return np.uint64(hashes[0])
