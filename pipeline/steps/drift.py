"""Once a day: the week's labels and scores against those of the training texts, office by office; warned where far apart.

The corpus holds rare things often, so an office's weeks differ from it from the start. What is new is what also differs from
the office's own four weeks before; where these hold too little, the training texts alone decide.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from models.drift import FEWEST, SCORES, Profile, count, drifts
from models.taxonomy import BINARY
from pipeline.desk.database import Database
from pipeline.desk.tables import Heartbeat
from pipeline.index.engine import Index
from pipeline.records import WHOLE, Item
from pipeline.response.announce import Post, tell
from pipeline.settings import Home
from pipeline.steps.model_news import DRIFT, drift_name
from pipeline.steps.shelf import shelf_of

WEEK, BEFORE, DAILY = timedelta(days=7), timedelta(days=28), timedelta(hours=20)
_DIMENSIONS = ("role", "sentiment", "topic", "needs_answer", "sensitive")


def measure_drift(home: Home, db: Database, index: Index, post: Post, now: datetime) -> dict[str, list[str]]:
    """Office → names of what drifted; empty where the day's measuring was done already. Raises ModelsError without a model."""
    with db.read() as session:
        known = {o.id: beat for o in home.offices if (beat := session.get(Heartbeat, DRIFT + o.id))}
    due = [o for o in home.offices if o.id not in known or now - known[o.id].beat_at >= DAILY]
    if not due:
        return {}
    usable = shelf_of(home).usable()
    try:
        then = Profile.from_dict(usable.card["profile"])
    except (KeyError, TypeError, ValueError):
        then = None
    found: dict[str, list[str]] = {}
    for office in due:
        state: dict[str, Any] = {"model": usable.version, "since": "", "public": _public(index, office.id, now)}
        if then is not None:
            state |= _compared(index, office.id, then, now)
        large = [row["name"] for row in state.get("rows", []) if row["large"]]
        if large:
            before = known[office.id].state if office.id in known else {}
            state["since"] = before.get("since") or now.isoformat()
        with db.write() as session:
            session.merge(Heartbeat(name=DRIFT + office.id, beat_at=now, state=state))
            if large and state["earlier"] >= FEWEST:  # told once, not once a day, and not of an office's first weeks
                people = post.oncall.people_for(("on_call", "leader"), now, [office.id])
                what = "、".join(drift_name(name) for name in large)
                text = (
                    f"近七天的材料与训练时相比变化很大：{what}。\n\n可能是来了新的一类事，也可能是模型读得不如以前准。"
                    f"请多校对几批，下次训练会用上。\n\n模型质量：{post.desk_url}/review/quality\n"
                )
                key = ("drift", office.id, state["since"])
                tell(session, post, people, key, "self_alert", f"分类模型：{what}变化很大", text, [office.id], now)
        found[office.id] = large
    return found


def _compared(index: Index, office_id: str, then: Profile, now: datetime) -> dict[str, Any]:
    week, before = _Count(then), _Count(then)
    for item in index.indexed_since(now - WEEK - BEFORE, [office_id]):
        if item.channel in WHOLE and item.indexed_at < now:
            (week if item.indexed_at >= now - WEEK else before).add(item)
    mine, earlier = week.profile(), before.profile()
    own = {d.name: d for d in drifts(mine, earlier)}
    rows = [
        {"name": d.name, "psi": round(d.psi, 3), "chance": round(d.chance, 3), "own": round(own[d.name].psi, 3),
         "large": d.large and (own[d.name].large or earlier.texts < FEWEST)}
        for d in drifts(mine, then)
    ]  # fmt: skip
    shares = {
        label: [mine.labels.get(label, 0) / max(mine.texts, 1), earlier.labels.get(label, 0) / max(earlier.texts, 1),
                n / max(then.texts, 1)]
        for label, n in then.labels.items()
    }  # fmt: skip
    return {"texts": mine.texts, "earlier": earlier.texts, "rows": rows, "shares": shares}


class _Count:
    """Labels and scores of items, counted as the training profile counts its own; memory does not grow."""

    def __init__(self, like: Profile) -> None:
        self._cuts, self._texts = like.cuts, 0
        self._labels = dict.fromkeys(like.labels, 0)
        self._scores = {name: [0] * (len(cuts) + 1) for name, cuts in like.cuts.items()}

    def add(self, item: Item) -> None:
        said = item.labels
        given = [*said.get("topics", ()), *(label for label in BINARY if said.get(label)), str(said.get("sentiment"))]
        by_text = item.channel != "submission"  # of a letter the channel says the role, not the model
        for label in [*given, *([str(said.get("role"))] if by_text else [])]:
            if label in self._labels:
                self._labels[label] += 1
        for name in SCORES:
            if name in self._cuts and name in said and (by_text or name != "role_p"):
                counts = count([float(said[name])], self._cuts[name])
                self._scores[name] = [a + b for a, b in zip(self._scores[name], counts, strict=True)]
        self._texts += 1

    def profile(self) -> Profile:
        return Profile(self._texts, self._labels, self._cuts, self._scores)


def _public(index: Index, office_id: str, now: datetime) -> dict[str, dict[str, int]]:
    """Dimension → label → posts of the week, from cells that are multiples of k (charter 2); shown, never judged."""
    sums: dict[str, dict[str, int]] = {}
    for cell in index.signals([office_id], now - WEEK, now, "day"):
        if cell.dimension in _DIMENSIONS:
            labels = sums.setdefault(cell.dimension, {})
            labels[cell.label] = labels.get(cell.label, 0) + cell.count
    return sums
