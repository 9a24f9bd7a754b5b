"""Which incident an alert belongs to, and whether it may make a noise. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from pipeline.alerts.evaluate import Firing


def group_of(kind: str, subject_id: str, office_ids: Iterable[str], issue_id: str = "", story_id: str = "") -> str:
    """The group of a subject: an item of an issue groups under the issue, a near-copy under its story.

    Two offices never share a group, so that one office's silence does not hush the other.
    """
    offices = "+".join(sorted(office_ids))
    if kind == "item" and issue_id:
        return f"issue:{issue_id}:{offices}"[:120]
    if kind == "item" and story_id:
        return f"story:{story_id}:{offices}"[:120]
    return f"{kind}:{subject_id}:{offices}"[:120]


@dataclass(frozen=True, slots=True)
class OpenIncident:
    """An incident that is not closed."""

    id: str
    group_key: str
    subject_kind: str
    subject_id: str
    office_ids: tuple[str, ...]
    level: int


@dataclass(frozen=True, slots=True)
class Decision:
    """`open` a new incident, `join` one (`louder`: at a worse level than it had), or only `record` the alert."""

    what: Literal["open", "join", "record"]
    incident_id: str = ""
    louder: bool = False
    silenced_by: str = ""


def decide(
    firing: Firing, incidents: Iterable[OpenIncident], silences: Iterable[tuple[str, str, datetime]], now: datetime
) -> Decision:
    """What to do with a firing. `silences`: (id, group key, until).

    An open incident of the same subject or group takes it; an item never opens one where its issue has one
    (inhibition), but an issue does get its own beside an item's. A silenced group is recorded only.
    """
    s = firing.subject
    for silence_id, group_key, until in silences:
        if group_key == s.group and now < until:
            return Decision("record", silenced_by=silence_id)
    for incident in incidents:
        same = (
            incident.subject_kind == s.kind
            and incident.subject_id == s.id
            and set(incident.office_ids) & set(s.office_ids)
        )
        grouped = incident.group_key == s.group and (s.kind != "issue" or incident.subject_kind == "issue")
        if same or grouped or (s.kind == "item" and _inhibits(incident, s.group)):
            return Decision("join", incident.id, louder=firing.level < incident.level)
    return Decision("open")


def _inhibits(incident: OpenIncident, group: str) -> bool:
    """An issue of both offices has an incident; an item of it, read by one office, needs none of its own."""
    if incident.subject_kind != "issue":
        return False
    kind, issue_id, _ = group.split(":", 2)
    return kind == "issue" and issue_id == incident.subject_id
