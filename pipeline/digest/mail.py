"""The digest as a mail: tables and inline CSS, since mail programs know little else; and the same as plain text.

Everything that comes from outside is escaped in one place, `_e`.
"""

from __future__ import annotations

from datetime import datetime
from html import escape
from typing import Any

from pipeline.digest.sentences import change, headline, period, points, source_words, title, waited
from pipeline.records import SHANGHAI

_INK, _QUIET, _LINE, _PAPER = "#1f2328", "#5b636d", "#d9dde2", "#ffffff"
_LEVELS: dict[int, tuple[str, str]] = {
    1: ("Ⅰ 红", "#b3261e"), 2: ("Ⅱ 橙", "#b5500b"), 3: ("Ⅲ 黄", "#7a5b00"), 4: ("Ⅳ 蓝", "#245a9c"),
}  # fmt: skip
_STATES = {"open": "待签收", "acknowledged": "办理中", "answered": "已回应"}
_FONT = "'Noto Sans SC','Source Han Sans SC','PingFang SC','Microsoft YaHei',sans-serif"
_CELL = f"padding:7px 10px 7px 0;border-bottom:1px solid {_LINE};vertical-align:top;"
_NUMBER = _CELL + "text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap;"


def html_mail(facts: dict[str, Any], desk_url: str) -> str:
    """A whole HTML document of one page."""
    parts = [
        _masthead(facts),
        _points(facts),
        _issues(facts, desk_url),
        _volume(facts),
        _incidents(facts, desk_url),
        _waiting(facts, desk_url),
        _blind_spots(facts),
        _foot(facts, desk_url),
    ]
    body = "".join(p for p in parts if p)
    return (
        '<!doctype html><html lang="zh-CN"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{_e(title(facts))}</title></head>"
        f'<body style="margin:0;padding:0;background:#f3f4f6;color:{_INK};font-family:{_FONT};font-size:15px;line-height:1.65">'
        '<table role="presentation" width="100%" cellpadding="0" cellspacing="0" style="border-collapse:collapse"><tr>'
        '<td align="center" style="padding:20px 12px">'
        '<table role="presentation" width="100%" cellpadding="0" cellspacing="0" '
        f'style="border-collapse:collapse;max-width:680px;background:{_PAPER};border:1px solid {_LINE}"><tr>'
        f'<td style="padding:28px 28px 20px">{body}</td></tr></table></td></tr></table></body></html>'
    )


def text_mail(facts: dict[str, Any], desk_url: str) -> str:
    """The same for people who read plain text."""
    lines = [title(facts), "", headline(facts), "", *(f"· {p}" for p in points(facts))]
    if facts["issues"]:
        lines += ["", "本周议题"]
        for issue in facts["issues"]:
            lines.append(f"[{_LEVELS[issue['level']][0]}] {issue['title']}（{_size(issue)}）")
            lines.append(f"    {'；'.join(issue['reasons'])}")
            lines.append(f"    {desk_url}/issues/{issue['id']}")
    if facts["incidents"]["rows"]:
        lines += ["", "在办处置"]
        for row in facts["incidents"]["rows"]:
            lines.append(f"[{_LEVELS[row['level']][0]}] {row['title']}：{_state(row)}；{_clock(row)}")
    lines += ["", f"值班台：{desk_url}/", _explain(facts)]
    return "\n".join(lines) + "\n"


def _masthead(facts: dict[str, Any]) -> str:
    return (
        f'<p style="margin:0 0 2px;color:{_QUIET};font-size:13px;letter-spacing:.08em">听见 · 舆情周报 · {_e(facts["week"])}</p>'
        f'<h1 style="margin:0 0 4px;font-size:22px;line-height:1.35">{_e(facts["office"])}</h1>'
        f'<p style="margin:0 0 16px;color:{_QUIET}">{_e(period(facts))}</p>'
        f'<p style="margin:0 0 14px;padding:12px 14px;border-left:4px solid {_worst(facts)};background:#f7f8fa;'
        f'font-size:17px;line-height:1.6"><strong>{_e(headline(facts))}</strong></p>'
    )


