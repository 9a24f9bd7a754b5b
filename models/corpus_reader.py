"""Reads the training texts and refuses a malformed one, naming file, line and field."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from models.errors import CorpusError
from models.taxonomy import GUIDELINE_VERSION, OFFICE_TOPICS, ROLES, SENTIMENTS, TOPICS

STYLES: Final[tuple[str, ...]] = (
    "news",
    "notice",
    "account_article",
    "topic",
    "reply",
    "microblog",
    "petition",
    "call_note",
    "scam_victim",
    "question",
    "comment",
)
CORPUS_DIR: Final = Path(__file__).parent / "corpus"
_KEYS: Final = (
    "id", "text", "style", "scenario", "family", "role", "sentiment", "topics", "needs_answer", "sensitive", "guideline",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Example:
    """One labelled text."""

    id: str
    text: str
    style: str
    scenario: str
    family: str
    role: str
    sentiment: str
    topics: frozenset[str]
    needs_answer: bool
    sensitive: bool

    def has(self, label: str) -> bool:
        """Whether the text carries a label (any column name of the taxonomy)."""
        if label == "needs_answer":
            return self.needs_answer
        if label == "sensitive":
            return self.sensitive
        return label in (self.role, self.sentiment) or label in self.topics


@dataclass(frozen=True, slots=True)
class Corpus:
    """All examples in file order, and the hash of exactly these."""

    examples: tuple[Example, ...]
    hash: str

    def __len__(self) -> int:
        return len(self.examples)

    @property
    def families(self) -> tuple[str, ...]:
        return tuple(sorted({example.family for example in self.examples}))


def hash_examples(examples: Iterable[Example]) -> str:
    """A hash of ids, texts and labels that does not depend on file order."""
    digest = hashlib.sha256()
    for example in sorted(examples, key=lambda one: one.id):
        row = [example.id, example.text, example.family, example.role, example.sentiment, sorted(example.topics),
               example.needs_answer, example.sensitive]  # fmt: skip
        digest.update(json.dumps(row, ensure_ascii=False).encode("utf-8", "surrogatepass"))
        digest.update(b"\n")
    return digest.hexdigest()


def read_corpus(folder: Path = CORPUS_DIR) -> Corpus:
    """Reads every *.jsonl in a folder.

    Raises CorpusError with file, line and field for the first malformed line, or if there is no text at all.
    """
    examples: list[Example] = []
    seen: dict[str, str] = {}
    for path in sorted(folder.glob("*.jsonl")):
        for example, number in _read_file(path):
            if example.id in seen:
                raise CorpusError(path, number, "id", f"{example.id} 已在 {seen[example.id]} 中出现")
            seen[example.id] = path.name
            examples.append(example)
    if not examples:
        raise CorpusError(folder, 0, "-", "文件夹中没有任何语料 (*.jsonl)")
    return Corpus(tuple(examples), hash_examples(examples))


def _read_file(path: Path) -> Iterable[tuple[Example, int]]:
    for number, line in enumerate(path.read_text(encoding="utf-8").split("\n"), start=1):
        if line.strip():
            yield parse_line(line, path, number), number


def parse_line(line: str, path: Path, number: int) -> Example:
    """One JSON line to an Example; raises CorpusError."""

    def fail(field: str, why: str) -> CorpusError:
        return CorpusError(path, number, field, why)

    try:
        row: Any = json.loads(line)
    except json.JSONDecodeError as error:
        raise fail("-", f"不是合法的 JSON ({error.msg})") from error
    if not isinstance(row, dict):
        raise fail("-", "应为一个 JSON 对象")
    for key in row:
        if key not in _KEYS:
            raise fail(str(key), "不认识的字段")
    values = {
        key: _string(row, key, fail) for key in ("id", "text", "style", "scenario", "family", "role", "sentiment")
    }
    for key, allowed in (("style", STYLES), ("role", ROLES), ("sentiment", SENTIMENTS)):
        if values[key] not in allowed:
            raise fail(key, f"{values[key]!r} 不在 {'、'.join(allowed)} 之中")
    topics = row.get("topics")
    if not isinstance(topics, list) or not all(isinstance(topic, str) for topic in topics):
        raise fail("topics", "应为字符串列表")
    unknown = [topic for topic in topics if topic not in TOPICS]
    if unknown or len(set(topics)) != len(topics):
        raise fail("topics", f"未知或重复的主题 {unknown or topics}")
    for key in ("needs_answer", "sensitive"):
        if not isinstance(row.get(key), bool):
            raise fail(key, "应为 true 或 false")
    if values["role"] == "unrelated" and OFFICE_TOPICS.intersection(topics):
        raise fail("topics", "与检察院无关的文本不能有检察院自己的主题")
    if row.get("guideline", GUIDELINE_VERSION) not in range(1, GUIDELINE_VERSION + 1):
        raise fail("guideline", f"标注规范版本应为 1 至 {GUIDELINE_VERSION}")
    return Example(**values, topics=frozenset(topics), needs_answer=row["needs_answer"], sensitive=row["sensitive"])


def _string(row: dict[str, Any], key: str, fail: Any) -> str:
    value = row.get(key)
    if not isinstance(value, str) or not value.strip():
        raise fail(key, "缺少或不是非空字符串")
    return value


def with_label(examples: Sequence[Example], label: str) -> int:
    """How many examples carry a label."""
    return sum(example.has(label) for example in examples)
