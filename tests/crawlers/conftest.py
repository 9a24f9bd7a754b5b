from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from site_on_loopback import House, Site


@pytest.fixture
def new_site() -> Iterator[Callable[[], Site]]:
    servers = []

    def make() -> Site:
        site = Site()
        servers.append(site.serve())
        return site

    yield make
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.fixture
def site(new_site: Callable[[], Site]) -> Site:
    return new_site()


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path / "home")
