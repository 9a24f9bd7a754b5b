"""Forms and cookies: where a request comes from, and the token that a form carries before anybody signed in."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from urllib.parse import urlsplit

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

MAX_FORM_BYTES = 64_000
_BEFORE = "tingjian_form"  # double-submit token of the sign-in forms


def cookie_name(secure: bool) -> str:
    """`__Host-` pins the cookie to this host over https."""
    return "__Host-tingjian" if secure else "tingjian"


def set_session_cookie(response: Response, token: str, hours: int, secure: bool) -> None:
    response.set_cookie(
        cookie_name(secure), token, max_age=hours * 3600, path="/", secure=secure, httponly=True, samesite="lax"
    )


def drop_session_cookie(response: Response, secure: bool) -> None:
    response.delete_cookie(cookie_name(secure), path="/", secure=secure, httponly=True, samesite="lax")


def same_site(request: Request) -> bool:
    """Whether a POST comes from our own page, as far as the browser says.

    Our own pages send `Origin: null` (Referrer-Policy: no-referrer), so that only Sec-Fetch-Site tells there; browsers
    leave it out over plain http on a network, and then the form's token alone decides.
    """
    fetch_site = request.headers.get("sec-fetch-site")
    if fetch_site is not None and fetch_site not in ("same-origin", "none"):
        return False
    origin = request.headers.get("origin")
    if origin is None or origin == "null":
        return True
    return urlsplit(origin).netloc.lower() == request.headers.get("host", "").lower()


async def read_form(request: Request) -> Mapping[str, str]:
    """Text fields of an ordinary form; files and oversized bodies are refused."""
    if not request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
        raise HTTPException(415, "值班台只接受普通表单。")
    length = request.headers.get("content-length", "")
    if not length.isdigit() or int(length) > MAX_FORM_BYTES:
        raise HTTPException(413, "提交的内容太长。")
    async with request.form(max_fields=50) as form:
        return {n: v if "password" in n else v.strip() for n, v in form.items() if isinstance(v, str)}


def form_token(request: Request) -> str:
    """The visitor's token before sign-in: the one in the cookie, or a new one."""
    return request.cookies.get(_BEFORE, "") or secrets.token_urlsafe(24)


def keep_form_token(response: Response, token: str, secure: bool) -> None:
    response.set_cookie(_BEFORE, token, max_age=3600, path="/sign-in", secure=secure, httponly=True, samesite="strict")


def sent_form_token(request: Request) -> str:
    return request.cookies.get(_BEFORE, "")
