"""`tingjian up`, with and without the demo: which processes run, in which order, and what the newcomer is told."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import click
import httpx

from flows import prefect_server
from flows.demo_story import Cycle, Story, run_step
from flows.processes import Child, Group, tingjian
from pipeline.desk.accounts import ensure_admin, sign_in_path
from pipeline.desk.database import Database
from pipeline.errors import ConfigurationError, RetryLater
from pipeline.settings import Home, load_home
from pipeline.steps.locks import only_one

DESK_SECONDS = 60.0


class Stopped(Exception):
    """Somebody pressed Ctrl-C or sent SIGTERM."""


def say(line: str) -> None:
    """A progress line with the time."""
    click.echo(f"{datetime.now().astimezone():%H:%M:%S} {line}")


def up(data_dir: Path, demo: bool, desk_port: int | None) -> None:
    """Run the whole group until Ctrl-C. Raises ConfigurationError or RetryLater where it can't start."""
    data_dir.mkdir(parents=True, exist_ok=True)
    with only_one(data_dir, "up"), stopping():
        group = Group(data_dir, say)
        group.sweep()
        try:
            now = datetime.now(UTC)
            story = Story(data_dir, now, desk_port or 8600) if demo else None
            home = load_home(data_dir)
            need_free_port(home.settings.desk.host, home.settings.desk.port)
            token = _prepare(home, now)
            prefect_port, server = start_prefect(group, home)
            environment = prefect_server.environment(home.folder, prefect_port)
            if story is not None:
                start_web(group, story)
                tell_story(story, home, group, now, prefect_port, server)
            _start_desk(group, home)
            group.start("值守", tingjian("dispatch", "--loop", "--data-dir", str(home.folder)), _log(home, "dispatch"))
            if story is None:
                wait_prefect(prefect_port, server)
            group.start(
                "调度", tingjian("schedule", "--data-dir", str(home.folder)), _log(home, "schedule"), environment
            )
            click.echo("")
            link = sign_in_path(token) if token else "/"
            note = "(首次登录链接,24 小时内有效,只能用一次)" if token else ""
            click.echo(f"值班台已就绪:{home.desk_url}{link} {note}".rstrip())
            click.echo("按 Ctrl-C 停止;再次运行会接着用同样的数据。")
            while True:
                group.watch()
                time.sleep(1)
        except Stopped:
            click.echo("")
            say("正在停止……")
        finally:
            group.stop()
        say("已停止。")


def demo_once(data_dir: Path, now: datetime | None) -> None:
    """The demo's story without desk or schedules: what is still to be taken in, then the end. Exits when all is sent."""
    data_dir.mkdir(parents=True, exist_ok=True)
    with only_one(data_dir, "up"), stopping():
        group = Group(data_dir, say)
        group.sweep()
        try:
            at = now or datetime.now(UTC)
            story = Story(data_dir, at, 8600)
            home = load_home(data_dir)
            _prepare(home, at)
            prefect_port, server = start_prefect(group, home)
            start_web(group, story)
            tell_story(story, home, group, at, prefect_port, server)
        except Stopped:
            say("正在停止……")
            sys.exit(130)
        finally:
            group.stop()


def start_web(group: Group, story: Story) -> None:
    """Start the fictional web and wait until all its ports answer."""
    first = next(iter(story.cycles(datetime.now(UTC))))
    if not story.clock.exists():
        story.move(first.now)
    log = story.folder / "web.log"
    child = group.start("演示网站", story.web_command(), log)
    deadline = time.monotonic() + 30
    for port in story.state.ports:
        while not _answers(port):
            if child.process.poll() is not None:
                raise RetryLater(f"演示网站没有启动:{log.read_text(encoding='utf-8', errors='replace')[-1000:]}")
            if time.monotonic() > deadline:
                raise RetryLater(f"演示网站 30 秒内没有就绪,见 {log}")
            time.sleep(0.1)


def start_prefect(group: Group, home: Home) -> tuple[int, Child]:
    """Start Prefect's server; it gets ready while other things go on."""
    port = prefect_server.free_port()
    environment = prefect_server.environment(home.folder, port)
    return port, group.start("Prefect", prefect_server.command(port), _log(home, "prefect"), environment)


