"""The evidence folder: appending, reading, removing. Safe for several processes, and for one that is killed."""

from __future__ import annotations

import fcntl
import os
import secrets
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from itertools import chain
from pathlib import Path
from typing import BinaryIO

from pipeline.errors import RetryLater, storage
from pipeline.evidence.records import (
    Answer,
    Member,
    NoRecord,
    Record,
    before_first,
    members,
    pack,
    sha256,
    tombstone,
    unpack,
)
from pipeline.evidence.register import Register, Row, State
from pipeline.records import SHANGHAI, Channel

KEPT: frozenset[Channel] = frozenset({"official", "media"})  # charter 4: what institutions published, nothing else
MOST_FILES = 100  # of one source and day; a second one only where the first was cut


class Damaged(ValueError):
    """The record is not there as it was kept."""


@dataclass(frozen=True, slots=True)
class _End:
    """Where a file ends: whether it is still the file we saw, and what the next record has to name."""

    inode: int
    size: int
    seq: int
    head: str


class _Cut(Exception):
    """The file is shorter than what was registered, or ends in what is no record: nothing is appended to it."""


class Store:
    """`folder` holds the WARC files, `register` is `evidence.db`."""

    def __init__(self, folder: Path, register: Path) -> None:
        self.folder, self.register = folder, Register(register)
        self._ends: dict[str, _End] = {}
        self._unsynced: dict[str, list[Row]] = {}
        self._fresh: dict[tuple[str, str], Row] = {}  # (item, url) → the newest of them

    def close(self) -> None:
        self.register.close()

    # --- keeping ------------------------------------------------------------------------------------------------

    def keep(self, channel: Channel, source_id: str, item: str, answer: Answer, at: datetime) -> str:
        """Append a record and return its reference, `file#number`; the same page as last time is not kept twice.

        It counts once `sync` returned. Raises ValueError for a channel of which nothing may be kept, RetryLater where the
        disk won't take it (then nothing was written).
        """
        if channel not in KEPT:
            raise ValueError(f"no evidence of {channel}")
        payload = sha256(answer.body)
        local = at.astimezone(SHANGHAI)
        with storage("证据文件夹"), self.locked():
            for number in range(1, MOST_FILES):
                more = f"-{number}" if number > 1 else ""
                name = f"{channel}/{local:%Y%m}/{source_id}-{local:%Y%m%d}{more}.warc.gz"
                if name not in self._ends:
                    (self.folder / name).parent.mkdir(parents=True, exist_ok=True, mode=0o700)
                with suppress(_Cut):
                    return self._append(name, item, answer, at, payload)
        raise RetryLater("证据文件夹暂时用不了：当天的文件全都损坏")

    def sync(self) -> None:
        """Make what was kept safe, then register it: to be called before anything refers to it. Raises RetryLater."""
        for name, rows in list(self._unsynced.items()):
            if rows:
                with storage("证据文件夹"):
                    path = self.folder / name
                    for place in (path, path.parent):
                        _fsync(place)
                self.register.add(rows)
            del self._unsynced[name]
        self._fresh.clear()

    def adopt(self, name: str) -> None:
        """Register the records of a file that a killed spider, or a lost register, left unregistered. Raises RetryLater."""
        with storage("证据文件夹"), self.locked(), suppress(_Cut), (self.folder / name).open("r+b") as f:
            if not self._end(name, f).size:
                (self.folder / name).unlink()
        self.sync()

    # --- reading ------------------------------------------------------------------------------------------------

    def files(self) -> list[str]:
        """Names of all WARC files there are."""
        return sorted(p.relative_to(self.folder).as_posix() for p in self.folder.glob("*/*/*.warc.gz"))

    def path(self, name: str) -> Path:
        """Raises Damaged for a name outside the folder."""
        path = (self.folder / name).resolve()
        if not path.is_relative_to(self.folder.resolve()):
            raise Damaged("not in the evidence folder")
        return path

    def read(self, reference: str) -> tuple[Record, bytes]:
        """The record and its bytes as they lie in the file. Raises Damaged where it is gone or was changed."""
        name, _, number = reference.rpartition("#")
        if not name or not (number.isascii() and number.isdigit()):
            raise Damaged("no reference")
        row = self.register.get(name, int(number))
        try:
            with self.path(name).open("rb") as f:
                for member in chain(members(f, row.offset if row else 0), members(f)):  # from 0 again: just rewritten
                    record = _record(member)
                    if record is None or record.seq != int(number) or record.removed:
                        continue
                    f.seek(member.offset)
                    if row is None or member.hash == row.stored:
                        return record, f.read(member.size)
        except OSError as error:
            raise Damaged(reference) from error
        raise Damaged(reference)

    def reading(self, reference: str) -> list[Record]:
        """The record, then the newest of each further page of the same article. Raises Damaged."""
        first, _ = self.read(reference)
        parts = {row.url: row for row in self.register.of_items([first.item]) if row.part > 1}
        rows = sorted(parts.values(), key=lambda r: r.part)
        return [first, *(self.read(f"{row.file}#{row.seq}")[0] for row in rows if row.url != first.url)]

    # --- removing -----------------------------------------------------------------------------------------------

    def remove(self, items: Collection[str], before: datetime, now: datetime) -> int:
        """Take what was kept of these captures before a time: tombstones take the records' places, except in files of
        which nothing is left (`empty`, `delete`). Returns how many records went. Raises RetryLater.
        """
        going: dict[str, set[int]] = {}
        for row in self.register.of_items(items):
            if row.at < before.timestamp():
                going.setdefault(row.file, set()).add(row.seq)
        for name, seqs in going.items():
            self.register.removing(name, seqs)
        empty = set(self.empty(now))
        for name in self.register.unfinished():
            if name not in empty:
                with storage("证据文件夹"), self.locked():
                    self._bury(name, now)
        return sum(map(len, going.values()))

    def empty(self, now: datetime) -> list[str]:
        """Files of past days of which nothing is kept any more."""
        today = now.astimezone(SHANGHAI).strftime("%Y%m%d")
        return [name for name in self.register.empty() if today not in name.rpartition("/")[2]]

    def delete(self, name: str) -> None:
        """A file and what the register says of it. Raises RetryLater."""
        path = self.path(name)
        with storage("证据文件夹"), self.locked():
            path.unlink(missing_ok=True)
            self.register.forget(name)
            with suppress(OSError):  # others lie there
                path.parent.rmdir()

    @contextmanager
    def locked(self) -> Iterator[None]:
        """One writer at a time, of all processes; the lock dies with its holder."""
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        with (self.folder / ".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    # --- inside -------------------------------------------------------------------------------------------------

    def _known(self, item: str, url: str, payload: str) -> Row | None:
        fresh = self._fresh.get((item, url))
        if fresh is not None:
            return fresh if fresh.payload == payload else None
        return self.register.same(item, url, payload)

    def _append(self, name: str, item: str, answer: Answer, at: datetime, payload: str) -> str:
        with (self.folder / name).open("a+b", buffering=0) as f:
            end = self._end(name, f)
            if same := self._known(item, answer.url, payload):
                if not end.size:
                    (self.folder / name).unlink()  # opened for nothing
                return f"{same.file}#{same.seq}"
            seq = end.seq + 1
            raw = pack(answer, item, at, seq, end.head)
            try:
                left = memoryview(raw)
                while left:
                    left = left[os.write(f.fileno(), left) :]
            except OSError:
                os.ftruncate(f.fileno(), end.size)
                raise
            digest = sha256(raw)
            row = Row(
                name, seq, item, answer.url, answer.part, at.timestamp(), payload, digest, digest, end.size, len(raw)
            )
            self._ends[name] = _End(end.inode, end.size + len(raw), seq, digest)
        self._unsynced.setdefault(name, []).append(row)
        self._fresh[item, answer.url] = row
        return f"{name}#{seq}"

    def _end(self, name: str, f: BinaryIO) -> _End:
        """Where the next record goes. What others appended is taken up, what a killed writer left half-written is cut.

        Raises _Cut.
        """
        stat, known = os.fstat(f.fileno()), self._ends.get(name)
        if known is not None and (known.inode, known.size) == (stat.st_ino, stat.st_size):
            return known
        last = self.register.last(name)
        seq, head, size = (last.seq, last.hash, last.offset + last.size) if last else (0, before_first(name), 0)
        if stat.st_size < size:
            raise _Cut
        unsynced = self._unsynced.setdefault(name, [])
        for member in members(f, size):
            if member.torn:
                os.ftruncate(f.fileno(), member.offset)
                break
            row = _row_of(name, member, seq + 1, head)
            if row.seq > (unsynced[-1].seq if unsynced else 0):
                unsynced.append(row)
                self._fresh[row.item, row.url] = row
            seq, head, size = row.seq, row.hash, row.offset + row.size
        self._ends[name] = end = _End(stat.st_ino, size, seq, head)
        return end

    def _bury(self, name: str, now: datetime) -> None:
        """Rewrite a file with tombstones for the records that are to go."""
        path = self.path(name)
        if not path.exists():
            return
        rows = {row.seq: row for row in self.register.of_file(name)}
        scratch = path.with_name(f".{secrets.token_hex(8)}")
        places: list[tuple[int, str, int, int]] = []
        try:
            with path.open("rb") as old, scratch.open("wb") as new:
                for member in members(old):
                    old.seek(member.offset)
                    raw = old.read(member.size)
                    record = _record(member)
                    row = rows.get(record.seq) if record is not None else None
                    if record is not None and row is not None:
                        if row.state == "removing" and member.hash == row.hash:
                            raw = tombstone(row.hash, now, row.seq, record.previous)
                        stored = row.stored if row.state != "removing" else sha256(raw)
                        places.append((row.seq, stored, new.tell(), len(raw)))
                    new.write(raw)
                new.flush()
                os.fsync(new.fileno())
            scratch.rename(path)
            _fsync(path.parent)
        finally:
            scratch.unlink(missing_ok=True)
        self.register.rewritten(name, places)


def _record(member: Member) -> Record | None:
    try:
        return unpack(member.data or b"")
    except NoRecord:
        return None


def _row_of(name: str, member: Member, seq: int, head: str) -> Row:
    record = _record(member)
    if record is None or (record.seq, record.previous) != (seq, head):
        raise _Cut
    state: State = "removed" if record.removed else "kept"
    payload = sha256(record.body) if not record.removed else ""
    return Row(
        name, seq, record.item, record.url, record.part, record.at.timestamp(), payload, record.removed or member.hash,
        member.hash, member.offset, member.size, state,
    )  # fmt: skip


def _fsync(place: Path) -> None:
    descriptor = os.open(place, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
