"""A city's month in an Elasticsearch, written by the product's own writers; fictional, seeded.

Documents of two offices lie in the same indices, so that a panel that read past its office's alias would count too many.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from models.taxonomy import ROLES, SENTIMENTS, TOPICS
from pipeline.desk.tables import Clock, Incident, IssueRow, PlanRun, SourceState, Task
from pipeline.index.documents import milliseconds
from pipeline.index.elastic import ElasticIndex
from pipeline.index.mapping import INCIDENTS, ISSUES, SOURCES
from pipeline.records import CHANNELS, SHANGHAI, Item, Signal
from pipeline.settings.sources import Source
from pipeline.signals import Cells
from pipeline.staging import Post
from pipeline.steps.mirrored import Surroundings, of_incident, of_issue, of_source

NOW = datetime(2026, 11, 25, 9, 40, tzinfo=UTC)  # a Wednesday, 17:40 in Shanghai
K = 5
CITY, DISTRICT = "city", "district"
OFFICES = (CITY, DISTRICT)
_OUTLETS = {"清江日报": 2.0, "云溪晚报": 1.0, "": 1.0}
_GROUPS = ("论坛", "短视频")
_WORDS = ("检察院", "不起诉", "热线", "诈骗", "听证", "公益诉讼", "未成年人")
_PLANS = ("service-complaint", "scam-warning", "")


@dataclass
class World:
    """What was written, as the city's office sees it; `everything` holds the district's too."""

    items: list[Item] = field(default_factory=list)
    signals: list[Signal] = field(default_factory=list)
    issues: list[dict[str, Any]] = field(default_factory=list)
    incidents: list[dict[str, Any]] = field(default_factory=list)
    sources: list[dict[str, Any]] = field(default_factory=list)

    def of(self, office: str) -> World:
        return World(
            [i for i in self.items if i.office_id == office], [s for s in self.signals if s.office_id == office],
            *([d for d in those if office in d["office_id"]] for those in (self.issues, self.incidents, self.sources)),
        )  # fmt: skip


def make() -> World:
    dice = random.Random(20261125)
    return World(
        [*(_item(dice, n) for n in range(400)), *_old_news()], list(_signals(dice)), [_issue(dice, n) for n in range(24)],
        [_incident(dice, n) for n in range(30)], [_source(n) for n in range(9)],
    )  # fmt: skip


def write(index: ElasticIndex, world: World) -> None:
    """Nothing may be refused."""
    written = index.write_items(world.items)
    assert written.written == len(world.items) and not written.refused
    assert index.write_signals(world.signals) == len(world.signals)
    for kind, name, those in (
        (ISSUES, "issue_id", world.issues), (INCIDENTS, "incident_id", world.incidents), (SOURCES, "source_id", world.sources),
    ):  # fmt: skip
        count, refused = index.server.put([(kind, d[name], d) for d in those], milliseconds(NOW))
        assert count == len(those) and not refused, refused
    index.server.refresh(f"{index.server.prefix}*")


def _moment(dice: random.Random, days: int) -> datetime:
    """Half of them today or on the same weekday a week ago, the rest in the last `days`."""
    back = dice.choice((0, 7, dice.randrange(days), dice.randrange(days)))
    midnight = NOW.astimezone(SHANGHAI).replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=back)
    return (midnight + timedelta(minutes=dice.randrange(17 * 60))).astimezone(UTC)


def _item(dice: random.Random, n: int) -> Item:
    at = _moment(dice, 40)
    channel = dice.choice([c for c in CHANNELS if c != "public"])
    outlet = dice.choice(list(_OUTLETS)) if channel == "media" else "本院官网" if channel == "official" else ""
    read = {"role": dice.choice(ROLES), "sentiment": dice.choice(SENTIMENTS)}
    flags = {"needs_answer": dice.random() < 0.3, "sensitive": dice.random() < 0.2}
    labels = {
        **read, **flags, "topics": dict.fromkeys(dice.sample(TOPICS, 2), 0.8),
        **{f"{name}_p": round(dice.uniform(0.35, 0.99), 4) for name in (*read, *flags)},
    }  # fmt: skip
    settled = dict(read, role="addressed") if channel == "submission" else read
    return Item(
        id=f"{n:032x}", office_id=dice.choice((CITY, CITY, DISTRICT)), revision=1, channel=channel, source_id=f"{channel}-site",
        site="example.org", site_group={"media": "新闻网站"}.get(channel, "本院"), title=f"第{n}件", text="检察院的电话没人接。",
        occurred_at=at, first_seen=at, indexed_at=at, content_hash=f"{n:032x}", story_id=f"{n % 150:032x}",
        topics=tuple(sorted(labels["topics"])), labels=labels, level=dice.randint(1, 4), words=tuple(dice.sample(_WORDS, 3)),
        outlet=outlet, outlet_weight=_OUTLETS.get(outlet, 1.0), region=dice.choice(("清江市", "云溪区", "")), model=f"m{1 + (n % 5 == 0)}",
        words_version="w1", **settled, **flags,
    )  # fmt: skip


def _old_news() -> list[Item]:
    """Two articles before every dashboard's time, which the examples of searching tell apart."""
    at = NOW - timedelta(days=200)
    texts = {"旧闻：不起诉": "检方依法作出不起诉决定。", "旧闻：起诉": "检察院以诈骗罪起诉李某。"}
    return [
        replace(
            _item(random.Random(n), 1000 + n), title=title, text=text, office_id=CITY, occurred_at=at, first_seen=at
        )
        for n, (title, text) in enumerate(texts.items())
    ]


