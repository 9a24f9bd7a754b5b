"""Prefect's server inside our process group: one for all flows, its home in the data folder, telemetry off.

A run of a killed process stays RUNNING for ever (DESIGN §6), so at start dead runs are marked crashed and old ones deleted.
"""

from __future__ import annotations

import socket
import sys
import time
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
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
        "PREFECT_API_URL": f"http://127.0.0.1:{port}/api",
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "DO_NOT_TRACK": "1",
        "PREFECT_SERVER_UI_ENABLED": "false",
        "PREFECT_LOGGING_LEVEL": "WARNING",
        "PREFECT_CLI_PROMPT": "false",
        "PREFECT_RUNNER_POLL_FREQUENCY": "5",
        "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": str(int(START_SECONDS)),
    }


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
            raise RetryLater(f"Prefect 服务没有启动(退出代码 {child.process.returncode}):\n{_tail(child.log)}")
        try:
            if httpx.get(f"http://127.0.0.1:{port}/api/health", timeout=2, trust_env=False).status_code == 200:
                return
        except httpx.HTTPError:
            pass
        if waited - said >= 10:
            said = waited
            say(f"等待 Prefect 服务启动……已 {waited:.0f} 秒")
        time.sleep(0.3)
    raise RetryLater(f"Prefect 服务 {START_SECONDS:.0f} 秒内没有就绪:\n{_tail(child.log)}")


def bury_dead_runs(port: int, now: datetime | None = None) -> tuple[int, int]:
    """Mark runs that were under way in killed processes as crashed and delete runs of two weeks ago.

    Call it while no flow of ours runs. Returns (crashed, deleted).
    """
    api = httpx.Client(base_url=f"http://127.0.0.1:{port}/api", timeout=30, trust_env=False)
    with api:
        dead = _runs(api, {"state": {"type": {"any_": ["RUNNING", "PENDING", "CANCELLING"]}}})
        for run in dead:
            state = {"type": "CRASHED", "name": "Crashed", "message": "process ended before the flow did"}
            api.post(f"/flow_runs/{run}/set_state", json={"state": state, "force": True}).raise_for_status()
        before = ((now or datetime.now(UTC)) - KEEP_RUNS).isoformat()
        old = _runs(api, {"end_time": {"before_": before}})
        for run in old:
            api.delete(f"/flow_runs/{run}").raise_for_status()
    return len(dead), len(old)


def running(port: int) -> int:
    """How many runs the server believes to be under way."""
    with httpx.Client(base_url=f"http://127.0.0.1:{port}/api", timeout=30, trust_env=False) as api:
        return len(_runs(api, {"state": {"type": {"any_": ["RUNNING", "CANCELLING"]}}}))


def _runs(api: httpx.Client, runs: dict[str, object]) -> list[str]:
    answer = api.post("/flow_runs/filter", json={"flow_runs": runs, "limit": 200})
    answer.raise_for_status()
    return [str(run["id"]) for run in answer.json()]


def _tail(log: Path | None) -> str:
    if log is None or not log.exists():
        return ""
    return "\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-12:])
