from __future__ import annotations

from pathlib import Path

import pytest
from desk_rows import plans

from pipeline.errors import ConfigurationError
from pipeline.response.plans import TASK_NAMES, TaskKind, choose_plan, load_plans

CLOSED = {
    "verify_facts", "contact_department", "draft_statement", "approve_statement", "publish", "reply", "refer_complaint",
    "correct_record", "fix_service", "warn_public", "review",
}  # fmt: skip
HEAD = "id: p-one\nname: 预案\nfirst_step: 先核实\ntasks:\n"


def test_the_list_of_kinds_is_closed_and_is_this_one() -> None:
    assert {k.value for k in TaskKind} == CLOSED == set(TASK_NAMES)


@pytest.mark.parametrize(
    "kind", ["delete_post", "report_account", "trace_author", "flood_comments", "PUBLISH", "", "none"]
)
def test_another_kind_is_refused_with_file_line_and_field(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "p.yaml"
    path.write_text(
        f"{HEAD}  - kind: verify_facts\n    title: 一\n  - kind: '{kind}'\n    title: 二\n", encoding="utf-8"
    )
    with pytest.raises(ConfigurationError) as caught:
        load_plans(tmp_path)
    assert (caught.value.file, caught.value.line, caught.value.field) == (path, 7, "tasks.1.kind")
    assert "章程第 7 条" in str(caught.value)


@pytest.mark.parametrize("kind", ["publish", "warn_public"])
def test_publishing_needs_an_approval_before_it(tmp_path: Path, kind: str) -> None:
    publish, approve = f"  - {{kind: {kind}, title: 发}}\n", "  - {kind: approve_statement, title: 批}\n"
    (tmp_path / "p.yaml").write_text(HEAD + publish + approve, encoding="utf-8")
    with pytest.raises(ConfigurationError, match="approve_statement"):
        load_plans(tmp_path)
    (tmp_path / "p.yaml").write_text(HEAD + approve + publish, encoding="utf-8")
    assert "p-one" in load_plans(tmp_path)


def test_a_task_cannot_meet_a_clock_that_the_plan_has_not(tmp_path: Path) -> None:
    (tmp_path / "p.yaml").write_text(HEAD + "  - {kind: reply, title: 复, meets: [answer]}\n", encoding="utf-8")
    with pytest.raises(ConfigurationError, match="answer"):
        load_plans(tmp_path)


def test_two_plans_of_one_id_and_no_plan_at_all(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError):
        load_plans(tmp_path)
    for name in ("a", "b"):
        (tmp_path / f"{name}.yaml").write_text(HEAD + "  - {kind: review, title: 复盘}\n", encoding="utf-8")
    with pytest.raises(ConfigurationError, match="p-one"):
        load_plans(tmp_path)


def test_every_clock_of_a_template_can_be_met_by_a_task() -> None:
    for plan in plans().values():
        met = {kind for task in plan.tasks for kind in task.meets}
        assert {c.preset for c in plan.clocks} <= met, plan.id


@pytest.mark.parametrize(
    ("subject", "topics", "level", "expected"),
    [
        ("issue", ["impersonation_scam"], 2, "scam-warning"),
        ("issue", ["case_handling"], 3, "disputed-decision"),
        ("issue", ["case_handling", "privacy_leak"], 2, "privacy-leak"),
        ("issue", ["service_access"], 4, "service-complaint"),
        ("item", ["help_request"], 4, "individual-reply"),
        ("issue", ["legal_policy"], 3, "general-response"),
        ("source", [], 4, "source-trouble"),
    ],
)
def test_the_fitting_template_is_chosen(subject: str, topics: list[str], level: int, expected: str) -> None:
    assert choose_plan(plans(), "", subject, topics, level).id == expected
    assert choose_plan(plans(), "general-response", subject, topics, level).id == "general-response"


def test_where_nothing_fits_the_least_special_one_is_taken() -> None:
    few = {k: v for k, v in plans().items() if k in ("scam-warning", "privacy-leak")}
    assert choose_plan(few, "", "source", [], 4).id == "scam-warning"
