"""The dispatcher process: clocks and sending, with watching beside them in a thread of its own.

An index that is away or hangs makes watching late, never a clock or a message. What nobody foresaw ends the process, which
is then started again.
"""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import click
from sqlalchemy import func, select

from flows.context import Context, check_configuration, clock
from pipeline.desk.database import Database
from pipeline.desk.tables import BatchRow
from pipeline.errors import RetryLater, TingjianError
from pipeline.steps.clocks import drive
from pipeline.steps.dispatch import dispatch
from pipeline.steps.troubles import Part, note

LOOP_SECONDS = 2.0
AT_LEAST = timedelta(minutes=1)
AGAIN_AFTER = timedelta(seconds=10)  # a round of watching that failed
STOP_SECONDS = 5.0


def loop(c: Context) -> None:
    """Until SIGTERM or Ctrl-C. Raises ConfigurationError where rules, plans or roster are wrong at the start."""
    for warning in check_configuration(c.home, c.now):
        click.echo(warning, err=True)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    beside = threading.Thread(target=_watching, args=(c, stop), name="watch", daemon=True)
    beside.start()
    due = clock(None)
    while not stop.is_set() and beside.is_alive():
        now = clock(None)
        if now >= due:
            with _noted(c.db, "clocks", now):
                drive(c.home, c.db, now)
                due = now + AT_LEAST
        with _said():
            dispatch(c.home, c.db, now, lambda: not stop.is_set())
        stop.wait(LOOP_SECONDS)
    if not stop.is_set():  # its trace stands on stderr
        sys.exit(1)
    beside.join(STOP_SECONDS)  # a request that hangs is left: what it was about is done again


def watch_once(c: Context) -> tuple[Any, Any]:
    """Issues, then alerts and incidents."""
    from pipeline.steps.hear import hear  # brings scipy
    from pipeline.steps.watch import watch

    heard = hear(c.home, c.db, c.index, c.now)
    return heard, watch(c.home, c.db, c.index, c.now)


def mirror_once(c: Context) -> None:
    """What Kibana reads, where the index is Elasticsearch; its troubles are said and never stop anything."""
    if c.home.settings.index.engine != "elasticsearch":
        return
    from pipeline.index.elastic import ElasticIndex
    from pipeline.steps.mirror import mirror

    if isinstance(c.index, ElasticIndex) and (problem := mirror(c.home, c.db, c.index, c.now).problem):
        click.echo(f"Kibana 用的索引这次没有写完，稍后再试：{problem}", err=True)


def _watching(c: Context, stop: threading.Event) -> None:
    """After each ingest commit and at least once a minute; where that fails, again soon."""
    seen: datetime | None = None
    due = clock(None)
    while not stop.is_set():
        now = clock(None)
        with _said():
            with c.db.read() as session:
                commit = session.scalar(select(func.max(BatchRow.committed_at)))
            if now >= due or commit != seen:
                due = now + AGAIN_AFTER
                current = replace(c, now=now)
                with _noted(c.db, "watch", now):
                    watch_once(current)
                    due = now + AT_LEAST
                    mirror_once(current)
                seen = commit
        stop.wait(LOOP_SECONDS)


@contextmanager
def _noted(db: Database, part: Part, now: datetime) -> Iterator[None]:
    """What a part raises on purpose is said, noted for the desk, and the loop goes on; so is that it works again."""
    problem = ""
    try:
        yield
    except TingjianError as error:
        problem = str(error)
        click.echo(f"稍后再试：{problem}", err=True)
    with _said(), db.write() as session:
        note(session, part, problem, now)


@contextmanager
def _said() -> Iterator[None]:
    """What can be done later is said, and the loop goes on."""
    try:
        yield
    except RetryLater as error:
        click.echo(f"稍后再试：{error}", err=True)
