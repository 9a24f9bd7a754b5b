"""What is wrong with a source: blocked, failing, changed in layout, suddenly empty, late. A pure rule of data and `now`."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import pairwise
from statistics import median
from typing import Literal

from sqlalchemy import select
from sqlalchemy.orm import Session

from pipeline.desk.tables import SourceRun, SourceState
from pipeline.privacy.staging_keys import rounded_down
from pipeline.records import SHANGHAI
from pipeline.settings import Source

TroubleKind = Literal["blocked", "failing", "layout", "emptied", "late"]
RUNS_KEPT = timedelta(days=30)
# A field was filled in nearly all of so many entries, and in nearly none of the newest ones.
BEFORE, SINCE, FILLED, EMPTY = 10, 4, 0.9, 0.1
# Something new on so many of the last days, and now nothing for a day and for longer than ever in between.
WINDOW, ACTIVE_DAYS, QUIET, LONGER = timedelta(days=14), 5, timedelta(hours=24), 1.5
FIELD_NAMES: dict[str, str] = {
    "title": "标题",
    "text": "正文",
    "published_at": "发布时间",
    "received_at": "受理时间",
    "source_ref": "受理编号",
    "region": "地区",
    "outlet": "来源媒体",
    "author": "发言人（只用来数人数，不保存）",
}


@dataclass(frozen=True, slots=True)
class Run:
    """One run that read something. `filled`: field → in how many of `read` entries."""

    at: datetime
    read: int
    captured: int
    filled: Mapping[str, int]
    sample: Mapping[str, str] = field(default_factory=dict)

    def share(self, name: str) -> float:
        return self.filled.get(name, 0) / self.read


@dataclass(frozen=True, slots=True)
class SourceTrouble:
    """One thing that is wrong, in Chinese, and when it was last right."""

    kind: TroubleKind
    words: str
    last_good: datetime | None


def runs_by_source(session: Session, now: datetime) -> dict[str, list[Run]]:
    """Runs of the last 30 days that read something, by source, newest first."""
    found: defaultdict[str, list[Run]] = defaultdict(list)
    query = select(SourceRun).where(SourceRun.at > now - RUNS_KEPT, SourceRun.at <= now).order_by(SourceRun.at.desc())
    for row in session.scalars(query):
        found[row.source_id].append(Run(row.at, row.read, row.captured, row.filled, row.sample))
    return found


def troubles_of(
    source: Source, state: SourceState | None, runs: Sequence[Run], now: datetime, k: int
) -> list[SourceTrouble]:
    """Worst first; empty where all is well, the source is off, or it was never tried. `runs` newest first.

    Counts of what people wrote are told in steps of `k` (charter 2).
    """
    if not source.enabled or state is None or state.last_run_at is None:
        return []
    found = []
    if state.last_status == "blocked":
        found.append(SourceTrouble("blocked", f"对方不许抓取：{state.message}", state.last_ok_at))
    if state.last_status == "failing":
        found.append(SourceTrouble("failing", f"抓取失败：{state.message}", state.last_ok_at))
    lost = lost_fields(runs)
    if lost:
        names = "、".join(FIELD_NAMES[name] for name in lost)
        found.append(
            SourceTrouble("layout", f"版式变了：原来几乎每条都读得到的{names}，现在读不到", min(lost.values()))
        )
    if (words := _emptied(source, state, runs, now, k)) is not None:
        found.append(SourceTrouble("emptied", words, state.last_new_at))
    over = lateness(source, state, now)
    if over is not None:
        hours = int((over + timedelta(hours=source.fresh_within_hours)).total_seconds() // 3600)
        words = f"迟到：已有 {hours} 小时没有新内容（约定 {source.fresh_within_hours} 小时内）"
        found.append(SourceTrouble("late", words, state.last_new_at or state.last_ok_at))
    return found


def lateness(source: Source, state: SourceState, now: datetime) -> timedelta | None:
    """By how much a source breaks its freshness promise, or None."""
    newest = state.last_new_at or state.last_ok_at
    if newest is None:
        return None
    over = now - newest - timedelta(hours=source.fresh_within_hours)
    return over if over > timedelta(0) else None


def lost_fields(runs: Sequence[Run]) -> dict[str, datetime]:
    """Fields that were filled and now are empty → when they were last filled. `runs` newest first."""
    lost = {}
    for name in FIELD_NAMES:
        since = before = 0
        filled = 0
        last: datetime | None = None
        for run in runs:
            if last is None and run.share(name) <= EMPTY:
                since += run.read
                continue
            if last is None:
                last = run.at
                if run.share(name) < FILLED:
                    continue  # the run in which it changed has some of both
            before, filled = before + run.read, filled + run.filled.get(name, 0)
            if before >= BEFORE:
                break
        if last is not None and since >= SINCE and before >= BEFORE and filled >= FILLED * before:
            lost[name] = last
    return lost


def _emptied(source: Source, state: SourceState, runs: Sequence[Run], now: datetime, k: int) -> str | None:
    """Words where a source that gives something on most days gives nothing although it can be reached."""
    if state.last_status == "empty" and state.captured:
        return "突然没有内容：网页打得开，却一条也找不到了"
    if state.last_status != "ok" or state.last_new_at is None:
        return None
    recent = [run for run in runs if run.captured and run.at > now - WINDOW]
    days: defaultdict[str, int] = defaultdict(int)
    for run in recent:
        days[run.at.astimezone(SHANGHAI).date().isoformat()] += run.captured
    silence = now - state.last_new_at
    times = [run.at for run in recent]
    longest = max((a - b for a, b in pairwise(times)), default=timedelta(0))
    if len(days) < ACTIVE_DAYS or silence <= max(QUIET, LONGER * longest):
        return None
    usual = int(median(days.values()))
    shown = rounded_down(usual, k) if source.channel == "public" else usual
    daily = f"有内容的日子每天约 {shown} 条" if shown else "以前经常有内容"
    return f"突然没有内容：{daily}，现在已有 {int(silence.total_seconds() // 3600)} 小时一条新的也没有，而网站读得到"


def day_words(moment: datetime | None) -> str:
    """The day of a last good run, as an alert says it."""
    return f"{moment.astimezone(SHANGHAI):%Y-%m-%d}" if moment else "从未"


def evidence_lines(source: Source, troubles: Sequence[SourceTrouble], runs: Sequence[Run], k: int) -> list[str]:
    """What an alert says beside the troubles: the last good day, and what the last run read."""
    lines = [f"最近正常的一天：{day_words(troubles[0].last_good)}"] if troubles else []
    if runs:
        lines.append(f"最近一次读到：{filled_words(source, runs[0], k)}")
        if runs[0].sample and source.channel in ("official", "media"):
            lines.append(f"样本：《{runs[0].sample.get('title', '')}》 {runs[0].sample.get('url', '')}".rstrip())
    return lines


def filled_words(source: Source, run: Run, k: int) -> str:
    """How many entries a run read and in how many each field was filled; of public sources in steps of `k`, no text."""
    public = source.channel == "public"

    def told(count: int) -> str:
        if not public:
            return str(count)
        return f"{rounded_down(count, k)}+" if count >= k else f"不足 {k}"

    shown = [name for name in FIELD_NAMES if name in run.filled or name in ("text", "published_at")]
    return f"{told(run.read)} 条，其中" + "、".join(f"{FIELD_NAMES[n]} {told(run.filled.get(n, 0))}" for n in shown)
