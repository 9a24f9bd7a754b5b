"""One PostgreSQL server in a folder of its own: start, stop, kill, start again on the same data."""

from __future__ import annotations

import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psycopg
import pytest

START_SECONDS = 60
USER = "tingjian"
PASSWORD_NAME = "TINGJIAN_TEST_POSTGRESQL_PASSWORD"


def programs() -> Path | None:
    """The folder of `initdb` and `postgres`, newest version; Debian keeps them off the PATH."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda p: int(p.parts[-3]))
    on_path = shutil.which("initdb")
    return found[-1].parent if found else Path(on_path).resolve().parent if on_path else None


def need_programs() -> Path:
    """Skips the test, in words, where PostgreSQL is not installed."""
    folder = programs()
    if folder is None:
        pytest.skip("PostgreSQL is not installed (Debian: apt install postgresql)")
    return folder


@dataclass
class Server:
    """A server with password sign-in; the password holds characters that an address must quote."""

    folder: Path = field(default_factory=lambda: Path(tempfile.mkdtemp(prefix="tingjian-pg-")))
    password: str = field(default_factory=lambda: f"p@ss:/?#%4{secrets.token_hex(4)}")

    def __post_init__(self) -> None:
        self.bin = need_programs()
        with closing(socket.socket()) as s:
            s.bind(("127.0.0.1", 0))
            self.port = int(s.getsockname()[1])
        self.data = self.folder / "data"
        self._process: subprocess.Popen[bytes] | None = None
        self._as: dict[str, Any] = _as_user()
        if self._as:
            os.chown(self.folder, self._as["user"], self._as["group"])
        secret = self.folder / "password"
        secret.write_text(self.password, encoding="utf-8")
        subprocess.run(
            [self.bin / "initdb", "-D", self.data, "-U", USER, "--pwfile", secret, "--auth=scram-sha-256",
             "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync"],
            check=True, capture_output=True, cwd=self.folder, **self._as,
        )  # fmt: skip

    def start(self) -> Server:
        """Returns when the server takes connections. Raises RuntimeError with its log where it does not."""
        options = {  # a killed process loses nothing without fsync, a killed machine would
            "port": self.port, "listen_addresses": "127.0.0.1", "unix_socket_directories": "", "fsync": "off",
            "shared_buffers": "32MB", "max_connections": 60, "timezone": "America/New_York",  # not ours: must not matter
        }  # fmt: skip
        arguments = [word for name, value in options.items() for word in ("-c", f"{name}={value}")]
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [self.bin / "postgres", "-D", self.data, *arguments], stdout=log, stderr=log, cwd=self.folder, **self._as
            )
        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                psycopg.connect(self.dsn("postgres")).close()
                return self
            except psycopg.OperationalError:
                if self._process.poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError(f"PostgreSQL did not start:\n{(self.folder / 'log').read_text()}") from None
                time.sleep(0.05)

    def stop(self) -> None:
        """A fast shutdown: sessions are ended, nothing is lost."""
        self._end(signal.SIGINT)

    def kill(self) -> None:
        """SIGKILL to the postmaster; its sessions notice and end."""
        self._end(signal.SIGKILL)

    def remove(self) -> None:
        self._end(signal.SIGQUIT)
        shutil.rmtree(self.folder, ignore_errors=True)

    def dsn(self, database: str) -> str:
        return f"postgresql://{USER}:{quote(self.password, safe='')}@127.0.0.1:{self.port}/{database}"

    def address(self, database: str) -> str:
        """The same as an office writes it into its settings; `PASSWORD_NAME` must be in the environment."""
        return f"postgresql://{USER}:${{{PASSWORD_NAME}}}@127.0.0.1:{self.port}/{database}"

    def create(self, template: str = "template1") -> str:
        """A new database (a copy of `template`, which nobody may be using); returns its name."""
        name = f"desk_{secrets.token_hex(4)}"
        with psycopg.connect(self.dsn("postgres"), autocommit=True) as connection:
            connection.execute(f'CREATE DATABASE {name} TEMPLATE "{template}"')
        return name

    def drop(self, name: str) -> None:
        with psycopg.connect(self.dsn("postgres"), autocommit=True) as connection:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)")

    def _end(self, number: int) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(number)
            self._process.wait(30)
        self._process = None


def _as_user() -> dict[str, Any]:
    """PostgreSQL refuses root: then it runs as nobody."""
    if os.geteuid() != 0:
        return {}
    nobody = pwd.getpwnam("nobody")
    return {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": ()}
