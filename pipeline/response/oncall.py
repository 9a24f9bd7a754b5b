"""Who is on duty (`oncall.yaml`): weekly rotations per office, overrides, escalation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Literal, TypeVar

from pydantic import Field, field_validator, model_validator

from pipeline.records import SHANGHAI
from pipeline.response.calendar import LocalCalendar, Workdays
from pipeline.settings.yaml_files import Strict, load_model

Target = Literal["on_call", "next", "leader"]


class Person(Strict):
    """A member of staff who receives alerts. `user` is the sign-in name on the desk, where there is one."""

    id: str = Field(pattern=r"^[a-z][a-z0-9-]{0,30}$")
    name: str = Field(min_length=1, max_length=40)
    mail: str = Field(pattern=r"^[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*$", max_length=200)
    role: str = Field(default="值班员", max_length=40)
    user: str = ""


class Rotation(Strict):
    """One week each, in this order, from the Monday on or before `starts`. Empty `offices`: for every office."""

    offices: list[str] = []
    starts: date
    handover_hour: int = Field(default=9, ge=0, le=23)
    order: list[str] = Field(min_length=1)
    leader: str

    def on_duty(self, now: datetime, ahead: int = 0) -> str:
        """Person id of the week of `now` (handover on Monday at `handover_hour`, Shanghai)."""
        first = self.starts - timedelta(days=self.starts.weekday())
        start = datetime.combine(first, time(self.handover_hour), SHANGHAI)
        return self.order[((now - start) // timedelta(weeks=1) + ahead) % len(self.order)]


class Override(Strict):
    """`person` stands in for whoever is on duty. Times without a zone are Shanghai's."""

    offices: list[str] = []
    start: datetime
    until: datetime
    person: str
    reason: str = ""

    @field_validator("start", "until")
    @classmethod
    def _zoned(cls, value: datetime) -> datetime:
        return value.replace(tzinfo=SHANGHAI) if value.tzinfo is None else value

    @model_validator(mode="after")
    def _forwards(self) -> Override:
        if self.until <= self.start:
            raise ValueError("until 应晚于 start")
        return self


class EscalationStep(Strict):
    """An incident of these levels that nobody took after so many minutes is told to these people too."""

    after_minutes: int = Field(ge=1, le=60 * 24 * 14)
    to: list[str] = Field(min_length=1)  # on_call, next, leader, or a person's id
    levels: list[int] = Field(default=[1, 2, 3, 4], min_length=1)

    @field_validator("levels")
    @classmethod
    def _levels(cls, value: list[int]) -> list[int]:
        if not set(value) <= {1, 2, 3, 4}:
            raise ValueError("等级只有 1（红）、2（橙）、3（黄）、4（蓝）")
        return value


_STEPS = [
    EscalationStep(after_minutes=30, to=["next"], levels=[1, 2]),
    EscalationStep(after_minutes=60, to=["leader"], levels=[1, 2]),
    EscalationStep(after_minutes=240, to=["next"], levels=[3, 4]),
    EscalationStep(after_minutes=1440, to=["leader"], levels=[3, 4]),
]


@dataclass(frozen=True, slots=True)
class Duty:
    """Who answers now for an office."""

    on_call: Person
    next: Person
    leader: Person


class OnCall(Strict):
    """`oncall.yaml`. Empty `channels`: every channel of tingjian.yaml."""

    people: list[Person] = Field(min_length=1)
    rotations: list[Rotation] = Field(min_length=1)
    overrides: list[Override] = []
    escalation: list[EscalationStep] = _STEPS
    channels: list[str] = []
    calendar: LocalCalendar = LocalCalendar()

    @model_validator(mode="after")
    def _names_exist(self) -> OnCall:
        ids = [p.id for p in self.people]
        if len(set(ids)) != len(ids):
            raise ValueError("people 里有两个人用了同一个 id")
        named = [n for r in self.rotations for n in (*r.order, r.leader)] + [o.person for o in self.overrides]
        named += [t for s in self.escalation for t in s.to if t not in ("on_call", "next", "leader")]
        for name in named:
            if name not in ids:
                raise ValueError(f"people 里没有 {name}")
        return self

    @property
    def workdays(self) -> Workdays:
        return Workdays(self.calendar)

    def person(self, person_id: str) -> Person:
        return next(p for p in self.people if p.id == person_id)

    def who(self, now: datetime, office_ids: Sequence[str] = ()) -> Duty:
        """Who is on duty at `now` for the first of these offices: by its own rotation, else by the one for all."""
        office_id = office_ids[0] if office_ids else ""
        rotation = _serving(self.rotations, office_id) or self.rotations[0]
        on_call, following = rotation.on_duty(now), rotation.on_duty(now, ahead=1)
        stand_in = _serving([o for o in self.overrides if o.start <= now < o.until], office_id)
        if stand_in is not None:
            on_call, following = stand_in.person, (on_call if stand_in.person != on_call else following)
        return Duty(self.person(on_call), self.person(following), self.person(rotation.leader))

    def people_for(self, targets: Sequence[str], now: datetime, office_ids: Sequence[str]) -> list[Person]:
        """People behind `on_call`, `next`, `leader` and ids, of each of these offices; each person once, in order."""
        found: dict[str, Person] = {}
        for office_id in office_ids or ("",):
            duty = self.who(now, (office_id,))
            posts = {"on_call": duty.on_call, "next": duty.next, "leader": duty.leader}
            for target in targets:
                person = posts.get(target) or self.person(target)
                found[person.id] = person
        return list(found.values())

    def step_due(self, level: int, waited: timedelta) -> int | None:
        """Index of the last escalation step that is due for this level after `waited`, or None."""
        due = [
            (step.after_minutes, n)
            for n, step in enumerate(self.escalation)
            if level in step.levels and waited >= timedelta(minutes=step.after_minutes)
        ]
        return max(due)[1] if due else None

    def targets_up_to(self, step: int, level: int) -> list[str]:
        """Whom the steps of this level name, up to and with `step`."""
        limit = self.escalation[step].after_minutes
        return [t for s in self.escalation if level in s.levels and s.after_minutes <= limit for t in s.to]


_Serving = TypeVar("_Serving", Rotation, Override)


def _serving(entries: Sequence[_Serving], office_id: str) -> _Serving | None:
    """The first entry for this office; one that names it goes before one for all."""
    own = next((e for e in entries if office_id in e.offices), None)
    return own or next((e for e in entries if not e.offices), None)


def load_oncall(path: Path) -> OnCall:
    """Read `oncall.yaml`. Raises ConfigurationError naming file, line and field."""
    return load_model(path, OnCall)
