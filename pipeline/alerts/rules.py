"""Standing rules (`rules.yaml`): on which subjects somebody is told.

A rule looks at what happened to whom in general: level, channel, topic, role. It cannot ask for a person, for words in
a text, or for sentiment (charter 6): those fields do not exist, and asking for one is answered with the reason.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection
from pathlib import Path
from typing import Literal

from pydantic import Field, field_validator, model_validator

from models.taxonomy import ROLES, TOPICS
from pipeline.alerts.persons import WHY
from pipeline.errors import ConfigurationError
from pipeline.records import Channel
from pipeline.settings.yaml_files import Strict, load_model

SubjectKind = Literal["issue", "item", "source"]

# What people may try to write, and why it is refused.
_SENTIMENT = "批评不是风险：情感倾向不能作为规则条件（章程第 6 条）"
_REFUSED: dict[str, str] = {
    **dict.fromkeys(
        ("person", "persons", "name_contains", "author", "authors", "user", "account", "title_contains", "text_contains",
         "contains", "keyword", "keywords", "words", "query"),
        f"规则不能针对某个人或某句话：{WHY}",
    ),
    **dict.fromkeys(("sentiment", "sentiments", "negative", "tone", "emotion"), _SENTIMENT),
}  # fmt: skip

_ONLY: dict[str, frozenset[str]] = {
    "min_items": frozenset({"issue"}),
    "roles": frozenset({"item"}),
    "source_status": frozenset({"source"}),
    "late": frozenset({"source"}),
    "channels": frozenset({"issue", "item"}),
    "topics_any": frozenset({"issue", "item"}),
    "level_at_most": frozenset({"issue", "item"}),
    "needs_answer": frozenset({"issue", "item"}),
    "sensitive": frozenset({"issue", "item"}),
}


class Rule(Strict):
    """All conditions that are written must hold; lists mean any of them.

    `severity`: level of the incident at least (1 red to 4 blue); without it, the subject's own. `plan`: id of a plan;
    empty: chosen by topics and level.
    """

    id: str = Field(pattern=r"^[a-z][a-z0-9-]{1,60}$")
    name: str = Field(min_length=1, max_length=60)
    subject: SubjectKind
    enabled: bool = True
    offices: list[str] = []
    level_at_most: int | None = Field(default=None, ge=1, le=4)
    channels: list[Channel] = []
    topics_any: list[str] = []
    roles: list[str] = []
    needs_answer: bool | None = None
    sensitive: bool | None = None
    min_items: int | None = Field(default=None, ge=1)
    source_status: list[Literal["failing", "blocked", "empty", "layout", "emptied"]] = []
    late: bool | None = None
    plan: str = ""
    severity: int | None = Field(default=None, ge=1, le=4)
    cooldown_hours: float = Field(default=24, ge=0, le=24 * 90)

    @field_validator("topics_any")
    @classmethod
    def _topics(cls, value: list[str]) -> list[str]:
        return _within(value, TOPICS, "话题")

    @field_validator("roles")
    @classmethod
    def _roles(cls, value: list[str]) -> list[str]:
        return _within(value, ROLES, "关系")

    @model_validator(mode="after")
    def _fits_its_subject(self) -> Rule:
        conditions = [n for n in _ONLY if getattr(self, n) not in (None, [])]
        for name in conditions:
            if self.subject not in _ONLY[name]:
                raise ValueError(f"subject: {self.subject} 的规则不能用 {name}")
        if not conditions:
            raise ValueError("规则至少要有一个条件")
        return self

    @property
    def version(self) -> str:
        """Changes with any word of the rule."""
        text = json.dumps(self.model_dump(mode="json"), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]


class Rules(Strict):
    """The file: `rules:` and a list."""

    rules: list[Rule] = Field(min_length=1)

    @model_validator(mode="after")
    def _ids_differ(self) -> Rules:
        ids = [r.id for r in self.rules]
        for rule_id in ids:
            if ids.count(rule_id) > 1:
                raise ValueError(f"规则 id {rule_id} 写了两次")
        return self


def load_rules(path: Path, plan_ids: Collection[str] | None = None) -> tuple[Rule, ...]:
    """Read `rules.yaml`. Raises ConfigurationError (file, line, field), also where a rule names an unknown plan."""
    try:
        rules = load_model(path, Rules).rules
    except ConfigurationError as error:
        reason = _REFUSED.get(error.field.rpartition(".")[2])
        if reason is None:
            raise
        raise ConfigurationError(reason, file=error.file, line=error.line, field=error.field) from None
    for number, rule in enumerate(rules):
        if plan_ids is not None and rule.plan and rule.plan not in plan_ids:
            raise ConfigurationError(f"plans/ 里没有预案 {rule.plan}", file=path, field=f"rules.{number}.plan")
    return tuple(rules)


def _within(value: list[str], known: Collection[str], what: str) -> list[str]:
    for entry in value:
        if entry not in known:
            raise ValueError(f"没有“{entry}”这个{what}；可用：{'、'.join(known)}")
    return value
