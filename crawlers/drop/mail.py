"""Letters in a drop folder (.eml, .mbox): what a person wrote in this one. Who wrote it becomes a voice; quotes of earlier
letters, signatures and attachments are left out."""

from __future__ import annotations

import mailbox
import re
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from email.errors import HeaderParseError
from email.header import decode_header
from email.message import Message
from email.utils import parseaddr, parsedate_to_datetime
from pathlib import Path

from crawlers.drop.tables import MOST_BYTES
from crawlers.reading.decode import decode
from crawlers.reading.tree import drop, parse_html, select, text_of
from crawlers.sealing import Draft, Sink
from pipeline.errors import QuarantineError
from pipeline.records import SHANGHAI

EXTRACTOR = "mail 1"
SUFFIXES = (".eml", ".mbox")
MOST_LETTERS = 20_000
MOST_PARTS = 200  # of one letter
_DAMAGED = (ValueError, LookupError, TypeError, AttributeError, RecursionError, OverflowError, HeaderParseError)
_REPLY = re.compile(r"^(?:\s*(?:re|fw|fwd|回复|答复|转发|回覆|轉發)\s*[:：])+\s*", re.I)
_HEADER_LINE = re.compile(
    r"^\W{0,3}(?:发件人|寄件人|收件人|抄送|发送时间|发送日期|日期|主题|From|To|Cc|Sent|Date|Subject)\s*[:：]", re.I
)
# above this stands the letter, below it an earlier one
_EARLIER = re.compile(
    r"^\W{0,4}[-—_ ]{2,}\s*(?:原始邮件|原邮件|回复的原邮件|回复的邮件|转发的邮件|转发邮件信息|Original Message|Forwarded message)\b.*$"
    r"|^\s*(?:在|于|On)\s?.{4,120}(?:写道|wrote)\s*[:：]?\s*$|^\s*(?:19|20)\d\d\s?[-/年].{4,100}(?:写道|wrote)\s*[:：]\s*$",
    re.I,
)
# below this stands who wrote it
_SIGNED = re.compile(
    r"^\s*(?:--\s?|敬礼[！!。]?|此致\s*敬礼[！!。]?|发自我的.{0,20}|来自.{0,20}(?:手机|邮箱|客户端).{0,10}|从我的.{0,20}发送.{0,6}|Sent from my .{0,40})\s*$",
    re.I,
)
_NAMED = re.compile(
    r"^\s*(?:姓\s*名|联系人|举报人|投诉人|申诉人|控告人|反映人|信访人|署名|落款|写信人|来信人)\s*[:：].{0,30}$"
)
_QUOTING = ("blockquote", ".gmail_quote", ".gmail_signature", "#isReplyContent", "#isForwardContent", ".moz-signature")


@dataclass(frozen=True, slots=True)
class Letter:
    """One letter, read. `sender` and `name` are for the voice and for being cut out; they go no further."""

    subject: str
    text: str
    received: datetime | None
    message_id: str
    attachments: int
    sender: str = field(repr=False)
    name: str = field(repr=False)


def raw_letters(path: Path) -> Iterator[tuple[int, bytes]]:
    """(number from 1, bytes) of each letter of a file. Raises QuarantineError: too_large, bad_file."""
    if path.stat().st_size > MOST_BYTES:
        raise QuarantineError("too_large", "file")
    if path.suffix.lower() == ".eml":
        yield 1, path.read_bytes()
        return
    with closing(mailbox.mbox(path, create=False)) as box:
        if not len(box):
            raise QuarantineError("bad_file", "mbox")
        for number, key in enumerate(box.iterkeys(), 1):
            if number > MOST_LETTERS:
                raise QuarantineError("too_large", "rows")
            yield number, box.get_bytes(key)


def draft_of(raw: bytes, sink: Sink) -> Draft:
    """Raises QuarantineError: bad_mail, empty_text. The sender ends here (charter 1)."""
    letter = read_letter(raw, sink.now)
    sink.tally.refused["attachment"] += letter.attachments
    subject, text = (_without(letter.name, t) for t in (letter.subject, letter.text))
    if not text:
        raise QuarantineError("empty_text")
    own = letter.message_id or "h" + sink.keyed_digest(f"{letter.received}\0{letter.sender}\0{letter.text}")
    return Draft(
        identity=f"{sink.source.id}/{own}",
        title=subject[:300],
        text=text,
        published_at=letter.received,
        precision="minute" if letter.received else "unknown",
        received_at=letter.received,
        extractor=EXTRACTOR,
        voice=sink.voice(letter.sender),
    )


