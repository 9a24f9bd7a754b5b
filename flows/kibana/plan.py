"""What to send: the description, what Kibana holds, and what both were when we last sent.

Kibana rewrites objects as it takes them in, so its export is compared with what it exported right after our last push:
what differs there was changed by an analyst, and is not overwritten unawares.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

Json = dict[str, Any]
State = Literal["new", "same", "changed_here", "changed_there", "gone_here", "theirs"]
# `type:id` → fingerprint of what we sent, and of what Kibana made of it
Sent = Mapping[str, tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Step:
    """One object: `built` as described, `held` as Kibana has it (canonical), None where it is not there."""

    name: str
    title: str
    state: State
    built: Json | None
    held: Json | None

    def differences(self) -> list[str]:
        """Each place where the two differ: what Kibana has → what is described."""
        if self.held is None or self.built is None:
            return []
        return list(_different(self.held, canonical(self.built), ""))


def canonical(found: Json) -> Json:
    """What makes an object what it is: without times and versions, JSON strings opened, references in order."""
    references = sorted(found.get("references", ()), key=lambda r: (r["name"], r["type"], r["id"]))
    return {"attributes": _opened(found.get("attributes", {})), "references": references}


def fingerprint(found: Json) -> str:
    text = json.dumps(canonical(found), ensure_ascii=False, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def name_of(found: Json) -> str:
    return f"{found['type']}:{found['id']}"


def compare(built: Sequence[Json], held: Iterable[Json], sent: Sent) -> list[Step]:
    """A step for each object that is described or there."""
    there = {name_of(found): found for found in held}
    steps = [_step(found, there.pop(name_of(found), None), sent) for found in built]
    for name, found in there.items():
        state: State = "gone_here" if name in sent else "theirs"
        steps.append(Step(name, _title(found), state, None, canonical(found)))
    return steps


def _step(built: Json, held: Json | None, sent: Sent) -> Step:
    name = name_of(built)
    state: State
    if held is None:
        state = "new"
    elif name not in sent:
        state = "same" if _holds(canonical(held), canonical(built)) else "changed_there"
    elif fingerprint(held) != sent[name][1]:
        state = "changed_there"
    else:
        state = "same" if fingerprint(built) == sent[name][0] else "changed_here"
    return Step(name, _title(built), state, built, canonical(held) if held else None)


def _title(found: Json) -> str:
    about = found.get("attributes", {})
    return str(about.get("name") or about.get("title") or found["id"])


def _holds(held: Any, built: Any) -> bool:
    """Whether everything that we describe is so there; Kibana may have added what we leave out."""
    if isinstance(held, dict) and isinstance(built, dict):
        return all(key in held and _holds(held[key], value) for key, value in built.items())
    if isinstance(held, list) and isinstance(built, list):
        return len(held) == len(built) and all(_holds(one, other) for one, other in zip(held, built, strict=True))
    return bool(held == built)


def _opened(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _opened(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_opened(inner) for inner in value]
    if isinstance(value, str) and value[:1] in ("{", "["):
        try:
            return _opened(json.loads(value))
        except ValueError:
            return value
    return value


def _different(old: Any, new: Any, place: str) -> Iterator[str]:
    if isinstance(old, dict) and isinstance(new, dict):
        for key in sorted(old.keys() | new.keys()):
            yield from _different(old.get(key), new.get(key), f"{place}.{key}" if place else key)
    elif isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        for number, (one, other) in enumerate(zip(old, new, strict=True)):
            yield from _different(one, other, f"{place}[{number}]")
    elif old != new:
        yield f"{place}：{_short(old)} → {_short(new)}"


def _short(value: Any) -> str:
    if isinstance(value, list):
        return f"{len(value)} 项"
    text = "（无）" if value is None else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 80 else text[:80] + "…"
