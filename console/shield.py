"""What every answer has, whoever asks: a known Host, and headers that keep pages to themselves."""

from __future__ import annotations

from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from pipeline.settings import Home

PAGE_POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; "
    "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
# Pages that show a stored mail or digest in a frame of our own.
FRAMING_POLICY = PAGE_POLICY + "; frame-src 'self'"
# The framed document itself: no script, no network, its own empty origin.
FRAMED_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; form-action 'none'; frame-ancestors 'self'; "
    "base-uri 'none'; sandbox allow-popups allow-popups-to-escape-sandbox"
)
_HEADERS = {
    "content-security-policy": PAGE_POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), microphone=(), geolocation=()",
    "cache-control": "no-store",
}


def protect(headers: MutableHeaders) -> None:
    """Set what the answer did not set itself."""
    for name, value in _HEADERS.items():
        headers.setdefault(name, value)
    framed = "frame-ancestors 'self'" in headers["content-security-policy"]
    headers.setdefault("x-frame-options", "SAMEORIGIN" if framed else "DENY")


def allowed_hosts(home: Home) -> frozenset[str]:
    """Host names that the desk answers to, lower case, without port."""
    desk = home.settings.desk
    public = urlsplit(desk.public_url).hostname or ""
    names = [desk.host, "localhost", "127.0.0.1", "::1", public, *desk.allowed_hosts]
    return frozenset(hostname(n) or n.lower() for n in names if n and n not in ("0.0.0.0", "::"))  # noqa: S104


def hostname(host: str) -> str:
    """The name in a Host header, or empty where it is malformed."""
    try:
        bare = host if "[" in host or host.count(":") < 2 else f"[{host}]"
        parts = urlsplit(f"//{bare}")
        _ = parts.port
    except ValueError:
        return ""
    if parts.username or parts.password or parts.path or parts.query or parts.fragment:
        return ""
    return (parts.hostname or "").rstrip(".").lower()


class Shield:
    """ASGI middleware: refuses foreign Host headers (DNS rebinding) and adds the headers."""

    def __init__(self, app: ASGIApp, hosts: frozenset[str]) -> None:
        self.app, self.hosts = app, hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                protect(MutableHeaders(scope=message))
            await send(message)

        names = Headers(scope=scope).getlist("host")
        if len(names) != 1 or hostname(names[0]) not in self.hosts:
            refusal = PlainTextResponse(
                "这个地址不在值班台的允许名单里。请用设置里的 host、public_url 或 allowed_hosts 访问。", status_code=400
            )
            await refusal(scope, receive, guarded)
            return
        await self.app(scope, receive, guarded)
