"""The desk's database: every table, as Alembic and both engines see it.

`office_ids` is a JSON list on each row that an office may or may not see. Times are aware UTC (`UTCDateTime`).
Nothing here has a field for the author of what was said; `actor` is always a member of staff or `system`.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Boolean, Float, ForeignKey, Index, Integer, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from pipeline.desk.base import Base as Base
from pipeline.desk.base import UTCDateTime as UTCDateTime
from pipeline.desk.intake_tables import BatchRow as BatchRow
from pipeline.desk.intake_tables import CanaryRun as CanaryRun
from pipeline.desk.intake_tables import Counter as Counter
from pipeline.desk.intake_tables import EvidenceHead as EvidenceHead
from pipeline.desk.intake_tables import Heartbeat as Heartbeat
from pipeline.desk.intake_tables import OwnChannelRow as OwnChannelRow
from pipeline.desk.intake_tables import OwnPageRow as OwnPageRow
from pipeline.desk.intake_tables import Quarantined as Quarantined
from pipeline.desk.intake_tables import RegistryAlias as RegistryAlias
from pipeline.desk.intake_tables import RegistryRow as RegistryRow
from pipeline.desk.intake_tables import SourceRun as SourceRun
from pipeline.desk.intake_tables import SourceState as SourceState
from pipeline.desk.intake_tables import StoryBand as StoryBand

# --- what people are talking about ------------------------------------------------------------------------------------


class IssueRow(Base):
    """An issue that may be seen: it has whole items, or k voices. Counts of public posts are multiples of k."""

    __tablename__ = "issues"
    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    office_ids: Mapped[list[str]]
    title: Mapped[str] = mapped_column(Text)
    keywords: Mapped[list[str]]
    phrases: Mapped[list[str]]  # spans that k voices' copies share
    topics: Mapped[dict[str, Any]]  # topic → share
    level: Mapped[int] = mapped_column(Integer, index=True)
    reasons: Mapped[list[Any]]  # [{factor, name, value, points, text}]
    level_rule: Mapped[str] = mapped_column(String(16), default="1")
    heat: Mapped[float] = mapped_column(Float, default=0)
    voices: Mapped[int] = mapped_column(Integer, default=0)
    items: Mapped[int] = mapped_column(Integer, default=0)
    media_items: Mapped[int] = mapped_column(Integer, default=0)
    official_items: Mapped[int] = mapped_column(Integer, default=0)
    submissions: Mapped[int] = mapped_column(Integer, default=0)
    outlets: Mapped[list[str]]
    site_groups: Mapped[dict[str, Any]]
    trend: Mapped[list[Any]]  # [[day, items, voices]]
    needs_answer: Mapped[bool] = mapped_column(Boolean, default=False)
    sensitive: Mapped[bool] = mapped_column(Boolean, default=False)
    profile: Mapped[dict[str, Any]]  # what clustering compares with: shared words only
    first_at: Mapped[datetime]
    last_at: Mapped[datetime] = mapped_column(index=True)
    answered_at: Mapped[datetime | None]
    updated_at: Mapped[datetime] = mapped_column(index=True)
    version: Mapped[int] = mapped_column(Integer, default=1)


class IssueRedirect(Base):
    """A merged issue's id lives on."""

    __tablename__ = "issue_redirects"
    old_id: Mapped[str] = mapped_column(String(32), primary_key=True)
    new_id: Mapped[str] = mapped_column(String(32), index=True)
    merged_at: Mapped[datetime]


class IssueItem(Base):
    """Which whole items an issue holds (never public posts)."""

    __tablename__ = "issue_items"
    item_id: Mapped[str] = mapped_column(String(32), primary_key=True)
    office_id: Mapped[str] = mapped_column(String(32), primary_key=True)
    issue_id: Mapped[str] = mapped_column(String(32), index=True)
    added_at: Mapped[datetime]


# --- alerts, incidents, plans ----------------------------------------------------------------------------------------


class Alert(Base):
    """A rule that fired on a subject; deterministic id, so that an overlapping window does not fire twice."""

    __tablename__ = "alerts"
    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    office_ids: Mapped[list[str]]
    rule_id: Mapped[str] = mapped_column(String(64))
    rule_version: Mapped[str] = mapped_column(String(16))
    subject_kind: Mapped[str] = mapped_column(String(16))  # issue, item, source
    subject_id: Mapped[str] = mapped_column(String(80), index=True)
    level: Mapped[int] = mapped_column(Integer)
    reasons: Mapped[list[Any]]
    group_key: Mapped[str] = mapped_column(String(120), index=True)
    silenced_by: Mapped[str] = mapped_column(String(40), default="")
    incident_id: Mapped[str] = mapped_column(String(32), default="", index=True)
    fired_at: Mapped[datetime] = mapped_column(index=True)


