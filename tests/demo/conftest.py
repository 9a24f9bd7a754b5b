"""One whole run of the demo, headless, shared by the tests that only look at it."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
NOW = "2026-11-21T21:00"  # a fixed end of the story: Shanghai time

# The story's four threads: topic of the issue that each must become → words of which its title or keywords hold one.
THREADS = {
    "impersonation_scam": ("冒充", "骗子", "诈骗", "转账", "安全账户"),
    "service_access": ("12309", "热线", "电话", "接听", "打不通"),
    "case_handling": ("不起诉", "夜市", "检察院"),
    "privacy_leak": ("未成年", "泄露", "学生", "孩子", "信息"),
}


def told_of(rows: Iterable[Any], topic: str, words: Iterable[str]) -> list[Any]:
    """The issues that tell one thread."""
    return [r for r in rows if topic in r.topics and any(w in r.title + "".join(r.keywords) for w in words)]


def tingjian(*arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    """Run the shipped command."""
    done = subprocess.run(
        [sys.executable, "-m", "flows", *arguments], capture_output=True, text=True, cwd=ROOT, timeout=600, check=False
    )
    assert not check or done.returncode == 0, f"{arguments} ended with {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done


@pytest.fixture(scope="session")
def demo_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The home folder after `tingjian demo --once`; tests must not change it. Workers of one run make it once."""
    ready = os.environ.get("TINGJIAN_DEMO_HOME")
    if ready:
        return Path(ready)
    own = tmp_path_factory.getbasetemp()
    shared = own.parent if "PYTEST_XDIST_WORKER" in os.environ else own
    made = shared / "demo-once"
    with (shared / "demo-once.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not made.exists():
            home = shared / "demo-in-the-making"
            shutil.rmtree(home, ignore_errors=True)
            tingjian("demo", "--once", "--data-dir", str(home), "--now", NOW)
            home.rename(made)
    # Nobody opens the one that was made: opening a database writes beside it, and others would copy that half done.
    return Path(shutil.copytree(made, tmp_path_factory.mktemp("demo") / "home"))


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
