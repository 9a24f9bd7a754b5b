"""What each chart says, told of the records themselves: title → {(group, …): (value, …)}.

Plain Python over what was written, without Elasticsearch, KQL or Lens. Rows that are all zero or empty are left out.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import product
from statistics import median
from typing import Any

from kibana_world import NOW, World

from models.taxonomy import ROLE_NAMES, ROLES, SENTIMENT_NAMES, SENTIMENTS
from pipeline.records import SHANGHAI, Item, Signal

Rows = dict[tuple[Hashable, ...], tuple[Any, ...]]
Measure = Callable[[list[Any]], Any]
WEEK = timedelta(days=7)
Doc = dict[str, Any]


@dataclass(frozen=True)
class Told:
    """What a dashboard's time range holds."""

    world: World
    begin: datetime
    now: datetime = NOW

    def _items(self, back: timedelta = timedelta()) -> list[Item]:
        return [i for i in self.world.items if self.begin - back <= i.occurred_at <= self.now - back]

    def _heard(self, dimension: str, back: timedelta = timedelta()) -> list[Signal]:
        cells = (s for s in self.world.signals if self.begin - back <= s.starts_at <= self.now - back)
        return [s for s in cells if s.period == "day" and s.dimension == dimension]

    def _in_time(self, docs: Iterable[Doc]) -> list[Doc]:
        return [d for d in docs if self.begin <= datetime.fromisoformat(d["occurred_at"]) <= self.now]

    @property
    def items(self) -> list[Item]:
        return self._items()

    @property
    def ours(self) -> list[Item]:
        return [i for i in self._items() if i.role in ("addressed", "subject", "mentioned")]

    @property
    def ours_a_week_ago(self) -> list[Item]:
        return [i for i in self._items(WEEK) if i.role in ("addressed", "subject", "mentioned")]

    def heard(self, dimension: str = "all") -> list[Signal]:
        return self._heard(dimension)

    @property
    def heard_a_week_ago(self) -> list[Signal]:
        return self._heard("all", WEEK)

    @property
    def issues(self) -> list[Doc]:
        return self._in_time(self.world.issues)

    @property
    def incidents(self) -> list[Doc]:
        return self._in_time(self.world.incidents)

    @property
    def sources(self) -> list[Doc]:
        return [s for s in self.world.sources if s["enabled"]]


def rows(those: Iterable[Any], keys: Sequence[Callable[[Any], Any]], *measures: Measure) -> Rows:
    """Group by keys (a list counts in each of its values); None belongs nowhere."""
    grouped: dict[tuple[Hashable, ...], list[Any]] = {}
    for one in those:
        for place in product(*(_listed(key(one)) for key in keys)):
            grouped.setdefault(place, []).append(one)
    return filled({place: tuple(measure(group) for measure in measures) for place, group in grouped.items()})


def filled(found: Rows) -> Rows:
    return {place: values for place, values in found.items() if any(values)}


def most(found: Rows, size: int) -> Rows:
    return dict(sorted(found.items(), key=lambda row: -row[1][0])[:size])


def single(*values: Any) -> Rows:
    return {(): values}


def beside(one: Rows, other: Rows) -> Rows:
    return {place: (*one.get(place, (None,)), *other.get(place, (None,))) for place in one.keys() | other.keys()}


def _listed(value: Any) -> list[Any]:
    return [] if value is None else list(value) if isinstance(value, list | tuple) else [value]


def day(one: Any, back: timedelta = timedelta()) -> str:
    at = (
        one.starts_at
        if isinstance(one, Signal)
        else one.occurred_at
        if isinstance(one, Item)
        else _time(one["occurred_at"])
    )
    return f"{(at + back).astimezone(SHANGHAI):%Y-%m-%d}"


def hour(item: Item, back: timedelta = timedelta()) -> str:
    return f"{(item.occurred_at + back).astimezone(SHANGHAI):%Y-%m-%dT%H}"


def of(name: str) -> Callable[[Any], Any]:
    return lambda one: one.get(name) if isinstance(one, dict) else getattr(one, name)


def flag(name: str) -> Callable[[Any], str]:
    return lambda one: str(of(name)(one)).lower()


def label(name: str) -> Callable[[Item], Any]:
    return lambda item: item.labels[name]


def share(test: Callable[[Any], bool]) -> Measure:
    return lambda group: sum(map(test, group)) / len(group) if group else None


def people(cells: Iterable[Signal]) -> int:
    return sum(cell.count for cell in cells)


