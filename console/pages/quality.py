"""模型质量: how right the model is on what the office receives, which version works, whether what comes in has changed."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session
from starlette.responses import Response

from console.asking import Ask, missing
from models.taxonomy import BINARY, ROLES, SENTIMENTS, TOPICS
from pipeline.desk.tables import Heartbeat, Review
from pipeline.review.quality import FEW, LabelQuality, quality
from pipeline.review.reviews import PART_NAMES
from pipeline.steps.model_news import DRIFT, TRAINED

WINDOW = timedelta(days=90)
GROUPS = (("与本院关系", ROLES), ("行文倾向", SENTIMENTS), ("话题", TOPICS), ("判断", BINARY))


@dataclass(frozen=True, slots=True)
class Sample:
    """The random part of 90 days: how many were drawn, and what became of them."""

    drawn: int
    decided: int
    skipped: int
    gone: int
    waiting: int
    versions: list[tuple[str, int]]  # model version → decided texts, newest first
    groups: list[tuple[str, list[LabelQuality]]]


def quality_page(ask: Ask) -> Response:
    offices = ask.viewer.office_ids
    office = ask.query.get("office", "") or (offices[0] if offices else "")
    if office not in offices:
        raise missing("这个单位的模型质量")
    version = ask.query.get("model", "")
    with ask.desk.reading() as session:
        sample = sampled(session, office, version, ask.now)
        corrected = Counter(
            session.scalars(
                select(Review.part).where(
                    Review.office_id == office, Review.state == "done", Review.decided_at >= ask.now - WINDOW
                )
            )
        )
        trained = session.get(Heartbeat, TRAINED)
        drift = session.get(Heartbeat, DRIFT + office)
    ask.looked("view", "page:quality", [office])
    return ask.page(
        "quality.html",
        office=office,
        offices=[(o, ask.desk.office_name(o)) for o in offices],
        sample=sample,
        version=version,
        few=FEW,
        parts=[(name, corrected[part]) for part, name in PART_NAMES.items()],
        trained=trained,
        drift=drift,
        rows=drift_rows(drift.state) if drift else [],
        current=ask.desk.scorer_version,
    )


def sampled(session: Session, office: str, version: str, now: datetime) -> Sample:
    """Estimates from items drawn at random and decided blind; of one model version where one is named."""
    found = select(Review).where(Review.office_id == office, Review.part == "random", Review.chosen_at >= now - WINDOW)
    rows = session.scalars(found.order_by(Review.chosen_at.desc())).all()
    states = Counter(r.state for r in rows)
    done = [r for r in rows if r.state == "done"]
    by_label = {q.label: q for q in quality([(r.given, r.labels) for r in done if not version or r.model == version])}
    return Sample(
        len(rows), len(done), states["skipped"], states["gone"], states["waiting"], list(Counter(r.model for r in done).items()),
        [(name, [by_label[label] for label in labels]) for name, labels in GROUPS],
    )  # fmt: skip


def drift_rows(state: dict[str, Any]) -> list[dict[str, Any]]:
    """What drifted most first; each with the share of the label in the week, in the weeks before, and in training."""
    shares = state.get("shares", {})
    rows = [{**row, "shares": shares.get(row["name"])} for row in state.get("rows", [])]
    return sorted(rows, key=lambda row: (not row["large"], -row["psi"]))
