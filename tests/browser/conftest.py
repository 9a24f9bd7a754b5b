"""A desk to walk through: the demo's data folder where `TINGJIAN_BROWSER_DATA` names one, else rows of the desk's tests."""

from __future__ import annotations

import os
import shutil
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest
import uvicorn

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "console"))

from desk_data import NOW, build

from console.app import create_app
from pipeline.desk.accounts import create_user, find_user, sign_in_link, sign_in_path
from pipeline.desk.database import Database
from pipeline.index import open_index
from pipeline.settings import load_home


@dataclass(frozen=True)
class Walk:
    url: str
    link: str  # path of a one-time sign-in link
    shots: Path


@pytest.fixture(scope="session")
def walk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Walk]:
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    given = os.environ.get("TINGJIAN_BROWSER_DATA", "")
    clock: Callable[[], datetime] = lambda: NOW  # noqa: E731
    if given:
        folder = tmp_path_factory.mktemp("walk") / "data"
        shutil.copytree(given, folder)  # the walk acknowledges and completes; the demo's own data stays as it is
        home = load_home(folder)
        db = Database(f"sqlite:///{folder / 'desk.db'}")
        db.migrate()
        index = open_index(home)
        clock = lambda: datetime.now(UTC)  # noqa: E731
    else:
        home, db, index = build(tmp_path_factory.mktemp("walk") / "data", listener.getsockname()[1])
    with db.write() as s:
        admin = find_user(s, "admin") or create_user(s, "admin", "管理员", "admin", [], clock())
        link = sign_in_path(sign_in_link(s, admin, clock()))
    server = uvicorn.Server(uvicorn.Config(create_app(home, db, index, clock), log_level="warning", access_log=False))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    deadline = time.monotonic() + 20
    while not server.started and time.monotonic() < deadline:
        time.sleep(0.02)
    shots = Path(os.environ.get("TINGJIAN_SCREENSHOTS", "") or tmp_path_factory.mktemp("shots"))
    shots.mkdir(parents=True, exist_ok=True)
    yield Walk(f"http://127.0.0.1:{listener.getsockname()[1]}", link, shots)
    server.should_exit = True
    thread.join(10)
    index.close()
    db.close()
    listener.close()
