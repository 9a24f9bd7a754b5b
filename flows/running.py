"""`tingjian up`, with and without the demo: which processes run, in which order, and what the newcomer is told."""

from __future__ import annotations

import shutil
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

import click
import httpx

from flows import prefect_server
from flows.canary_watch import CanaryWatch
from flows.context import check_configuration
from flows.demo_story import Cycle, Story, need_demo
from flows.processes import Child, Group, tingjian
from pipeline.desk.accounts import ensure_admin, sign_in_path
from pipeline.desk.database import Database
from pipeline.errors import ConfigurationError, RetryLater
from pipeline.index import need_index
from pipeline.settings import Home, load_home
from pipeline.steps.locks import only_one

DESK_SECONDS = 60.0


class Stopped(BaseException):
    """Somebody pressed Ctrl-C or sent SIGTERM."""


def say(line: str) -> None:
    """A progress line with the time."""
    click.echo(f"{datetime.now().astimezone():%H:%M:%S} {line}")


def up(data_dir: Path, demo: bool, desk_port: int | None) -> None:
    """Run the whole group until Ctrl-C. Raises ConfigurationError or RetryLater where it can't start."""
    say("听见正在启动……")
    try:
        with _group(data_dir) as group:
            now = datetime.now(UTC)
            story = Story(data_dir, now, desk_port or 8600) if demo else None
            home = load_home(data_dir)
            for warning in check_configuration(home, now):
                say(warning)
            need_free_port(home.settings.desk.host, home.settings.desk.port)
            token = _prepare(home, now)
            with _prefect(group, home) as (port, server):
                if story is not None:
                    start_web(group, story)
                    tell_story(story, home, group, now, port, server)
                _start_desk(group, home)
                at = ["--data-dir", str(home.folder)]
                group.start("值守", tingjian("dispatch", "--loop", *at), _log(home, "dispatch"))
                if story is None:
                    wait_prefect(port, server)
                environment = prefect_server.environment(home.folder, port)
                group.start("调度", tingjian("schedule", *at), _log(home, "schedule"), environment)
                click.echo("")
                click.echo(f"值班台已就绪：{home.desk_url}{sign_in_path(token) if token else '/'}")
                if token:
                    click.echo("（这是管理员的首次登录链接，24 小时内有效，只能用一次。）")
                click.echo("按 Ctrl-C 停止；再次运行会接着用同样的数据。")
                CanaryWatch(home, say, datetime.now(UTC)).start()
                while True:
                    group.watch()
                    time.sleep(1)
    except Stopped:
        say("已停止。")


def demo_once(data_dir: Path, now: datetime | None) -> None:
    """The demo's story without desk or schedules: what is still to be taken in, then the end. Exits when all is sent."""
    say("演示正在启动……")
    try:
        with _group(data_dir) as group:
            at = now or datetime.now(UTC)
            story = Story(data_dir, at, 8600)
            home = load_home(data_dir)
            _prepare(home, at)
            with _prefect(group, home) as (port, server):
                start_web(group, story)
                tell_story(story, home, group, at, port, server)
    except Stopped:
        sys.exit(130)


def demo_reset(home: Path) -> None:
    """Delete a demo that does not run. Raises Refused where the folder is none, RetryLater where it runs."""
    need_demo(home)
    with _group(home):
        shutil.rmtree(home)


@contextmanager
def _group(data_dir: Path) -> Iterator[Group]:
    """The one group of a home, without what a killed one left; everything it started ends with it."""
    data_dir.mkdir(parents=True, exist_ok=True)
    with ExitStack() as held:
        try:
            held.enter_context(only_one(data_dir, "up"))
        except RetryLater:
            raise RetryLater(f"{data_dir} 已经有一个 tingjian 在运行：请用正在运行的那一个，或先停掉它。") from None
        held.enter_context(_stopping())
        group = Group(data_dir, say)
        try:
            group.sweep()
            yield group
        except Stopped:
            click.echo("")
            say("正在停止……")
            raise
        finally:
            group.stop()


@contextmanager
def _prefect(group: Group, home: Home) -> Iterator[tuple[int, Child]]:
    """Prefect's server, which gets ready while other things go on. At the end no run of it is left under way."""
    port = prefect_server.free_port()
    environment = prefect_server.environment(home.folder, port)
    server = group.start("Prefect", prefect_server.command(port), _log(home, "prefect"), environment)
    try:
        yield port, server
    finally:
        group.stop(but=server)
        with suppress(httpx.HTTPError):  # not ready yet, or dead: the next start does it
            prefect_server.bury_dead_runs(prefect_server.api_url(port))


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
                raise RetryLater(f"演示网站没有启动：{log.read_text(encoding='utf-8', errors='replace')[-1000:]}")
            if time.monotonic() > deadline:
                raise RetryLater(f"演示网站 30 秒内没有就绪，见 {log}")
            time.sleep(0.1)


