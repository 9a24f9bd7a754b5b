from __future__ import annotations

from datetime import timedelta

from desk_rows import NOW, OFFICE

from pipeline.alerts.evaluate import Subject, evaluate
from pipeline.alerts.grouping import OpenIncident, decide, group_of
from pipeline.alerts.rules import Rule
from pipeline.alerts.subjects import follow

ITEM_RULE = Rule(id="msg", name="来信", subject="item", needs_answer=True)
ISSUE_RULE = Rule(id="iss", name="议题", subject="issue", level_at_most=4)


def item(issue: str = "", story: str = "", item_id: str = "a", office: str = OFFICE) -> Subject:
    group = group_of("item", item_id, (office,), issue, story)
    return Subject(kind="item", id=item_id, office_ids=(office,), title="t", at=NOW, group=group, needs_answer=True)


def issue(level: int = 3, offices: tuple[str, ...] = (OFFICE,)) -> Subject:
    return Subject(
        kind="issue",
        id="i1",
        office_ids=offices,
        title="t",
        at=NOW,
        group=group_of("issue", "i1", offices),
        level=level,
    )


def incident(kind: str, subject: str, group: str, level: int = 3, offices: tuple[str, ...] = (OFFICE,)) -> OpenIncident:
    return OpenIncident("x", group, kind, subject, offices, level)


def test_an_item_of_an_issue_with_an_incident_joins_it() -> None:
    firing = evaluate([ITEM_RULE], [item(issue="i1")], NOW)[0]
    decision = decide(firing, [incident("issue", "i1", group_of("issue", "i1", (OFFICE,)))], [], NOW)
    assert (decision.what, decision.incident_id) == ("join", "x")


def test_an_issue_of_two_offices_inhibits_the_items_of_each() -> None:
    firing = evaluate([ITEM_RULE], [item(issue="i1", office="district")], NOW)[0]
    both = (OFFICE, "district")
    assert (
        decide(firing, [incident("issue", "i1", group_of("issue", "i1", both), offices=both)], [], NOW).what == "join"
    )


def test_an_issue_opens_its_own_beside_the_incident_of_one_of_its_items() -> None:
    firing = evaluate([ISSUE_RULE], [issue()], NOW)[0]
    assert decide(firing, [incident("item", "a", group_of("item", "a", (OFFICE,), "i1"))], [], NOW).what == "open"


def test_near_copies_share_an_incident_and_offices_do_not() -> None:
    twin = evaluate([ITEM_RULE], [item(story="s", item_id="b")], NOW)[0]
    first = incident("item", "a", group_of("item", "a", (OFFICE,), "", "s"))
    assert decide(twin, [first], [], NOW).what == "join"
    other = evaluate([ITEM_RULE], [item(story="s", item_id="b", office="district")], NOW)[0]
    assert decide(other, [first], [], NOW).what == "open"


def test_a_worse_level_is_louder() -> None:
    firing = evaluate([ISSUE_RULE], [issue(level=1)], NOW)[0]
    decision = decide(firing, [incident("issue", "i1", firing.subject.group, level=3)], [], NOW)
    assert decision.louder and decision.what == "join"


def test_a_silence_records_until_it_ends() -> None:
    firing = evaluate([ISSUE_RULE], [issue()], NOW)[0]
    silence = [("q", firing.subject.group, NOW + timedelta(hours=1))]
    assert decide(firing, [], silence, NOW).silenced_by == "q"
    assert decide(firing, [], silence, NOW + timedelta(hours=1)).what == "open"


def test_redirects_are_followed_and_rings_end() -> None:
    assert follow("a", {"a": "b", "b": "c"}) == "c"
    assert follow("a", {"a": "b", "b": "a"}) in ("a", "b")
