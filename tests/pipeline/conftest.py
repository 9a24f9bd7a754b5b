"""Fixtures for what lies behind the index: a real database of either kind, a real index, a real office's folder."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest

from pipeline.desk.database import Database
from pipeline.index.sqlite import SqliteIndex
from pipeline.settings import Home, load_home
from tests.postgres_server.server import PASSWORD_NAME, Server

TEMPLATES = Path(__file__).resolve().parents[2] / "deploy" / "office"


@pytest.fixture(scope="session")
def postgresql() -> Iterator[Server]:
    """One server for the session; skips, in words, where none is installed."""
    server = Server()
    os.environ[PASSWORD_NAME] = server.password
    try:
        yield server.start()
    finally:
        server.remove()


@pytest.fixture(scope="session")
def migrated(postgresql: Server) -> str:
    """The name of a migrated PostgreSQL database, to be copied."""
    name = postgresql.create()
    database = Database(postgresql.dsn(name))
    database.migrate()
    database.close()
    return name


@pytest.fixture(params=["sqlite", "postgresql"])
def desk_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The address of an empty desk database, on each engine in turn, as settings hold it.

    A PostgreSQL one is migrated already.
    """
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'desk.db'}"
        return
    server: Server = request.getfixturevalue("postgresql")
    name = server.create(request.getfixturevalue("migrated"))
    yield server.address(name)
    server.drop(name)


@pytest.fixture
def desk(desk_url: str) -> Iterator[Database]:
    database = Database(desk_url.replace(f"${{{PASSWORD_NAME}}}", quote(os.environ.get(PASSWORD_NAME, ""), safe="")))
    database.migrate()
    yield database
    database.close()


@pytest.fixture
def sqlite_desk(tmp_path: Path) -> Iterator[Database]:
    """For what only a file can suffer."""
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
