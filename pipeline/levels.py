"""How urgent: named factors, each shown to the reader (DESIGN §4). `sentiment` is no input (charter 6)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from models.taxonomy import TOPIC_NAMES

LEVEL_RULE = "1"
LEVEL_NAMES: dict[int, str] = {1: "Ⅰ级（红）", 2: "Ⅱ级（橙）", 3: "Ⅲ级（黄）", 4: "Ⅳ级（蓝）"}
# What a topic says about harm to people, 0 to 4.
HARM: dict[str, int] = {
    "privacy_leak": 4, "minors_victims": 3, "impersonation_scam": 3, "integrity": 3, "case_handling": 2,
    "procedure_rights": 2, "staff_conduct": 2, "false_claim": 1, "public_interest": 1, "help_request": 1, "service_access": 1,
}  # fmt: skip
THRESHOLDS = ((9, 1), (6, 2), (4, 3))  # points at least → level
OWN_NEWS_SHARE = 0.5
MIN_SHARE = 0.3  # of an issue's documents; a topic below it is a side remark


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of an issue. `voices` is rounded to a multiple of k; `burst` = last 24 h over an ordinary such day."""

    topics: Mapping[str, float]
    voices: int
    outlets: int
    outlet_weight: float
    burst: float
    media: bool
    official: bool
    addressed: int
    sensitive: bool
    needs_answer_since: datetime | None
    answered_at: datetime | None


@dataclass(frozen=True, slots=True)
class Reason:
    """One factor: `text` is the Chinese sentence shown with its points."""

    factor: str
    name: str
    value: str
    points: int
    text: str

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


def issue_level(facts: Facts, now: datetime) -> tuple[int, list[Reason]]:
    """Level 1 (red) to 4 (blue) and its reasons; the points sum up to what THRESHOLDS reads."""
    reasons = [
        r for r in (_harm(facts), _reach(facts), _speed(facts), _uptake(facts), _unanswered(facts, now)) if r.points
    ]
    return level_of(sum(r.points for r in reasons)), reasons


def item_level(topics: Mapping[str, float], sensitive: bool, role: str, needs_answer: bool, weight: float) -> int:
    """Level of one whole item on its own; what does not concern the office, or is its own news, is blue."""
    if role in ("unrelated", "other_office"):
        return 4
    if "official_release" in topics and not needs_answer:
        return 4
    harm = max((HARM.get(t, 0) for t in topics), default=0) + (1 if sensitive else 0)
    reach = 1 if weight >= 2 else 0
    return max(2, level_of(harm + reach + (1 if role == "addressed" and needs_answer else 0)))


def level_of(points: int) -> int:
    return next((level for least, level in THRESHOLDS if points >= least), 4)


def _own_news(facts: Facts) -> bool:
    """Only the office's own releases and what retells them: a talk on fraud is no fraud."""
    return facts.topics.get("official_release", 0.0) >= OWN_NEWS_SHARE and not facts.voices and not facts.addressed


def _harm(facts: Facts) -> Reason:
    if _own_news(facts):
        return Reason("harm", "对人的损害", "", 0, "")
    told = [t for t, share in facts.topics.items() if share >= MIN_SHARE]
    worst = max(told, key=lambda t: (HARM.get(t, 0), t), default="")
    points = HARM.get(worst, 0) + (1 if facts.sensitive and HARM.get(worst, 0) >= 3 else 0)
    name = TOPIC_NAMES.get(worst, "")
    extra = "，且触及受保护的利益" if facts.sensitive and HARM.get(worst, 0) >= 3 else ""
    return Reason("harm", "对人的损害", name, points, f"涉及“{name}”{extra}")


def _reach(facts: Facts) -> Reason:
    points = (
        (facts.voices >= 5)
        + (facts.voices >= 20)
        + (facts.voices >= 100)
        + (facts.outlet_weight >= 2)
        + (facts.outlet_weight >= 6)
    )
    parts = [f"{facts.voices} 人以上谈论"] if facts.voices else []
    parts += [f"{facts.outlets} 家媒体报道"] if facts.outlets else []
    return Reason("reach", "传播范围", f"{facts.voices}/{facts.outlets}", points, "，".join(parts))


def _speed(facts: Facts) -> Reason:
    points = (facts.burst >= 3) + (facts.burst >= 8)
    return Reason("speed", "升温速度", f"{facts.burst:.1f}", points, f"近 24 小时的量约为平日的 {facts.burst:.0f} 倍")


def _uptake(facts: Facts) -> Reason:
    points = int(facts.media and facts.voices > 0)
    return Reason("uptake", "媒体跟进", "", points, "公众讨论已被媒体报道")


def _unanswered(facts: Facts, now: datetime) -> Reason:
    if facts.needs_answer_since is None or facts.answered_at is not None:
        return Reason("unanswered", "未答复时间", "", 0, "")
    hours = (now - facts.needs_answer_since).total_seconds() / 3600
    points = (hours >= 24) + (hours >= 72)
    return Reason("unanswered", "未答复时间", f"{hours:.0f}", points, f"需要答复，已等 {hours:.0f} 小时")
