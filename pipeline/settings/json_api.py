"""The `api` part of a source: which values of a public JSON answer are read, by JMESPath, and how its pages are turned."""

from __future__ import annotations

from typing import Annotated

import jmespath
from jmespath.exceptions import JMESPathError
from pydantic import AfterValidator, Field, model_validator

from pipeline.settings.yaml_files import Strict


def _compiles(expression: str) -> str:
    if expression:
        try:
            jmespath.compile(expression)
        except JMESPathError as error:
            raise ValueError(f"不是 JMESPath 表达式：{str(error).splitlines()[0]}") from None
    return expression


Expression = Annotated[str, AfterValidator(_compiles)]


class Fields(Strict):
    """Our field → where one entry has it. HTML in a value becomes plain text."""

    id: Expression = Field(default="", description="条目自己的编号；不写则以 url 区分")
    url: Expression = Field(default="", description="条目的网址；没有 text 时就读这个网页")
    title: Expression = Field(default="", description="标题")
    text: Expression = Field(default="", description="正文；不写则打开 url 读全文")
    published_at: Expression = Field(default="", description="发布时间（各种中文写法，或 1970 年以来的秒、毫秒数）")
    outlet: Expression = Field(default="", description="来源媒体")
    region: Expression = Field(default="", description="地区")
    author: Expression = Field(
        default="", description="只用来数有几个不同的人，读到时就地打散，不保存；只有 public、submission 可以写"
    )


class Paging(Strict):
    """Pages are counted where only `parameter` is given; `next` reads a cursor for it, or alone a whole address."""

    parameter: str = Field(
        default="", pattern=r"^[A-Za-z0-9_.\[\]-]{0,40}$", description="网址里表示页码、偏移或游标的参数名"
    )
    first: int = Field(default=1, ge=0, description="第一页的页码（偏移量写 0）")
    step: int = Field(default=1, ge=1, description="每翻一页加多少（偏移量写每页条数）")
    next: Expression = Field(
        default="", description="下一页的游标在回答里的位置；不写 parameter 时，它就是下一页的网址"
    )

    @model_validator(mode="after")
    def _says_how(self) -> Paging:
        if not self.parameter and not self.next:
            raise ValueError("翻页需要 parameter（页码）、next（下一页网址），或两者都写（游标）")
        return self


class JsonApi(Strict):
    """How an answer is read."""

    items: Expression = Field(description="条目列表在回答里的位置（JMESPath），例如 data.list；整个回答就是列表时写 @")
    fields: Fields = Field(description="各字段在一个条目里的位置（JMESPath）")
    paging: Paging | None = Field(default=None, description="怎样翻页；不写则只读一页")

    @model_validator(mode="after")
    def _can_be_told_apart(self) -> JsonApi:
        if not self.fields.id and not self.fields.url:
            raise ValueError("fields 需要 id 或 url：否则分不清哪一条读过")
        if not self.fields.text and not self.fields.url:
            raise ValueError("fields 需要 text，或用来读全文的 url")
        return self
