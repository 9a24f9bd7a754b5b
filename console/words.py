"""Times, levels and counts as people here say them. Stored in UTC, shown in Asia/Shanghai."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, time, timedelta

from pipeline.records import SHANGHAI

WEEKDAYS = "一二三四五六日"
LEVELS: dict[int, tuple[str, str]] = {1: ("Ⅰ", "红"), 2: ("Ⅱ", "橙"), 3: ("Ⅲ", "黄"), 4: ("Ⅳ", "蓝")}
STATES: dict[str, str] = {"open": "待签收", "acknowledged": "处置中", "answered": "已回应", "closed": "已办结"}
ACTIONS: dict[str, str] = {
    "sign_in": "登录",
    "sign_in_failed": "登录失败",
    "sign_out": "退出",
    "set_password": "设置密码",
    "create_user": "新建账号",
    "disable_user": "停用账号",
    "sign_in_link": "发放登录链接",
    "search": "检索",
    "view": "查看",
    "evidence": "查看证据",
    "export": "导出",
    "save_search": "保存检索",
    "rename_search": "改检索名称",
    "discard_search": "取消保存检索",
    "fill_review": "取一批校对",
    "confirm_labels": "确认标签",
    "correct_labels": "改正标签",
    "skip_review": "跳过校对",
    "undo_review": "撤销校对",
    "rollback_model": "退回模型",
    "acknowledge": "签收",
    "complete_task": "完成任务",
    "skip_task": "跳过任务",
    "mark_answered": "标记已回应",
    "close": "办结",
    "note": "记一笔",
    "meet_clock": "完成时限",
    "raise_level": "升级",
    "open_incident": "开启处置",
    "digest": "生成周报",
    "accept_page": "确认页面变化",
}
PLACES: dict[str, str] = {
    "today": "今日",
    "issues": "议题列表",
    "incidents": "处置列表",
    "digests": "周报列表",
    "searches": "保存的检索",
    "sources": "信源",
    "system": "系统状态",
    "review": "校对",
    "quality": "模型质量",
    "inbox": "收件箱",
    "people": "人员",
    "audit": "审计",
    "help": "帮助",
}
DETAILS: dict[str, str] = {
    "q": "检索词",
    "name": "名称",
    "was": "原名",
    "shared": "单位共用",
    "total": "命中",
    "rows": "行数",
    "channel": "渠道",
    "topic": "话题",
    "role": "关系或身份",
    "level": "等级",
    "from": "从",
    "to": "到",
    "needs": "需要答复",
    "sensitive": "受保护利益",
    "stories": "合并同文",
    "short_id": "短号",
    "page": "页面",
    "by": "经由",
    "only": "只看",
    "start": "起",
    "closed": "已办结",
    "plan": "预案",
    "task": "任务",
    "note": "备注",
    "clock": "时限",
    "open_tasks": "未完成任务",
    "before": "原等级",
    "part": "抽取方式",
    "changed": "改动",
    "digest_before": "原摘要",
    "digest_after": "现摘要",
}


def local(moment: datetime) -> datetime:
    return moment.astimezone(SHANGHAI)


def day_start(moment: datetime, days_back: int = 0) -> datetime:
    """Midnight in Shanghai of the day of `moment`, or some days before."""
    day = local(moment).date() - timedelta(days=days_back)
    return datetime.combine(day, time(), SHANGHAI)


def clock_time(moment: datetime) -> str:
    return local(moment).strftime("%H:%M")


def moment_words(moment: datetime | None, now: datetime, precision: str = "minute") -> str:
    """今天 14:20 · 昨天 09:05 · 11月15日 08:18 · 2025年3月1日; without the minute where only the day is known."""
    if moment is None:
        return "—"
    there, here = local(moment), local(now)
    gap = (here.date() - there.date()).days
    head = {0: "今天", 1: "昨天", -1: "明天"}.get(gap) or f"{there.month}月{there.day}日"
    if there.year != here.year and abs(gap) > 1:
        head = f"{there.year}年{there.month}月{there.day}日"
    return head if precision == "day" else f"{head} {there:%H:%M}"


def full_time(moment: datetime) -> str:
    """2026-11-21 14:20, for titles and tables."""
    return local(moment).strftime("%Y-%m-%d %H:%M")


def iso(moment: datetime) -> str:
    return local(moment).isoformat(timespec="minutes")


def date_words(moment: datetime) -> str:
    here = local(moment)
    return f"{here.year}年{here.month}月{here.day}日 星期{WEEKDAYS[here.weekday()]}"


def day_words(day: date) -> str:
    return f"{day.month}/{day.day}"


def span(length: timedelta) -> str:
    """2 天 3 小时 · 4 小时 20 分 · 35 分钟 · 不到 1 分钟."""
    minutes = int(abs(length.total_seconds()) // 60)
    days, rest = divmod(minutes, 1440)
    hours, mins = divmod(rest, 60)
    if days:
        return f"{days} 天 {hours} 小时" if hours and days < 30 else f"{days} 天"
    if hours:
        return f"{hours} 小时 {mins} 分" if mins else f"{hours} 小时"
    return f"{mins} 分钟" if mins else "不到 1 分钟"


def ago(moment: datetime | None, now: datetime) -> str:
    """刚刚 · 35 分钟前 · 3 小时前 · 2 天前 · 11月1日."""
    if moment is None:
        return "从未"
    length = now - moment
    minutes = int(length.total_seconds() // 60)
    if minutes < -1:
        return moment_words(moment, now)
    if minutes < 1:
        return "刚刚"
    if minutes < 60:
        return f"{minutes} 分钟前"
    if minutes < 1440:
        return f"{minutes // 60} 小时前"
    if length < timedelta(days=8):
        return f"{length.days} 天前"
    return moment_words(moment, now, "day")


def remaining(due: datetime, now: datetime) -> str:
    """还剩 4 小时 20 分, or 超时 2 小时."""
    return f"还剩 {span(due - now)}" if due > now else f"超时 {span(now - due)}"


def level_words(level: int) -> str:
    numeral, colour = LEVELS.get(level, LEVELS[4])
    return f"{numeral}级 {colour}"


def voices_words(count: int) -> str:
    """Public counts are multiples of k, rounded down, and said so."""
    return f"{count} 人以上" if count else "不足公开门槛"


def percent(share: float) -> str:
    return f"{round(share * 100)}%"


def pick(names: Mapping[str, str], key: str) -> str:
    """The Chinese name, or the key where there is none."""
    return names.get(key, key)
