"""What Prefect runs: few, coarse flows, each a thin call of our own commands' functions.

Parameters and logs carry ids and counts only. Spiders run in a process of their own, since Twisted's reactor can't restart.
"""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

from prefect import flow, serve
from prefect.deployments.runner import RunnerDeployment
from prefect.schedules import Cron, Interval

from flows.processes import tingjian

FLOW_SECONDS = 3600
FIRST_AFTER = timedelta(seconds=20)


@flow(name="collect", log_prints=False, timeout_seconds=FLOW_SECONDS)
def collect(home: str, now: str | None = None, due: bool = True) -> None:
    """Crawl what is due, then take it in."""
    step("crawl", home, now, *(["--due"] if due else []))
    step("ingest", home, now)


@flow(name="digest", log_prints=False, timeout_seconds=FLOW_SECONDS)
def digest(home: str, now: str | None = None) -> None:
    """This week's digest of every office."""
    step("digest", home, now)


@flow(name="upkeep", log_prints=False, timeout_seconds=FLOW_SECONDS)
def upkeep(home: str, now: str | None = None) -> None:
    """Expiry, retention, housekeeping."""
    step("upkeep", home, now)


@flow(name="train", log_prints=False, timeout_seconds=FLOW_SECONDS)
def train(home: str) -> None:
    """Train again where the artifact no longer fits the code."""
    step("train", None, None, "--if-missing")


def step(name: str, home: str | None, now: str | None, *more: str) -> None:
    """Run one of our commands; a non-zero exit fails the run with its last lines."""
    command = tingjian(name, *more)
    command += ["--data-dir", home] if home else []
    command += ["--now", now] if now else []
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    sys.stdout.write(done.stdout)
    if done.returncode:
        raise RuntimeError(f"tingjian {name} ended with {done.returncode}: {done.stderr[-500:]}")


def run_once(name: str, home: Path, now: str) -> None:
    """Run one flow in this process, recorded by the server that PREFECT_API_URL names."""
    if name == "collect":
        collect(str(home), now, due=False)
    elif name == "digest":
        digest(str(home), now)
    else:
        raise ValueError(f"no flow {name}")


def serve_all(home: Path, weekday: int, hour: int) -> None:
    """Serve the schedules until SIGTERM: collection every five minutes (each source at its own pace), digest weekly."""
    parameters = {"home": str(home)}
    # The first collection soon after the start, not five minutes later.
    often = Interval(timedelta(minutes=5), anchor_date=datetime.now(UTC) + FIRST_AFTER)
    weekly = Cron(f"0 {hour} * * {weekday % 7}", timezone="Asia/Shanghai")
    serve(
        RunnerDeployment.from_flow(collect, "collect", schedule=often, parameters=parameters),
        RunnerDeployment.from_flow(upkeep, "upkeep", schedule=Interval(timedelta(hours=1)), parameters=parameters),
        RunnerDeployment.from_flow(digest, "digest", schedule=weekly, parameters=parameters),
        RunnerDeployment.from_flow(
            train, "train", schedule=Cron("30 3 * * 0", timezone="Asia/Shanghai"), parameters=parameters
        ),
        limit=1,
        print_starting_message=False,
    )


if __name__ == "__main__":
    run_once(sys.argv[1], Path(sys.argv[2]), sys.argv[3])