def _signals(dice: random.Random) -> list[Signal]:
    """Cells of posts as ingest makes them: k voices or more, counts in steps of k."""
    cells = Cells()
    for n in range(1500):
        at = _moment(dice, 12)
        reading = {
            "role": dice.choice(("addressed", "subject", "mentioned", "unrelated")), "sentiment": dice.choice(SENTIMENTS),
            "topics": dice.sample(TOPICS[:4], 1), "needs_answer": dice.random() < 0.3, "sensitive": False,
        }  # fmt: skip
        offices = {dice.choice((CITY, CITY, DISTRICT)): reading}
        voice = (("key", f"{dice.randrange(60)}"),)
        cells.add(Post(f"{n}", 1, dice.choice(_GROUPS), "", "", "", at, at, False, voice, offices, (), {}))
    return list(cells.signals(K))


def _issue(dice: random.Random, n: int) -> dict[str, Any]:
    last = _moment(dice, 20)
    answered = last - timedelta(hours=3) if n % 3 == 0 else None
    row = IssueRow(
        id=f"{n:032x}", office_ids=[CITY, DISTRICT] if n % 5 == 0 else [(CITY, DISTRICT)[n % 2]], title=f"关于第{n}件事的议论",
        keywords=dice.sample(_WORDS, 2), phrases=["电话没人接"], topics=dict.fromkeys(dice.sample(TOPICS, 2), 0.5),
        level=1 + n % 4, reasons=[{"factor": f} for f in dice.sample(("harm", "reach", "speed", "uptake"), 2)],
        heat=round(dice.uniform(1, 90), 2) + n / 1000, voices=K * dice.randrange(9), items=dice.randrange(20), media_items=dice.randrange(9),
        official_items=1, submissions=dice.randrange(5), outlets=["清江日报"], site_groups=dict.fromkeys(_GROUPS[:1 + n % 2], K),
        needs_answer=True, sensitive=False, first_at=last - timedelta(days=2), last_at=last, answered_at=answered, updated_at=last,
    )  # fmt: skip
    return of_issue(row, Surroundings(("清江市",), dice.randrange(1, 30), dice.randrange(1, 9)))


def _incident(dice: random.Random, n: int) -> dict[str, Any]:
    opened = _moment(dice, 25)
    state = ("open", "acknowledged", "answered", "closed")[n % 4]
    done = {"open": 0, "acknowledged": 1, "answered": 2, "closed": 3}[state]
    steps = [opened + timedelta(seconds=s) for s in (dice.randrange(60, 7200), dice.randrange(9000, 90_000), 100_000)]
    acknowledged, answered, closed = (at if number < done else None for number, at in enumerate(steps))
    row = Incident(
        id=f"{n:032x}", short_id=f"A{n:03d}", office_ids=[(CITY, DISTRICT)[n % 3 == 2]], title=f"第{n}起", subject_kind="issue",
        subject_id=f"{n:032x}", level=1 + n % 3, state=state, opened_at=opened, acknowledged_at=acknowledged,
        answered_at=answered, closed_at=closed,
    )  # fmt: skip
    first = dice.choice(("met", "missed")) if acknowledged else "running"
    second = dice.choice(("met", "missed")) if answered else "running"
    clocks = [
        Clock(kind=kind, state=clock, due_at=opened + timedelta(hours=48))
        for kind, clock in (("acknowledge", first), ("answer", second))
    ]
    plan = PlanRun(plan_id=_PLANS[n % 3]) if _PLANS[n % 3] else None
    return of_incident(row, clocks, [Task(state="open"), Task(state="done")], plan)


def _source(n: int) -> dict[str, Any]:
    source = Source(
        id=f"source-{n}", name=f"第{n}号信源", kind="drop", channel="submission", folder=f"drop-{n}",
        columns={"text": "内容"}, offices=[(CITY, DISTRICT)[n % 4 == 3]], enabled=n != 6, fresh_within_hours=24 + n,
    )  # fmt: skip
    at = NOW - timedelta(hours=n)
    state = SourceState(
        source_id=source.id, last_run_at=at, last_ok_at=at - timedelta(hours=1), last_new_at=at - timedelta(hours=2),
        last_status=("ok", "ok", "empty", "failing")[n % 4],
    )  # fmt: skip
    return of_source(source, state, OFFICES, n % 2 == 0, NOW)
