"""Canonical form of a web address, and keyed identities made from it."""

from __future__ import annotations

import hashlib
import hmac
import re
from functools import lru_cache
from urllib.parse import SplitResult, parse_qsl, urlencode, urlsplit, urlunsplit

CANONICALISER_VERSION = "2"
MAX_LENGTH = 4096
# Never part of what a page is.
_TRACKING_1_WORDS = (
    r"utm_.*|spm|scm|share(?:_?(?:token|from|id|source|user|uid))?|isappinstalled|wx(?:_|fr|share).*|weixin_.*"
    r"|jsessionid|phpsessid|aspsessionid.*|gclid|fbclid|bd_vid|hmsr|hmpl|hmcu|hmkw|hmci|nsukey|_t_t_t"
)
_TRACKING = re.compile(
    _TRACKING_1_WORDS
    + r"|share_(?:medium|plat|tag|session_id)|sharer_.*|mpshare|chksm|pass_ticket|exportkey|ivk_sa|tdsourcetag"
    r"|tt_from|vd_source|qhclickid|msclkid|yclid|dclid|gbraid|wbraid|igshid|mc_[ce]id|_g[al]",
    re.I,
)
_TRACKING_1 = re.compile(_TRACKING_1_WORDS, re.I)
# Tracking on most sites, but a page number or a record's id on some: dropped only where the value can't be an id.
_DOUBTFUL = re.compile(r"from|src|ref|referer|referrer|source|scene|channel|session(?:_?id)?|sid", re.I)
_WORDY = re.compile(r"[a-z][a-z_\-]{2,24}", re.I)
_TOKEN = re.compile(r"(?=.*[a-z])(?=.*[0-9])[a-z0-9]{20,}", re.I)
_INDEX = re.compile(r"/(?:index|default)\.(?:s?html?|php|jsp|aspx?)$", re.I)
_TWIN_HOST = re.compile(r"(?:www|m|wap|3g|h5|mobile|amp|mip)\.(?=[^.:]+\.[^.:])", re.I)
_AMP_END = re.compile(r"/amp/?$|\.amp(?=(?:\.s?html?)?$)", re.I)
_ARTICLE = re.compile(r"(?:[\d-][^/]*|\.s?html?)$", re.I)
_SESSION_1 = re.compile(r";(?:jsessionid|phpsessid)=[^/?#;]*", re.I)
_SESSION = re.compile(_SESSION_1.pattern + r"|/\(S\([a-z0-9]{10,40}\)\)(?=/)", re.I)
_ESCAPE = re.compile(r"%([0-9A-Fa-f]{2})")
_UNRESERVED = frozenset(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~")
_PATH_SAFE = _UNRESERVED | frozenset(b"/:@!$&'()*+,;=%")
_REMEMBERED = 4096  # addresses: a list names them, and their pages are asked about several times each


@lru_cache(_REMEMBERED)
def canonical(url: str) -> str:
    """Return the address two readers of the same page would agree on.

    https becomes http (a scheme is no identity), host lower-case IDNA without default port, dot segments, tracking and
    session parameters, fragment and a trailing index page dropped, remaining parameters sorted, percent-encoding
    normalised. Twins made for phones (`m.`, `wap.`, AMP) with the same path are one page; others are joined by what a page
    says of itself. Idempotent. Raises ValueError where `url` is no http(s) address.
    """
    parts = _split(url)
    netloc = _netloc(parts)
    while twin := _TWIN_HOST.match(netloc):
        netloc = netloc[twin.end() :]
    path, before = _without_dots(_SESSION.sub("", _escaped(parts.path))), ""
    while path != before:  # what stands behind one ending may be another
        before = path
        path = _without_amp(_INDEX.sub("/", _SESSION.sub("", path)))
    query = sorted((k, v) for k, v in _pairs(parts.query) if not _is_tracking(k, v, _TRACKING) and not _is_amp(k, v))
    return urlunsplit(("http", netloc, path, urlencode(query, errors="surrogateescape"), ""))


@lru_cache(_REMEMBERED)
def former(url: str) -> tuple[str, ...]:
    """What earlier canonicalisers called the same address, where they called it otherwise: ids given then stay.

    Raises ValueError as `canonical` does.
    """
    parts = _split(url)
    path = _INDEX.sub("/", _without_dots(_SESSION_1.sub("", _escaped(parts.path))))
    query = sorted((k, v) for k, v in _pairs(parts.query) if not _is_tracking(k, v, _TRACKING_1))
    first = urlunsplit(("http", _netloc(parts), path, urlencode(query, errors="surrogateescape"), ""))
    return (first,) if first != canonical(url) else ()


def keyed_id(installation_key: bytes, identity: str) -> str:
    """HMAC-SHA256 of a canonical address (or `source/own id`), 32 hex digits: the id that is given once."""
    return hmac.new(installation_key, identity.encode("utf-8", "surrogatepass"), hashlib.sha256).hexdigest()[:32]


@lru_cache(_REMEMBERED)
def host_key(url: str) -> str:
    """Host and port that links must share with their source: `www.` and the scheme make no difference.

    Raises ValueError where `url` is no http(s) address.
    """
    return _netloc(_split(url)).removeprefix("www.")


def _split(url: str) -> SplitResult:
    url = url.strip()
    if len(url) > MAX_LENGTH:
        raise ValueError("address too long")
    parts = urlsplit(url)
    if parts.scheme.lower() not in ("http", "https") or not parts.hostname:
        raise ValueError(f"not a web address: {url[:60]!r}")
    _ = parts.port  # raises ValueError where it is no port
    return parts


def _netloc(parts: SplitResult) -> str:
    host = (parts.hostname or "").rstrip(".")
    if not host.isascii():
        try:
            host = host.encode("idna").decode("ascii")
        except UnicodeError:
            raise ValueError("host name can't be written in IDNA") from None
    host = host.lower()
    if not host or re.search(r"[\s\x00-\x20/?#@\\%]", host):
        raise ValueError("not a host name")
    netloc = f"[{host}]" if ":" in host else host
    return netloc if parts.port in (None, 80, 443) else f"{netloc}:{parts.port}"


def _escaped(path: str) -> str:
    """Percent-encoding in its normal form: unreserved bytes plain, all others `%XX` in capitals; `%2F` stays itself."""
    out: list[str] = []
    data = path.encode("utf-8", "surrogateescape" if _lone_bytes(path) else "surrogatepass")
    i = 0
    while i < len(data):
        byte = data[i]
        if byte == 0x25:
            match = _ESCAPE.match(data[i : i + 3].decode("latin-1"))
            if match is None:
                out.append("%25")
                i += 1
                continue
            value = int(match.group(1), 16)
            out.append(chr(value) if value in _UNRESERVED else f"%{value:02X}")
            i += 3
            continue
        out.append(chr(byte) if byte in _PATH_SAFE else f"%{byte:02X}")
        i += 1
    return "".join(out)


def _lone_bytes(text: str) -> bool:
    return all(not 0xD800 <= ord(c) <= 0xDFFF or 0xDC80 <= ord(c) <= 0xDCFF for c in text)


def _without_dots(path: str) -> str:
    kept: list[str] = []
    pieces = path.split("/")
    for piece in pieces[1:] if path.startswith("/") else pieces:
        if piece == "..":
            if kept:
                kept.pop()
        elif piece != ".":
            kept.append(piece)
    if pieces[-1] in (".", "..") and (not kept or kept[-1]):
        kept.append("")
    return "/" + "/".join(kept)


def _pairs(query: str) -> list[tuple[str, str]]:
    # errors=surrogateescape keeps GBK-encoded parameters apart, which "replace" would make one
    text = "".join(c if _lone_bytes(c) else "?" for c in query)
    return parse_qsl(text, keep_blank_values=True, errors="surrogateescape")


def _is_tracking(name: str, value: str, words: re.Pattern[str]) -> bool:
    if words.fullmatch(name):
        return True
    return bool(_DOUBTFUL.fullmatch(name)) and (not value or bool(_WORDY.fullmatch(value) or _TOKEN.fullmatch(value)))


def _is_amp(name: str, value: str) -> bool:
    name, value = name.lower(), value.lower()
    return (name == "amp" and value in ("", "1", "true")) or (name == "outputtype" and value == "amp")


def _without_amp(path: str) -> str:
    """The article's own path; a column that is called amp stays."""
    rest = _AMP_END.sub("", path, count=1)
    return rest if rest != path and _ARTICLE.search(rest) else path