def wait_prefect(port: int, server: Child) -> None:
    """Wait for the server and clear away what killed processes left in it."""
    prefect_server.wait_ready(port, server, say)
    crashed, _ = prefect_server.bury_dead_runs(port)
    if crashed:
        say(f"上次中断的 {crashed} 个流程已标记为中断。")


def tell_story(story: Story, home: Home, group: Group, now: datetime, prefect_port: int, server: Child) -> None:
    """Move the fictional web and our clock forward together, a day a cycle; the last day through Prefect."""
    cycles = list(story.cycles(now))
    for number, cycle in enumerate(cycles, 1):
        say(f"演示第 {number}/{len(cycles)} 轮:{cycle.day}(虚构的清江市)")
        story.move(cycle.now)
        if cycle.last:
            wait_prefect(prefect_port, server)
            _through_prefect(home, cycle, prefect_port)
        else:
            run_step(home.folder, "crawl", cycle.now, say)
            run_step(home.folder, "ingest", cycle.now, say)
        run_step(home.folder, "watch", cycle.now, say)
        if cycle.last:
            _flow("digest", home, cycle, prefect_port)
        run_step(home.folder, "dispatch", cycle.now, say)
        story.finish(cycle)


def _through_prefect(home: Home, cycle: Cycle, port: int) -> None:
    say("    通过 Prefect 采集入库")
    _flow("collect", home, cycle, port)


def _flow(name: str, home: Home, cycle: Cycle, port: int) -> None:
    code = "import sys; from pathlib import Path; from flows.scheduled import run_once; run_once(sys.argv[1], Path(sys.argv[2]), sys.argv[3])"
    command = [sys.executable, "-c", code, name, str(home.folder), cycle.now.isoformat()]
    environment = {**os.environ, **prefect_server.environment(home.folder, port)}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    if done.returncode:
        raise RetryLater(f"流程 {name} 没有完成:\n{done.stderr[-2000:]}")
    lines = [line for line in done.stdout.strip().splitlines() if line]
    say("    " + (lines[-1] if lines else name))


def need_free_port(host: str, port: int) -> None:
    """Raises ConfigurationError where the desk could not listen."""
    with closing(socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)) as s:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            s.bind((host, port))
        except OSError as error:
            raise ConfigurationError(
                f"端口 {port} 用不了({error.strerror}):可能另一个程序正在用它。"
                "换一个端口:在 config/tingjian.yaml 里改 desk.port(演示:tingjian up --demo --port 8700)。"
            ) from None


class stopping:
    """Turns SIGINT and SIGTERM into `Stopped` in the main thread, once."""

    def __enter__(self) -> None:
        self._before: dict[int, Callable[..., object] | int | None] = {}
        if threading.current_thread() is not threading.main_thread():
            return
        for number in (signal.SIGINT, signal.SIGTERM):
            self._before[number] = signal.signal(number, self._stop)

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _stop(self, number: int, _frame: object) -> None:
        for n in self._before:
            signal.signal(n, signal.SIG_IGN)
        raise Stopped


def _prepare(home: Home, now: datetime) -> str | None:
    """Migrate, make the administrator; returns the token of a sign-in link where nobody has a password yet."""
    db = Database(home.database_url)
    try:
        db.migrate()
        return ensure_admin(db, now)
    finally:
        db.close()


def _start_desk(group: Group, home: Home) -> None:
    command = [sys.executable, "-m", "console.serve", "--data-dir", str(home.folder)]
    child = group.start("值班台", command, _log(home, "desk"))
    desk = home.settings.desk
    deadline = time.monotonic() + DESK_SECONDS
    while True:
        try:
            httpx.get(f"http://{desk.host}:{desk.port}/sign-in", timeout=2, trust_env=False)
            return
        except httpx.HTTPError:
            pass
        if child.process.poll() is not None:
            text = _log(home, "desk").read_text(encoding="utf-8", errors="replace")
            raise RetryLater(f"值班台没有启动:{text[-1500:]}")
        if time.monotonic() > deadline:
            raise RetryLater(f"值班台 {DESK_SECONDS:.0f} 秒内没有就绪,见 {_log(home, 'desk')}")
        time.sleep(0.2)


def _answers(port: int) -> bool:
    with closing(socket.socket()) as s:
        s.settimeout(0.5)
        return s.connect_ex(("127.0.0.1", port)) == 0


def _log(home: Home, name: str) -> Path:
    folder = home.folder / "logs"
    folder.mkdir(exist_ok=True)
    return folder / f"{name}.log"
