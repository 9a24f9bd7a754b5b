"""What an alert says: how bad, why, what to do first, until when, and where. Plain Chinese text, no page text of posts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from pipeline.records import SHANGHAI

LEVEL_NAMES: dict[int, str] = {1: "Ⅰ级（红）", 2: "Ⅱ级（橙）", 3: "Ⅲ级（黄）", 4: "Ⅳ级（蓝）"}
LEVEL_WORDS: dict[int, str] = {1: "红", 2: "橙", 3: "黄", 4: "蓝"}
SUBJECT_NAMES: dict[str, str] = {"issue": "议题", "item": "单件", "source": "信源"}


@dataclass(frozen=True, slots=True)
class ClockLine:
    title: str
    due_at: datetime
    basis: str = ""


def when(moment: datetime) -> str:
    """11月21日 08:05, Shanghai."""
    local = moment.astimezone(SHANGHAI)
    return f"{local.month}月{local.day}日 {local:%H:%M}"


def span(length: timedelta) -> str:
    """3 天 4 小时, 2 小时 5 分, 12 分: the two largest units."""
    minutes = max(int(abs(length).total_seconds() // 60), 0)
    days, minutes = divmod(minutes, 1440)
    hours, minutes = divmod(minutes, 60)
    if days:
        return f"{days} 天" + (f" {hours} 小时" if hours else "")
    if hours:
        return f"{hours} 小时" + (f" {minutes} 分" if minutes else "")
    return f"{minutes} 分"


def opened(
    title: str,
    level: int,
    reasons: Sequence[str],
    facts: Sequence[str],
    plan_name: str,
    first_step: str,
    clocks: Sequence[ClockLine],
    url: str,
) -> tuple[str, str]:
    """Subject and text for a new incident."""
    subject = f"【{LEVEL_WORDS[level]}】{title}"
    parts = [f"{LEVEL_NAMES[level]} {title}", "", "为什么：", *(f"  · {r}" for r in reasons)]
    if facts:
        parts += ["", "已知情况：", *(f"  · {f}" for f in facts)]
    parts += [
        "",
        f"先做什么：{first_step}",
        "",
        "时限：",
        *_clocks(clocks),
        "",
        f"预案：{plan_name}",
        f"签收并处置：{url}",
    ]
    return subject, "\n".join(parts) + "\n"


def raised(
    title: str, before: int, level: int, reasons: Sequence[str], clocks: Sequence[ClockLine], url: str
) -> tuple[str, str]:
    """Subject and text where an incident's level went up."""
    subject = f"【升为{LEVEL_WORDS[level]}】{title}"
    parts = [
        f"由 {LEVEL_NAMES[before]} 升为 {LEVEL_NAMES[level]}：{title}",
        "",
        "为什么：",
        *(f"  · {r}" for r in reasons),
    ]
    parts += ["", "未到的时限：", *_clocks(clocks), "", f"处置：{url}"]
    return subject, "\n".join(parts) + "\n"


def unanswered(title: str, level: int, waited: timedelta, first_step: str, on_call: str, url: str) -> tuple[str, str]:
    """Subject and text of an escalation."""
    subject = f"【无人签收·{LEVEL_WORDS[level]}】{title}"
    text = [
        f"{LEVEL_NAMES[level]} {title}",
        "",
        f"已经 {span(waited)}无人签收（当班：{on_call}）。请确认有人在办，或由你签收。",
        "",
        f"先做什么：{first_step}",
        f"签收：{url}",
    ]
    return subject, "\n".join(text) + "\n"


def clock_near(title: str, clock: ClockLine, left: timedelta, todo: Sequence[str], url: str) -> tuple[str, str]:
    """Subject and text before a clock is due."""
    subject = f"【时限将到】{clock.title}还剩 {span(left)}：{title}"
    parts = [f"“{clock.title}”应在 {when(clock.due_at)} 前完成，还剩 {span(left)}。", f"依据：{clock.basis}", ""]
    return subject, "\n".join(parts + _todo(todo) + [f"处置：{url}"]) + "\n"


def clock_missed(title: str, clock: ClockLine, late: timedelta, todo: Sequence[str], url: str) -> tuple[str, str]:
    """Subject and text where a clock ran out."""
    subject = f"【超时】{clock.title}：{title}"
    parts = [f"“{clock.title}”应在 {when(clock.due_at)} 前完成，已超时 {span(late)}。", f"依据：{clock.basis}", ""]
    return subject, "\n".join(parts + _todo(todo) + [f"处置：{url}"]) + "\n"


def _clocks(clocks: Sequence[ClockLine]) -> list[str]:
    lines = [f"  · {c.title}：{when(c.due_at)} 前" + (f"（{c.basis}）" if c.basis else "") for c in clocks]
    return lines or ["  · 无"]


def _todo(todo: Sequence[str]) -> list[str]:
    return ["还没做的：", *(f"  · {t}" for t in todo[:6]), ""] if todo else []
