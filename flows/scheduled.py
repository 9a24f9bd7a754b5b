"""What Prefect runs: few, coarse flows, each a thin call of our own commands' functions.

`tingjian up` serves them in its own process group (`serve_all`); where a Prefect server and workers of a process pool run
elsewhere, `register` hands them to the pool. Parameters and logs carry ids and counts only. Spiders run in a process of their own, since Twisted's reactor can't restart.
"""

from __future__ import annotations

import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal

from prefect import flow, serve
from prefect.client.orchestration import get_client
from prefect.client.schemas.actions import WorkPoolCreate
from prefect.client.schemas.filters import FlowRunFilter, WorkPoolFilter
from prefect.client.schemas.objects import StateType
from prefect.deployments.runner import RunnerDeployment
from prefect.schedules import Cron, Interval
from prefect.states import Crashed
from prefect.types.entrypoint import EntrypointType

from flows.context import EXIT_RETRY
from flows.processes import tingjian
from pipeline.steps.canary import EVERY

FLOW_SECONDS = 3600
CHECK_SECONDS = 600
AT_ONCE = 2  # so that the canary need not wait for a long collection; what must not run twice has its own lock
AGAIN_SECONDS, TRIES = 5.0, 24  # where another process holds a step
FIRST_AFTER = timedelta(seconds=20)
StepName = Literal["crawl", "own-sites", "ingest", "watch", "dispatch", "digest", "upkeep"]


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
    """Train again with the office's corrections; the result is used where it is not worse."""
    step("model", home, None, "retrain")


@flow(name="canary", log_prints=False, timeout_seconds=CHECK_SECONDS)
def canary(home: str) -> None:
    """Let our own test item go, and take it in."""
    step("canary", home, None, "send")
    step("ingest", home, None)


@flow(name="own-sites", log_prints=False, timeout_seconds=CHECK_SECONDS)
def own_sites(home: str) -> None:
    """Look at the offices' own sites, and take in what was found."""
    step("own-sites", home, None)
    step("ingest", home, None)


@flow(name="steps", log_prints=False, timeout_seconds=FLOW_SECONDS)
def steps(home: str, names: list[StepName], now: str | None = None) -> None:
    """Chosen steps in the given order: what a person starts by hand, to take a day in again or to catch up."""
    for name in names:
        step(name, home, now)


def step(name: str, home: str | None, now: str | None, *more: str) -> None:
    """Run one of our commands, for two minutes again where it says so; a non-zero exit fails the run with its last lines."""
    command = tingjian(name, *more)
    command += ["--data-dir", home] if home else []
    command += ["--now", now] if now else []
    for attempt in range(TRIES):
        if attempt:
            time.sleep(AGAIN_SECONDS)
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode != EXIT_RETRY:
            break
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
    """Serve the schedules until SIGTERM."""
    serve(*_deployments(home, weekday, hour), limit=AT_ONCE, print_starting_message=False)


def register(home: Path, weekday: int, hour: int, pool: str) -> list[str]:
    """Make the pool and hand it the schedules, and `steps` for what people start by hand; names what it holds."""
    with get_client(sync_client=True) as client:
        client.create_work_pool(WorkPoolCreate(name=pool, type="process"), overwrite=True)
    by_hand = RunnerDeployment.from_flow(
        steps, "steps", parameters={"home": str(home)}, entrypoint_type=EntrypointType.MODULE_PATH
    )
    deployments = [*_deployments(home, weekday, hour), by_hand]
    for deployment in deployments:
        deployment.apply(work_pool_name=pool)
    return [deployment.name for deployment in deployments]


def bury_pool(pool: str) -> int:
    """Mark the pool's runs that are under way as crashed: at the start of its one worker they are a dead one's. How many."""
    states = {"type": {"any_": [StateType.RUNNING, StateType.PENDING, StateType.CANCELLING]}}
    under_way = FlowRunFilter.model_validate({"state": states})
    ours = WorkPoolFilter.model_validate({"name": {"any_": [pool]}})
    dead = 0
    with get_client(sync_client=True) as client:
        while runs := client.read_flow_runs(flow_run_filter=under_way, work_pool_filter=ours, limit=200):
            for run in runs:
                client.set_flow_run_state(run.id, Crashed(message="process ended before the flow did"), force=True)
            dead += len(runs)
    return dead


def _deployments(home: Path, weekday: int, hour: int) -> list[RunnerDeployment]:
    """Collection every five minutes (each source at its own pace), the canary every quarter of an hour, own sites every half,
    upkeep hourly, digest and training weekly."""
    # The first collection soon after the start, not five minutes later.
    often = Interval(timedelta(minutes=5), anchor_date=datetime.now(UTC) + FIRST_AFTER)
    # Until the day is over: where an engine is away at that hour, the next one writes it. There is one a week all the same.
    weekly = Cron(f"0 {hour}-23 * * {weekday % 7}", timezone="Asia/Shanghai")
    sundays = Cron("30 3 * * 0", timezone="Asia/Shanghai")
    return [
        RunnerDeployment.from_flow(
            run, run.name, schedule=schedule, parameters={"home": str(home)}, entrypoint_type=EntrypointType.MODULE_PATH
        )
        for run, schedule in (
            (collect, often),
            (canary, Interval(EVERY, anchor_date=datetime.now(UTC) + FIRST_AFTER)),
            (own_sites, Interval(timedelta(minutes=30), anchor_date=datetime.now(UTC) + 2 * FIRST_AFTER)),
            (upkeep, Interval(timedelta(hours=1))),
            (digest, weekly),
            (train, sundays),
        )
    ]


if __name__ == "__main__":
    run_once(sys.argv[1], Path(sys.argv[2]), sys.argv[3])
