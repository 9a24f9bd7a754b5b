"""Fixtures for what lies behind the index: a real database, a real index, a real office's folder."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.desk.database import Database
from pipeline.index.sqlite import SqliteIndex
from pipeline.settings import Home, load_home

TEMPLATES = Path(__file__).resolve().parents[2] / "deploy" / "office"


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Database]:
    database = Database(f"sqlite:///{tmp_path / 'desk.db'}")
    database.migrate()
    yield database
    database.close()


@pytest.fixture
def office_home(tmp_path: Path) -> Home:
    """The templates as `tingjian init` copies them."""
    shutil.copytree(TEMPLATES, tmp_path / "home" / "config")
    return load_home(tmp_path / "home")


@pytest.fixture
def office_index(tmp_path: Path) -> Iterator[SqliteIndex]:
    index = SqliteIndex(tmp_path / "index.db")
    yield index
    index.close()
