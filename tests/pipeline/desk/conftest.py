from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.desk.database import Database
from tests.postgres_server.server import Server


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_desk(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """A database without tables."""
    if request.param == "sqlite":
        yield (database := Database(f"sqlite:///{tmp_path / 'empty.db'}"))
        database.close()
        return
    server: Server = request.getfixturevalue("postgresql")
    name = server.create()
    yield (database := Database(server.dsn(name)))
    database.close()
    server.drop(name)


@pytest.fixture
def own_server() -> Iterator[Server]:
    """A PostgreSQL server that a test may kill."""
    server = Server()
    try:
        yield server.start()
    finally:
        server.remove()
