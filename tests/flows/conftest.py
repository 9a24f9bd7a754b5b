"""The shipped command, run as its user runs it, in a home folder that `tingjian init` wrote."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
Cli = Callable[..., subprocess.CompletedProcess[str]]


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "flows", *arguments]


@pytest.fixture(scope="session")
def cli() -> Cli:
    def run(*arguments: str | Path, text: str = "", code: int = 0) -> subprocess.CompletedProcess[str]:
        """Run it, and check its exit code."""
        environment = {k: v for k, v in os.environ.items() if not k.startswith("TINGJIAN_")}
        done = subprocess.run(
            command(*map(str, arguments)), input=text, capture_output=True, text=True, cwd=ROOT, env=environment,
            timeout=120, check=False,
        )  # fmt: skip
        assert done.returncode == code, f"{arguments} ended with {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done

    return run


@pytest.fixture
def office(cli: Cli, tmp_path: Path) -> Path:
    """A home as `tingjian init` leaves it, with the two things filled in that doctor asks for, and no source enabled."""
    home = tmp_path / "院"
    cli("init", home)
    change(home / "config/tingjian.yaml", 'contact: ""', "contact: press@example.org")
    change(home / "config/office.yaml", "某某市", "清江市")
    return home


def change(path: Path, old: str, new: str) -> None:
    """Edit one configuration file, as a person would."""
    text = path.read_text(encoding="utf-8")
    assert old in text, f"{old} is not in {path}"
    path.write_text(text.replace(old, new, 1) if old != "某某市" else text.replace(old, new), encoding="utf-8")
