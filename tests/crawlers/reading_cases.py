"""Pages with what a careful reader takes from them, and how near a reader comes: for the tests and tests/bench/extract.py."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from pipeline.records import SHANGHAI

CASES = Path(__file__).parents[1] / "cases"


@dataclass(frozen=True, slots=True)
class Case:
    """A page and the answers; `date` is `2019-06-13` or `2019-06-13 08:18`, None where the page shows none."""

    name: str
    html: bytes
    url: str
    title: str
    date: str | None
    body: str | None  # None: not known
    kind: str = "article"  # or thread


@dataclass(frozen=True, slots=True)
class Answer:
    """What a reader said."""

    title: str = ""
    body: str = ""
    at: datetime | None = None


def own_cases() -> Iterator[Case]:
    """The pages of this repository that have a body."""
    for path in sorted(CASES.glob("*/*/expected.json")):
        e = json.loads(path.read_text(encoding="utf-8"))
        if "quarantine" not in e:
            html, name = (path.parent / "page.html").read_bytes(), f"{path.parent.parent.name}/{path.parent.name}"
            yield Case(name, html, e["url"], e["title"], e["date"], e["body"], e.get("kind", "article"))


def outside_cases(folder: Path) -> Iterator[Case]:
    """`expected.jsonl` beside `<id>.html`: id, kind (article, official, forum or thread), url, title, date, body."""
    for line in (folder / "expected.jsonl").read_text(encoding="utf-8").splitlines():
        e = json.loads(line)
        kind = "thread" if e.get("kind") in ("forum", "thread") else "article"
        html = (folder / f"{e['id']}.html").read_bytes()
        yield Case(e["id"], html, e.get("url") or "", e["title"], e["date"], e["body"], kind)


def score(pairs: Iterable[tuple[Case, Answer]]) -> dict[str, float]:
    """Means over pages: F1 of 4-grams of bodies, exact titles, right days and wrong ones (a day where there is none too)."""
    pairs = list(pairs)
    days = [(c.date[:10] if c.date else "", f"{a.at.astimezone(SHANGHAI):%Y-%m-%d}" if a.at else "") for c, a in pairs]

    def body(kind: str) -> float:
        return _mean(f1(a.body, c.body) for c, a in pairs if c.kind == kind and c.body is not None)

    return {
        "pages": len(pairs),
        "body_f1_articles": body("article"),
        "body_f1_threads": body("thread"),
        "title_exact": _mean(_line(c.title) == _line(a.title) for c, a in pairs),
        "day_right": _mean(right == said for right, said in days),
        "day_wrong": _mean(bool(said) and right != said for right, said in days),
    }


def f1(one: str, other: str) -> float:
    """Of character 4-grams, white space aside."""
    a, b = _grams(one), _grams(other)
    return 2 * sum((a & b).values()) / max(1, sum(a.values()) + sum(b.values()))


def _grams(text: str) -> Counter[str]:
    text = re.sub(r"\s", "", text)
    return Counter(text[i : i + 4] for i in range(max(1, len(text) - 3)))


def _line(text: str) -> str:
    return re.sub(r"\s+", " ", text).strip()


def _mean(values: Iterable[float]) -> float:
    values = list(values)
    return round(sum(values) / len(values), 4) if values else 0.0
