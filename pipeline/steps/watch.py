"""Watch: what changed since the last look → rules → incidents with a plan → outbox; then the clocks.

One transaction holds the whole round: alerts, incidents, notifications, clocks and the watermark commit together or not
at all. Ids are deterministic, so windows may overlap and a round may be repeated at the same `now` without a change.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from time import monotonic

from sqlalchemy import select
from sqlalchemy.orm import Session

from pipeline.alerts.evaluate import Fired, Firing, Subject, evaluate
from pipeline.alerts.grouping import Decision, OpenIncident, decide
from pipeline.alerts.rules import Rule, load_rules
from pipeline.alerts.source_health import runs_by_source
from pipeline.alerts.subjects import follow, issue_subjects, issues_of, item_subjects, redirects, source_subjects
from pipeline.desk.database import Database
from pipeline.desk.tables import Alert, Heartbeat, Incident, IssueRow, Silence, SourceState, TimelineEntry
from pipeline.index.engine import Index
from pipeline.records import CANARY
from pipeline.response.announce import Post
from pipeline.response.opening import SYSTEM, open_incident, raise_level
from pipeline.response.plans import Plan, choose_plan, load_plans
from pipeline.response.ticking import TickReport, tick
from pipeline.settings import Home
from pipeline.steps import canary
from pipeline.steps.roster import load_post
from pipeline.steps.self_watch import self_alerts, summarise_backfill

OVERLAP = timedelta(hours=2)
NAME = "watch"


@dataclass(slots=True)
class WatchReport:
    """What one round found and did."""

    subjects: int = 0
    alerts: int = 0
    opened: int = 0
    joined: int = 0
    raised: int = 0
    silenced: int = 0
    summarised: int = 0
    self_alerts: int = 0
    tick: TickReport = field(default_factory=TickReport)


@dataclass(frozen=True, slots=True)
class _Book:
    """The configuration that decides."""

    rules: tuple[Rule, ...]
    plans: dict[str, Plan]
    post: Post
    k: int


def watch(home: Home, db: Database, index: Index, now: datetime) -> WatchReport:
    """One round. Raises ConfigurationError where rules, plans or the roster are wrong (nothing is changed then)."""
    plans = load_plans(home.config / "plans")
    book = _Book(load_rules(home.config / "rules.yaml", plans), plans, load_post(home), home.settings.k)
    offices = [o.id for o in home.offices]
    report, began = WatchReport(), monotonic()
    with db.read() as session:
        beat = session.get(Heartbeat, NAME)
    since = (datetime.fromisoformat(beat.state["watermark"]) if beat else now) - OVERLAP
    start = since if beat else datetime.fromtimestamp(0, now.tzinfo)  # the first round looks at all there is
    # before the transaction, so that nobody waits for it; another round in between does no harm: ids are deterministic
    seen = [i for i in index.indexed_since(start, [*offices, CANARY]) if i.indexed_at <= now]
    items = [i for i in seen if i.office_id != CANARY]
    with db.write() as session:
        last = session.get(Heartbeat, NAME)
        state = dict(last.state) if last else {}
        issues = issues_of(session, [i.id for i in items])
        subjects = [
            *_issues(session, since, now, first=beat is None, k=book.k),
            *item_subjects(items, issues),
            *source_subjects(home.sources, _source_states(session), offices, now, runs_by_source(session, now), book.k),
        ]
        report.subjects = len(subjects)
        for firing in _new_firings(session, book, subjects, now):
            _answer(session, firing, book, now, report)
        canary.decide(session, seen, now, now + timedelta(seconds=monotonic() - began))
        _rename(session)
        old = [i for i in items if i.backfill]
        report.summarised = summarise_backfill(session, old, state.get("summarised", []), book.post, now)
        report.self_alerts = self_alerts(session, offices, book.post, now, book.k)
        report.tick = tick(session, now, book.post)
        reached = max(now, datetime.fromisoformat(state["watermark"])) if "watermark" in state else now
        state["watermark"] = reached.isoformat()
        state["summarised"] = sorted(i.doc_id for i in old if i.indexed_at >= reached - OVERLAP)  # seen again next time
        session.merge(Heartbeat(name=NAME, beat_at=now, state=state))
    return report


def _issues(session: Session, since: datetime, now: datetime, *, first: bool, k: int) -> list[Subject]:
    start = datetime.fromtimestamp(0, now.tzinfo) if first else since
    subjects = issue_subjects(session, start, now, k)
    if not first:
        return subjects
    # The first round has no window: an issue is old by the clock.
    recent = {row.id for row in session.scalars(select(IssueRow).where(IssueRow.last_at >= now - timedelta(hours=48)))}
    return [s for s in subjects if s.id in recent]


def _source_states(session: Session) -> dict[str, SourceState]:
    return {row.source_id: row for row in session.scalars(select(SourceState))}


def _new_firings(session: Session, book: _Book, subjects: list[Subject], now: datetime) -> list[Firing]:
    """What fires and has not fired before."""
    longest = max((r.cooldown_hours for r in book.rules), default=0)
    recent: dict[tuple[str, str], Fired] = {}
    query = select(Alert).where(Alert.fired_at > now - timedelta(hours=longest)).order_by(Alert.fired_at)
    for alert in session.scalars(query):
        recent[(alert.rule_id, alert.subject_id)] = Fired(alert.fired_at, alert.level)
    firings = evaluate(book.rules, subjects, now, recent)
    return [f for f in firings if session.get(Alert, f.id) is None]


def _answer(session: Session, firing: Firing, book: _Book, now: datetime, report: WatchReport) -> None:
    """Record one alert, and open, join or raise an incident."""
    s = firing.subject
    decision = decide(firing, _open_incidents(session), _silences(session, now), now)
    incident_id = decision.incident_id
    if decision.what == "open":
        incident_id = _open(session, firing, book, now).id
        report.opened += 1
    elif decision.what == "join":
        _join(session, firing, decision, book, now, report)
    else:
        report.silenced += 1
    report.alerts += 1
    session.add(
        Alert(
            id=firing.id,
            office_ids=list(s.office_ids),
            rule_id=firing.rule.id,
            rule_version=firing.rule.version,
            subject_kind=s.kind,
            subject_id=s.id,
            level=firing.level,
            reasons=list(firing.reasons),
            group_key=s.group,
            silenced_by=decision.silenced_by,
            incident_id=incident_id,
            fired_at=now,
        )
    )
    session.flush()


def _open(session: Session, firing: Firing, book: _Book, now: datetime) -> Incident:
    s = firing.subject
    return open_incident(
        session,
        key=firing.id,
        title=s.title,
        subject_kind=s.kind,
        subject_id=s.id,
        group_key=s.group,
        level=firing.level,
        office_ids=s.office_ids,
        plan=choose_plan(book.plans, firing.rule.plan, s.kind, s.topics, firing.level),
        post=book.post,
        now=now,
        reasons=firing.reasons,
        facts=s.facts["lines"],
        received_at=s.received_at,
    )


def _join(
    session: Session, firing: Firing, decision: Decision, book: _Book, now: datetime, report: WatchReport
) -> None:
    incident = session.get_one(Incident, decision.incident_id)
    if decision.louder and raise_level(session, incident, firing.level, firing.reasons, book.post, now):
        report.raised += 1
        return
    report.joined += 1
    words = f"又有一条告警并入：{firing.subject.title}（{firing.reasons[0]}）"
    session.add(TimelineEntry(incident_id=incident.id, at=now, actor=SYSTEM, kind="alert", text=words))
    incident.version += 1


def _rename(session: Session) -> None:
    """Until somebody takes it, the first incident of an issue is called what its issue is called today."""
    moved = redirects(session)
    named: set[tuple[str, str]] = set()
    query = select(Incident).where(Incident.state != "closed", Incident.subject_kind == "issue")
    for row in session.scalars(query.order_by(Incident.opened_at, Incident.id)):
        issue = session.get(IssueRow, follow(row.subject_id, moved))
        if issue is None or (issue.id, str(sorted(row.office_ids))) in named:
            continue
        named.add((issue.id, str(sorted(row.office_ids))))
        if row.state == "open" and issue.title != row.title:
            row.title = issue.title


def _open_incidents(session: Session) -> list[OpenIncident]:
    """Incidents that are not closed, under the ids that their issues have today."""
    moved = redirects(session)
    found = []
    query = select(Incident).where(Incident.state != "closed").order_by(Incident.opened_at, Incident.id)
    for row in session.scalars(query):
        subject, group = row.subject_id, row.group_key
        kind, _, rest = group.partition(":")
        if row.subject_kind == "issue":
            subject = follow(subject, moved)
        if kind == "issue":
            old, _, tail = rest.partition(":")
            group = f"issue:{follow(old, moved)}:{tail}"
        found.append(OpenIncident(row.id, group, row.subject_kind, subject, tuple(row.office_ids), row.level))
    return found


def _silences(session: Session, now: datetime) -> list[tuple[str, str, datetime]]:
    rows = session.scalars(select(Silence).where(Silence.until > now))
    return [(r.id, r.group_key, r.until) for r in rows]
