"""The `own_channels` part of an office: its official sites, which we look after."""

from __future__ import annotations

from urllib.parse import urlsplit

from pydantic import Field, field_validator, model_validator

from pipeline.settings.sources import readable
from pipeline.settings.yaml_files import Strict


def _web_address(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError(f"不是网页地址：{url}")
    if parts.username or parts.password:
        raise ValueError("地址里不能带用户名和密码：只读公开网页（章程第 5 条）")
    return url


class KeyPage(Strict):
    """A page whose words should not change unnoticed. `selector`: only this part of it (CSS or XPath)."""

    name: str = Field(min_length=1, max_length=60)
    url: str
    selector: str = ""

    _url = field_validator("url")(_web_address)
    _selector = field_validator("selector")(readable)


class OwnChannel(Strict):
    """One official site. `url`: the page that lists its newest articles; `fresh_within_hours`: 0 promises nothing."""

    id: str = Field(pattern=r"^[a-z][a-z0-9-]{1,30}$")
    name: str = Field(min_length=1, max_length=60)
    url: str
    fresh_within_hours: int = Field(default=0, ge=0)
    key_pages: list[KeyPage] = Field(default=[], max_length=50)
    allow_private: bool = False

    _url = field_validator("url")(_web_address)

    @model_validator(mode="after")
    def _pages_differ(self) -> OwnChannel:
        urls = [page.url for page in self.key_pages]
        if len(set(urls)) != len(urls):
            raise ValueError("key_pages 里有两项是同一个网址")
        return self
