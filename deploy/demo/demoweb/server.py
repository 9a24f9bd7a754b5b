"""Four web servers, the mail server and the drop folder in one event loop."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import uvicorn

from demoweb.accesslog import AccessLog, Logged
from demoweb.clock import Clock
from demoweb.drop import DropFolder
from demoweb.forum import forum_site
from demoweb.mail import serve_mail
from demoweb.news import news_site
from demoweb.official import official_site
from demoweb.site import Context
from demoweb.story import load_story
from demoweb.wall import wall_site

SITES = {"official": official_site, "news": news_site, "forum": forum_site, "wall": wall_site}
HOST = "127.0.0.1"
STORY = Path(__file__).resolve().parents[1] / "story"


class PortInUse(Exception):
    """A port that was asked for cannot be had; the message names it."""


@dataclass(frozen=True, slots=True)
class Options:
    clock: str
    anchor: date
    ports: tuple[int, int, int, int]
    smtp_port: int
    inbox: Path
    drop: Path
    log: Path
    robots_status: dict[str, str]


class _Server(uvicorn.Server):
    """Leaves signals to us: four servers share one process."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


async def serve(options: Options) -> None:
    """Run until SIGTERM or SIGINT; prints `ready` when every port listens. Raises PortInUse, OSError, ValueError."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    clock = Clock(options.clock)
    story = load_story(STORY, options.anchor)
    context = Context(story, clock, stop)
    sockets = [_bound(port) for port in (*options.ports, options.smtp_port)]
    drop = DropFolder(options.drop, _state_path(options), story, clock)
    drop.write_due()
    log = AccessLog(options.log)
    servers = [
        _Server(_config(Logged(make(context, options.robots_status.get(name, "200")), name, log)))
        for name, make in SITES.items()
    ]
    tasks = [asyncio.create_task(s.serve(sockets=[sock])) for s, sock in zip(servers, sockets, strict=False)]
    mail = await serve_mail(sockets[-1], options.inbox)
    tasks.append(asyncio.create_task(drop.run(stop)))
    while not all(s.started for s in servers) and not stop.is_set():
        await asyncio.sleep(0.01)
    print("ready", flush=True)
    await stop.wait()
    mail.close()
    for server in servers:
        server.should_exit = True
    await asyncio.gather(*tasks, return_exceptions=True)
    log.close()


def _config(app: Logged) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        log_level="warning",
        access_log=False,
        lifespan="off",
        server_header=False,
        ws="none",
        timeout_graceful_shutdown=1,
    )


def _bound(port: int) -> socket.socket:
    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        sock.bind((HOST, port))
        sock.listen(128)
    except OSError as error:
        sock.close()
        raise PortInUse(f"端口 {port} 用不了：{error.strerror}。换一个端口，或先停掉占用它的程序。") from error
    sock.setblocking(False)
    return sock


def _state_path(options: Options) -> Path:
    beside = options.drop if options.clock == "real" else Path(options.clock)
    return beside.with_name(f"{beside.name}.drops.json")
