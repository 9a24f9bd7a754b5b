"""The story driven by the plain step commands, with kills in between, and what must hold at the end."""

from __future__ import annotations

import email
import email.policy
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from conftest import NOW, ROOT, THREADS, told_of
from sqlalchemy import select

from flows.demo_story import Story
from pipeline.desk.database import Database
from pipeline.desk.tables import IssueRow, Notification, RegistryRow
from pipeline.index import open_index
from pipeline.index.engine import Search
from pipeline.settings import load_home
from pipeline.steps.reconcile import findings

END = datetime.fromisoformat(NOW + "+08:00").astimezone(UTC)
STEPS = ("crawl", "ingest", "watch", "dispatch")
# step → points at which a process of it may die
POINTS: dict[str, tuple[str, ...]] = {
    "crawl": ("<pipeline.spool:Spool.write", ">pipeline.spool:Spool.write", "<pipeline.privacy.seal:seal", "<crawlers.drop.take:settle"),
    "ingest": (
        "<pipeline.index.sqlite:SqliteIndex.write_items", ">pipeline.index.sqlite:SqliteIndex.write_items",
        ">pipeline.staging:Staging.put", "<pipeline.registry:commit", ">pipeline.registry:commit",
        "<pipeline.spool:Spool.acknowledge", ">pipeline.spool:Spool.acknowledge", "<pipeline.privacy.seal:unseal",
    ),
    "watch": (
        ">pipeline.staging:Staging.place", "<pipeline.index.sqlite:SqliteIndex.set_issue",
        "<pipeline.steps.watch:open_incident", ">pipeline.steps.watch:open_incident", "<pipeline.steps.watch:tick",
        ">pipeline.index.sqlite:SqliteIndex.write_signals",
    ),
    "dispatch": (
        "<pipeline.notify.senders:SmtpSender.send", ">pipeline.notify.senders:SmtpSender.send",
        ">pipeline.notify.outbox:claim", "<pipeline.notify.outbox:mark",
    ),
    "digest": ("<pipeline.notify.outbox:enqueue", ">pipeline.notify.outbox:enqueue"),
}  # fmt: skip


@dataclass
class Run:
    """One story in `home`, day by day."""

    home: Path
    kills: list[str] = field(default_factory=list)
    missed: list[str] = field(default_factory=list)

    def tell(self, plan: dict[tuple[int, str], tuple[str, int]]) -> None:
        """All seven days; `plan`: (day number, step) → (point, n-th call) at which that step's process dies first."""
        with ExitStack() as stack:
            story = Story(self.home, END, 8600)
            story.move(next(iter(story.cycles(END))).now)
            web = subprocess.Popen(story.web_command(), stdout=subprocess.PIPE, start_new_session=True)
            stack.callback(stop, web)
            assert web.stdout is not None and web.stdout.readline().strip() == b"ready"
            for number, cycle in enumerate(story.cycles(END)):
                story.move(cycle.now)
                steps = (*STEPS[:3], "digest", "dispatch") if cycle.last else STEPS
                for step in steps:
                    kill = plan.get((number, step))
                    if kill is not None:
                        self._step(step, cycle.now, kill)
                    self._step(step, cycle.now, None)
                story.finish(cycle)

    def _step(self, step: str, now: datetime, kill: tuple[str, int] | None) -> None:
        arguments = [step, "--data-dir", str(self.home), "--now", now.isoformat()]
        if kill is None:
            command = [sys.executable, "-m", "flows", *arguments]
        else:
            command = [sys.executable, str(Path(__file__).with_name("kill_at.py")), kill[0], str(kill[1]), *arguments]
        done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=300, check=False)
        if kill is not None and done.returncode == -signal.SIGKILL:
            self.kills.append(f"{step} {kill[0]} #{kill[1]}")
            return
        assert done.returncode == 0, f"{step} ended with {done.returncode}\n{done.stdout}\n{done.stderr}"
        if kill is not None:
            self.missed.append(f"{step} {kill[0]} #{kill[1]}")


def random_plan(seed: int, kills: int) -> dict[tuple[int, str], tuple[str, int]]:
    """`kills` different (day, step) places, each with a point of that step; the same seed gives the same plan."""
    rng = random.Random(seed)
    places = [(day, step) for day in range(7) for step in POINTS if step != "digest" or day == 6]
    return {place: (rng.choice(POINTS[place[1]]), rng.randint(1, 2)) for place in rng.sample(places, kills)}


def outcome(home_folder: Path) -> dict[str, Any]:
    """What must be the same however often processes died: content, not ids (each home has its own key).

    Which of two sources read a page first may differ, and which issue a document was put to: a round that died was begun again with what it had placed already.
    """
    home = load_home(home_folder)
    db, index = Database(home.database_url), open_index(home)
    try:
        hits = []
        after: str | None = None
        while True:
            page = index.search(Search(office_ids=tuple(o.id for o in home.offices)), size=200, after=after)
            hits += page.hits
            if (after := page.after) is None:
                break
        with db.read() as session:
            public = sum(1 for r in session.scalars(select(RegistryRow)) if r.channel == "public")
            rows = list(session.scalars(select(IssueRow)))
    finally:
        index.close()
        db.close()
    return {
        "documents": Counter((h.item.office_id, h.item.channel, h.item.title, h.item.revision) for h in hits),
        "public": public,
        "threads": {topic for topic, words in THREADS.items() if told_of(rows, topic, words)},
    }


def check(home_folder: Path) -> None:
    """The auditor's findings are empty, and every notification sent lies in the inbox, once unless its result was unknown."""
    home = load_home(home_folder)
    db, index = Database(home.database_url), open_index(home)
    try:
        assert findings(home, db, index, END) == []
        with db.read() as session:
            rows = list(session.scalars(select(Notification)))
    finally:
        index.close()
        db.close()
    arrived = Counter(mails(home_folder))
    for row in rows:
        if row.state != "sent":
            continue
        copies = [n for subject, n in arrived.items() if row.short_id in subject[0] and subject[1] == row.recipient]
        assert sum(copies) >= 1, f"{row.short_id} never arrived"
        assert sum(copies) == 1 or row.ambiguous >= sum(copies) - 1, f"{row.short_id} arrived {sum(copies)} times"


def mails(home_folder: Path) -> list[tuple[str, str]]:
    """(subject, recipient) of each mail in the demo's inbox."""
    found = []
    for path in (home_folder / "demo/inbox").glob("*.eml"):
        message = email.message_from_bytes(path.read_bytes(), policy=email.policy.default)
        found.append((str(message["Subject"]), str(message["To"])))
    return found


def stop(process: subprocess.Popen[bytes]) -> None:
    """SIGTERM, and SIGKILL after ten seconds."""
    process.terminate()
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def wait_for(condition: Any, seconds: float, what: str) -> None:
    """Poll until `condition()` holds."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"{what} not within {seconds} s"
        time.sleep(0.3)
