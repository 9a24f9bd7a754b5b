from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.errors import ConfigurationError
from pipeline.records import SHANGHAI
from pipeline.response.oncall import OnCall, load_oncall

PEOPLE = [{"id": n, "name": n.upper(), "mail": f"{n}@example.org"} for n in ("a", "b", "c", "boss", "yx")]
ROSTER = OnCall.model_validate(
    {
        "people": PEOPLE,
        "rotations": [
            {"starts": "2026-01-05", "order": ["a", "b", "c"], "leader": "boss"},
            {"offices": ["yunxi"], "starts": "2026-01-05", "order": ["yx", "a"], "leader": "boss"},
        ],
        "overrides": [{"start": "2026-01-06 08:00", "until": "2026-01-07 08:00", "person": "c"}],
    }
)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=SHANGHAI)


def test_handover_is_monday_at_nine_in_shanghai() -> None:
    assert ROSTER.who(at("2026-01-12 08:59")).on_call.id == "a"
    assert ROSTER.who(at("2026-01-12 09:00")).on_call.id == "b"
    assert ROSTER.who(at("2026-01-12 09:00")).next.id == "c"


def test_a_stand_in_and_a_rotation_of_its_own() -> None:
    duty = ROSTER.who(at("2026-01-06 12:00"))
    assert (duty.on_call.id, duty.next.id, duty.leader.id) == ("c", "a", "boss")
    assert ROSTER.who(at("2026-01-05 12:00"), ["yunxi"]).on_call.id == "yx"
    both = ROSTER.people_for(["on_call", "leader"], at("2026-01-05 12:00"), ["city", "yunxi"])
    assert [p.id for p in both] == ["a", "boss", "yx"]


@settings(max_examples=100, deadline=None)
@given(st.datetimes(datetime(2024, 1, 1), datetime(2030, 1, 1)))
def test_somebody_is_always_on_duty_and_the_next_week_is_the_next_one(moment: datetime) -> None:
    now = moment.replace(tzinfo=SHANGHAI)
    plain = ROSTER.model_copy(update={"overrides": []})
    assert plain.who(now).next == plain.who(now + timedelta(weeks=1)).on_call


def test_only_the_last_due_step_counts_and_names_everybody_before_it() -> None:
    assert ROSTER.step_due(1, timedelta(minutes=29)) is None
    assert ROSTER.targets_up_to(ROSTER.step_due(1, timedelta(days=2)) or 0, 1) == ["next", "leader"]
    assert ROSTER.targets_up_to(ROSTER.step_due(4, timedelta(hours=5)) or 0, 4) == ["next"]


@pytest.mark.parametrize(
    "change",
    [
        'people:\n  - {id: a, name: 甲, mail: "a@example.org\\nBcc: x@example.org"}\n',
        "people:\n  - {id: a, name: 甲, mail: 不是邮箱}\n",
        "people:\n  - {id: b, name: 乙, mail: b@example.org}\n",
    ],
)
def test_a_wrong_roster_names_file_and_field(tmp_path: Path, change: str) -> None:
    path = tmp_path / "oncall.yaml"
    path.write_text(change + "rotations:\n  - {starts: 2026-01-05, order: [a], leader: a}\n", encoding="utf-8")
    with pytest.raises(ConfigurationError) as caught:
        load_oncall(path)
    assert caught.value.file == path
