"""What the four sites have in common: templates, paging, robots.txt, error pages."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from math import ceil
from pathlib import Path
from typing import Generic, TypeVar

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response

from demoweb.clock import Clock
from demoweb.story import SHANGHAI, Story

NOTE = "本站为演示用的虚构网站：清江市、其检察院以及站内的人物、事件、号码均属虚构。"
T = TypeVar("T")


def _minute(at: datetime) -> str:
    return f"{at.astimezone(SHANGHAI):%Y-%m-%d %H:%M}"


TEMPLATES = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
TEMPLATES.filters["minute"] = _minute
TEMPLATES.filters["day"] = lambda at: f"{at.astimezone(SHANGHAI):%Y-%m-%d}"
TEMPLATES.globals["note"] = NOTE


@dataclass(frozen=True, slots=True)
class Robots:
    """What /robots.txt answers: `text` with 200, another status, or nothing at all (`hang`)."""

    text: str
    status: str = "200"


@dataclass(frozen=True, slots=True)
class Context:
    """What every site is built from."""

    story: Story
    clock: Clock
    stop: asyncio.Event


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    rows: Sequence[T]
    number: int
    count: int


def paged(rows: Sequence[T], number: int, size: int) -> Page[T]:
    """Page `number` (from 1). Raises HTTPException 404 outside the range; page 1 always exists."""
    count = max(1, ceil(len(rows) / size))
    if not 1 <= number <= count:
        raise HTTPException(404)
    return Page(rows[(number - 1) * size : number * size], number, count)


def page_number(request: Request) -> int:
    """`?page=`; anything that is no number is a 404."""
    try:
        return int(request.query_params.get("page", "1"))
    except ValueError:
        raise HTTPException(404) from None


def html(template: str, status: int = 200, **values: object) -> HTMLResponse:
    return HTMLResponse(TEMPLATES.get_template(template).render(**values), status_code=status)


async def answer_robots(request: Request, robots: Robots, stop: asyncio.Event) -> Response:
    if robots.status == "hang":
        while not stop.is_set() and not await request.is_disconnected():
            await asyncio.sleep(0.05)
        return PlainTextResponse("", status_code=499)  # nobody is there to hear it; the log says so
    if robots.status != "200":
        return PlainTextResponse("error\n", status_code=int(robots.status))
    return PlainTextResponse(robots.text)


async def missing(_request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    return html("missing.html", status=status, status_code=status)
