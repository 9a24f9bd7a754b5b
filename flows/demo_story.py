"""The demo: a fictional city's web and our own commands, moved forward together over seven days that reach today.

Nothing here writes a database; the product does not know that it is a demo. What this driver remembers (anchor, ports,
finished cycles) lies in `<home>/demo/state.json`, so that a killed demo goes on where it was.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, time, timedelta
from pathlib import Path

from flows.prefect_server import free_port
from flows.processes import ROOT, tingjian
from pipeline.errors import RetryLater
from pipeline.records import SHANGHAI

DEMO = ROOT / "deploy" / "demo"
OFFICE = ROOT / "deploy" / "office"
DAYS = 7
DAY_ENDS = time(21, 0)
STORY_READY = time(8, 10)  # day 0's last text; a demo started earlier takes yesterday as its last day

Say = Callable[[str], None]


@dataclass(slots=True)
class State:
    """What a demo home remembers of its driver."""

    anchor: str
    ports: list[int]  # official, news, forum, wall, mail
    done: list[str]


@dataclass(frozen=True, slots=True)
class Cycle:
    """One day of the story, taken in at `now`. The last one runs through Prefect."""

    day: str
    now: datetime
    last: bool


class Story:
    """The driver of one demo home."""

    def __init__(self, home: Path, now: datetime, desk_port: int) -> None:
        self.home = home.resolve()
        self.folder = self.home / "demo"
        self._file = self.folder / "state.json"
        self.state = self._load() or self._create(now)
        self._configure(desk_port)

    @property
    def clock(self) -> Path:
        return self.folder / "clock"

    def web_command(self) -> list[str]:
        """The demo web's command line: sites, mail server and drop folder, one process."""
        *sites, mail = self.state.ports
        return [
            sys.executable, str(DEMO / "serve.py"), "--clock", str(self.clock), "--anchor", self.state.anchor,
            "--ports", ",".join(map(str, sites)), "--smtp-port", str(mail), "--inbox", str(self.folder / "inbox"),
            "--drop", str(self.home / "drop" / "12309"), "--log", str(self.folder / "access.log"),
        ]  # fmt: skip

    def cycles(self, now: datetime) -> Iterator[Cycle]:
        """The days still to be taken in, oldest first; the last is always `now` itself."""
        anchor = datetime.fromisoformat(self.state.anchor).date()
        for back in range(DAYS - 1, 0, -1):
            day = anchor - timedelta(days=back)
            if day.isoformat() not in self.state.done:
                yield Cycle(day.isoformat(), datetime.combine(day, DAY_ENDS, SHANGHAI).astimezone(UTC), last=False)
        yield Cycle(anchor.isoformat(), now, last=True)

    def move(self, now: datetime) -> None:
        """Set the fictional web's time."""
        scratch = self.clock.with_suffix(".part")
        scratch.write_text(now.isoformat(), encoding="utf-8")
        scratch.rename(self.clock)

    def finish(self, cycle: Cycle) -> None:
        """Remember that a day is taken in."""
        if cycle.day not in self.state.done:
            self.state.done.append(cycle.day)
            self._save()

    def _load(self) -> State | None:
        if not self._file.exists():
            return None
        return State(**json.loads(self._file.read_text(encoding="utf-8")))

    def _create(self, now: datetime) -> State:
        self.folder.mkdir(parents=True, exist_ok=True)
        local = now.astimezone(SHANGHAI)
        anchor = local.date() if local.time() >= STORY_READY else local.date() - timedelta(days=1)
        self.state = State(anchor.isoformat(), [free_port() for _ in range(5)], [])
        self._save()
        return self.state

    def _save(self) -> None:
        scratch = self._file.with_suffix(".part")
        scratch.write_text(json.dumps(asdict(self.state)), encoding="utf-8")
        scratch.rename(self._file)

    def _configure(self, desk_port: int) -> None:
        """Copy the demo's configuration into the home, with its own ports; plans and rules are the office's."""
        official, news, forum, wall, mail = (str(p) for p in self.state.ports)
        values = {
            "DEMO_OFFICIAL": f"http://127.0.0.1:{official}", "DEMO_NEWS": f"http://127.0.0.1:{news}",
            "DEMO_FORUM": f"http://127.0.0.1:{forum}", "DEMO_WALL": f"http://127.0.0.1:{wall}", "DEMO_SMTP_PORT": mail,
            "DEMO_INBOX": str(self.folder / "inbox"), "DEMO_DROP": str(self.home / "drop" / "12309"),
            "DEMO_DESK_PORT": str(desk_port),
        }  # fmt: skip
        config = self.home / "config"
        for name in ("plans", "rules.yaml"):
            _copy(OFFICE / name, config / name, {})
        for path in sorted((DEMO / "config").iterdir()):
            _copy(path, config / path.name, values)
        Path(values["DEMO_DROP"]).mkdir(parents=True, exist_ok=True)


def run_step(home: Path, name: str, now: datetime, say: Say, *more: str) -> None:
    """Run one plain step command and pass on its last line. Raises RetryLater with its words where it failed."""
    command = [*tingjian(name, *more), "--data-dir", str(home), "--now", now.isoformat()]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RetryLater(f"{name} 没有完成(退出代码 {done.returncode}):\n{done.stderr[-2000:]}")
    lines = done.stdout.strip().splitlines()
    say("    " + (lines[-1] if lines else name))


def reset(home: Path) -> None:
    """Delete a demo home. Raises RetryLater where it is none: an office's data is never deleted this way."""
    if not (home / "demo" / "state.json").exists():
        raise RetryLater(f"{home} 不是演示数据,没有删除任何东西。")
    shutil.rmtree(home)


def _copy(source: Path, target: Path, values: dict[str, str]) -> None:
    if source.is_dir():
        for path in sorted(source.iterdir()):
            _copy(path, target / path.name, values)
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    text = source.read_text(encoding="utf-8")
    for name, value in values.items():
        text = text.replace(f"${{{name}}}", value)
    target.write_text(text, encoding="utf-8")
