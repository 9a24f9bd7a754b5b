"""A mail server on loopback that keeps each message as an .eml file."""

from __future__ import annotations

import asyncio
import itertools
import os
import socket
import sys
import time
from pathlib import Path

from aiosmtpd.smtp import SMTP, Envelope, Session


class Inbox:
    """aiosmtpd handler: the message is on disk, whole, before the sender hears 250."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._counter = itertools.count(1)
        folder.mkdir(parents=True, exist_ok=True)

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:
        content = envelope.content or b""
        raw = content if isinstance(content, bytes) else content.encode("utf-8", "surrogateescape")
        people = ", ".join(envelope.rcpt_tos).encode("utf-8", "surrogateescape")
        name = f"{time.time_ns()}-{os.getpid()}-{next(self._counter):05d}"
        try:
            self._store(name, b"X-Envelope-To: " + people + b"\r\n" + raw)
        except OSError as error:
            print(f"inbox: {error}", file=sys.stderr)
            return "452 4.3.1 insufficient storage"
        return f"250 2.0.0 kept as {name}"

    def _store(self, name: str, raw: bytes) -> None:
        scratch = self._folder / f".{name}.part"
        with scratch.open("wb") as f:
            f.write(raw)
            f.flush()
            os.fsync(f.fileno())
        scratch.replace(self._folder / f"{name}.eml")


async def serve_mail(sock: socket.socket, folder: Path) -> asyncio.Server:
    """Start answering SMTP on a bound socket."""
    loop, inbox = asyncio.get_running_loop(), Inbox(folder)
    return await loop.create_server(
        lambda: SMTP(inbox, enable_SMTPUTF8=True, hostname="mail.demo", loop=loop), sock=sock
    )