def biggest(name: str) -> Measure:
    return lambda group: max((_number(of(name)(one)) for one in group if of(name)(one) is not None), default=None)


def middle(get: Callable[[Any], Any]) -> Measure:
    return lambda group: median(values) if (values := [get(o) for o in group if get(o) is not None]) else None


def within(get: Callable[[Any], Any], percent: int) -> Measure:
    """Percentile with linear interpolation."""

    def measure(group: list[Any]) -> float | None:
        values = sorted(get(o) for o in group if get(o) is not None)
        if not values:
            return None
        at = (len(values) - 1) * percent / 100
        low = int(at)
        return float(values[low] + (values[min(low + 1, len(values) - 1)] - values[low]) * (at - low))

    return measure


def mean(get: Callable[[Any], float]) -> Measure:
    return lambda group: sum(map(get, group)) / len(group)


def _time(value: str) -> datetime:
    return datetime.fromisoformat(value)


def _number(value: Any) -> float:
    if isinstance(value, str):
        value = _time(value)
    return round(value.timestamp() * 1000) if isinstance(value, datetime) else value


def negative(item: Item) -> bool:
    return item.sentiment == "negative"


def unsure(item: Item) -> bool:
    return bool(item.labels["role_p"] < 0.6)


def span(item: Item) -> str:
    p = item.labels["role_p"]
    return "低于六成" if p < 0.6 else "六成到七成五" if p < 0.75 else "七成五到九成" if p < 0.9 else "九成以上"


def sureness(item: Item) -> str:
    return {"六成到七成五": "六成到九成", "七成五到九成": "六成到九成"}.get(span(item), span(item))


def changes(item: Item) -> list[str]:
    """What was decided otherwise than the model read."""
    found = [f"关系：{ROLE_NAMES[v]}" for v in ROLES if item.labels["role"] == v != item.role]
    found += [f"态度：{SENTIMENT_NAMES[v]}" for v in SENTIMENTS if item.labels["sentiment"] == v != item.sentiment]
    if item.labels["needs_answer"] != item.needs_answer:
        found.append("需要答复" if item.labels["needs_answer"] else "不需要答复")
    return found


def _by_hour(t: Told) -> Rows:
    last_week = rows(t.ours_a_week_ago, [lambda i: hour(i, WEEK)], len)
    return beside(rows(t.ours, [hour], len), last_week)


def _freshness(t: Told) -> Rows:
    times = [biggest(name) for name in ("last_new_at", "last_ok_at", "last_run_at", "fresh_within_hours")]
    return rows(t.sources, [flag("late"), of("name")], *times)


def _answered(t: Told) -> Rows:
    answered = [i for i in t.issues if "answered_at" in i]
    return rows(answered, [of("title")], biggest("items_before_answer"), biggest("items_after_answer"))


def _outlets(t: Told) -> Rows:
    media = [i for i in t.ours if i.channel == "media" and i.outlet]
    return rows(
        media, [of("outlet")], len, lambda g: len({i.story_id for i in g}), share(negative), biggest("occurred_at")
    )


