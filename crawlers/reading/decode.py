"""Bytes of a page into text: strict UTF-8, then what it declares, then GB18030 (DESIGN §6)."""

from __future__ import annotations

import codecs
import re

_DECLARED = re.compile(rb"""(?:charset|encoding)\s*=\s*["']?\s*([A-Za-z0-9_.:\-]{2,20})""", re.I)
_PROLOG = re.compile(r"^\s*<\?xml[^>]{0,200}\?>", re.I)
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ufffe\uffff\ud800-\udfff]")
_CONTROL_BYTES = bytes((*range(9), 11, 12, *range(14, 32), 127))  # what comes out as a control character went in as one
_CHINESE = {"gb2312": "gb18030", "gbk": "gb18030", "x-gbk": "gb18030", "gb_2312-80": "gb18030", "cp936": "gb18030"}
# Python also knows codecs such as rot13, zlib and unicode_escape, which a page must not choose.
_WEB = (
    "utf-8",
    "utf-16",
    "gb",
    "hz",
    "big5",
    "iso8859",
    "iso2022",
    "cp125",
    "cp949",
    "cp950",
    "shift-jis",
    "euc",
    "koi8",
    "ascii",
)
_BOMS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))


def decode(body: bytes, content_type: str = "") -> tuple[str, str]:
    """(text without control characters, name of the encoding used). Never raises."""
    text, used = _decoded(body, content_type)
    text = _PROLOG.sub("", text)
    if len(body.translate(None, _CONTROL_BYTES)) < len(body) or "\ufffe" in text or "\uffff" in text:
        text = _CONTROL.sub("", text)  # slow on long pages, and few need it
    return text, used


def declared_charset(body: bytes, content_type: str = "") -> str:
    """The encoding that header or page names, as Python knows it; "" where none or an unknown one is named."""
    for place in (content_type.encode("latin-1", "replace"), body[:4096]):
        match = _DECLARED.search(place)
        if match is None:
            continue
        name = match.group(1).decode("ascii").lower()
        try:
            known = codecs.lookup(_CHINESE.get(name, name))
        except LookupError:
            continue
        if known.name.replace("_", "-").startswith(_WEB):
            return known.name
    return ""


def _decoded(body: bytes, content_type: str) -> tuple[str, str]:
    for bom, name in _BOMS:
        if body.startswith(bom):
            return body[len(bom) :].decode(name, "replace"), name
    declared = declared_charset(body, content_type)
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError:
        text = ""
    # a few Chinese characters in GB can also be read as Greek or Cyrillic in UTF-8: then the page's word counts
    if text and not (declared == "gb18030" and not text.isascii() and max(text) < "\u0800"):
        return text, "utf-8"
    if declared == "utf-8":
        text = body.decode("utf-8", "replace")
        broken = text.count("\ufffd")
        if broken * 10 < sum(c > "\x7f" for c in text) - broken:  # some broken characters, not another encoding
            return text, "utf-8"
    elif declared:
        try:
            return body.decode(declared), declared
        except (UnicodeError, ValueError):
            pass
    return body.decode("gb18030", "replace"), "gb18030"
