"""What the desk's database and the index hold after the demo's week, as records: what dashboards are compared with."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select

from pipeline.desk.database import Database
from pipeline.desk.tables import Clock, Incident, IssueRow, PlanRun, SourceState, Task
from pipeline.index.engine import Index, Search
from pipeline.records import Item
from pipeline.settings import Home
from pipeline.steps.mirrored import Surroundings, of_incident, of_issue, of_source
from pipeline.steps.status import late_sources
from tests.deploy.kibana.kibana_panels import World


def everything(index: Index, offices: tuple[str, ...], size: int = 200) -> Iterator[Item]:
    """Every document that these offices read, page by page as the desk would."""
    after: str | None = None
    while True:
        page = index.search(Search(office_ids=offices), size, after)
        yield from (hit.item for hit in page.hits)
        if (after := page.after) is None:
            return


def world(home: Home, db: Database, index: Index, now: datetime) -> World:
    """All offices' records, through the interfaces that the desk uses and nothing of Kibana's."""
    offices = tuple(office.id for office in home.offices)
    items = [item for office in offices for item in everything(index, (office,))]
    signals = index.signals(offices, now - timedelta(days=60), now + timedelta(days=1), "day")
    regions: dict[str, set[str]] = defaultdict(set)
    for item in items:
        if item.issue_id and item.region:
            regions[item.issue_id].add(item.region)
    with db.read() as session:
        rows: dict[Any, list[Any]] = {
            table: list(session.scalars(select(table)))
            for table in (IssueRow, Incident, Clock, Task, PlanRun, SourceState)
        }
        late = set(late_sources(home.sources, session, now))
    assert not any(row.answered_at for row in rows[IssueRow]), "nobody answers in the demo: nothing to count around it"
    states = {row.source_id: row for row in rows[SourceState]}
    plans = {plan.incident_id: plan for plan in rows[PlanRun]}

    def of(table: Any, incident: Incident) -> list[Any]:
        return [row for row in rows[table] if row.incident_id == incident.id]

    return World(
        items, list(signals), [of_issue(row, Surroundings(sorted(regions[row.id]))) for row in rows[IssueRow]],
        [of_incident(row, of(Clock, row), of(Task, row), plans.get(row.id)) for row in rows[Incident]],
        [of_source(source, states.get(source.id), offices, source.id in late, now) for source in home.sources],
    )  # fmt: skip
