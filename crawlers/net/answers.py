"""What an answer says beside its page: how to ask again (RFC 9110), and that we are not wanted (charter 5)."""

from __future__ import annotations

import contextlib
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime, parsedate_to_datetime

from scrapy.http import Headers

from crawlers.reading.decode import decode
from crawlers.reading.tree import drop, parse_html
from pipeline.errors import QuarantineError

LONGEST_WAIT = timedelta(days=7)
LONGEST_CHALLENGE = 100_000  # bytes; what is longer is a page
MOST_WORDS = 200  # visible characters of a page that only asks for a check
# What firewalls answer where they want a person or a browser that runs their script.
REFUSING = frozenset((401, 403, 407, 412, 418, 451, 468, 521))
_SAID = (
    "访问过于频繁 访问频率过 请求过于频繁 操作过于频繁 访问太频繁 安全验证 滑动验证 拖动滑块 向右滑动 滑块验证 人机验证 请完成验证 "
    "完成验证后 请输入验证码 环境异常 异常访问 访问异常 访问行为异常 您的访问被阻断 您的请求被拦截 请求已被拦截 访问被拦截 "
    "访问已被拦截 您的访问请求可能对网站造成安全威胁 网站防火墙 安全检查 正在验证您的浏览器 浏览器安全检查 访问验证"
).split()
_SIGNS = (
    "acw_sc__v2 __jsl_clearance $_ts=window $_ts={} wzws-waf-cgi yunsuo_session WAF_CLIENT _cf_chl_opt cf-challenge "
    "TencentCaptcha initGeetest aliyunCaptcha NECaptcha antispider g-recaptcha h-captcha"
).split()
_MARKS = tuple({w.encode(charset) for w in _SAID for charset in ("utf-8", "gb18030")} | {s.encode() for s in _SIGNS})
_UNSEEN = frozenset(("script", "style", "noscript", "template", "head"))


def is_challenge(status: int, body: bytes) -> bool:
    """Whether a page holds nothing but a captcha, a script that makes a cookie, or a word that we come too often."""
    if status in REFUSING:
        return True
    if len(body) > LONGEST_CHALLENGE:
        return False
    start = body[:4000].lower()
    if b"<html" not in start and b"<script" not in start:
        return False
    sets_cookie = b"document.cookie" in body and b"location" in body
    marked = any(mark in body for mark in _MARKS)
    if not (marked or sets_cookie or status == 202):
        return False
    words = _visible(body)
    if marked and len(words) <= MOST_WORDS:
        return True
    return len(words) < 30 and b"<script" in start and (sets_cookie or status == 202)


def retry_after(headers: Headers, now: datetime) -> timedelta | None:
    """How long `Retry-After` asks us to stay away, as seconds or as a date; None where it says nothing readable.

    `now` is the real time. Between nothing and seven days.
    """
    value = (headers.get("Retry-After") or b"").decode("latin-1").strip()
    wait: timedelta | None = None
    if value.isascii() and value.isdigit():
        wait = timedelta(seconds=min(int(value[:12]), 10**9))
    else:
        until = _date(value)
        if until is not None:
            wait = until - now
    return None if wait is None else min(max(wait, timedelta(0)), LONGEST_WAIT)


def validators(headers: Headers) -> tuple[str, str]:
    """(ETag, Last-Modified) as we would send them back; "" for what is missing or no such thing."""
    etag = (headers.get("ETag") or b"").decode("latin-1").strip()
    if len(etag) > 200 or not etag.isascii() or not etag.isprintable():
        etag = ""
    modified = _date((headers.get("Last-Modified") or b"").decode("latin-1"))
    return etag, format_datetime(modified, usegmt=True) if modified is not None else ""


def _date(value: str) -> datetime | None:
    with contextlib.suppress(ValueError, IndexError, OverflowError, TypeError):
        date = parsedate_to_datetime(value.strip()[:60])
        return (date if date.tzinfo is not None else date.replace(tzinfo=UTC)).astimezone(UTC)
    return None


def _visible(body: bytes) -> str:
    try:
        root = parse_html(decode(body)[0])
    except QuarantineError:
        return ""
    for element in list(root.iter(*_UNSEEN)):
        if element is not root:
            drop(element)
    return "".join(root.text_content().split())
