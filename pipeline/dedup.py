"""Near-copies: MinHash over character shingles (DESIGN §6), and the spans that several people's copies share."""

from __future__ import annotations

import hashlib
import re
import zlib
from collections import defaultdict
from collections.abc import Mapping, Sequence

from datasketch import MinHash

from pipeline.privacy.staging_keys import distinct_voices
from pipeline.records import Voice

SHINGLE = 5
PERMUTATIONS, ROWS = 128, 8  # 16 bands of 8: a pair at Jaccard 0.8 meets with p = 0.95, at 0.5 with p = 0.06
MIN_CHARACTERS = 40  # shorter texts are alike by chance
SPAN = 12  # a shared phrase is at least this long

_NOISE = re.compile(r"\W+")
_EMPTY = MinHash(num_perm=PERMUTATIONS, seed=1, hashfunc=zlib.crc32)  # its permutations are costly to draw
_EDGES = " ，。！？；：、…—,.!?;:~～"


def content_hash(title: str, text: str) -> str:
    """32 hex digits; differs where a reader would see a difference (white space aside)."""
    flat = " ".join(f"{title}\n{text}".split())
    return hashlib.blake2b(flat.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


def bands(text: str) -> list[str]:
    """LSH bands of a text: two texts that share one are near-copies. Empty for short texts."""
    flat = _NOISE.sub("", text)
    if len(flat) < MIN_CHARACTERS:
        return []
    sketch = _EMPTY.copy()
    sketch.update_batch({flat[i : i + SHINGLE].encode("utf-8", "replace") for i in range(len(flat) - SHINGLE + 1)})
    values = sketch.hashvalues
    return [
        f"{start:03d}" + hashlib.blake2b(values[start : start + ROWS].tobytes(), digest_size=12).hexdigest()
        for start in range(0, PERMUTATIONS, ROWS)
    ]


def story_of(item_id: str, own_bands: Sequence[str], known: Mapping[str, str]) -> str:
    """The story a text belongs to: that of the earliest band already known, else a new one named after the item."""
    return next((known[band] for band in own_bands if band in known), item_id)


def wordings(texts: Sequence[str]) -> list[int]:
    """For each text the number of the first one that it repeats a span of (`SPAN` characters), else its own number."""
    leader = list(range(len(texts)))

    def first(number: int) -> int:
        while leader[number] != number:
            leader[number] = leader[leader[number]]
            number = leader[number]
        return number

    seen: dict[str, int] = {}
    for number, text in enumerate(texts):
        flat = _NOISE.sub("", text)
        for at in range(max(1, len(flat) - SPAN + 1)):
            one, other = sorted((first(seen.setdefault(flat[at : at + SPAN], number)), first(number)))
            leader[other] = one
    return [first(number) for number in range(len(texts))]


def shared_spans(posts: Sequence[tuple[str, Voice]], k: int, most: int = 5) -> list[str]:
    """Spans of a circulating text that at least `k` distinct voices' copies have word for word (charter 2), longest first.

    Nothing that fewer voices wrote is in them: each span as a whole was found in k voices' texts.
    """
    texts = [(re.sub(r"\s+", " ", text), voice) for text, voice in posts]
    holders: dict[str, list[int]] = defaultdict(list)
    for number, (text, _) in enumerate(texts):
        for gram in {text[i : i + SPAN] for i in range(len(text) - SPAN + 1)}:
            holders[gram].append(number)
    common = {g: h for g, h in holders.items() if len(h) >= k and _voices(texts, h) >= k}
    spans: set[str] = set()
    for text, _ in texts:
        at = 0
        while at <= len(text) - SPAN:
            having = common.get(text[at : at + SPAN])
            if having is None:
                at += 1
                continue
            end = at + SPAN
            while end < len(text):
                longer = [n for n in having if text[at : end + 1] in texts[n][0]]
                if _voices(texts, longer) < k:
                    break
                having, end = longer, end + 1
            spans.add(text[at:end].strip(_EDGES))
            at = end
    ranked = sorted((s for s in spans if len(s) >= SPAN), key=lambda s: (-len(s), s))
    kept: list[str] = []
    for span in ranked:
        if not any(alike(span, longer) for longer in kept):
            kept.append(span)
    return kept[:most]


def alike(one: str, other: str) -> bool:
    """Whether two spans are forms of one: they have SPAN characters in a row in common."""
    return one in other or any(one[i : i + SPAN] in other for i in range(len(one) - SPAN + 1))


def _voices(texts: Sequence[tuple[str, Voice]], numbers: Sequence[int]) -> int:
    return distinct_voices([texts[n][1] for n in numbers])
