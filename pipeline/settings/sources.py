"""`sources/*.yaml`: what is read, how, and what freshness it promises."""

from __future__ import annotations

import re
from typing import Literal
from urllib.parse import urlsplit

from pydantic import Field, model_validator

from pipeline.records import Channel
from pipeline.settings.yaml_files import Strict

Kind = Literal["feed", "listing", "sitemap", "thread", "drop"]
# Pages about one person are no source (charter 2).
_PROFILE = re.compile(
    r"/(?:u|user|users|space|people|profile|home\.php|member|author|@[^/]+)(?:[/?.]|-(?:uid|\d)|$)", re.I
)
_PROFILE_QUERY = re.compile(r"(?:^|&)(?:uid|un|user|user_?id|username|author)=", re.I)
_DATED = re.compile(r"/(?:19|20)\d\d(?:[/-]?\d\d)*/")  # an article in a column about people


def is_profile(url: str) -> bool:
    """Whether an address, whole or relative, is the page of one person."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    path = parts.path if parts.path.startswith("/") else f"/{parts.path}"
    return bool(_PROFILE.search(path) or _PROFILE_QUERY.search(parts.query)) and not _DATED.search(path)


class Selectors(Strict):
    """CSS selectors; XPath where one begins with `/` or `(`. What is empty is found by the generic reader."""

    link: str = ""  # links from a list to details or topics
    next_page: str = ""
    title: str = ""
    body: str = ""
    date: str = ""
    outlet: str = ""
    remove: list[str] = []  # cut out before reading: comments, share bars
    post: str = ""  # thread: one post on a topic page
    post_author: str = ""  # thread: read, digested, dropped
    post_text: str = ""
    post_date: str = ""


class Columns(Strict):
    """Drop files: our field → header of the office's export."""

    text: str
    source_ref: str = ""
    received_at: str = ""
    title: str = ""
    region: str = ""
    author: str = ""  # read only to count distinct voices; digested and dropped while parsing


class Source(Strict):
    """One public source, or one drop folder."""

    id: str = Field(pattern=r"^[a-z][a-z0-9-]{1,40}$")
    name: str
    kind: Kind
    channel: Channel
    urls: list[str] = []
    folder: str = ""
    site_group: str = "网站"
    region: str = ""
    outlet: str = ""
    outlet_weight: float = Field(default=1.0, ge=0, le=10)
    offices: list[str] = []  # empty: decided by what the text names
    selectors: Selectors = Selectors()
    columns: Columns | None = None
    max_pages: int = Field(default=5, ge=1, le=200)
    delay_seconds: float = Field(default=2.0, ge=0)
    every_minutes: int = Field(default=30, ge=1)
    fresh_within_hours: int = Field(default=48, ge=1)
    allow_private: bool = False
    enabled: bool = True

    @model_validator(mode="after")
    def _fits_its_kind(self) -> Source:
        if self.kind == "drop":
            if not self.folder or self.columns is None:
                raise ValueError("drop 来源需要 folder 和 columns")
        elif not self.urls:
            raise ValueError("需要至少一个 urls 地址")
        if self.kind == "thread" and not (self.selectors.link and self.selectors.post):
            raise ValueError("thread 来源需要 selectors.link 和 selectors.post")
        if self.kind == "listing" and not self.selectors.link:
            raise ValueError("listing 来源需要 selectors.link")
        for url in self.urls:
            parts = urlsplit(url)
            if parts.scheme not in ("http", "https") or not parts.hostname:
                raise ValueError(f"不是网页地址：{url}")
            if parts.username or parts.password:
                raise ValueError("地址里不能带用户名和密码：只读公开网页（章程第 5 条）")
            if is_profile(url):
                raise ValueError(f"个人主页不能作为来源（章程第 2 条）：{url}")
        return self

    @property
    def site(self) -> str:
        """The host that voices are counted on, or the source's id for a drop folder."""
        return (urlsplit(self.urls[0]).netloc.lower() if self.urls else "") or self.id
