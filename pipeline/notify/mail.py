"""A notification as a mail: headers that nobody can inject into, the same Message-ID at every attempt."""

from __future__ import annotations

from email.errors import HeaderParseError
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, parseaddr

from pipeline.notify.outcomes import Message
from pipeline.records import SHANGHAI


class BadAddress(ValueError):
    """Not a mail address that can be written to."""


def address(text: str) -> Address:
    """`name <user@host>` or `user@host`. Raises BadAddress, also where a line break hides in it."""
    if any(ord(c) < 32 for c in text):
        raise BadAddress("地址里有控制字符")
    name, spec = parseaddr(text)
    if spec.count("@") != 1 or not spec.isascii():
        raise BadAddress("不是可用的邮箱地址")
    try:
        return Address(name, addr_spec=spec)
    except (HeaderParseError, ValueError, IndexError):
        raise BadAddress("不是可用的邮箱地址") from None


def compose(message: Message, sender: str) -> EmailMessage:
    """The whole mail. Raises BadAddress."""
    origin = address(sender)
    mail = EmailMessage(policy=SMTP)
    mail["From"] = origin
    mail["To"] = address(message.recipient)
    mail["Subject"] = _printable(message.headline)
    mail["Date"] = format_datetime(message.created_at.astimezone(SHANGHAI))
    mail["Message-ID"] = f"<{message.id}@{origin.domain or 'tingjian.invalid'}>"
    mail["Auto-Submitted"] = "auto-generated"
    mail["X-Auto-Response-Suppress"] = "All"
    mail["List-Id"] = (
        f"tingjian {message.kind} <{message.kind.replace('_', '-')}.tingjian.{origin.domain or 'invalid'}>"
    )
    mail["X-Tingjian-Id"] = message.short_id
    # Base64 throughout: no server has to be asked whether it takes 8 bit, and no line gets too long.
    mail.set_content(_sound(message.text), cte="base64")
    if message.html:
        mail.add_alternative(_sound(message.html), subtype="html", cte="base64")
    return mail


def _printable(text: str) -> str:
    """One line without control characters, short enough for every client."""
    return "".join(c for c in _sound(text) if c.isprintable())[:180]


def _sound(text: str) -> str:
    """Lone surrogates can't be encoded; a question mark is better than a mail that is never sent."""
    return text.encode("utf-8", "replace").decode()
