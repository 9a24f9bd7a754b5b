"""The whole of it on loopback: the demo with Elasticsearch, PostgreSQL and a Prefect server whose worker runs each step.

A real office's parts, started from their programs instead of containers. Also for other tests that need data in all of
them: `with whole_demo(folder) as whole: ...`
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import httpx
import pytest

from flows import prefect_server
from flows.demo_story import Story
from flows.processes import Group, tingjian
from flows.running import start_web
from tests.elasticsearch_node.fetch import fetched
from tests.elasticsearch_node.node import Node
from tests.postgres_server.server import PASSWORD_NAME, Server, need_programs

ROOT = Path(__file__).resolve().parents[2]
NOW = datetime(2026, 11, 21, 21, 0, tzinfo=timezone(timedelta(hours=8))).astimezone(UTC)
POOL = "office"
DAILY = ["crawl", "ingest", "watch", "dispatch"]
RUN_SECONDS = 120
_ENDED = ("COMPLETED", "FAILED", "CRASHED")
ELASTICSEARCH = "TINGJIAN_TEST_ELASTICSEARCH_URL"


@dataclass(frozen=True, slots=True)
class Whole:
    """Where everything is after the demo's week."""

    home: Path
    api: str  # Prefect
    elasticsearch: str
    database: str
    runs: dict[str, str]  # flow run → what it was asked to do


@contextmanager
def whole_demo(folder: Path, say: Callable[[str], None] = print) -> Iterator[Whole]:
    """The demo's week up to `NOW`. Skips, in words, where Elasticsearch or PostgreSQL is not there."""
    need_programs()
    given = os.environ.get(ELASTICSEARCH)
    if not given and not fetched():
        pytest.skip(f"Elasticsearch: neither make setup-elasticsearch was run nor {ELASTICSEARCH} given")
    with ExitStack() as stack:
        home = folder / "home"
        home.mkdir(parents=True)
        group = Group(home, say)
        stack.callback(group.stop)
        prefect = prefect_server.free_port()
        api = prefect_server.api_url(prefect)
        own = {
            **prefect_server.environment(home, prefect), "PREFECT_WORKER_QUERY_SECONDS": "1", "PREFECT_LOGGING_LEVEL": "INFO",
        }  # fmt: skip
        server = group.start("prefect", prefect_server.command(prefect), folder / "prefect.log", own)
        postgres = Server()
        stack.callback(postgres.remove)
        postgres.start()
        stack.enter_context(_environment(PASSWORD_NAME, postgres.password))
        node = None if given else Node(heap="512m")
        if node is not None:
            stack.callback(node.remove)
            node.start()
        url = given or (node.url if node else "")
        name = postgres.create()
        story = Story(home, NOW, desk_port=prefect_server.free_port())
        settings = home / "config" / "tingjian.yaml"
        settings.write_text(
            settings.read_text(encoding="utf-8")
            + f"database_url: {postgres.address(name)}\n"
            + f'index: {{engine: elasticsearch, hosts: ["{url}"], prefix: "{name.replace("_", "-")}-"}}\n',
            encoding="utf-8",
        )
        start_web(group, story)
        prefect_server.wait_ready(prefect, server, say)
        _done(group, tingjian("schedule", "--pool", POOL, "--data-dir", str(home)), own)
        # The story has a clock of its own: schedules, which follow the real one, must not run in it.
        _done(group, [sys.executable, "-m", "prefect", "deployment", "schedule", "pause", "--all"], own)
        worker = [sys.executable, "-m", "prefect", "worker", "start", "--pool", POOL, "--type", "process", "--limit", "1"]
        group.start("worker", worker, folder / "worker.log", own)
        runs: dict[str, str] = {}
        for cycle in story.cycles(NOW):
            story.move(cycle.now)
            names = [*DAILY[:-1], *(["digest"] if cycle.last else []), DAILY[-1]]
            started = time.monotonic()
            runs[_run(api, home, names, cycle.now)] = f"{cycle.day} {' '.join(names)}"
            say(f"{cycle.day}: {time.monotonic() - started:.1f} s")
            story.finish(cycle)
        group.stop(but=server)
        yield Whole(home, api, url, postgres.dsn(name), runs)


def _run(api: str, home: Path, names: list[str], now: datetime) -> str:
    """Ask for one run of `steps`, as the Prefect page or its command line does; returns its id when it is done."""
    with httpx.Client(base_url=api, timeout=30, trust_env=False) as client:
        deployment = _json(lambda: client.get("/deployments/name/steps/steps"))
        asked = {
            "parameters": {"home": str(home), "names": names, "now": now.isoformat()}, "idempotency_key": now.isoformat(),
        }  # fmt: skip
        run = str(_json(lambda: client.post(f"/deployments/{deployment['id']}/create_flow_run", json=asked))["id"])
        deadline = time.monotonic() + RUN_SECONDS
        while (state := _json(lambda: client.get(f"/flow_runs/{run}"))["state"])["type"] not in _ENDED:
            assert time.monotonic() < deadline, f"{names}: {state['type']} after {RUN_SECONDS} s"
            time.sleep(0.3)
        assert state["type"] == "COMPLETED", f"{names}: {state['type']} {state['message']}"
        return run


def _json(ask: Callable[[], httpx.Response]) -> dict[str, Any]:
    """What Prefect answers. On a busy machine it may say 503 (its database is locked) and is asked again, as its own client does."""
    deadline = time.monotonic() + RUN_SECONDS
    while (answer := ask()).status_code == 503 and time.monotonic() < deadline:
        time.sleep(1)
    answer.raise_for_status()
    found: dict[str, Any] = answer.json()
    return found


def _done(group: Group, command: list[str], environment: dict[str, str]) -> None:
    code, output, errors = group.run(command, environment)
    assert code == 0, f"{command} ended with {code}\n{output}\n{errors}"


@contextmanager
def _environment(name: str, value: str) -> Iterator[None]:
    before = os.environ.get(name)
    os.environ[name] = value
    try:
        yield
    finally:
        if before is None:
            del os.environ[name]
        else:
            os.environ[name] = before
