"""`sources/*.yaml`: what is read, how, and what freshness it promises."""

from __future__ import annotations

import re
from typing import Literal
from urllib.parse import urlsplit

from cssselect import HTMLTranslator, SelectorError
from lxml import etree
from pydantic import Field, field_validator, model_validator

from pipeline.records import Channel
from pipeline.settings.json_api import JsonApi
from pipeline.settings.yaml_files import Strict

Kind = Literal["feed", "listing", "sitemap", "thread", "api", "drop"]
DROP_TYPES = ("csv", "xlsx", "xls", "jsonl", "eml", "mbox")
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


def readable(selector: str) -> str:
    """The selector itself. Raises ValueError where it is neither CSS nor XPath."""
    try:
        if selector.startswith(("/", "(", ".//")):
            etree.XPath(selector)
        elif selector:
            HTMLTranslator().css_to_xpath(selector)
    except (SelectorError, etree.XPathError) as error:
        raise ValueError(f"选择器写错了：{selector}（{error}）") from None
    return selector


class Selectors(Strict):
    """CSS selectors; XPath where one begins with `/` or `(`. What is empty is found by the generic reader."""

    link: str = Field(default="", description="列表页上指向正文（论坛：主题）的链接")
    next_page: str = Field(default="", description="“下一页”的链接；不写则找写着“下一页”的链接")
    title: str = Field(default="", description="标题")
    body: str = Field(default="", description="正文")
    date: str = Field(default="", description="发布时间")
    outlet: str = Field(default="", description="来源媒体")
    remove: list[str] = Field(default=[], description="读之前先去掉的部分：网友评论、分享条等")
    post: str = Field(default="", description="论坛：主题页上的一楼")
    post_author: str = Field(default="", description="论坛：发言人；只用来数有几个不同的人，读到时就地打散，不保存")
    post_text: str = Field(default="", description="论坛：一楼的正文")
    post_date: str = Field(default="", description="论坛：一楼的时间")

    @field_validator("*")
    @classmethod
    def _can_be_read(cls, value: str | list[str]) -> str | list[str]:
        for selector in [value] if isinstance(value, str) else value:
            readable(selector)
        return value


class Columns(Strict):
    """Tables and JSON Lines in a drop folder: our field → header of the office's export."""

    text: str = Field(description="内容所在的表头（jsonl：键名）")
    source_ref: str = Field(default="", description="受理编号；联系方式留在原系统里，凭它去找")
    received_at: str = Field(default="", description="受理时间")
    title: str = Field(default="", description="标题或类别")
    region: str = Field(default="", description="地区")
    author: str = Field(default="", description="来电人；只用来数有几个不同的人，读到时就地打散，不保存")


class Source(Strict):
    """One public source, or one drop folder."""

    id: str = Field(pattern=r"^[a-z][a-z0-9-]{1,40}$", description="编号：小写字母、数字、连字符；用过就不要再改")
    name: str = Field(description="名称，显示在“信源”页")
    kind: Kind = Field(
        description="feed 订阅 | listing 列表页 | sitemap 站点地图 | thread 论坛 | api 公开的 JSON 接口 | drop 投放目录"
    )
    channel: Channel = Field(
        description="official 官方发布 | media 媒体 | submission 群众来信来电 | public 公众讨论（只合起来听，不单独保存）"
    )
    urls: list[str] = Field(default=[], description="从哪些地址开始读；只能是公开网页，不能是个人主页")
    folder: str = Field(default="", description="drop：放导出文件的目录（相对数据目录）")
    push_key_env: str = Field(
        default="",
        pattern=r"^(?:[A-Z][A-Z0-9_]{2,60})?$",
        description="drop：存放推送密钥的环境变量名；写了，别的系统就可以把文件签名后推送到值班台的 /push/来源id",
    )
    site_group: str = Field(default="网站", description="网站分组，例如 新闻网站、论坛")
    region: str = Field(default="", description="地区")
    outlet: str = Field(default="", description="媒体或单位名称；网页上写明来源的，以网页为准")
    outlet_weight: float = Field(default=1.0, ge=0, le=10, description="影响面，0–10")
    offices: list[str] = Field(default=[], description="属于哪个院（office.yaml 里的 id）；不写则看文中提到谁")
    selectors: Selectors = Field(default=Selectors(), description="选择器：CSS，或以 / 或 ( 开头的 XPath")
    columns: Columns | None = Field(
        default=None, description="drop：我们的字段 → 表头；只投放邮件（eml、mbox）时不必写"
    )
    api: JsonApi | None = Field(default=None, description="api：怎样读 JSON 回答")
    max_pages: int = Field(default=5, ge=1, le=200, description="列表最多翻几页")
    delay_seconds: float = Field(default=2.0, ge=0, description="两次请求至少隔几秒；robots.txt 要求更长的，以它为准")
    every_minutes: int = Field(default=30, ge=1, description="多久读一次（分钟）")
    fresh_within_hours: int = Field(default=48, ge=1, description="超过多久没有新内容算迟到（小时）")
    allow_private: bool = Field(default=False, description="允许读内网地址；只用于本单位自己的内网站点")
    enabled: bool = Field(default=True, description="false：先不读")

    @model_validator(mode="after")
    def _fits_its_kind(self) -> Source:
        if self.kind == "drop":
            if not self.folder:
                raise ValueError("drop 来源需要 folder")
        elif not self.urls:
            raise ValueError("需要至少一个 urls 地址")
        if self.push_key_env and self.kind != "drop":
            raise ValueError("只有 drop 来源可以写 push_key_env")
        if self.kind == "thread" and not (self.selectors.link and self.selectors.post):
            raise ValueError("thread 来源需要 selectors.link 和 selectors.post")
        if self.kind == "listing" and not self.selectors.link:
            raise ValueError("listing 来源需要 selectors.link")
        if self.kind == "api":
            self._reads_json()
        for url in self.urls:
            parts = urlsplit(url)
            if parts.scheme not in ("http", "https") or not parts.hostname:
                raise ValueError(f"不是网页地址：{url}")
            if parts.username or parts.password:
                raise ValueError("地址里不能带用户名和密码：只读公开网页（章程第 5 条）")
            if is_profile(url):
                raise ValueError(f"个人主页不能作为来源（章程第 2 条）：{url}")
        return self

    def _reads_json(self) -> None:
        if self.api is None:
            raise ValueError("api 来源需要 api：items 和 fields")
        fields, person = self.api.fields, self.channel in ("public", "submission")
        if fields.author and not person:
            raise ValueError("api.fields.author 只有 public、submission 可以写：机构发布的不读作者（章程第 1 条）")
        if person and not fields.text:
            raise ValueError("public、submission 的 api 来源需要 api.fields.text")

    @property
    def site(self) -> str:
        """The host that voices are counted on, or the source's id for a drop folder."""
        return (urlsplit(self.urls[0]).netloc.lower() if self.urls else "") or self.id
