"""The texts of the web, read from `story/*.yaml` and fixed to a calendar by the anchor day (day 0)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any, cast
from zoneinfo import ZoneInfo

import yaml

SHANGHAI = ZoneInfo("Asia/Shanghai")
_DAY = re.compile(r"\{d:(-?\d+)\}")
_YMD = re.compile(r"\{ymd:(-?\d+)\}")
Raw = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Version:
    """One state of an article's page, shown from `at` on."""

    at: datetime
    title: str
    paragraphs: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Comment:
    at: datetime
    name: str
    text: str


@dataclass(frozen=True, slots=True)
class Article:
    """A release of the official site or an article of the news site."""

    id: int
    versions: tuple[Version, ...]
    source: str
    section: str
    author: str
    comments: tuple[Comment, ...]
    feed_link: str
    mobile: bool

    @property
    def at(self) -> datetime:
        return self.versions[0].at

    def version(self, now: datetime) -> Version:
        """What the page shows at `now`, which is not before `at`."""
        return [v for v in self.versions if v.at <= now][-1]


@dataclass(frozen=True, slots=True)
class Post:
    number: int
    at: datetime
    author: str
    text: str
    quote: int
    device: str
    ip: str


@dataclass(frozen=True, slots=True)
class Thread:
    id: int
    title: str
    kind: str
    closed: bool
    posts: tuple[Post, ...]

    @property
    def at(self) -> datetime:
        return self.posts[0].at

    def shown(self, now: datetime) -> tuple[Post, ...]:
        return tuple(p for p in self.posts if p.at <= now)


@dataclass(frozen=True, slots=True)
class DropFile:
    """One export of the 12309 line: cells as text, in the order of `COLUMNS`."""

    name: str
    at: datetime
    rows: tuple[tuple[str, ...], ...]


COLUMNS = ("受理编号", "受理时间", "来电人", "联系电话", "诉求类别", "诉求内容", "承办单位")
OFFICE = "清江市人民检察院"


@dataclass(frozen=True, slots=True)
class Story:
    official: tuple[Article, ...]
    news: tuple[Article, ...]
    forum: tuple[Thread, ...]
    wall: tuple[Thread, ...]
    drops: tuple[DropFile, ...]
    handles: Mapping[str, str]


def load_story(folder: Path, anchor: date) -> Story:
    """Read every file of the story. Raises ValueError or KeyError where one is malformed."""
    reader = _Reader(anchor)

    def rows(*names: str) -> list[Raw]:
        return [row for name in names for row in _yaml(folder / f"{name}.yaml")]

    planted = cast("Raw", yaml.safe_load((folder / "planted.yaml").read_text(encoding="utf-8")))
    story = Story(
        official=tuple(reader.article(r, OFFICE) for r in rows("official")),
        news=tuple(reader.article(r, "清江日报") for r in rows("news_archive", "news_week")),
        forum=tuple(reader.thread(r) for r in rows("forum_phone", "forum_scam", "forum_case", "forum_noise")),
        wall=tuple(reader.petition(r) for r in rows("wall")),
        drops=tuple(reader.drop(r) for r in rows("drop")),
        handles=dict(planted["handles"]),
    )
    for kind in (story.official, story.news, story.forum, story.wall):
        ids = [x.id for x in kind]
        if len(ids) != len(set(ids)):
            raise ValueError("an id is used twice in the story")
    return story


def _yaml(path: Path) -> list[Raw]:
    data = yaml.safe_load(path.read_text(encoding="utf-8"))
    if not isinstance(data, list):
        raise ValueError(f"{path.name}: not a list")
    return data


class _Reader:
    def __init__(self, anchor: date) -> None:
        self._anchor = anchor

    def moment(self, raw: Raw) -> datetime:
        day = self._anchor + timedelta(days=int(raw["day"]) + 7 * int(raw.get("week", 0)))
        hour, minute = str(raw["time"]).split(":")
        return datetime.combine(day, time(int(hour), int(minute)), SHANGHAI)

    def written(self, text: str, at: datetime) -> str:
        """`text` with its dates: `{d:-1}` counts from the text's own day, `{ymd:-1}` from the anchor."""

        def day(match: re.Match[str]) -> str:
            when = at.date() + timedelta(days=int(match[1]))
            return f"{when.month}月{when.day}日"

        def ymd(match: re.Match[str]) -> str:
            return f"{self._anchor + timedelta(days=int(match[1])):%Y%m%d}"

        return _YMD.sub(ymd, _DAY.sub(day, text))

    def version(self, raw: Raw, at: datetime) -> Version:
        lines = self.written(raw["body"], at).strip().splitlines()
        return Version(at, self.written(raw["title"], at), tuple(line.strip() for line in lines))

    def article(self, raw: Raw, source: str) -> Article:
        at = self.moment(raw)
        edits = [self.version(e, self.moment(e)) for e in raw.get("edits", [])]
        comments = [
            Comment(at + timedelta(minutes=int(c["minutes"])), c["name"], c["text"]) for c in raw.get("comments", [])
        ]
        return Article(
            id=int(raw["id"]),
            versions=(self.version(raw, at), *edits),
            source=raw.get("source", source),
            section=raw.get("section", ""),
            author=raw.get("byline") or raw.get("editor") or "",
            comments=tuple(comments),
            feed_link=raw.get("feed_link", ""),
            mobile=bool(raw.get("mobile", False)),
        )

    def thread(self, raw: Raw) -> Thread:
        posts = tuple(self.post(p, number) for number, p in enumerate(raw["posts"], start=1))
        if any(a.at > b.at for a, b in pairwise(posts)):
            raise ValueError(f"thread {raw['id']}: posts are out of order")
        return Thread(int(raw["id"]), raw["title"], "", bool(raw.get("closed", False)), posts)

    def petition(self, raw: Raw) -> Thread:
        posts = [self.post(raw, 1)]
        if "reply" in raw:
            posts.append(self.post({**raw["reply"], "by": OFFICE}, 2))
        return Thread(int(raw["id"]), raw["title"], raw["kind"], False, tuple(posts))

    def post(self, raw: Raw, number: int) -> Post:
        quote, device, ip = int(raw.get("quote", 0)), raw.get("device", ""), raw.get("ip", "")
        return Post(number, self.moment(raw), raw["by"] or "", raw["text"], quote, device, ip)

    def drop(self, raw: Raw) -> DropFile:
        at = self.moment(raw)
        rows = tuple(self._row(r, at) for r in raw["rows"])
        return DropFile(f"12309-{at:%Y%m%d}.{raw['name']}", at, rows)

    def _row(self, raw: Raw, at: datetime) -> tuple[str, ...]:
        broken = raw["day"] == "bad"
        received = f"{at:%Y}-13-45 {raw['time']}" if broken else f"{self.moment(raw):%Y-%m-%d %H:%M}"
        number = self.written(raw["ref"], at)
        return (number, received, raw["caller"], raw["phone"], raw["kind"], raw["text"], raw["office"])