class Silence(Base):
    """Alerts of this group are recorded but not sent until `until`; needs a reason and an actor."""

    __tablename__ = "silences"
    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    office_ids: Mapped[list[str]]
    group_key: Mapped[str] = mapped_column(String(120), index=True)
    reason: Mapped[str] = mapped_column(Text)
    actor: Mapped[str]
    created_at: Mapped[datetime]
    until: Mapped[datetime]


class Incident(Base):
    """Something that needs an answer. `state`: open, acknowledged, answered, closed."""

    __tablename__ = "incidents"
    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    short_id: Mapped[str] = mapped_column(String(8), unique=True)
    office_ids: Mapped[list[str]]
    title: Mapped[str] = mapped_column(Text)
    subject_kind: Mapped[str] = mapped_column(String(16))
    subject_id: Mapped[str] = mapped_column(String(80), index=True)
    group_key: Mapped[str] = mapped_column(String(120), index=True)
    level: Mapped[int] = mapped_column(Integer)
    state: Mapped[str] = mapped_column(String(16), index=True)
    summary: Mapped[str] = mapped_column(Text, default="")
    opened_at: Mapped[datetime] = mapped_column(index=True)
    acknowledged_at: Mapped[datetime | None]
    acknowledged_by: Mapped[str] = mapped_column(String(64), default="")
    answered_at: Mapped[datetime | None]
    closed_at: Mapped[datetime | None]
    closed_by: Mapped[str] = mapped_column(String(64), default="")
    owner: Mapped[str] = mapped_column(String(64), default="")
    version: Mapped[int] = mapped_column(Integer, default=1)


class PlanRun(Base):
    """The immutable copy of the plan that an incident started."""

    __tablename__ = "plan_runs"
    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    incident_id: Mapped[str] = mapped_column(String(32), ForeignKey("incidents.id"), index=True)
    office_ids: Mapped[list[str]]
    plan_id: Mapped[str] = mapped_column(String(64))
    plan_hash: Mapped[str] = mapped_column(String(64))
    plan: Mapped[dict[str, Any]]
    started_at: Mapped[datetime]


class Task(Base):
    """One step of a plan run; `kind` is of the closed list (charter 7). `state`: open, done, skipped."""

    __tablename__ = "tasks"
    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    plan_run_id: Mapped[str] = mapped_column(String(32), ForeignKey("plan_runs.id"), index=True)
    incident_id: Mapped[str] = mapped_column(String(32), ForeignKey("incidents.id"), index=True)
    office_ids: Mapped[list[str]]
    position: Mapped[int] = mapped_column(Integer)
    kind: Mapped[str] = mapped_column(String(32))
    title: Mapped[str] = mapped_column(Text)
    guide: Mapped[str] = mapped_column(Text, default="")
    role: Mapped[str] = mapped_column(String(64), default="")
    state: Mapped[str] = mapped_column(String(16), index=True)
    due_at: Mapped[datetime | None]
    done_at: Mapped[datetime | None]
    done_by: Mapped[str] = mapped_column(String(64), default="")
    note: Mapped[str] = mapped_column(Text, default="")


class Clock(Base):
    """A deadline of an incident. `state`: running, met, missed."""

    __tablename__ = "clocks"
    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    incident_id: Mapped[str] = mapped_column(String(32), ForeignKey("incidents.id"), index=True)
    office_ids: Mapped[list[str]]
    kind: Mapped[str] = mapped_column(
        String(32)
    )  # acknowledge, first_statement, press_conference, answer, procedural_reply, result
    title: Mapped[str]
    basis: Mapped[str] = mapped_column(Text, default="")  # the rule it comes from
    starts_at: Mapped[datetime]
    due_at: Mapped[datetime] = mapped_column(index=True)
    warned_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
    state: Mapped[str] = mapped_column(String(16), index=True)


class TimelineEntry(Base):
    """What happened in an incident, and who did it. Never changed or deleted."""

    __tablename__ = "timeline"
    id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=True)
    incident_id: Mapped[str] = mapped_column(String(32), ForeignKey("incidents.id"), index=True)
    at: Mapped[datetime]
    actor: Mapped[str]
    kind: Mapped[str] = mapped_column(String(32))
    text: Mapped[str] = mapped_column(Text)


# --- telling people ----------------------------------------------------------------------------------------------------


class Notification(Base):
    """The outbox. `state`: pending, claimed, sent, failed. Deterministic id: deciding twice inserts once.

    `kind`: incident_opened, level_raised, escalation, clock_warning, clock_missed, digest, self_alert, summary.
    """

    __tablename__ = "notifications"
    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    short_id: Mapped[str] = mapped_column(String(8), index=True)
    office_ids: Mapped[list[str]]
    kind: Mapped[str] = mapped_column(String(32))
    incident_id: Mapped[str] = mapped_column(String(32), default="", index=True)
    channel: Mapped[str] = mapped_column(String(32))
    recipient: Mapped[str]
    subject: Mapped[str] = mapped_column(Text)
    text: Mapped[str] = mapped_column(Text)
    html: Mapped[str] = mapped_column(Text, default="")
    created_at: Mapped[datetime]
    due_at: Mapped[datetime]
    state: Mapped[str] = mapped_column(String(16))
    claim: Mapped[str] = mapped_column(String(40), default="")
    lease_until: Mapped[datetime | None]
    attempts: Mapped[int] = mapped_column(Integer, default=0)
    ambiguous: Mapped[int] = mapped_column(Integer, default=0)  # sends whose result is unknown: a duplicate is possible
    last_error: Mapped[str] = mapped_column(Text, default="")
    sent_at: Mapped[datetime | None]
    __table_args__ = (Index("ix_notifications_state_due_at", "state", "due_at"),)


