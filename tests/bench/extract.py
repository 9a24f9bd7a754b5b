"""Pages per second and quality: our reader beside trafilatura, readability-lxml and newspaper4k, on the same pages.

Readers take turns, so that a busy machine is busy for all. Everyone gets text (decoded as we do) and gives title, date and
body where it can: `trafilatura` is its fullest answer (with metadata), `trafilatura-text` its fastest (body only).
newspaper4k is no dependency of ours; where it is not installed, the bench says so.

Run: python tests/bench/extract.py [--pages FOLDER] [--rounds 3]   (FOLDER: expected.jsonl beside <id>.html)
"""

from __future__ import annotations

import argparse
import importlib
import json
import logging
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "crawlers")]

import readability  # noqa: E402
import trafilatura  # noqa: E402
from lxml import html  # noqa: E402
from reading_cases import Answer, Case, outside_cases, own_cases, score  # noqa: E402

from crawlers.reading.dates import parse_date  # noqa: E402
from crawlers.reading.decode import decode  # noqa: E402
from crawlers.reading.saved import read_saved  # noqa: E402
from pipeline.errors import QuarantineError  # noqa: E402
from pipeline.settings.sources import Selectors  # noqa: E402

NOW = datetime(2026, 11, 21, 4, 0, tzinfo=UTC)
GOAL = 2.0  # times the pages per second of trafilatura
Reader = Callable[[Case], Answer]


def ours(case: Case) -> Answer:
    try:
        page = read_saved(case.html, "", case.url, Selectors(), NOW)
    except QuarantineError:
        return Answer()
    return Answer(page.title, page.body, page.published_at)


def with_trafilatura(case: Case) -> Answer:
    found = trafilatura.bare_extraction(decode(case.html)[0], url=case.url or None, with_metadata=True)
    if found is None or isinstance(found, dict):
        return Answer()
    return Answer(found.title or "", found.text or "", _day(found.date))


def with_trafilatura_text(case: Case) -> Answer:
    return Answer(body=str(trafilatura.extract(decode(case.html)[0]) or ""))


def with_readability(case: Case) -> Answer:
    document = readability.Document(decode(case.html)[0])
    try:
        return Answer(document.short_title() or "", html.fromstring(document.summary()).text_content())
    except (readability.readability.Unparseable, ValueError, TypeError):
        return Answer()


def with_newspaper(module: Any) -> Reader:
    def read(case: Case) -> Answer:
        article = module.Article(case.url or "http://127.0.0.1/x", language="zh")
        article.download(input_html=decode(case.html)[0])
        article.parse()
        at = article.publish_date
        return Answer(article.title or "", article.text or "", _day(str(at)[:10]) if at else None)

    return read


def readers() -> dict[str, Reader]:
    found: dict[str, Reader] = {
        "ours": ours,
        "trafilatura": with_trafilatura,
        "trafilatura-text": with_trafilatura_text,
        "readability-lxml": with_readability,
    }
    try:
        found["newspaper4k"] = with_newspaper(importlib.import_module("newspaper"))
    except ImportError as error:
        print(f"newspaper4k is not installed: {error}", file=sys.stderr)
    return found


def measure(cases: list[Case], rounds: int) -> dict[str, dict[str, float]]:
    """Score and pages per second of every reader; the first round warms up and is scored."""
    all_readers = readers()
    figures = {name: score((c, read(c)) for c in cases) for name, read in all_readers.items()}
    spent = dict.fromkeys(all_readers, 0.0)
    for _ in range(rounds):
        for name, read in all_readers.items():
            started = time.process_time()
            for case in cases:
                read(case)
            spent[name] += time.process_time() - started
    for name, seconds in spent.items():
        figures[name]["pages_per_second"] = round(rounds * len(cases) / max(seconds, 1e-9), 1)
    return figures


def _day(text: str | None) -> datetime | None:
    date = parse_date(text, NOW) if text else None
    return date.at if date else None


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pages", type=Path, help="a folder of other pages; without it, tests/cases")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    logging.disable(logging.CRITICAL)  # readers log page text
    cases = list(outside_cases(options.pages) if options.pages else own_cases())
    figures = measure(cases, options.rounds)
    columns = list(figures["ours"])
    print(" ".join([f"{'':18}", *(f"{c:>16}" for c in columns)]))
    for name, row in figures.items():
        print(" ".join([f"{name:18}", *(f"{row[c]:16}" for c in columns)]))
    speed = {name: row["pages_per_second"] for name, row in figures.items()}
    ratio = {f"times_{n}": round(speed["ours"] / s, 2) for n, s in speed.items() if n != "ours"}
    print(json.dumps({**ratio, "goal": GOAL, "readers": figures}))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