def _worst(facts: dict[str, Any]) -> str:
    level = next((n for n in (1, 2, 3, 4) if facts["levels"][str(n)]), 4)
    return _LEVELS[level][1]


def _points(facts: dict[str, Any]) -> str:
    items = "".join(f'<li style="margin:0 0 6px">{_e(p)}</li>' for p in points(facts))
    return f'<ul style="margin:0 0 8px;padding-left:20px">{items}</ul>'


def _issues(facts: dict[str, Any], desk_url: str) -> str:
    rows = ""
    for issue in facts["issues"]:
        link = f"{desk_url}/issues/{issue['id']}"
        answered = "已回应" if issue["answered"] else ("尚未回应" if issue["needs_answer"] else "")
        rows += (
            f'<tr><td style="{_CELL}white-space:nowrap;width:56px">{_badge(issue["level"])}</td>'
            f'<td style="{_CELL}"><a href="{_e(link)}" style="color:{_INK};font-weight:600">{_e(issue["title"])}</a>'
            f'<br><span style="color:{_QUIET};font-size:13px">{_e(_size(issue))}{_e("；" + answered if answered else "")}</span>'
            f'<br><span style="font-size:14px">{_e("；".join(issue["reasons"]))}</span></td></tr>'
        )
    return _section("本周议题", _table(rows)) if rows else ""


def _volume(facts: dict[str, Any]) -> str:
    rows = "".join(
        f'<tr><td style="{_CELL}">{_e(r["name"])}</td><td style="{_NUMBER}">{int(r["now"])}</td>'
        f'<td style="{_NUMBER}">{int(r["before"])}</td>'
        f'<td style="{_NUMBER}color:{_QUIET}">{_e(change(r["now"], r["before"]))}</td></tr>'
        for r in facts["volume"]
    )
    head = (
        f'<tr style="color:{_QUIET};font-size:13px"><td style="{_CELL}">渠道</td><td style="{_NUMBER}">本周</td>'
        f'<td style="{_NUMBER}">上周</td><td style="{_NUMBER}"></td></tr>'
    )
    lines = [_bars(facts)]
    if facts["topics"]:
        lines.append("主要话题：" + "、".join(f"{_e(name)} {int(n)}" for name, n in facts["topics"]) + "。")
    if facts["outlets"]:
        lines.append("报道较多的媒体：" + "、".join(f"{_e(name)} {int(n)} 篇" for name, n in facts["outlets"]) + "。")
    return _section(
        "声音", _table(head + rows) + "".join(f'<p style="margin:10px 0 0;font-size:14px">{x}</p>' for x in lines if x)
    )


def _bars(facts: dict[str, Any]) -> str:
    """Documents a day, as blocks of a width: mail programs draw no charts."""
    most = max((n for _, n in facts["days"]), default=0)
    if not most:
        return ""
    rows = ""
    for day, n in facts["days"]:
        width = max(1, round(220 * n / most)) if n else 0
        month, date = day.split("-")[1:]
        bar = (
            f'<span style="display:inline-block;height:10px;width:{width}px;background:#6b87ab"></span>'
            if width
            else ""
        )
        rows += (
            f'<tr><td style="padding:1px 10px 1px 0;font-size:13px;color:{_QUIET};white-space:nowrap">{int(month)}月{int(date)}日</td>'
            f'<td style="padding:1px 0;font-size:13px;font-variant-numeric:tabular-nums">{bar} {int(n)} 件</td></tr>'
        )
    return f'<table role="presentation" cellpadding="0" cellspacing="0" style="border-collapse:collapse">{rows}</table>'


