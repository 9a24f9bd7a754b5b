"""Anyone's labelled texts: a CSV with the columns `text` and `label`."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from models.errors import CorpusError

TEXT_NAMES: Final = ("text", "review", "content", "文本", "内容", "正文")
LABEL_NAMES: Final = ("label", "labels", "标签", "类别")
MIN_TEXTS: Final = 20  # of each label, so that every fold has some
MOST_LABELS: Final = 200
_ENCODINGS: Final = ("utf-8-sig", "gb18030")
_LONGEST: Final = 16 << 20  # characters of one field


@dataclass(frozen=True, slots=True)
class LabelledTexts:
    """Texts with one label each, in file order; `dropped` counts exact repeats, `conflicting` those with another label."""

    texts: tuple[str, ...]
    labels: tuple[str, ...]
    dropped: int
    conflicting: int


def read_labelled(path: Path) -> LabelledTexts:
    """Reads a CSV (comma, tab or semicolon; UTF-8 or GB18030) with a header that names a text and a label column.

    A text that stands there twice is read once: else it could be learned from and tested on. Raises CorpusError with
    file, line and field: no such column, an empty text or label, fewer than two labels, a label with under 20 texts.
    """
    content = _decode(path)
    csv.field_size_limit(_LONGEST)
    rows = csv.reader(io.StringIO(content, newline=""), delimiter=max(",\t;", key=content.split("\n", 1)[0].count))
    seen: dict[str, str] = {}
    dropped = conflicting = 0
    for text, label in _pairs(path, rows):
        if text in seen:
            dropped, conflicting = dropped + 1, conflicting + (seen[text] != label)
        else:
            seen[text] = label
    counts = Counter(seen.values())
    if not 2 <= len(counts) <= MOST_LABELS:
        raise CorpusError(path, 0, "label", f"要有 2 至 {MOST_LABELS} 种标签，现在有 {len(counts)} 种")
    few = sorted(label for label, count in counts.items() if count < MIN_TEXTS)
    if few:
        raise CorpusError(path, 0, "label", f"每种标签至少要 {MIN_TEXTS} 条，不足的：{'、'.join(few[:8])}")
    return LabelledTexts(tuple(seen), tuple(seen.values()), dropped, conflicting)


def _pairs(path: Path, rows: Any) -> Iterator[tuple[str, str]]:
    try:
        header = [name.strip().lower() for name in next(rows, [])]
        text_at, label_at = _column(path, header, TEXT_NAMES), _column(path, header, LABEL_NAMES)
        for row in rows:
            if not any(cell.strip() for cell in row):
                continue
            if len(row) <= max(text_at, label_at):
                raise CorpusError(path, rows.line_num, "-", f"应有 {len(header)} 列，只有 {len(row)} 列")
            text, label = row[text_at].strip(), row[label_at].strip()
            for field, value in (("text", text), ("label", label)):
                if not value:
                    raise CorpusError(path, rows.line_num, field, "是空的")
            yield text, label
    except csv.Error as error:
        raise CorpusError(path, rows.line_num, "-", f"不是合格的 CSV（{error}）") from error


def _decode(path: Path) -> str:
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise CorpusError(path, 0, "-", f"读不出来（{error.strerror}）") from error
    for encoding in _ENCODINGS:
        try:
            return raw.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise CorpusError(path, 0, "-", "既不是 UTF-8 也不是 GB18030")


def _column(path: Path, header: list[str], names: tuple[str, ...]) -> int:
    for name in names:
        if name in header:
            return header.index(name)
    raise CorpusError(path, 1, names[0], f"表头里没有这一列（可用的名字：{'、'.join(names)}）")