EXPECTED: dict[str, Callable[[Told], Rows]] = {
    # 1 今日态势
    "今日材料": lambda t: single(len(t.ours), len(t.ours_a_week_ago)),
    "今日负面占比（材料）": lambda t: single(share(negative)(t.ours)),
    "今日需要答复": lambda t: single(sum(i.needs_answer for i in t.ours)),
    "今日公众讨论人数": lambda t: single(people(t.heard()), people(t.heard_a_week_ago)),
    "每小时材料：今日与上周同日": _by_hour,
    "各渠道的态度": lambda t: rows(t.ours, [of("channel"), of("sentiment")], len),
    "今日议题的等级": lambda t: rows(t.issues, [of("level")], len),
    "公众在谈什么（人数）": lambda t: rows(t.heard("topic"), [of("label")], people),
    "今日公众讨论负面占比": lambda t: single(
        people(s for s in t.heard("sentiment") if s.label == "negative") / (people(t.heard("sentiment")) or 1)
    ),
    "迟到的信源": lambda t: single(sum(s["late"] for s in t.sources)),
    # 2 议题分析
    "议题热度": lambda t: most(rows(t.issues, [of("title")], biggest("heat")), 10),
    "议题一览": lambda t: rows(
        t.issues, [of("level"), of("title")],
        *(biggest(name) for name in ("heat", "voices", "items", "media_items", "submissions", "occurred_at")),
    ),
    "材料的话题走势": lambda t: rows(t.ours, [day, of("topics")], len),
    "公众讨论的话题走势（人数）": lambda t: rows(t.heard("topic"), [day, of("label")], people),
    "话题与日期": lambda t: rows(t.ours, [day, of("topics")], len),
    "材料里的词": lambda t: rows(t.ours, [of("words")], len),
    "议题的关键词": lambda t: rows(t.issues, [of("keywords")], len),
    "媒体": lambda t: rows([i for i in t.ours if i.outlet and i.channel == "media"], [of("outlet")], len),
    "地区": lambda t: rows([i for i in t.ours if i.region], [of("region")], len),
    "为什么是这个等级": lambda t: rows(t.issues, [of("factors"), of("level")], len),
    "各站点类别的议题": lambda t: rows(t.issues, [of("site_groups")], len),
    # 3 信源
    "各渠道的材料": lambda t: rows(t.ours, [day, of("channel")], len),
    "篇数与去重后的篇数": lambda t: rows(t.ours, [day], len, lambda g: len({i.story_id for i in g})),
    "各媒体": _outlets,
    "渠道": lambda t: rows(t.ours, [of("channel")], len),
    "各站点类别的材料": lambda t: rows(t.ours, [day, of("site_group")], len),
    "各站点类别的公众讨论（人数）": lambda t: rows(t.heard(), [day, of("site_group")], people),
    "信源的新鲜程度": _freshness,
    "最近一次采集的结果": lambda t: rows(t.sources, [of("status")], len),
    # 4 处置与时限
    "未办结的事件": lambda t: single(sum(i["state"] != "closed" for i in t.world.incidents)),
    "没有逾期的事件占比": lambda t: single(share(lambda i: i["missed"] == 0)(t.incidents)),
    "签收用时（中位数）": lambda t: single(middle(of("acknowledge_seconds"))(t.incidents)),
    "回应用时（中位数）": lambda t: single(middle(of("answer_seconds"))(t.incidents)),
    "事件的状态": lambda t: rows(t.incidents, [of("state")], len),
    "每日新开的事件": lambda t: rows(t.incidents, [day, of("level")], len),
    "时限：按时与逾期": lambda t: rows(
        t.incidents, [day], lambda g: sum(i["met"] for i in g), lambda g: sum(i["missed"] for i in g)
    ),
    "按时完成的时限": lambda t: rows(t.incidents, [of("deadlines_met")], len),
    "逾期的时限": lambda t: rows(t.incidents, [of("deadlines_missed")], len),
    "各等级的签收用时": lambda t: rows(
        t.incidents, [of("level")], middle(of("acknowledge_seconds")), within(of("acknowledge_seconds"), 90)
    ),
    "各等级的回应用时": lambda t: rows(
        t.incidents, [of("level")], middle(of("answer_seconds")), within(of("answer_seconds"), 90)
    ),
    "回应前后各三天的材料": lambda t: most(_answered(t), 15),
    "各预案启动次数": lambda t: rows([i for i in t.incidents if i["plan_id"]], [of("plan_id")], len),
    # 5 模型质量
    "关系标签": lambda t: rows(t.items, [day, label("role")], len),
    "态度标签": lambda t: rows(t.items, [day, label("sentiment")], len),
    "话题标签": lambda t: rows(t.items, [day, of("topics")], len),
    "把握不大的占比": lambda t: single(share(unsure)(t.items)),
    "把握的分布走势": lambda t: rows(t.items, [day, sureness], len),
    "需要答复的判断": lambda t: rows(t.items, [lambda i: str(i.labels["needs_answer"]).lower()], len),
    "漂移：把握的中位数与最低一成": lambda t: rows(
        t.items, [day], middle(label("role_p")), within(label("role_p"), 10), middle(label("sentiment_p")),
        within(label("sentiment_p"), 10),
    ),
    "漂移：概率的平均值": lambda t: rows(t.items, [day], mean(label("needs_answer_p")), mean(label("sensitive_p"))),
    "哪种关系拿不准": lambda t: rows(t.items, [span, label("role")], len),
    "各模型版本": lambda t: rows(t.items, [of("model"), of("words_version")], len, middle(label("role_p")), share(unsure)),
    "识别后改定的占比": lambda t: single(share(lambda i: bool(changes(i)))(t.items)),
    "识别后改定的（按模型原判）": lambda t: rows(t.items, [changes], len),
}  # fmt: skip