def _incidents(facts: dict[str, Any], desk_url: str) -> str:
    rows = "".join(
        f'<tr><td style="{_CELL}white-space:nowrap;width:56px">{_badge(r["level"])}</td>'
        f'<td style="{_CELL}"><a href="{_e(desk_url)}/incidents/{_e(r["id"])}" style="color:{_INK}">{_e(r["title"])}</a>'
        f'<br><span style="font-size:13px;color:{"#b3261e" if r["late"] else _QUIET}">{_e(_state(r))}；{_e(_clock(r))}</span></td></tr>'
        for r in facts["incidents"]["rows"]
    )
    more = facts["incidents"]["open"] - len(facts["incidents"]["rows"])
    tail = (
        f'<p style="margin:8px 0 0;font-size:13px;color:{_QUIET}">另有 {more} 件在办，见值班台。</p>'
        if more > 0
        else ""
    )
    return _section("在办处置", _table(rows) + tail) if rows else ""


def _waiting(facts: dict[str, Any], desk_url: str) -> str:
    rows = "".join(
        f'<tr><td style="{_CELL}white-space:nowrap;width:56px">{_badge(r["level"])}</td>'
        f'<td style="{_CELL}"><a href="{_e(desk_url)}/issues/{_e(r["id"])}" style="color:{_INK}">{_e(r["title"])}</a></td>'
        f'<td style="{_NUMBER}">已 {_e(waited(r["hours"]))}</td></tr>'
        for r in facts["unanswered"][:5]
    )
    return _section("等待回应", _table(rows)) if rows else ""


def _blind_spots(facts: dict[str, Any]) -> str:
    rows = "".join(
        f'<tr><td style="{_CELL}">{_e(r["name"])}</td><td style="{_CELL}color:{_QUIET}">{_e(source_words(r))}</td></tr>'
        for r in facts["sources"][:5]
    )
    return _section("可能没听到的", _table(rows)) if rows else ""


def _foot(facts: dict[str, Any], desk_url: str) -> str:
    return (
        f'<p style="margin:24px 0 0;padding-top:12px;border-top:1px solid {_LINE};color:{_QUIET};font-size:12px;line-height:1.6">'
        f'{_e(_explain(facts))}<br>值班台：<a href="{_e(desk_url)}/" style="color:{_QUIET}">{_e(desk_url)}</a></p>'
    )


def _explain(facts: dict[str, Any]) -> str:
    return (
        f"公众发言只合起来统计：至少 {facts['k']} 个不同的人说到才计入，人数按 {facts['k']} 的倍数向下取整；"
        "等级看对人的损害、影响面和等待时间，不看态度。"
    )


def _section(name: str, inner: str) -> str:
    return f'<h2 style="margin:24px 0 8px;font-size:16px">{name}</h2>{inner}'


def _table(rows: str) -> str:
    return (
        '<table role="presentation" width="100%" cellpadding="0" cellspacing="0" style="border-collapse:collapse;'
        f'border-top:1px solid {_LINE}">{rows}</table>'
    )


def _badge(level: int) -> str:
    word, colour = _LEVELS[level]
    return (
        f'<span style="display:inline-block;padding:1px 7px;border:1px solid {colour};color:{colour};'
        f'font-size:13px;font-weight:600">{word}</span>'
    )


def _size(issue: dict[str, Any]) -> str:
    parts = [f"{issue['items']} 件材料"] if issue["items"] else []
    if issue["media"]:
        parts.append(f"其中报道 {issue['media']} 篇")
    if issue["voices"]:
        parts.append(f"公众至少 {issue['voices']} 人")
    return "，".join(parts)


def _state(row: dict[str, Any]) -> str:
    opened = datetime.fromisoformat(row["opened_at"]).astimezone(SHANGHAI)
    return f"{_STATES.get(row['state'], row['state'])}，{opened.month}月{opened.day}日开始"


def _clock(row: dict[str, Any]) -> str:
    if not row["clock"]:
        return "没有未到的时限"
    due = datetime.fromisoformat(row["due_at"]).astimezone(SHANGHAI)
    return f"“{row['clock']}”{'已超时，应在' if row['late'] else '应在'} {due.month}月{due.day}日 {due:%H:%M} 前"


def _e(text: object) -> str:
    return escape(str(text), quote=True)
