"""Canonical form of a web address, and keyed identities made from it."""

from __future__ import annotations

import hashlib
import hmac
import re
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit, urlunsplit

CANONICALISER_VERSION = "1"
_TRACKING = re.compile(r"^(utm_.*|spm|from|share.*|src|ref|referer|isappinstalled|wx.*|weixin.*|scene|jsessionid|phpsessid|sid|session.*)$", re.I)
_INDEX = re.compile(r"/(?:index|default)\.(?:s?html?|php|jsp|aspx?)$", re.I)
_SAFE_PATH = "/%:@!$&'()*+,;=~-._"


def canonical(url: str) -> str:
    """Return the address two readers of the same page would agree on.

    https becomes http (a scheme is no identity), host lower-case IDNA without default port, tracking and session
    parameters, fragment and a trailing index page dropped, remaining parameters sorted, percent-encoding normalised.
    Raises ValueError where `url` is no http(s) address.
    """
    parts = urlsplit(url.strip())
    if parts.scheme.lower() not in ("http", "https") or not parts.hostname:
        raise ValueError(f"not a web address: {url[:120]!r}")
    host = parts.hostname.lower().rstrip(".")
    if not host.isascii():
        host = host.encode("idna").decode("ascii")
    port = parts.port
    netloc = f"[{host}]" if ":" in host else host
    if port and port not in (80, 443):
        netloc += f":{port}"
    path = re.sub(r";jsessionid=[^/?#]*", "", parts.path, flags=re.I) or "/"
    path = quote(unquote(path, errors="surrogateescape"), safe=_SAFE_PATH.replace("%", ""), errors="surrogateescape")
    path = _INDEX.sub("/", path)
    query = sorted((k, v) for k, v in parse_qsl(parts.query, keep_blank_values=True) if not _TRACKING.match(k))
    return urlunsplit(("http", netloc, path, urlencode(query), ""))


def keyed_id(installation_key: bytes, identity: str) -> str:
    """HMAC-SHA256 of a canonical address (or `source/own id`), 32 hex digits: the id that is given once."""
    return hmac.new(installation_key, identity.encode("utf-8", "surrogatepass"), hashlib.sha256).hexdigest()[:32]
