"""收件箱: the folder of mails that the product sent (`desk.mail_folder`), as the people received them."""

from __future__ import annotations

import email
import email.policy
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.errors import MessageError
from email.message import EmailMessage
from email.utils import parsedate_to_datetime
from pathlib import Path

from sqlalchemy import select
from starlette.responses import Response

from console.asking import Ask, missing
from console.pages.digests import framed
from pipeline.desk.tables import Notification

MOST = 300
MAIL_MOST = 5_000_000
_SHORT = re.compile(r"\[听见\s+([A-Z0-9]{3,8})\]")
_cache: dict[tuple[str, int], Mail] = {}


@dataclass(frozen=True, slots=True)
class Mail:
    name: str
    subject: str
    sender: str
    to: str
    sent_at: datetime
    short_id: str


def inbox(ask: Ask) -> Response:
    folder = _folder(ask)
    found = visible(ask, mails(folder)) if folder else []
    ask.looked("view", "page:inbox")
    return ask.page("inbox.html", mails=found, configured=folder is not None)


def mail(ask: Ask) -> Response:
    head, message = _open(ask)
    ask.looked("view", f"mail:{head.name}", short_id=head.short_id)
    plain = body(message, "plain")
    incident = incident_of(ask, head.short_id)
    return ask.page(
        "mail.html", framing=True, mail=head, text=plain, has_html=bool(body(message, "html")), incident=incident
    )


def mail_page(ask: Ask) -> Response:
    """The HTML part alone, for a sandboxed frame."""
    head, message = _open(ask)
    html = body(message, "html")
    if not html:
        raise missing("这封信的网页版")
    ask.looked("view", f"mail:{head.name}", short_id=head.short_id, page="html")
    return framed(html)


def incident_of(ask: Ask, short_id: str) -> str:
    """The incident that a mail is about, empty where there is none or it is not the viewer's."""
    wanted = select(Notification.incident_id).where(
        Notification.short_id == short_id, ask.viewer.sees(Notification.office_ids)
    )
    with ask.desk.reading() as session:
        return (session.scalars(wanted).first() if short_id else "") or ""


def mails(folder: Path) -> list[Mail]:
    """Heads of the newest mails; what can't be parsed is listed by its file name."""
    found = []
    for path in folder.glob("*.eml"):
        try:
            changed = path.stat().st_mtime_ns
        except FileNotFoundError:
            continue
        key = (str(path), changed)
        if key not in _cache:
            if len(_cache) > 5000:
                _cache.clear()
            _cache[key] = head_of(path.name, read_mail(path), changed)
        found.append(_cache[key])
    return sorted(found, key=lambda m: (m.sent_at, m.name), reverse=True)


def read_mail(path: Path) -> EmailMessage:
    with path.open("rb") as f:
        return email.message_from_bytes(f.read(MAIL_MOST), policy=email.policy.default)


def head_of(name: str, message: EmailMessage, changed: int) -> Mail:
    """Headers as text; broken ones fall back to the file's name and time."""
    subject = _header(message, "subject") or name
    fallback = datetime.fromtimestamp(changed / 1e9, UTC)
    try:
        sent = parsedate_to_datetime(_header(message, "date"))
    except (ValueError, TypeError, IndexError):
        sent = fallback
    short = _SHORT.search(subject)
    return Mail(
        name,
        subject,
        _header(message, "from"),
        _header(message, "to"),
        sent if sent.tzinfo else sent.replace(tzinfo=UTC),
        short[1] if short else "",
    )


def body(message: EmailMessage, kind: str) -> str:
    """The text/plain or text/html part, empty where there is none or it can't be decoded."""
    try:
        part = message.get_body((kind,))
        content = part.get_content() if part is not None else ""
    except (MessageError, LookupError, ValueError, AttributeError):
        return ""
    return content if isinstance(content, str) else ""


def visible(ask: Ask, found: Sequence[Mail]) -> list[Mail]:
    """An administrator sees all; others the mails whose notification belongs to their offices."""
    if ask.viewer.admin:
        return list(found[:MOST])
    with ask.desk.reading() as session:
        mine = set(session.scalars(select(Notification.short_id).where(ask.viewer.sees(Notification.office_ids))))
        others = set(session.scalars(select(Notification.short_id).where(~ask.viewer.sees(Notification.office_ids))))
    return [m for m in found if m.short_id in mine - others][:MOST]


def _header(message: EmailMessage, name: str) -> str:
    try:
        return str(message.get(name, ""))
    except (MessageError, LookupError, ValueError, TypeError, AttributeError, IndexError):
        return ""  # the library raises many kinds on hostile headers


def _folder(ask: Ask) -> Path | None:
    name = ask.desk.home.settings.desk.mail_folder
    folder = ask.desk.home.path(name) if name else None
    return folder if folder is not None and folder.is_dir() else None


def _open(ask: Ask) -> tuple[Mail, EmailMessage]:
    """Only a name that the folder lists and the viewer may see; no path is ever made from what was asked."""
    folder = _folder(ask)
    if folder is not None:
        for head in visible(ask, mails(folder)):
            if head.name == ask.path["name"]:
                return head, read_mail(folder / head.name)
    raise missing("这封信")
