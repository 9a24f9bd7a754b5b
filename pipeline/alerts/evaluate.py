"""Rules against subjects: pure, deterministic, the same firing has the same id however often it is found."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from pipeline.alerts.rules import Rule, SubjectKind
from pipeline.records import SHANGHAI


@dataclass(frozen=True, slots=True)
class Subject:
    """What a rule looks at: an issue, an item as one office reads it, or a source.

    `at`: when it last moved (an issue's last text, an item's indexing, the check of a source). `group`: alerts of one
    group share an incident. `reasons`: named, in Chinese, shown in the alert. `facts`: what else the message may say.
    """

    kind: SubjectKind
    id: str
    office_ids: tuple[str, ...]
    title: str
    at: datetime
    group: str
    level: int = 4
    channels: frozenset[str] = frozenset()
    topics: tuple[str, ...] = ()
    role: str = ""
    needs_answer: bool = False
    sensitive: bool = False
    items: int = 0
    status: str = ""
    late: bool = False
    backfill: bool = False
    received_at: datetime | None = None
    reasons: tuple[str, ...] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Firing:
    """One rule fired on one subject. `level` is the incident's."""

    id: str
    rule: Rule
    subject: Subject
    level: int
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Fired:
    """When and at which level a rule last fired on a subject: what cools down."""

    at: datetime
    level: int


def evaluate(
    rules: Iterable[Rule],
    subjects: Sequence[Subject],
    now: datetime,
    recent: Mapping[tuple[str, str], Fired] | None = None,
) -> list[Firing]:
    """What fires at `now`: issues before items before sources, worse levels first, then rules in their own order.

    `recent`: (rule id, subject id) → last firing; the same or a lesser level waits until the rule has cooled down.
    Backfill never fires.
    """
    found: dict[str, Firing] = {}
    place: dict[str, int] = {}
    for number, rule in enumerate(rules):
        place[rule.id] = number
        if not rule.enabled:
            continue
        for subject in subjects:
            if subject.backfill or not matches(rule, subject):
                continue
            firing = _firing(rule, subject)
            last = (recent or {}).get((rule.id, subject.id))
            if last and last.level <= firing.level and now - last.at < timedelta(hours=rule.cooldown_hours):
                continue
            found.setdefault(firing.id, firing)
    order = {"issue": 0, "item": 1, "source": 2}
    return sorted(found.values(), key=lambda f: (order[f.subject.kind], f.level, f.subject.id, place[f.rule.id]))


def matches(rule: Rule, s: Subject) -> bool:
    """Every condition that the rule has holds."""
    return (
        rule.subject == s.kind
        and (not rule.offices or bool(set(rule.offices) & set(s.office_ids)))
        and (rule.level_at_most is None or s.level <= rule.level_at_most)
        and (not rule.channels or bool(set(rule.channels) & s.channels))
        and (not rule.topics_any or bool(set(rule.topics_any) & set(s.topics)))
        and (not rule.roles or s.role in rule.roles)
        and (rule.needs_answer is None or rule.needs_answer == s.needs_answer)
        and (rule.sensitive is None or rule.sensitive == s.sensitive)
        and (rule.min_items is None or s.items >= rule.min_items)
        and _source_state(rule, s)
    )


def _source_state(rule: Rule, s: Subject) -> bool:
    """A source rule fires on any of the bad states it names."""
    if s.kind != "source":
        return True
    return (s.status in rule.source_status) or (rule.late is not None and rule.late == s.late)


def _firing(rule: Rule, s: Subject) -> Firing:
    level = s.level if rule.severity is None else min(s.level, rule.severity)
    if s.kind == "source":
        level = rule.severity or s.level
    # An item fires once; an issue once a level and day of activity; a source once a day.
    day = "" if s.kind == "item" else s.at.astimezone(SHANGHAI).date().isoformat()
    parts = (rule.id, rule.version, s.kind, s.id, *s.office_ids, str(level), day)
    digest = hashlib.blake2b("\0".join(parts).encode(), digest_size=16).hexdigest()
    return Firing(digest, rule, s, level, (f"规则“{rule.name}”", *s.reasons))
