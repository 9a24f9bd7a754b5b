"""The demo: a fictional city's web and our own commands, moved forward together over seven days that reach today.

Nothing here writes a database; the product does not know that it is a demo. What this driver remembers (anchor, ports,
finished cycles) lies in `<home>/demo/state.json`, so that a killed demo goes on where it was.
"""

from __future__ import annotations

import json
import random
import socket
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, time, timedelta
from pathlib import Path

from flows.processes import ROOT
from pipeline.errors import Refused
from pipeline.records import SHANGHAI

DEMO = ROOT / "deploy" / "demo"
OFFICE = ROOT / "deploy" / "office"
DAYS = 7
DAY_ENDS = time(21, 0)
STORY_READY = time(8, 10)  # day 0's last text; a demo started earlier takes yesterday as its last day
PORTS = range(20_000, 32_000)  # below those that systems give to outgoing connections: ours are kept for days


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
        if (self.home / "config").exists() and not is_demo(self.home):
            raise Refused(f"{self.home} 里是正式配置，演示不会写进去；请用 --data-dir 另选一个目录。")
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
        self.state = State(anchor.isoformat(), free_ports(5), [])
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
            "DEMO_INBOX": "demo/inbox", "DEMO_DROP": "drop/12309", "DEMO_DESK_PORT": str(desk_port),
        }  # fmt: skip
        config = self.home / "config"
        for name in ("plans", "rules.yaml"):
            _copy(OFFICE / name, config / name, {})
        for path in sorted((DEMO / "config").iterdir()):
            _copy(path, config / path.name, values)
        (self.home / values["DEMO_DROP"]).mkdir(parents=True, exist_ok=True)


def is_demo(home: Path) -> bool:
    """Whether this home was made by a demo."""
    return (home / "demo" / "state.json").exists()


def need_demo(home: Path) -> None:
    """Raises Refused where this home was not made by a demo: an office's data is never deleted as one."""
    if not is_demo(home):
        raise Refused(f"{home} 不是演示数据，没有删除任何东西。")


def free_ports(count: int) -> list[int]:
    """Different loopback ports that nobody listens on just now."""
    found: list[int] = []
    for port in random.SystemRandom().sample(PORTS, len(PORTS)):
        with closing(socket.socket()) as s:
            if s.connect_ex(("127.0.0.1", port)) != 0:
                found.append(port)
        if len(found) == count:
            break
    return found


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
