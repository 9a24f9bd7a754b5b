"""Prints the part of deploy/constraints.txt that the running product needs: what its dependencies bring, no extra's tools.

    python deploy/images/locked.py [NAME …] > FILE      (NAME: a package more, with what it brings)

The file says after each package who wants it ("# via"); the roots are `project.dependencies` of pyproject.toml.
"""

from __future__ import annotations

import re
import sys
import tomllib
from collections.abc import Iterable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def needed(constraints: str, roots: Iterable[str]) -> dict[str, str]:
    """Name → its lines, of the roots and all that they bring. Raises KeyError where a root is not locked."""
    blocks: dict[str, str] = {}
    brings: dict[str, set[str]] = {}
    for block in re.split(r"\n(?=[A-Za-z0-9])", constraints.strip()):  # a package has several for several Pythons
        own = name(block)
        blocks[own] = f"{blocks[own]}\n{block}" if own in blocks else block
        _, _, via = block.partition("# via")
        for wants in re.findall(r"[A-Za-z0-9._-]+(?= \(|\s*$)", via, re.M):
            brings.setdefault(name(wants), set()).add(own)
    found: dict[str, str] = {}
    waiting = [name(root) for root in roots]
    while waiting:
        own = waiting.pop()
        if own not in found:
            found[own] = blocks[own]
            waiting += brings.get(own, ())
    return dict(sorted(found.items()))


def name(requirement: str) -> str:
    """The normalised name at the beginning of a requirement."""
    found = re.match(r"[A-Za-z0-9._-]+", requirement)
    return re.sub(r"[._-]+", "-", found[0]).lower() if found else ""


def main() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    constraints = (ROOT / "deploy" / "constraints.txt").read_text(encoding="utf-8")
    print(*needed(constraints, [*project["dependencies"], *sys.argv[1:]]).values(), sep="\n")


if __name__ == "__main__":
    main()
