"""A real mail server on loopback that can be told to misbehave."""

from __future__ import annotations

import asyncio
import email
import email.policy
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from email.message import EmailMessage
from typing import Any

from aiosmtpd.controller import Controller


class Inbox:
    """Keeps what arrived; `rcpt` and `data` are replies to give instead, `trouble` happens after DATA."""

    def __init__(self) -> None:
        self.mails: list[EmailMessage] = []
        self.rcpt = self.data = self.trouble = ""
        self.delay = 0.0
        self.port = 0

    async def handle_RCPT(self, server: Any, session: Any, envelope: Any, address: str, options: Any) -> str:
        if self.rcpt:
            return self.rcpt
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        if self.data:
            return self.data
        self.mails.append(email.message_from_bytes(envelope.content, policy=email.policy.default))  # type: ignore[arg-type]
        if self.trouble == "cut":
            server.transport.abort()
        if self.trouble == "hang":
            await asyncio.sleep(30)
        await asyncio.sleep(self.delay)
        return "250 OK"

    def ids(self) -> list[str]:
        return [str(m["Message-ID"]) for m in self.mails]


@contextmanager
def mail_server() -> Iterator[Inbox]:
    inbox = Inbox()
    with socket.create_server(("127.0.0.1", 0)) as free:  # the controller itself can't start on port 0
        inbox.port = free.getsockname()[1]
    controller = Controller(inbox, hostname="127.0.0.1", port=inbox.port)
    controller.start()
    try:
        yield inbox
    finally:
        controller.stop()
