"""Why a request brought nothing, in the words that the report counts by."""

from __future__ import annotations

import zlib
from enum import Enum, auto
from urllib.parse import urlsplit

from scrapy import Request
from scrapy.exceptions import (
    CannotResolveHostError,
    DownloadCancelledError,
    DownloadConnectionRefusedError,
    DownloadFailedError,
    DownloadTimeoutError,
    IgnoreRequest,
    ResponseDataLossError,
    UnsupportedURLSchemeError,
)
from scrapy.spidermiddlewares.httperror import HttpError
from scrapy.utils._compression import brotli, zstd  # type: ignore[attr-defined]  # what Scrapy unpacks with
from twisted.web.client import ResponseFailed

from crawlers.net.addresses import was_refused

_UNPACKING = (zlib.error, brotli.error, zstd.ZstdError, EOFError)
# All that a server can make Scrapy's downloader raise. ValueError: a redirect to what is no address.
DOWNLOAD_ERRORS = (
    CannotResolveHostError,
    DownloadCancelledError,
    DownloadConnectionRefusedError,
    DownloadFailedError,
    DownloadTimeoutError,
    ResponseDataLossError,
    ResponseFailed,
    UnsupportedURLSchemeError,
    IgnoreRequest,
    OSError,
    ValueError,
    *_UNPACKING,
)


class Kind(Enum):
    """What became of a request without a page."""

    UNSENT = auto()  # the source was over before it was its turn
    AGAIN = auto()  # led to a page that this run has asked for
    COUNTED = auto()  # refused by the gate, which counted it
    REFUSED = auto()  # by us: too large, too many redirects, private address
    FAILED = auto()  # by the site or the way to it


class Turned(IgnoreRequest):
    """A request refused by the gate; `reason` is counted in the report."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Challenged(Turned):
    """The site answered that it wants a person, or not us; `status` is what it said it with."""

    def __init__(self, status: int) -> None:
        super().__init__("challenge")
        self.status = status


def kind_of(error: BaseException | None, request: Request) -> tuple[Kind, str]:
    """(what became of it, the word it is counted under)."""
    if isinstance(error, HttpError):
        return Kind.FAILED, f"http_{error.response.status}"
    if isinstance(error, Turned):
        return {"over": Kind.UNSENT, "again": Kind.AGAIN}.get(error.reason, Kind.COUNTED), error.reason
    if isinstance(error, DownloadCancelledError):
        return Kind.REFUSED, "too_large"
    if isinstance(error, IgnoreRequest):
        return Kind.REFUSED, "redirects" if "redirections" in str(error) else "too_large"
    if isinstance(error, CannotResolveHostError):
        if was_refused(urlsplit(request.url).hostname or ""):
            return Kind.REFUSED, "private_address"
        return Kind.FAILED, "dns"
    if isinstance(error, DownloadTimeoutError):
        return Kind.FAILED, "timeout"
    if isinstance(error, ResponseDataLossError):
        return Kind.FAILED, "cut"
    if isinstance(error, (*_UNPACKING, ValueError)):
        return Kind.FAILED, "garbled"
    return Kind.FAILED, "connection"