def read_letter(raw: bytes, now: datetime) -> Letter:
    """Raises QuarantineError `bad_mail` where this is no letter."""
    try:
        message = message_from_bytes(raw)
        headers = {k.lower(): str(v) for k, v in reversed(list(message.raw_items()))}  # the first of a name counts
        if not {"from", "subject", "date", "received", "message-id"} & headers.keys():
            raise QuarantineError("bad_mail", "headers")
        plain, marked, attachments = _parts(message)
        name, sender = parseaddr(_words(headers.get("from", "")))
        text = own_words(plain) if plain.strip() else own_words(_of_html(marked))
        return Letter(
            _REPLY.sub("", _words(headers.get("subject", ""))),
            text,
            _received(headers, now),
            headers.get("message-id", "").strip()[:300],
            attachments,
            (sender or name).lower(),
            name.strip(),
        )
    except _DAMAGED as error:
        raise QuarantineError("bad_mail", type(error).__name__) from None


def own_words(text: str) -> str:
    """A letter without what it quotes and without who signs it. Of a letter that only passes another one on, that one."""
    lines = [
        line.rstrip() for line in text.replace("\r\n", "\n").split("\n") if not line.lstrip().startswith((">", "＞"))
    ]
    above = "\n".join(_until_signed(lines[: _earlier(lines)])).strip()
    if above:
        return above
    return "\n".join(_until_signed([i for i in lines if not _HEADER_LINE.match(i) and not _EARLIER.match(i)])).strip()


def _earlier(lines: list[str]) -> int:
    """Number of the line at which an earlier letter begins, or of all lines."""
    for number, line in enumerate(lines):
        if _EARLIER.match(line):
            return number
        if _HEADER_LINE.match(line) and sum(1 for i in lines[number : number + 6] if _HEADER_LINE.match(i)) >= 3:
            return number
        if line.lstrip().startswith(("在", "On ")) and _EARLIER.match(" ".join(lines[number : number + 2])):
            return number  # broken into two lines
    return len(lines)


def _until_signed(lines: list[str]) -> list[str]:
    for number, line in enumerate(lines):
        if _SIGNED.match(line) and (len(lines) - number <= 12 or line.strip() == "--"):
            lines = lines[:number]
            break
    while lines and lines[-1].strip() in ("", "此致", "此致，"):
        lines = lines[:-1]
    return [line for line in lines if not _NAMED.match(line)]


def _parts(message: Message) -> tuple[str, str, int]:
    """(plain text, HTML, attachments). A letter inside the letter is an attachment."""
    plain, marked, attachments = "", "", 0
    stack, seen = [message], 0
    while stack and seen < MOST_PARTS:
        part, seen = stack.pop(), seen + 1
        kind = part.get_content_type()
        if kind.startswith("multipart/"):
            inner = part.get_payload()
            if isinstance(inner, list):
                stack += [p for p in reversed(inner) if isinstance(p, Message)]
        elif part.get_filename() or part.get_content_disposition() == "attachment" or not kind.startswith("text/"):
            attachments += 1
        else:
            body = part.get_payload(decode=True)
            text, _charset = decode(body if isinstance(body, bytes) else b"", str(part.get("Content-Type", "")))
            if kind == "text/html":
                marked = marked or text
            else:
                plain = plain or text
    return plain, marked, attachments


def _of_html(marked: str) -> str:
    if not marked.strip():
        return ""
    root = parse_html(marked)
    for selector in _QUOTING:
        for element in select(root, selector):
            drop(element)
    return text_of(root)


def _words(raw: str) -> str:
    """A header: encoded words, or plain bytes in whatever encoding, as old clients write them."""
    if any("\udc80" <= c <= "\udcff" for c in raw):
        raw, _charset = decode(raw.encode("utf-8", "surrogateescape"))
    pieces = []
    for piece, charset in decode_header(raw.replace("\r", "").replace("\n", "")):
        pieces.append(piece if isinstance(piece, str) else decode(piece, f"x; charset={charset or ''}")[0])
    return "".join(pieces).strip()


def _received(headers: dict[str, str], now: datetime) -> datetime | None:
    """When the office's own server took the letter, else the sender's date; None where neither can be."""
    for text in (headers.get("received", "").rpartition(";")[2], headers.get("date", "")):
        try:
            at = parsedate_to_datetime(text.strip())
        except _DAMAGED:
            continue
        at = (at if at.tzinfo else at.replace(tzinfo=SHANGHAI)).astimezone(UTC)
        if at.year >= 1990 and at <= now + timedelta(days=1):
            return at
    return None


def _without(name: str, text: str) -> str:
    """What the sender is called stays out, also where the letter says it itself."""
    return text.replace(name, "来信人") if len(name) >= 2 else text
