"""One record: an answer (or a piece of a feed) as WARC, and back. warcio writes and reads the form; the chain is ours."""

from __future__ import annotations

import gzip
import hashlib
import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from io import BytesIO
from typing import BinaryIO
from uuid import uuid4

from warcio.recordloader import ArcWarcRecord
from warcio.statusandheaders import StatusAndHeaders, StatusAndHeadersParser, StatusAndHeadersParserException
from warcio.warcwriter import WARCWriter

MOST_BYTES = 64_000_000  # of one record unpacked: a larger one is no record of ours
_BEGINS = b"\x1f\x8b\x08\x00\x00\x00\x00\x00"  # a gzip member as we write it: no name, no time
_CHUNK = 65_536
_PARSER = StatusAndHeadersParser(["WARC/1.1"])
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_ORIGINAL = "X-Archive-Orig-"  # how archives name a header that speaks of the bytes on the wire, not of those kept
_OF_THE_WIRE = frozenset(("content-encoding", "transfer-encoding"))


@dataclass(frozen=True, slots=True)
class Answer:
    """What is to be kept. `body`: unpacked from any transfer coding, else as it came, comments cut (`cut` blocks).

    `status_line` ("HTTP/1.1 200 OK") is empty for an entry of a feed, which is a piece of an answer. `part`: which page of
    an article on several.
    """

    url: str
    body: bytes
    status_line: str = ""
    headers: tuple[tuple[str, str], ...] = ()
    content_type: str = ""  # of a piece, or of a body that cutting changed
    served_from: str = ""  # address of the server, an institution's
    cut: int = 0
    part: int = 1


@dataclass(frozen=True, slots=True)
class Member:
    """A stretch of a file: one packed record, or (`data` None) bytes that are none; `torn`: the file ends within it."""

    offset: int
    size: int
    hash: str  # "sha256:…" of the bytes as they lie in the file
    data: bytes | None
    torn: bool = False


@dataclass(frozen=True, slots=True)
class Record:
    """A record read. `removed`: the hash that this tombstone stands for; then there is no address and no body."""

    seq: int
    previous: str
    at: datetime
    removed: str = ""
    item: str = ""
    url: str = ""
    part: int = 1
    cut: int = 0
    warc_headers: tuple[tuple[str, str], ...] = ()
    head: str = ""  # status line and headers
    content_type: str = ""
    body: bytes = b""


class NoRecord(ValueError):
    """These bytes are not a record of ours."""


