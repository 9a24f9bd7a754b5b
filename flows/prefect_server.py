"""Prefect's server inside our process group: one for all flows, its home in the data folder, telemetry off.

A run of a killed process stays RUNNING for ever (DESIGN §6), so at start dead runs are marked crashed; the server itself
deletes old ones.
"""

from __future__ import annotations

import socket
import sys
import time
from collections.abc import Callable
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import httpx

from flows.processes import Child
from pipeline.errors import RetryLater

START_SECONDS = 240.0
KEEP_RUNS = timedelta(days=14)


def environment(home: Path, port: int) -> dict[str, str]:
    """What every process that talks to this server needs."""
    return {
        "PREFECT_HOME": str(home / "prefect"),
        "PREFECT_API_URL": api_url(port),
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "DO_NOT_TRACK": "1",
        "PREFECT_SERVER_UI_ENABLED": "false",
        "PREFECT_SERVER_SERVICES_DB_VACUUM_ENABLED": "events,flow_runs",
        "PREFECT_SERVER_SERVICES_DB_VACUUM_RETENTION_PERIOD": str(int(KEEP_RUNS.total_seconds())),
        "PREFECT_LOGGING_LEVEL": "WARNING",
        "PREFECT_CLI_PROMPT": "false",
        "PREFECT_RUNNER_POLL_FREQUENCY": "5",
        "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": str(int(START_SECONDS)),
    }


def api_url(port: int) -> str:
    """Where the server answers."""
    return f"http://127.0.0.1:{port}/api"


def command(port: int) -> list[str]:
    """The server's command line."""
    return [sys.executable, "-m", "prefect", "server", "start", "--host", "127.0.0.1", "--port", str(port)]


def free_port() -> int:
    """A loopback port that nobody listens on just now."""
    with closing(socket.socket()) as s:
        s.bind(("127.0.0.1", 0))
        return int(s.getsockname()[1])


def wait_ready(port: int, child: Child, say: Callable[[str], None]) -> None:
    """Wait until the server answers. Raises RetryLater saying why it did not."""
    started = time.monotonic()
    said = 0.0
    while (waited := time.monotonic() - started) < START_SECONDS:
        if child.process.poll() is not None:
            raise RetryLater(f"Prefect 服务没有启动（退出代码 {child.process.returncode}）：\n{_tail(child.log)}")
        try:
            if httpx.get(f"{api_url(port)}/health", timeout=2, trust_env=False).status_code == 200:
                return
        except httpx.HTTPError:
            pass
        if waited - said >= 10:
            said = waited
            say(f"等待 Prefect 服务启动……已 {waited:.0f} 秒")
        time.sleep(0.3)
    raise RetryLater(f"Prefect 服务 {START_SECONDS:.0f} 秒内没有就绪：\n{_tail(child.log)}")


def bury_dead_runs(api: str) -> int:
    """Mark runs that were under way in killed processes as crashed. Call it while no flow of ours runs; returns how many."""
    with httpx.Client(timeout=30, trust_env=False) as client:
        dead = 0
        while runs := _unfinished(client, api):
            for run in runs:
                state = {"type": "CRASHED", "name": "Crashed", "message": "process ended before the flow did"}
                answer = client.post(f"{api}/flow_runs/{run}/set_state", json={"state": state, "force": True})
                answer.raise_for_status()
            dead += len(runs)
    return dead


def _unfinished(client: httpx.Client, api: str) -> list[str]:
    wanted = {"state": {"type": {"any_": ["RUNNING", "PENDING", "CANCELLING"]}}}
    answer = client.post(f"{api}/flow_runs/filter", json={"flow_runs": wanted, "limit": 200})
    answer.raise_for_status()
    return [str(run["id"]) for run in answer.json()]


def _tail(log: Path | None) -> str:
    if log is None or not log.exists():
        return ""
    return "\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-12:])
