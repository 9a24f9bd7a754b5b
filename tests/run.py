"""`make test` and `make soak`: the suites in order, a table of time by suite, and what was skipped.

Run as `python -m tests.run [--soak] [SUITE ...]` from the repository's root.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree as ET
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
BIN = Path(sys.executable).parent


@dataclass(frozen=True)
class Suite:
    """One command; `tests` where it is pytest and reports what it ran."""

    name: str
    command: list[str]
    tests: bool = True


@dataclass
class Outcome:
    seconds: float
    ok: bool
    passed: int = 0
    failed: int = 0
    skipped: list[str] = field(default_factory=list)


def pytest(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "pytest", *arguments]


QUICK = "not demo and not browser and not soak"
# Two processes on two cores; what a file's tests share (a demo run, a stack of processes) is made once, by one of them.
TWO = ("-n", "2", "--dist", "loadfile")
# These wait much (polite delays, servers that start, processes that are killed): more of them than cores.
THREE, FOUR = ("-n", "3"), ("-n", "4")
SUITES = [
    Suite("ruff", [str(BIN / "ruff"), "check", "."], tests=False),
    Suite(
        "format",
        [str(BIN / "ruff"), "format", "--check", "--quiet", "crawlers", "pipeline", "models", "flows", "console"],
        tests=False,
    ),
    Suite("mypy", [str(BIN / "mypy")], tests=False),
    Suite("imports", [str(BIN / "lint-imports"), "--no-cache"], tests=False),
    Suite("models", pytest("tests/models", "-m", QUICK, *TWO)),
    Suite("crawlers", pytest("tests/crawlers", "tests/deploy", "-m", QUICK, *FOUR)),
    Suite("pipeline", pytest("tests/pipeline", "-m", QUICK, *THREE)),
    Suite("console", pytest("tests/console", "-m", QUICK, *TWO)),
    Suite("flows", pytest("tests/flows", "-m", QUICK, *FOUR)),
    Suite("demo", pytest("tests/demo", "tests/deploy", "-m", "demo", "-n", "3", "--dist", "loadfile")),
    Suite("browser", pytest("tests/browser", "-m", "browser")),
]
SOAK = [
    Suite("soak", pytest("tests/demo", "-m", "soak")),
    Suite("index", pytest("tests/pipeline/index", "-m", "soak")),
]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--soak", action="store_true", help="the long fault tests only")
    parser.add_argument("suites", nargs="*", help="names of suites; default all")
    options = parser.parse_args()
    chosen = [s for s in (SOAK if options.soak else SUITES) if not options.suites or s.name in options.suites]
    outcomes = {suite.name: run(suite) for suite in chosen}
    print(f"\n{'suite':10s} {'seconds':>8s} {'passed':>7s} {'failed':>7s} {'skipped':>8s}")
    for name, o in outcomes.items():
        mark = "" if o.ok else "  FAILED"
        print(f"{name:10s} {o.seconds:8.1f} {o.passed:7d} {o.failed:7d} {len(o.skipped):8d}{mark}")
    print(f"{'total':10s} {sum(o.seconds for o in outcomes.values()):8.1f}")
    for reason in sorted({reason for o in outcomes.values() for reason in o.skipped}):
        print(f"skipped: {reason}")
    passed, failed = (sum(getattr(o, n) for o in outcomes.values()) for n in ("passed", "failed"))
    skipped = sum(len(o.skipped) for o in outcomes.values())
    bad = [name for name, o in outcomes.items() if not o.ok]
    print(f"\n{passed} passed, {max(failed, len(bad))} failed, {skipped} skipped")
    return 1 if bad else 0


def run(suite: Suite) -> Outcome:
    print(f"--- {suite.name}", flush=True)
    started = time.monotonic()
    folder = Path(tempfile.mkdtemp(prefix="tingjian-tests-"))
    report = folder / "report.xml"
    command = [*suite.command, *(["--junit-xml", str(report)] if suite.tests else [])]
    try:
        code = subprocess.run(command, cwd=ROOT, check=False).returncode
        outcome = Outcome(time.monotonic() - started, ok=code == 0)
        if suite.tests and report.exists():
            for case in ET.parse(report).iter("testcase"):
                skip = case.find("skipped")
                if skip is not None:
                    outcome.skipped.append(skip.get("message") or "no reason given")
                elif case.find("failure") is not None or case.find("error") is not None:
                    outcome.failed += 1
                else:
                    outcome.passed += 1
        elif not suite.tests:
            outcome.passed, outcome.failed = (1, 0) if outcome.ok else (0, 1)
        return outcome
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
