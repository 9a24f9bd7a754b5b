from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.records import SHANGHAI
from pipeline.response.calendar import LocalCalendar, Workdays
from pipeline.response.clocks import PRESETS, PROGRESS, PlanClock, acknowledge_clock, due, warn_at

DAYS = Workdays()
moments = st.datetimes(datetime(2020, 1, 1), datetime(2026, 9, 30)).map(lambda d: d.replace(tzinfo=UTC))
dates = st.dates(date(2015, 1, 1), date(2035, 12, 31))


def shanghai(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=SHANGHAI)


def test_the_presets_are_those_of_the_published_rules() -> None:
    start = shanghai("2026-11-18 10:00")
    ends = {name: due(spec, start, DAYS) for name, spec in PRESETS.items()}
    assert ends["first_statement"] == shanghai("2026-11-18 15:00")
    assert ends["press_conference"] == shanghai("2026-11-19 10:00")
    assert ends["answer"] == shanghai("2026-11-20 10:00")
    assert ends["procedural_reply"] == shanghai("2026-11-25 23:59")
    assert ends["result"] == shanghai("2027-02-18 23:59")
    assert all("〔2016〕" in PRESETS[n].basis for n in ("first_statement", "press_conference", "answer"))


def test_a_rest_day_moves_the_end_to_the_next_workday() -> None:
    # 24 September 2026 + 7 days is National Day; the holiday ends on 7 October.
    assert due(PRESETS["procedural_reply"], shanghai("2026-09-24 09:00"), DAYS) == shanghai("2026-10-08 23:59")


def test_the_end_of_a_short_month() -> None:
    assert due(PROGRESS, shanghai("2024-01-31 09:00"), DAYS) == shanghai("2024-02-29 23:59")


def test_acknowledgement_takes_30_minutes_or_4_hours() -> None:
    start = shanghai("2026-11-18 03:00")
    assert [due(acknowledge_clock(n), start, DAYS) - start for n in (1, 2, 3, 4)] == [
        timedelta(minutes=30), timedelta(minutes=30), timedelta(hours=4), timedelta(hours=4),
    ]  # fmt: skip


def test_an_own_limit_says_that_it_is_one() -> None:
    spec = PlanClock(preset="answer", hours=24).spec()
    assert spec.hours == 24 and spec.kind == "answer" and spec.basis.startswith("本院设定")
    assert PlanClock(preset="answer").spec() == PRESETS["answer"]
    days = PlanClock(preset="result", workdays=60).spec()
    assert (days.months, days.workdays, days.then_monthly) == (None, 60, True)


@settings(max_examples=150, deadline=None)
@given(moments, st.sampled_from(sorted(PRESETS)))
def test_due_is_after_the_start_never_sooner_than_promised_and_never_on_a_rest_day(start: datetime, name: str) -> None:
    spec = PRESETS[name]
    end = due(spec, start, DAYS)
    least = (
        timedelta(hours=spec.hours) if spec.hours is not None else timedelta(days=spec.days or 28 * (spec.months or 0))
    )
    assert end >= start + least - timedelta(days=1) and end > start
    if spec.roll:
        assert DAYS.is_workday(end.astimezone(SHANGHAI).date())
    assert start <= warn_at(start, end) < end


@settings(max_examples=150, deadline=None)
@given(moments, st.timedeltas(timedelta(0), timedelta(days=60)), st.sampled_from([*PRESETS.values(), PROGRESS]))
def test_what_starts_later_never_ends_sooner(start: datetime, later: timedelta, spec: object) -> None:
    assert due(spec, start, DAYS) <= due(spec, start + later, DAYS)  # type: ignore[arg-type]


@settings(max_examples=200, deadline=None)
@given(dates, st.integers(1, 40))
def test_counting_workdays(day: date, count: int) -> None:
    end = DAYS.add(day, count)
    between = [day + timedelta(days=n) for n in range(1, (end - day).days + 1)]
    assert DAYS.is_workday(end) and sum(map(DAYS.is_workday, between)) == count


def test_local_days_go_first_and_an_unknown_year_is_all_workdays_with_a_warning() -> None:
    days = Workdays(LocalCalendar(workdays=[date(2026, 11, 21)], holidays=[date(2026, 11, 23)]))
    assert days.is_workday(date(2026, 11, 21)) and not days.is_workday(date(2026, 11, 23))
    assert not DAYS.is_workday(date(2026, 11, 21)) and not DAYS.is_workday(date(2026, 10, 1))
    assert all(DAYS.is_workday(date(2099, 1, 1) + timedelta(days=n)) for n in range(7))
    assert DAYS.warnings(date(2099, 5, 1)) and "2099" in DAYS.warnings(date(2099, 5, 1))[0]
    assert DAYS.warnings(date(2025, 5, 1)) == []
