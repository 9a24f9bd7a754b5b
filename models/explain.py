"""Which words moved a label: each n-gram's and word group's share of the margin, shared out over its characters."""

from __future__ import annotations

from collections import defaultdict

import numpy as np

from models.features import DENSE_NAMES, Extractor, prepare
from models.lexicons import GROUP_NAMES
from models.model import Linear
from models.office_names import DISPLAY, OfficeNames
from models.taxonomy import columns

# What no word did: punctuation and single marks, length and form of the text, and where each text starts from.
MARKS, SHAPE, START = OTHERS = ("（标点符号）", "（篇幅与形式）", "（起点）")


def moving_words(
    linear: Linear, extractor: Extractor, text: str, office: OfficeNames | None, label: str
) -> list[tuple[str, float]]:
    """Words of `text` with their part of the margin of `label`, strongest first, and OTHERS; all sum to the margin.

    A linear margin is a sum over n-gram occurrences and word groups, so each part is the model's own, not an estimate.
    Overlapping n-grams are shared out over their characters and these merged into words. Raises KeyError for an
    unknown label.
    """
    if label not in columns():
        raise KeyError(label)
    at = columns().index(label)
    prepared = prepare([text], office)[0]
    raw = extractor.extract([prepared])
    matrix = linear.vocabulary.matrix(raw)
    value = np.zeros(linear.vocabulary.width)
    value[matrix.indices] = matrix.data * linear.ngram_weights[matrix.indices, at]
    column = linear.vocabulary.table[raw.buckets]
    known = column >= 0
    column, begins, ends = column[known], raw.begins[known], raw.ends[known]
    share = value[column] / np.bincount(column, minlength=linear.vocabulary.width)[column]
    per_char = np.zeros(len(prepared) + 2)  # differences; summed up below
    np.add.at(per_char, begins, share / (ends - begins))
    np.add.at(per_char, ends, -share / (ends - begins))
    group_hits = extractor.group_hits(prepared)
    for group, spans in group_hits.items():
        names = (f"lexicon:{GROUP_NAMES[group]}", f"office+lexicon:{GROUP_NAMES[group]}")
        dense = [DENSE_NAMES.index(name) for name in names]
        weight = float(raw.dense[0, dense] @ linear.dense_weights[dense, at])
        total = sum(end - begin for begin, end in spans)
        for begin, end in spans:
            per_char[begin] += weight / total
            per_char[end] -= weight / total
    moved = np.cumsum(per_char)
    words: dict[str, float] = defaultdict(float)
    place = 0
    for token in extractor.segmenter.cut(prepared):
        name = DISPLAY.get(token, token).strip()
        if name and (name[0].isalnum() or token in DISPLAY):
            words[name] += float(moved[place : place + len(token)].sum())
        place += len(token)
    shape = [at for at, name in enumerate(DENSE_NAMES) if name.startswith("shape:")]
    words[MARKS] = float(moved.sum()) - sum(words.values())
    words[SHAPE] = float(raw.dense[0, shape] @ linear.dense_weights[shape, at])
    words[START] = float(linear.intercept[at])
    return sorted(words.items(), key=lambda pair: -abs(pair[1]))