def wait_prefect(port: int, server: Child) -> None:
    """Wait for the server and clear away what killed processes left in it."""
    prefect_server.wait_ready(port, server, say)
    crashed = prefect_server.bury_dead_runs(prefect_server.api_url(port))
    if crashed:
        say(f"上次中断的 {crashed} 个流程已标记为中断。")


def tell_story(story: Story, home: Home, group: Group, now: datetime, port: int, server: Child) -> None:
    """Move the fictional web and our clock forward together, a day a cycle; the last day through Prefect."""
    cycles = list(story.cycles(now))
    for number, cycle in enumerate(cycles, 1):
        say(f"演示第 {number}/{len(cycles)} 轮：{cycle.day}（虚构的清江市）")
        story.move(cycle.now)
        if cycle.last:
            for check in (("canary", "send"), ("own-sites",)):
                at = ["--data-dir", str(home.folder), "--now", cycle.now.isoformat()]
                _run(group, check[0], [*tingjian(*check), *at], {})
            wait_prefect(port, server)
            say("    通过 Prefect 采集入库")
            _flow(group, home, "collect", cycle, port)
        else:
            _step(group, home, "crawl", cycle)
            _step(group, home, "ingest", cycle)
        _step(group, home, "watch", cycle)
        if cycle.last:
            _flow(group, home, "digest", cycle, port)
        _step(group, home, "dispatch", cycle)
        story.finish(cycle)


def _step(group: Group, home: Home, name: str, cycle: Cycle) -> None:
    _run(group, name, tingjian(name, "--data-dir", str(home.folder), "--now", cycle.now.isoformat()), {})


def _flow(group: Group, home: Home, name: str, cycle: Cycle, port: int) -> None:
    command = [sys.executable, "-m", "flows.scheduled", name, str(home.folder), cycle.now.isoformat()]
    _run(group, name, command, prefect_server.environment(home.folder, port))


def _run(group: Group, name: str, command: list[str], environment: dict[str, str]) -> None:
    """Run one step and pass on its last line. Raises RetryLater with its words where it failed."""
    code, output, errors = group.run(command, environment)
    if code:
        raise RetryLater(f"{name} 没有完成（退出代码 {code}）：\n{errors[-2000:]}")
    lines = output.strip().splitlines()
    say("    " + (lines[-1] if lines else name))


def need_free_port(host: str, port: int) -> None:
    """Raises ConfigurationError where the desk could not listen."""
    with closing(socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)) as s:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            s.bind((host, port))
        except OSError as error:
            raise ConfigurationError(
                f"端口 {port} 用不了（{error.strerror}）：可能另一个程序正在用它。"
                "换一个端口：在 config/tingjian.yaml 里改 desk.port（演示：tingjian up --demo --port 8700）。"
            ) from None


@contextmanager
def _stopping() -> Iterator[None]:
    """Turns SIGINT and SIGTERM into `Stopped` in the main thread, once."""

    def stop(number: int, frame: object) -> None:
        for n in before:
            signal.signal(n, signal.SIG_IGN)
        raise Stopped

    before: dict[int, Callable[..., object] | int | None] = {}
    if threading.current_thread() is threading.main_thread():
        before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _prepare(home: Home, now: datetime) -> str | None:
    """Migrate, make the administrator; returns the token of a sign-in link where nobody has a password yet."""
    try:
        need_index(home)
    except RetryLater as error:
        say(f"{error}：先启动，恢复后自动接着做。")
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
            raise RetryLater(f"值班台没有启动：{text[-1500:]}")
        if time.monotonic() > deadline:
            raise RetryLater(f"值班台 {DESK_SECONDS:.0f} 秒内没有就绪，见 {_log(home, 'desk')}")
        time.sleep(0.2)


def _answers(port: int) -> bool:
    with closing(socket.socket()) as s:
        s.settimeout(0.5)
        return s.connect_ex(("127.0.0.1", port)) == 0


def _log(home: Home, name: str) -> Path:
    folder = home.folder / "logs"
    folder.mkdir(exist_ok=True)
    return folder / f"{name}.log"
