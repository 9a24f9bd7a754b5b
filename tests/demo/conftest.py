"""One whole run of the demo, headless, shared by the tests that only look at it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
NOW = "2026-11-21T21:00"  # a fixed end of the story: Shanghai time


def tingjian(*arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    """Run the shipped command."""
    done = subprocess.run(
        [sys.executable, "-m", "flows", *arguments], capture_output=True, text=True, cwd=ROOT, timeout=600, check=False
    )
    assert not check or done.returncode == 0, f"{arguments} ended with {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done


@pytest.fixture(scope="session")
def demo_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The home folder after `tingjian demo --once`; tests must not change it."""
    ready = os.environ.get("TINGJIAN_DEMO_HOME")
    if ready:
        return Path(ready)
    home = tmp_path_factory.mktemp("demo") / "home"
    tingjian("demo", "--once", "--data-dir", str(home), "--now", NOW)
    return home


@pytest.fixture
def own_home(demo_home: Path, tmp_path: Path) -> Iterator[Path]:
    """A copy of the finished demo that a test may change."""
    home = tmp_path / "home"
    shutil.copytree(demo_home, home)
    yield home
    shutil.rmtree(home, ignore_errors=True)


@pytest.fixture(scope="session")
def planted() -> dict[str, object]:
    """What the story planted (deploy/demo/story/planted.yaml)."""
    data: dict[str, object] = yaml.safe_load((ROOT / "deploy/demo/story/planted.yaml").read_text(encoding="utf-8"))
    return data