def sha256(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def before_first(name: str) -> str:
    """What the first record of a file names as the one before: no file can stand in for another."""
    return sha256(f"tingjian evidence\n{name}".encode())


def pack(answer: Answer, item: str, at: datetime, seq: int, previous: str) -> bytes:
    """The record as it is appended to a file."""
    fields = {
        "WARC-Target-URI": _clean(answer.url).replace(" ", "%20"),
        "WARC-Payload-Digest": sha256(answer.body),
        "Tingjian-Item": item,
        "Tingjian-Part": str(answer.part),
        "Tingjian-Comments-Cut": str(answer.cut),
    }
    if answer.served_from:
        fields["WARC-IP-Address"] = _clean(answer.served_from)
    if not answer.status_line:
        return _pack("resource", answer.content_type, answer.body, fields, at, seq, previous)
    own = {"content-length": str(len(answer.body))}
    if answer.content_type:
        own["content-type"] = answer.content_type
    lines = [_clean(answer.status_line)]
    for name, value in answer.headers:
        other = name.lower() in _OF_THE_WIRE or name.lower() in own
        if name.lower() in own and own[name.lower()] == value:
            del own[name.lower()]
            other = False
        lines.append(f"{_ORIGINAL if other else ''}{_clean(name)}: {_clean(value)}")
    lines += [f"{name.title()}: {value}" for name, value in own.items()]
    lines += ["", ""]
    block = "\r\n".join(lines).encode("latin-1", "replace") + answer.body
    return _pack("response", "application/http; msgtype=response", block, fields, at, seq, previous)


def tombstone(removed: str, at: datetime, seq: int, previous: str) -> bytes:
    """What stands where a record was: its hash, and that retention took it."""
    fields = {"Tingjian-Removed": removed}
    return _pack("metadata", "application/warc-fields", b"reason: retention\r\n", fields, at, seq, previous)


def unpack(data: bytes) -> Record:
    """Raises NoRecord."""
    stream = BytesIO(data)
    try:
        headers = _PARSER.parse(stream).headers
        fields = {n.lower(): v for n, v in headers}
        block = stream.read(int(fields["content-length"]))
        head, body = "", block
        content_type = fields.get("content-type", "")
        if fields["warc-type"] == "response":
            raw, _, body = block.partition(b"\r\n\r\n")
            head = raw.decode("latin-1")
            given = [
                line.partition(":")[2].strip() for line in head.split("\r\n") if line[:13].lower() == "content-type:"
            ]
            content_type = given[-1] if given else ""
        return Record(
            seq=int(fields["tingjian-sequence"]),
            previous=fields["tingjian-previous"],
            at=datetime.fromisoformat(fields["warc-date"]),
            removed=fields.get("tingjian-removed", ""),
            item=fields.get("tingjian-item", ""),
            url=fields.get("warc-target-uri", ""),
            part=int(fields.get("tingjian-part", "1")),
            cut=int(fields.get("tingjian-comments-cut", "0")),
            warc_headers=tuple(headers),
            head=head,
            content_type=content_type,
            body=body if not fields.get("tingjian-removed") else b"",
        )
    except (StatusAndHeadersParserException, ValueError, KeyError, EOFError) as error:
        raise NoRecord from error


def members(f: BinaryIO, offset: int = 0) -> Iterator[Member]:
    """Every stretch of a file from `offset`, in order; one member in memory at a time. `f` may be moved in between."""
    while True:
        f.seek(offset)
        member = _member(f, offset)
        if member is None:
            return
        if member.data is None and not member.torn:
            member = _until_next(f, offset)
        yield member
        offset += member.size


def _member(f: BinaryIO, offset: int) -> Member | None:
    unpacker, out = zlib.decompressobj(31), bytearray()
    digest, size = hashlib.sha256(), 0
    while chunk := f.read(_CHUNK):
        try:
            out += unpacker.decompress(chunk, MOST_BYTES + 1 - len(out))
        except zlib.error:
            return Member(offset, 0, "", None)
        if len(out) > MOST_BYTES:
            return Member(offset, 0, "", None)
        used = chunk[: len(chunk) - len(unpacker.unused_data)]
        digest.update(used)
        size += len(used)
        if unpacker.eof:
            return Member(offset, size, f"sha256:{digest.hexdigest()}", bytes(out))
    return Member(offset, size, "", None, torn=True) if size else None


def _until_next(f: BinaryIO, offset: int) -> Member:
    """From bytes that are no record to where the next one seems to begin, or to the end."""
    at, tail = offset + 1, b""
    f.seek(at)
    while chunk := f.read(_CHUNK):
        window = tail + chunk
        if (found := window.find(_BEGINS)) >= 0:
            return Member(offset, at - len(tail) + found - offset, "", None)
        at += len(chunk)
        tail = window[-len(_BEGINS) + 1 :]
    return Member(offset, at - offset, "", None)


def _pack(
    kind: str, content_type: str, block: bytes, fields: dict[str, str], at: datetime, seq: int, previous: str
) -> bytes:
    headers = {
        "WARC-Type": kind,
        "WARC-Record-ID": f"<urn:uuid:{uuid4()}>",
        "WARC-Date": at.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z"),
        **fields,
        "WARC-Block-Digest": sha256(block),
        "Tingjian-Sequence": str(seq),
        "Tingjian-Previous": previous,
        "Content-Type": content_type,
        "Content-Length": str(len(block)),
    }
    out = BytesIO()
    record = ArcWarcRecord(
        "warc", kind, StatusAndHeaders("", list(headers.items()), protocol="WARC/1.1"), BytesIO(block), None,
        content_type, len(block),
    )  # fmt: skip
    record.payload_length = len(block)
    WARCWriter(out, gzip=False, warc_version="WARC/1.1").write_record(record)
    return gzip.compress(out.getvalue(), 6, mtime=0)


def _clean(text: str) -> str:
    """One line of a header: a server's line breaks begin none of ours."""
    return _CONTROL.sub(" ", text).encode("utf-8", "replace").decode("utf-8").strip()
