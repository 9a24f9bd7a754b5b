"""Workdays of the People's Republic with local overrides; a year that nobody has published counts as workdays."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import cache

from pydantic import model_validator

from pipeline.settings.yaml_files import Strict


class LocalCalendar(Strict):
    """Days on which this office differs from the national calendar (`calendar:` in oncall.yaml)."""

    workdays: list[date] = []
    holidays: list[date] = []

    @model_validator(mode="after")
    def _not_both(self) -> LocalCalendar:
        both = set(self.workdays) & set(self.holidays)
        if both:
            raise ValueError(f"{min(both)} 同时写成了上班和放假")
        return self


@dataclass(frozen=True, slots=True)
class Workdays:
    """Answers whether people work on a day; pure."""

    local: LocalCalendar = field(default_factory=LocalCalendar)

    def is_workday(self, day: date) -> bool:
        """Local overrides first, then the national calendar; every day of an unknown year is a workday."""
        if day in self.local.workdays:
            return True
        if day in self.local.holidays:
            return False
        return _national(day)

    def next_or_same(self, day: date) -> date:
        """The first workday on or after `day` (looks at most a year ahead)."""
        for ahead in range(366):
            if self.is_workday(day + timedelta(days=ahead)):
                return day + timedelta(days=ahead)
        return day

    def add(self, day: date, count: int) -> date:
        """The `count`-th workday after `day`; the day itself does not count."""
        for _ in range(count):
            day = self.next_or_same(day + timedelta(days=1))
        return day

    def warnings(self, day: date) -> list[str]:
        """Chinese sentences for the start: years ahead (of `day` and of three months later) that are not known."""
        years = sorted({day.year, (day + timedelta(days=92)).year})
        return [
            f"工作日历里还没有 {y} 年的放假安排，这一年按每天都上班计算；放假通知公布后请更新。"
            for y in years
            if not _known(y)
        ]


@cache
def _published() -> tuple[frozenset[date], frozenset[date]]:
    # Imported at first use: loading its tables takes a while, and most commands ask for no workday.
    import chinese_calendar

    return frozenset(chinese_calendar.constants.holidays), frozenset(chinese_calendar.constants.workdays)


@cache
def _known(year: int) -> bool:
    holidays, _ = _published()
    return any(d.year == year for d in holidays)


def _national(day: date) -> bool:
    if not _known(day.year):
        return True
    holidays, workdays = _published()
    return day in workdays or (day.weekday() < 5 and day not in holidays)