class DigestRow(Base):
    """One week's digest of one office. `facts` is what the sentences were made from."""

    __tablename__ = "digests"
    id: Mapped[str] = mapped_column(String(40), primary_key=True)  # office:iso-week
    office_ids: Mapped[list[str]]
    starts_at: Mapped[datetime]
    ends_at: Mapped[datetime]
    title: Mapped[str]
    facts: Mapped[dict[str, Any]]
    html: Mapped[str] = mapped_column(Text)
    text: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime]


class SavedSearch(Base):
    """A search that somebody keeps under a name (charter 6: never on a person's). Shared: `office_ids` see it, else its owner alone."""

    __tablename__ = "saved_searches"
    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    owner: Mapped[str] = mapped_column(String(64), index=True)  # sign-in name
    office_ids: Mapped[list[str]]
    shared: Mapped[bool] = mapped_column(Boolean, default=False)
    name: Mapped[str] = mapped_column(String(64))
    query: Mapped[str] = mapped_column(Text)
    filters: Mapped[dict[str, Any]]  # as the desk's form has them: {"channel": "media", "from": "2026-11-01", …}
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    version: Mapped[int] = mapped_column(Integer, default=1)


class Review(Base):
    """An item that an analyst is asked to read, and then its labels as the model gave and the analyst decided them.

    `state`: waiting, done, skipped, gone. No text: a correction goes with its item at retention, and teaches until then.
    """

    __tablename__ = "reviews"
    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    office_id: Mapped[str] = mapped_column(String(32))  # whose reading of the item
    item_id: Mapped[str] = mapped_column(String(32), index=True)
    revision: Mapped[int] = mapped_column(Integer)
    story_id: Mapped[str] = mapped_column(String(32))
    channel: Mapped[str] = mapped_column(String(16))
    part: Mapped[str] = mapped_column(String(16))  # of the queue: uncertain, rare, random
    why: Mapped[str] = mapped_column(String(32), default="")  # the label that made it uncertain or rare
    actor: Mapped[str] = mapped_column(String(64))  # sign-in name
    position: Mapped[int] = mapped_column(Integer)
    chosen_at: Mapped[datetime]
    state: Mapped[str] = mapped_column(String(16))
    decided_at: Mapped[datetime | None]
    model: Mapped[str] = mapped_column(String(64), default="")  # version that gave `given`
    given: Mapped[dict[str, Any]]  # {role, sentiment, topics, needs_answer, sensitive}; empty until decided
    labels: Mapped[dict[str, Any]]  # the same, as decided
    __table_args__ = (Index("ix_reviews_office_id_chosen_at", "office_id", "chosen_at"),)


# --- who works here ------------------------------------------------------------------------------------------------------


class User(Base):
    """Staff. `role`: admin, analyst, duty, leader (rights in depth come later)."""

    __tablename__ = "users"
    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    name: Mapped[str] = mapped_column(String(64), unique=True)  # sign-in name
    display_name: Mapped[str]
    role: Mapped[str] = mapped_column(String(16))
    office_ids: Mapped[list[str]]
    password_hash: Mapped[str] = mapped_column(String(255), default="")  # argon2; empty: sign-in link only
    created_at: Mapped[datetime]
    disabled_at: Mapped[datetime | None]


class SignInLink(Base):
    """One-time link; only a digest of its token is kept."""

    __tablename__ = "sign_in_links"
    token_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    user_id: Mapped[str] = mapped_column(String(32), ForeignKey("users.id"))
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]


class Session(Base):
    __tablename__ = "sessions"
    token_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    user_id: Mapped[str] = mapped_column(String(32), ForeignKey("users.id"), index=True)
    csrf: Mapped[str] = mapped_column(String(64))
    created_at: Mapped[datetime]
    seen_at: Mapped[datetime]
    expires_at: Mapped[datetime]


class AuditLine(Base):
    """Each search, view, export and change on the desk (charter 8). Never changed."""

    __tablename__ = "audit"
    id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=True)
    at: Mapped[datetime] = mapped_column(index=True)
    actor: Mapped[str]
    office_ids: Mapped[list[str]]
    action: Mapped[str] = mapped_column(String(32))  # sign_in, search, view, export, acknowledge, complete_task, …
    subject: Mapped[str]  # "incident:ab12…", "page:today"
    detail: Mapped[dict[str, Any]]
