"""The real desk, served by uvicorn on loopback, over a real SQLite database and index."""

from __future__ import annotations

import re
import socket
import sys
import threading
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import httpx
import pytest
import uvicorn

sys.path.insert(0, str(Path(__file__).parent))

from desk_data import CITY, DISTRICT, NOW, build

from console.app import create_app
from pipeline.desk.accounts import create_user, find_user, sign_in_link, sign_in_path, start_session
from pipeline.desk.database import Database
from pipeline.index.engine import Index
from pipeline.settings import Home


class House:
    """A running desk, its clock in hand."""

    def __init__(self, home: Home, db: Database, index: Index, url: str) -> None:
        self.home, self.db, self.index, self.url = home, db, index, url
        self.now: datetime = NOW

    def client(self) -> httpx.Client:
        return httpx.Client(base_url=self.url, trust_env=False, timeout=20)

    def link(self, name: str) -> str:
        with self.db.write() as s:
            user = find_user(s, name)
            assert user is not None
            return sign_in_path(sign_in_link(s, user, self.now))

    def signed_in(self, name: str) -> httpx.Client:
        """A client with a session of this user."""
        with self.db.write() as s:
            user = find_user(s, name)
            assert user is not None
            token = start_session(s, user, self.now, 12)
        client = self.client()
        client.cookies.set("tingjian", token, domain="127.0.0.1")
        return client


def csrf_of(page: str) -> str:
    found = re.search(r'name="csrf" value="([^"]+)"', page)
    assert found, "no form on this page"
    return found[1]


def version_of(page: str) -> str:
    found = re.search(r'name="version" value="(\d+)"', page)
    assert found, "no version on this page"
    return found[1]


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    home, db, index = build(tmp_path_factory.mktemp("desk"), port)
    found = House(home, db, index, f"http://127.0.0.1:{port}")
    with db.write() as s:
        create_user(s, "admin", "管理员", "admin", [], NOW)
        create_user(s, "chen", "陈分析", "analyst", [CITY], NOW)
        create_user(s, "li", "李值班", "duty", [DISTRICT], NOW)
    app = create_app(home, db, index, lambda: found.now)
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning", access_log=False, server_header=False))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    deadline = time.monotonic() + 15
    while not server.started and time.monotonic() < deadline:
        time.sleep(0.02)
    assert server.started
    yield found
    server.should_exit = True
    thread.join(10)
    index.close()
    db.close()
    listener.close()


@pytest.fixture
def city(house: House) -> Iterator[httpx.Client]:
    with house.signed_in("chen") as client:
        yield client


@pytest.fixture
def admin(house: House) -> Iterator[httpx.Client]:
    with house.signed_in("admin") as client:
        yield client


@pytest.fixture
def district(house: House) -> Iterator[httpx.Client]:
    with house.signed_in("li") as client:
        yield client
