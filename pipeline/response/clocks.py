"""Clocks: presets from published rules, and when each is due. Pure; `now` and the calendar come from outside."""

from __future__ import annotations

import calendar as months
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Literal

from pydantic import Field, model_validator

from pipeline.records import SHANGHAI
from pipeline.response.calendar import Workdays
from pipeline.settings.yaml_files import Strict

ClockKind = Literal[
    "acknowledge", "first_statement", "press_conference", "answer", "procedural_reply", "result", "progress"
]
PresetName = Literal["first_statement", "press_conference", "answer", "procedural_reply", "result"]

_WARN_LEAST, _WARN_MOST = timedelta(minutes=10), timedelta(hours=24)
_GOVERNMENTS = "原文对政府机关适用，此处作为默认时限"


@dataclass(frozen=True, slots=True)
class ClockSpec:
    """How long something may take. Exactly one of hours, days, workdays, months is set.

    `roll`: a due time on a rest day moves to the end of the next workday. `then_monthly`: after it is due or met,
    a progress clock of one month follows until the incident is answered or closed.
    """

    kind: ClockKind
    title: str
    basis: str
    hours: float | None = None
    days: int | None = None
    workdays: int | None = None
    months: int | None = None
    roll: bool = False
    then_monthly: bool = False


PRESETS: dict[str, ClockSpec] = {
    "first_statement": ClockSpec(
        "first_statement",
        "首次权威发布",
        f"国办发〔2016〕80号：特别重大、重大突发事件最迟 5 小时内发布权威信息（{_GOVERNMENTS}）",
        hours=5,
    ),
    "press_conference": ClockSpec(
        "press_conference",
        "新闻发布会",
        f"国办发〔2016〕61号：特别重大、重大突发事件最迟 24 小时内举行新闻发布会（{_GOVERNMENTS}）",
        hours=24,
    ),
    "answer": ClockSpec(
        "answer", "作出回应", f"国办发〔2016〕61号：其他政务舆情 48 小时内予以回应（{_GOVERNMENTS}）", hours=48
    ),
    "procedural_reply": ClockSpec(
        "procedural_reply",
        "程序性回复",
        "最高人民检察院“群众信访件件有回复”：收到群众信访 7 日内程序回复",
        days=7,
        roll=True,
    ),
    "result": ClockSpec(
        "result",
        "办理过程或结果答复",
        "最高人民检察院“群众信访件件有回复”：3 个月内答复办理过程或结果；其后每月答复一次进展",
        months=3,
        roll=True,
        then_monthly=True,
    ),
}
PROGRESS = ClockSpec(
    "progress",
    "每月答复进展",
    "最高人民检察院“群众信访件件有回复”：3 个月未办结的，其后每月答复进展",
    months=1,
    roll=True,
    then_monthly=True,
)
ACKNOWLEDGE_MINUTES: dict[int, int] = {1: 30, 2: 30, 3: 240, 4: 240}


class PlanClock(Strict):
    """A preset, unchanged or with this office's own limit (`hours`, `days`, `workdays` or `months`), title and basis."""

    preset: PresetName
    title: str = ""
    basis: str = ""
    hours: float | None = Field(default=None, gt=0, le=24 * 60)
    days: int | None = Field(default=None, ge=1, le=365)
    workdays: int | None = Field(default=None, ge=1, le=250)
    months: int | None = Field(default=None, ge=1, le=24)

    @model_validator(mode="after")
    def _one_length(self) -> PlanClock:
        if sum(v is not None for v in (self.hours, self.days, self.workdays, self.months)) > 1:
            raise ValueError("hours、days、workdays、months 只能写一个")
        return self

    def spec(self) -> ClockSpec:
        """The preset with what the plan changed."""
        base = PRESETS[self.preset]
        own = any(v is not None for v in (self.hours, self.days, self.workdays, self.months))
        basis = self.basis or (f"本院设定（默认依据：{base.basis}）" if own else base.basis)
        length = self if own else base
        return ClockSpec(
            base.kind,
            self.title or base.title,
            basis,
            hours=length.hours,
            days=length.days,
            workdays=length.workdays,
            months=length.months,
            roll=base.roll,
            then_monthly=base.then_monthly,
        )


def acknowledge_clock(level: int) -> ClockSpec:
    """The clock that every incident has: somebody on duty takes it."""
    minutes = ACKNOWLEDGE_MINUTES[level]
    words = "30 分钟" if minutes == 30 else f"{minutes // 60} 小时"
    return ClockSpec(
        "acknowledge",
        "值班签收",
        f"值班规则：{'红、橙' if level <= 2 else '黄、蓝'}色{words}内签收",
        hours=minutes / 60,
    )


def due(spec: ClockSpec, start: datetime, days: Workdays) -> datetime:
    """When `spec` ends that began at `start` (aware). Day and month clocks end with the last minute of a Shanghai day."""
    if spec.hours is not None:
        return start + timedelta(hours=spec.hours)
    local = start.astimezone(SHANGHAI)
    day = local.date()
    if spec.days is not None:
        day += timedelta(days=spec.days)
    elif spec.workdays is not None:
        day = days.add(day, spec.workdays)
    elif spec.months is not None:
        month = day.month - 1 + spec.months
        year, month = day.year + month // 12, month % 12 + 1
        day = day.replace(year=year, month=month, day=min(day.day, months.monthrange(year, month)[1]))
    if spec.roll:
        day = days.next_or_same(day)
    return datetime.combine(day, time(23, 59), SHANGHAI).astimezone(start.tzinfo)


def warn_at(starts_at: datetime, due_at: datetime) -> datetime:
    """A quarter of the time before it is due, at least 10 minutes and at most a day."""
    ahead = min(max((due_at - starts_at) / 4, _WARN_LEAST), _WARN_MOST)
    return max(starts_at, due_at - ahead)
