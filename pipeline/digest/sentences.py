"""The week in plain Chinese sentences. Counts and what was done; no word that judges the people who spoke."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pipeline.records import SHANGHAI

LEVEL_WORDS: dict[str, str] = {"1": "红色", "2": "橙色", "3": "黄色", "4": "蓝色"}
STATUS_WORDS: dict[str, str] = {"failing": "抓取失败", "blocked": "对方不允许读取", "empty": "读不到内容"}


def period(facts: dict[str, Any]) -> str:
    """11月15日—11月21日 (the first day that lies wholly within, to the day of the end)."""
    since, until = (datetime.fromisoformat(facts[k]).astimezone(SHANGHAI) for k in ("since", "until"))
    return f"{since.month}月{since.day}日—{until.month}月{until.day}日"


def title(facts: dict[str, Any]) -> str:
    return f"{facts['office']}舆情周报（{period(facts)}）"


def headline(facts: dict[str, Any]) -> str:
    """One sentence: how the week was."""
    worst = next((level for level in ("1", "2") if facts["levels"][level]), "")
    if not sum(facts["levels"].values()):
        return "本周没有形成议题。"
    if not worst:
        return f"本周没有红色、橙色议题；黄色 {facts['levels']['3']} 个，蓝色 {facts['levels']['4']} 个。"
    counts = "、".join(f"{LEVEL_WORDS[n]} {facts['levels'][n]} 个" for n in ("1", "2", "3", "4") if facts["levels"][n])
    return f"本周有议题{counts}；最需要关注的是{quoted(facts['issues'][0]['title'])}。"


def points(facts: dict[str, Any]) -> list[str]:
    """Three to six sentences: volume, incidents, clocks, what waits, and what the system could not see."""
    told = [_volume(facts), _incidents(facts)]
    told += [s for s in (_clocks(facts), _unanswered(facts), _sources(facts), _expired(facts)) if s]
    return told


def _volume(facts: dict[str, Any]) -> str:
    parts = []
    for row in facts["volume"]:
        unit = "人次" if row["channel"] == "public" else "件"
        least = "至少 " if row["channel"] == "public" and row["now"] else ""
        parts.append(f"{row['name']} {least}{row['now']} {unit}（{change(row['now'], row['before'])}）")
    return "涉及本院的声音：" + "，".join(parts) + "。"


def change(now: int, before: int) -> str:
    """Against the week before, in words; no percentage of small numbers."""
    if now == before:
        return "与上周持平"
    more = now - before
    words = f"比上周{'多' if more > 0 else '少'} {abs(more)}"
    return words + (f"，{'增' if more > 0 else '减'} {abs(more) * 100 // before}%" if before >= 20 else "")


def _incidents(facts: dict[str, Any]) -> str:
    i = facts["incidents"]
    if not i["opened"]:
        return f"本周没有新的处置；目前在办 {i['open']} 件。"
    levels = "、".join(f"{LEVEL_WORDS[n]} {i['by_level'][n]} 件" for n in ("1", "2", "3", "4") if i["by_level"][n])
    text = f"新开处置 {i['opened']} 件（{levels}），签收 {i['acknowledged']} 件，已回应 {i['answered']} 件，结束 {i['closed']} 件，在办 {i['open']} 件"
    return text + (f"；签收用时中位数 {i['median_minutes']} 分钟。" if i["median_minutes"] is not None else "。")


def _clocks(facts: dict[str, Any]) -> str:
    c = facts["clocks"]
    if not c["met"] + c["missed"]:
        return ""
    text = f"到期时限 {c['met'] + c['missed']} 个，按时 {c['met']} 个，超时 {c['missed']} 个"
    if c["missed_by"]:
        text += "：" + "、".join(f"{name} {n} 个" for name, n in c["missed_by"].items())
    return text + "。"


def _unanswered(facts: dict[str, Any]) -> str:
    rows = facts["unanswered"]
    if not rows:
        return "黄色以上、需要回应的议题都已回应。" if facts["issues"] else ""
    longest = max(rows, key=lambda r: r["hours"])
    return f"黄色以上、需要回应而尚未回应的议题 {len(rows)} 个，最久的已 {waited(longest['hours'])}：{quoted(longest['title'])}。"


def _sources(facts: dict[str, Any]) -> str:
    rows = facts["sources"]
    if not rows:
        return ""
    return f"{len(rows)} 个信源没有按约定更新，这部分声音可能没有听到：{'、'.join(r['name'] for r in rows[:5])}。"


def _expired(facts: dict[str, Any]) -> str:
    if not facts["expired"]:
        return ""
    return f"至少 {facts['expired']} 条公众发言在 72 小时内不足 {facts['k']} 人说到同一件事，未被听见，已按章程销毁。"


def waited(hours: int) -> str:
    """5 小时, 3 天, 3 天 4 小时."""
    days, rest = divmod(hours, 24)
    if not days:
        return f"{rest} 小时"
    return f"{days} 天" + (f" {rest} 小时" if rest else "")


def quoted(title: str) -> str:
    """A title in quotes; quotes inside it become single ones."""
    return f"“{title.translate(str.maketrans('“”', '‘’'))}”"


def source_words(row: dict[str, Any]) -> str:
    """Why a source is on the list."""
    words = [STATUS_WORDS[row["status"]]] if row["status"] in STATUS_WORDS else []
    if row["late"]:
        words.append("超过约定时间没有新内容")
    return "，".join(words)
