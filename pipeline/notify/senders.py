"""The channels: a mail server, or a folder of .eml files. Each answers with one of four outcomes."""

from __future__ import annotations

import contextlib
import os
import re
import smtplib
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Literal

from pipeline.errors import ConfigurationError, RetryLater, storage
from pipeline.notify.mail import BadAddress, compose
from pipeline.notify.outcomes import Ambiguous, Message, Outcome, Permanent, RetryAfter, Sender, Sent
from pipeline.settings import Home

TIMEOUT_SECONDS = 20.0


@dataclass(frozen=True, slots=True)
class FolderSender:
    """Writes `<folder>/<id>.eml`, whole or not at all; writing it twice leaves one file."""

    folder: Path
    sender: str

    def send(self, message: Message) -> Outcome:
        try:
            data = compose(message, self.sender).as_bytes()
        except BadAddress as error:
            return Permanent(str(error))
        path = self.folder / f"{message.id}.eml"
        scratch = self.folder / f".{message.id}.{os.getpid()}.part"
        try:
            with storage("通知目录"):
                self.folder.mkdir(parents=True, exist_ok=True)
                with scratch.open("wb") as f:
                    f.write(data)
                    f.flush()
                    os.fsync(f.fileno())
                scratch.rename(path)
        except RetryLater as error:
            with contextlib.suppress(OSError):
                scratch.unlink()
            return RetryAfter(str(error), channel_down=True)
        return Sent()


@dataclass(frozen=True, slots=True)
class SmtpSender:
    """One connection a mail: alerts are few, and a half-dead connection is worth nothing."""

    host: str
    port: int
    security: Literal["none", "starttls", "tls"]
    sender: str
    username: str = field(default="", repr=False)
    password: str = field(default="", repr=False)
    timeout: float = TIMEOUT_SECONDS

    def send(self, message: Message) -> Outcome:
        try:
            mail = compose(message, self.sender)
            data = mail.as_bytes()  # CRLF and ASCII: the SMTP policy encodes headers, the body is base64
        except BadAddress as error:
            return Permanent(str(error))
        origin, recipient = mail["From"].addresses[0].addr_spec, mail["To"].addresses[0].addr_spec
        try:
            server = self._connect()
        except smtplib.SMTPResponseException as error:
            return RetryAfter(f"邮件服务器拒绝登录或连接（{error.smtp_code}）", channel_down=True)
        except (OSError, smtplib.SMTPException, ssl.SSLError) as error:
            return RetryAfter(f"连不上邮件服务器（{type(error).__name__}）", channel_down=True)
        try:
            return self._deliver(server, origin, recipient, data)
        finally:
            server.close()

    def _connect(self) -> smtplib.SMTP:
        context = ssl.create_default_context()
        server: smtplib.SMTP
        if self.security == "tls":
            server = smtplib.SMTP_SSL(self.host, self.port, timeout=self.timeout, context=context)
        else:
            server = smtplib.SMTP(self.host, self.port, timeout=self.timeout)
        try:
            server.ehlo_or_helo_if_needed()
            if self.security == "starttls":
                server.starttls(context=context)
                server.ehlo()
            if self.username:
                server.login(self.username, self.password)
        except BaseException:
            server.close()
            raise
        return server

    def _deliver(self, server: smtplib.SMTP, origin: str, recipient: str, data: bytes) -> Outcome:
        try:
            code, _ = server.mail(origin)
            if code != 250:
                return RetryAfter(f"邮件服务器不接受发件人（{code}）", channel_down=True)
            code, _ = server.rcpt(recipient)
            if code not in (250, 251):
                return _refused(code, "收件人")
            code, _ = server.docmd("DATA")
            if code != 354:
                return _refused(code, "邮件")
        except (OSError, smtplib.SMTPException) as error:
            return RetryAfter(f"与邮件服务器的连接中断（{type(error).__name__}）", channel_down=True)
        # From here on the server may have the mail, whatever happens to the connection.
        try:
            server.send(re.sub(rb"(?m)^\.", b"..", data) + b".\r\n")
            code, _ = server.getreply()
        except (OSError, smtplib.SMTPException) as error:
            return Ambiguous(f"正文发出后连接中断，结果未知（{type(error).__name__}）")
        if code != 250:
            return _refused(code, "邮件")
        with contextlib.suppress(OSError, smtplib.SMTPException):
            server.quit()  # it has been accepted; how the parting goes does not matter
        return Sent()


@dataclass(frozen=True, slots=True)
class NullSender:
    """Where our own test item ends: everything is taken, nothing goes anywhere."""

    def send(self, message: Message) -> Outcome:
        return Sent()


def build_senders(home: Home, environ: Mapping[str, str] | None = None) -> dict[str, Sender]:
    """Channel id → sender. Raises ConfigurationError where a secret's environment variable is not set."""
    env = os.environ if environ is None else environ
    senders: dict[str, Sender] = {}
    for c in home.settings.channels:
        if c.kind == "folder":
            senders[c.id] = FolderSender(home.path(c.folder), c.sender)
            continue
        for name in filter(None, (c.username_env, c.password_env)):
            if name not in env:
                raise ConfigurationError(
                    f"环境变量 {name} 没有设置", file=home.config / "tingjian.yaml", field=f"channels.{c.id}"
                )
        user, secret = env.get(c.username_env, ""), env.get(c.password_env, "")
        senders[c.id] = SmtpSender(c.host, c.port, c.security, c.sender, user, secret)
    return senders


def _refused(code: int, what: str) -> Outcome:
    if 500 <= code < 600:
        return Permanent(f"邮件服务器不接受{what}（{code}）")
    return RetryAfter(f"邮件服务器暂不接受{what}（{code}）", timedelta(minutes=1))
