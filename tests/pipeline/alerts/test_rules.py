from __future__ import annotations

from dataclasses import fields, replace
from datetime import timedelta
from pathlib import Path

import pytest
from desk_rows import NOW, OFFICE, TEMPLATES, plans

from pipeline.alerts.evaluate import Fired, Subject, evaluate
from pipeline.alerts.rules import Rule, load_rules
from pipeline.errors import ConfigurationError

RULE = Rule(id="high", name="橙色以上", subject="issue", level_at_most=2, cooldown_hours=24)
ISSUE = Subject(kind="issue", id="i1", office_ids=(OFFICE,), title="议题", at=NOW, group="issue:i1:our-office", level=2)


def write(folder: Path, extra: str) -> Path:
    path = folder / "rules.yaml"
    path.write_text(
        f"rules:\n  - id: r-one\n    name: 名称\n    subject: issue\n    level_at_most: 3\n{extra}", encoding="utf-8"
    )
    return path


@pytest.mark.parametrize(
    "line", ["person: 张三", "title_contains: 不作为", "author: x", "keywords: [甲]", "sentiment: negative"]
)
def test_a_person_a_wording_or_a_sentiment_is_refused_with_file_line_and_field(tmp_path: Path, line: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        load_rules(write(tmp_path, f"    {line}\n"))
    error = caught.value
    assert "章程第 6 条" in str(error)
    assert (error.file, error.line, error.field) == (tmp_path / "rules.yaml", 6, f"rules.0.{line.split(':')[0]}")


@pytest.mark.parametrize(
    "line", ["topics_any: [stability]", "channels: [weibo]", "roles: [addressed]", "level_at_most: 0", "plan: Nope"]
)
def test_what_is_not_offered_is_refused(tmp_path: Path, line: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        load_rules(write(tmp_path, f"    {line}\n"), plans())
    assert caught.value.file is not None


def test_neither_rule_nor_subject_has_a_field_for_sentiment_or_people() -> None:
    names = {f.name for f in fields(Subject)} | set(Rule.model_fields)
    assert not names & {"sentiment", "author", "person", "text", "title_contains", "words"}


def test_the_templates_load() -> None:
    rules = load_rules(TEMPLATES / "rules.yaml", plans())
    assert len(rules) >= 6 and {r.subject for r in rules} == {"issue", "item", "source"}


def test_the_same_window_twice_has_the_same_ids() -> None:
    first, second = evaluate([RULE], [ISSUE], NOW), evaluate([RULE], [ISSUE, ISSUE], NOW + timedelta(hours=3))
    assert [f.id for f in first] == [f.id for f in second]


def test_a_raised_level_fires_again_while_the_same_level_cools_down() -> None:
    recent = {("high", "i1"): Fired(NOW - timedelta(hours=1), 2)}
    assert evaluate([RULE], [ISSUE], NOW, recent) == []
    red = replace(ISSUE, level=1)
    raised = evaluate([RULE], [red], NOW, recent)
    assert len(raised) == 1 and raised[0].id != evaluate([RULE], [ISSUE], NOW)[0].id
    assert evaluate([RULE], [red], NOW, {("high", "i1"): Fired(NOW, 1)}) == []


def test_backfill_and_disabled_rules_never_fire() -> None:
    assert evaluate([RULE], [replace(ISSUE, backfill=True)], NOW) == []
    assert evaluate([RULE.model_copy(update={"enabled": False})], [ISSUE], NOW) == []


def test_a_source_fires_on_any_named_state_once_a_day() -> None:
    rule = Rule(id="src", name="信源", subject="source", source_status=["failing"], late=True, severity=4)
    source = Subject(kind="source", id="s", office_ids=(OFFICE,), title="s", at=NOW, group="source:s:x", status="ok")
    assert evaluate([rule], [source], NOW) == []
    late, failing = replace(source, late=True), replace(source, status="failing")
    assert [f.level for f in evaluate([rule], [late], NOW)] == [4]
    assert len(evaluate([rule], [failing], NOW)) == 1
    tomorrow = replace(late, at=NOW + timedelta(days=1))
    assert evaluate([rule], [late], NOW)[0].id != evaluate([rule], [tomorrow], NOW)[0].id


def test_severity_raises_but_never_lowers() -> None:
    rule = RULE.model_copy(update={"level_at_most": 4, "severity": 2})
    assert [f.level for f in evaluate([rule], [replace(ISSUE, level=4)], NOW)] == [2]
    assert [f.level for f in evaluate([rule], [replace(ISSUE, level=1)], NOW)] == [1]
