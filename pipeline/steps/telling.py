"""What stays wrong for a while is told once, in one mail for all that is new, and again only after it was right for a day."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from pipeline.desk.tables import Heartbeat
from pipeline.notify.identity import notification_id
from pipeline.response.announce import Post, tell
from pipeline.steps.troubles import TELL_AFTER

FORGOTTEN_AFTER = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong. `key` stays the same while it lasts; `lines` are Chinese."""

    key: str
    office_ids: tuple[str, ...]
    lines: tuple[str, ...]


def tell_new(session: Session, name: str, subject: str, findings: Sequence[Finding], post: Post, now: datetime) -> int:
    """Tell duty and leader of what has stood for ten minutes and was not told. Idempotent at one `now`.

    `name` keeps these findings apart from others; `subject` is the mail's, before the number. Returns new notifications.
    """
    row = session.get(Heartbeat, f"told:{name}")
    known: dict[str, dict[str, str]] = {} if row is None else {key: dict(v) for key, v in row.state.items()}
    before = {key: dict(v) for key, v in known.items()}
    stamp = now.isoformat()
    for finding in findings:
        entry = known.setdefault(finding.key, {"since": stamp, "told": ""})
        if entry.pop("gone", "") and not entry["told"]:
            entry["since"] = stamp
    here = {finding.key for finding in findings}
    for key in list(known.keys() - here):
        gone = known[key].setdefault("gone", stamp)
        if not known[key]["told"] or now - datetime.fromisoformat(gone) >= FORGOTTEN_AFTER:
            del known[key]
    due = [f for f in findings if not known[f.key]["told"] and now - _since(known[f.key]) >= TELL_AFTER]
    new = 0
    for office_ids in sorted({f.office_ids for f in due}):
        own = [f for f in due if f.office_ids == office_ids]
        text = "\n\n".join("\n".join(f.lines) for f in own) + f"\n\n信源：{post.desk_url}/sources\n"
        people = post.oncall.people_for(("on_call", "leader"), now, office_ids)
        decision = (name, notification_id(*sorted(f.key for f in own)), stamp)
        heading = f"{subject}（{len(own)}）"
        new += tell(session, post, people, decision, "self_alert", heading, text, office_ids, now)
    for finding in due:
        known[finding.key]["told"] = stamp
    if known != before:
        session.merge(Heartbeat(name=f"told:{name}", beat_at=now, state=known))
    return new


def _since(entry: dict[str, str]) -> datetime:
    return datetime.fromisoformat(entry["since"])
