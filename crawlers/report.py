"""What one run of one source did, counted and said in words. No page text, no address of a public page."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from pipeline.settings.sources import Source

Status = Literal["ok", "failing", "blocked", "empty"]
MOST_LISTED = 200  # quarantine entries kept in a report; all are counted
_WITHOUT_TEXT = frozenset(("empty_text", "no_posts"))  # an entry that was opened and had no words

_REFUSED = {
    "robots": "robots.txt 不允许",
    "private_address": "内网地址",
    "too_large": "页面过大",
    "offsite": "不在本站",
    "profile": "个人主页",
    "redirects": "跳转过多",
    "scheme": "不是网页地址",
    "too_many": "超出单次上限",
    "copy": "已经读过的文件",
    "attachment": "没有读的邮件附件",
    "more_pages": "列表还有更多页没有翻",
}
_FAILED = {
    "timeout": "超时",
    "dns": "域名解析失败",
    "connection": "连接失败",
    "cut": "传输中断",
    "garbled": "回答无法解读",
}


@dataclass(frozen=True, slots=True)
class CrawlReport:
    """One run of one source. `message` is a Chinese sentence for the sources page.

    `read`: entries whose page or row was opened, known ones too; `filled`: in how many of them each field had a value;
    `sample`: masked title and link of one, of institutions only (charter 2).
    """

    source_id: str
    started_at: datetime
    finished_at: datetime
    status: Status
    message: str
    fetched: int
    captured: int
    unchanged: int
    quarantined: tuple[dict[str, str], ...]
    quarantined_count: int
    refused: dict[str, int]
    comments_cut: int = 0
    read: int = 0
    filled: dict[str, int] = field(default_factory=dict)
    sample: dict[str, str] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """The `report` line of a spool batch."""
        return {
            "kind": "crawl",
            "source_id": self.source_id,
            "started_at": self.started_at.isoformat(),
            "finished_at": self.finished_at.isoformat(),
            "status": self.status,
            "message": self.message,
            "fetched": self.fetched,
            "captured": self.captured,
            "unchanged": self.unchanged,
            "quarantined": list(self.quarantined),
            "quarantined_count": self.quarantined_count,
            "refused": self.refused,
            "comments_cut": self.comments_cut,
            "read": self.read,
            "filled": self.filled,
            "sample": self.sample,
        }


@dataclass(slots=True)
class Tally:
    """Counts while a source runs. `k`: people's posts are told in steps of it (charter 2); 1 for institutions."""

    k: int = 1
    fetched: int = 0
    captured: int = 0
    unchanged: int = 0
    unmodified: int = 0  # pages of which the server said that nothing changed
    found: int = 0  # links, rows or posts seen, new or not
    comments_cut: int = 0
    quarantined_count: int = 0
    quarantined: list[dict[str, str]] = field(default_factory=list)
    refused: Counter[str] = field(default_factory=Counter)
    failed: Counter[str] = field(default_factory=Counter)
    blocked: str = ""  # why the site won't have us, in Chinese
    gave_up: str = ""  # why we stopped trying, in Chinese
    stopped: bool = False
    spool_error: str = ""
    read: int = 0
    filled: Counter[str] = field(default_factory=Counter)
    sample: dict[str, str] = field(default_factory=dict)

    def opened(self, filled: Iterable[str], title: str = "", url: str = "") -> None:
        """An entry was read: these fields have a value. The first one's title and link become the sample."""
        self.read += 1
        self.filled.update(filled)
        if title and not self.sample:
            self.sample = {"title": title[:120], "url": url[:500]}

    def quarantine(self, reason: str, detail: str, place: str) -> None:
        """Count one input that can't be used. `detail` and `place` are free of page text."""
        self.quarantined_count += 1
        self.read += reason in _WITHOUT_TEXT
        if len(self.quarantined) < MOST_LISTED:
            self.quarantined.append({"reason": reason, "detail": detail[:200], "place": place[:300]})

    def report(self, source: Source, started_at: datetime, finished_at: datetime) -> CrawlReport:
        status, message = self._verdict(source)
        return CrawlReport(
            source.id,
            started_at,
            finished_at,
            status,
            message,
            self.fetched,
            self.captured,
            self.unchanged,
            tuple(self.quarantined),
            self.quarantined_count,
            dict(self.refused),
            self.comments_cut,
            self.read,
            dict(self.filled),
            self.sample,
        )

    def _told(self, count: int) -> str:
        if self.k == 1:
            return str(count)
        return f"至少 {count - count % self.k}" if count >= self.k else f"不足 {self.k}"

    def _verdict(self, source: Source) -> tuple[Status, str]:
        got = f"取得 {self.fetched} {'个文件' if source.kind == 'drop' else '页'}，收录 {self._told(self.captured)} 条"
        if self.quarantined_count:
            got += f"，隔离 {self._told(self.quarantined_count)} 条"
        if self.unmodified:
            got += f"，{self.unmodified} 页没有更新"
        if self.unchanged:
            got += f"，{self._told(self.unchanged)} 条没有变化"
        if self.spool_error:
            return "failing", f"抓到的内容写不进暂存区（{self.spool_error}），下次会重新抓取。"
        if self.blocked:
            return "blocked", f"{self.blocked}{'已停止前' + got + '。' if self.captured else ''}"
        if self.gave_up:
            return "failing", f"{self.gave_up}：{got}。"
        if self.stopped:
            return "ok", f"中途停止：{got}，其余下次继续。"
        if not self.fetched and self.refused["robots"]:
            return "blocked", "该网站的 robots.txt 不允许读取这些地址，没有读取任何页面。"
        if not self.fetched and self.refused:
            return "failing", f"没有读取任何页面：{_counted(self.refused, _REFUSED)}。"
        if self.failed and not self.captured and not (self.found and (self.unchanged or self.unmodified)):
            return "failing", f"没有收到内容：{_counted(self.failed, _FAILED)}。"
        if source.kind != "drop" and self.quarantined_count and not self.found:
            return "failing", f"页面能打开，但读不出条目：隔离 {self._told(self.quarantined_count)} 页。"
        if source.kind != "drop" and self.fetched and not self.found:
            return "empty", "页面能打开，但没有找到任何条目，可能改版了。"
        if self.found and self.quarantined_count and not self.captured and not self.unchanged:
            return "failing", f"找到 {self._told(self.found)} 条，但都读不出内容，可能改版了。"
        notes = [n for n in (_counted(self.refused, _REFUSED), _counted(self.failed, _FAILED)) if n]
        return "ok", got + ("；" + "；".join(notes) if notes else "") + "。"


def why(word: str) -> str:
    """In Chinese, what a word means under which a request that brought nothing was counted."""
    return _counted(Counter((word,)), {**_REFUSED, **_FAILED}).removesuffix(" 1 次")


def _counted(counts: Counter[str], names: dict[str, str]) -> str:
    def name(key: str) -> str:
        return f"服务器返回 {key.removeprefix('http_')}" if key.startswith("http_") else names.get(key, key)

    return "、".join(f"{name(k)} {n} 次" for k, n in counts.items() if n)
