"""Deterministic ids of notifications, and who holds a claim."""

from __future__ import annotations

import hashlib
import os
import secrets
import socket
from functools import cache
from pathlib import Path

# Neither 0/O nor 1/I/L: people read these aloud.
_LETTERS = "23456789ABCDEFGHJKMNPQRSTUVWXYZ"


def notification_id(*parts: str) -> str:
    """The same decision always has the same id, so that deciding twice inserts once."""
    return hashlib.blake2b("\0".join(parts).encode(), digest_size=16).hexdigest()


def short_id(of: str, length: int = 6) -> str:
    """A code that people can say on the phone, from a long id."""
    number = int.from_bytes(hashlib.blake2b(of.encode(), digest_size=8).digest())
    letters = []
    for _ in range(length):
        number, rest = divmod(number, len(_LETTERS))
        letters.append(_LETTERS[rest])
    return "".join(letters)


def new_claim() -> str:
    """A claim token of this process: machine, process, its start, and a random part."""
    return f"{_machine()}-{os.getpid():x}-{_started(os.getpid()) or '?'}-{secrets.token_hex(4)}"[:40]


def claimer_is_gone(claim: str) -> bool:
    """True only where the claiming process surely lived on this machine and is dead; then no lease need run out."""
    machine, _, rest = claim.partition("-")
    pid, _, rest = rest.partition("-")
    started = rest.partition("-")[0]
    if machine != _machine() or started in ("", "?"):
        return False
    try:
        return _started(int(pid, 16)) != started
    except ValueError:
        return False


@cache
def _machine() -> str:
    """This boot of this machine, and this process namespace."""
    parts = [socket.gethostname()]
    try:
        parts.append(Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii"))
        parts.append(str(Path("/proc/self/ns/pid").readlink()))
    except OSError:
        parts.append(secrets.token_hex(8))  # no /proc: nobody can be declared dead, only leases end claims
    return hashlib.blake2b("\0".join(parts).encode(), digest_size=5).hexdigest()


def _started(pid: int) -> str:
    """Start time of a process in clock ticks since boot, hex; empty where there is none (or it is a zombie)."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
    except OSError:
        return ""
    return "" if stat[0] in ("Z", "X") else f"{int(stat[19]):x}"
