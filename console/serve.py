"""`python -m console.serve --data-dir D`: the desk as a process of its own."""

from __future__ import annotations

import argparse
import errno
import logging
import socket
import sys
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import uvicorn

from console.app import create_app
from pipeline.desk.accounts import ensure_admin, sign_in_path
from pipeline.desk.database import Database
from pipeline.errors import TingjianError
from pipeline.index import open_index
from pipeline.settings import Home, load_home

INDEX_SECONDS = 10.0


def main(arguments: list[str] | None = None) -> int:
    """Serve until SIGTERM or Ctrl-C. Returns 0, or 1 with a sentence in Chinese on stderr."""
    parser = argparse.ArgumentParser(prog="python -m console.serve", description="听见 · 值班台")
    parser.add_argument("--data-dir", type=Path, required=True, help="数据目录（里面有 config/）")
    parser.add_argument("--link", action="store_true", help="还没有管理员密码时，打印一次性登录链接")
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s", stream=sys.stderr)
    try:
        return serve(load_home(options.data_dir), link=options.link)
    except TingjianError as error:
        return _say(str(error))


def serve(home: Home, link: bool = False) -> int:
    """Bind first, so that a port in use is said before anything else happens."""
    desk = home.settings.desk
    try:
        listener = bind(desk.host, desk.port)
    except OSError as error:
        return _say(why_not(error, desk.host, desk.port))
    db = Database(home.database_url)
    try:
        db.migrate()
        if link:
            token = ensure_admin(db, datetime.now(UTC))
            if token:
                sys.stdout.write(f"登录链接（24 小时内用一次）：{home.desk_url}{sign_in_path(token)}\n")
                sys.stdout.flush()
        index = open_index(_impatient(home))
        try:
            app = create_app(home, db, index, lambda: datetime.now(UTC))
            config = uvicorn.Config(
                app,
                access_log=False,
                server_header=False,
                proxy_headers=False,
                log_level="warning",
                timeout_graceful_shutdown=5,
            )
            sys.stdout.write(f"值班台已就绪：{home.desk_url}\n")
            sys.stdout.flush()
            uvicorn.Server(config).run(sockets=[listener])
        finally:
            index.close()
    except KeyboardInterrupt:
        return 0
    finally:
        listener.close()
        db.close()
    return 0


def _impatient(home: Home) -> Home:
    """People wait before a page: an index that hangs is given up sooner than by a step."""
    index = home.settings.index
    sooner = index.model_copy(update={"timeout_seconds": min(index.timeout_seconds, INDEX_SECONDS)})
    return replace(home, settings=home.settings.model_copy(update={"index": sooner}))


def bind(host: str, port: int) -> socket.socket:
    """A listening socket. Raises OSError."""
    family, kind, protocol, _, address = socket.getaddrinfo(
        host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )[0]
    listener = socket.socket(family, kind, protocol)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(128)
    except OSError:
        listener.close()
        raise
    return listener


def why_not(error: OSError, host: str, port: int) -> str:
    """Why the desk can't listen, and what to do."""
    if error.errno == errno.EADDRINUSE:
        return f"端口 {port} 已被别的程序占用。请关掉那个程序，或在 config/tingjian.yaml 里改 desk.port。"
    if error.errno == errno.EACCES:
        return f"没有权限使用端口 {port}。请改用 1024 以上的端口（config/tingjian.yaml 里的 desk.port）。"
    if isinstance(error, socket.gaierror) or error.errno == errno.EADDRNOTAVAIL:
        return f"这台机器没有地址 {host}。请检查 config/tingjian.yaml 里的 desk.host。"
    return f"值班台无法监听 {host}:{port}（{error.strerror}）。"


def _say(message: str) -> int:
    sys.stderr.write(message + "\n")
    return 1


if __name__ == "__main__":
    sys.exit(main())
