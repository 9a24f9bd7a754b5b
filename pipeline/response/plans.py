"""Response plans (`plans/*.yaml`): what to do, in order, by whom, with which clocks. The kinds of task are closed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from enum import StrEnum
from pathlib import Path
from typing import Literal

from pydantic import Field, ValidationInfo, field_validator, model_validator

from models.taxonomy import TOPICS
from pipeline.errors import ConfigurationError
from pipeline.response.clocks import ClockKind, PlanClock
from pipeline.settings.yaml_files import Strict, load_model


class TaskKind(StrEnum):
    """Responses answer (charter 7): this list is closed, and no configuration can add to it."""

    VERIFY_FACTS = "verify_facts"
    CONTACT_DEPARTMENT = "contact_department"
    DRAFT_STATEMENT = "draft_statement"
    APPROVE_STATEMENT = "approve_statement"
    PUBLISH = "publish"
    REPLY = "reply"
    REFER_COMPLAINT = "refer_complaint"
    CORRECT_RECORD = "correct_record"
    FIX_SERVICE = "fix_service"
    WARN_PUBLIC = "warn_public"
    REVIEW = "review"


TASK_NAMES: dict[str, str] = {
    "verify_facts": "核实情况",
    "contact_department": "联系部门",
    "draft_statement": "起草口径",
    "approve_statement": "审批口径",
    "publish": "对外发布",
    "reply": "答复",
    "refer_complaint": "转办诉求",
    "correct_record": "更正信息",
    "fix_service": "改进服务",
    "warn_public": "提醒公众",
    "review": "复盘",
}
# Kinds that put the office's words before the public: they wait for an approval by a person (charter 7).
PUBLISHING: frozenset[str] = frozenset({"publish", "warn_public"})


class PlanTask(Strict):
    """One step. `meets`: clocks that stop when it is done; `due_hours`: counted from the opening."""

    kind: TaskKind
    title: str = Field(min_length=1, max_length=80)
    guide: str = Field(default="", max_length=1000)
    role: str = Field(default="", max_length=40)
    due_hours: float | None = Field(default=None, gt=0, le=24 * 366)
    meets: list[ClockKind] = []

    @field_validator("kind", mode="before")
    @classmethod
    def _closed_list(cls, value: object) -> object:
        if value not in {k.value for k in TaskKind}:
            raise ValueError(f"没有“{value}”这种任务；章程第 7 条只允许：{'、'.join(k.value for k in TaskKind)}")
        return value


class PlanMatch(Strict):
    """When a rule names no plan: this one fits subjects of these kinds, topics and levels (empty: any)."""

    subjects: list[Literal["issue", "item", "source"]] = []
    topics_any: list[str] = []
    level_at_most: int = Field(default=4, ge=1, le=4)
    priority: int = Field(default=0, ge=0, le=100)

    @field_validator("topics_any")
    @classmethod
    def _known(cls, value: list[str], _info: ValidationInfo) -> list[str]:
        for topic in value:
            if topic not in TOPICS:
                raise ValueError(f"没有“{topic}”这个话题；可用：{'、'.join(TOPICS)}")
        return value

    def fits(self, subject: str, topics: Iterable[str], level: int) -> bool:
        return (
            (not self.subjects or subject in self.subjects)
            and (not self.topics_any or bool(set(self.topics_any) & set(topics)))
            and level <= self.level_at_most
        )


class Plan(Strict):
    """One file of plans/. `first_step` stands in the alert: what to do before anything else."""

    id: str = Field(pattern=r"^[a-z][a-z0-9-]{1,40}$")
    name: str = Field(min_length=1, max_length=60)
    purpose: str = ""
    first_step: str = Field(min_length=1, max_length=200)
    match: PlanMatch = PlanMatch()
    clocks: list[PlanClock] = []
    tasks: list[PlanTask] = Field(min_length=1)

    @model_validator(mode="after")
    def _hangs_together(self) -> Plan:
        approved = False
        for number, task in enumerate(self.tasks, 1):
            approved = approved or task.kind is TaskKind.APPROVE_STATEMENT
            if task.kind.value in PUBLISHING and not approved:
                raise ValueError(
                    f"第 {number} 个任务要对外发布，前面却没有 approve_statement：发布须先由人审批（章程第 7 条）"
                )
        kinds = [c.preset for c in self.clocks]
        if len(set(kinds)) != len(kinds):
            raise ValueError("同一种时限写了两次")
        known = {*kinds, "acknowledge", "progress"}
        for task in self.tasks:
            for kind in task.meets:
                if kind not in known:
                    raise ValueError(f"任务“{task.title}”的 meets 写了 {kind}，但 clocks 里没有它")
        return self

    @property
    def hash(self) -> str:
        return hashlib.sha256(json.dumps(self.model_dump(mode="json"), sort_keys=True).encode()).hexdigest()


def load_plans(folder: Path) -> dict[str, Plan]:
    """Every plan by id. Raises ConfigurationError (file, line, field), also where two share an id or none is there."""
    plans: dict[str, Plan] = {}
    for path in sorted(folder.glob("*.yaml")):
        plan = load_model(path, Plan)
        if plan.id in plans:
            raise ConfigurationError(f"预案 id {plan.id} 已经用过", file=path, field="id")
        plans[plan.id] = plan
    if not plans:
        raise ConfigurationError("这里没有预案（*.yaml）", file=folder)
    return plans


def choose_plan(plans: Mapping[str, Plan], named: str, subject: str, topics: Iterable[str], level: int) -> Plan:
    """The plan that the rule names, else the fitting one of highest priority (then more topics, then id).

    Falls back to the least special one; `plans` must not be empty.
    """
    if named in plans:
        return plans[named]
    told = tuple(topics)
    fitting = [p for p in plans.values() if p.match.fits(subject, told, level)]
    if fitting:
        return min(fitting, key=lambda p: (-p.match.priority, not p.match.topics_any, p.id))
    return min(plans.values(), key=lambda p: (p.match.priority, bool(p.match.topics_any), p.id))
