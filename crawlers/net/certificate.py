"""How long a site's certificate is still good, and what browsers would say against it."""

from __future__ import annotations

import socket
import ssl
from dataclasses import dataclass
from datetime import datetime

from cryptography import x509

from crawlers.net.addresses import is_private


@dataclass(frozen=True, slots=True)
class Certificate:
    """`until`: its end (UTC), None where none was shown. `problem`: in Chinese, why a browser would warn; else empty."""

    until: datetime | None
    problem: str


_NO_GOOD = {
    9: "还没有生效",
    10: "已过期",
    18: "是自签名的，浏览器不信任",
    19: "证书链里有自签名证书，浏览器不信任",
    20: "证书链不完整，或不是受信任的机构签发",
    21: "证书链不完整，或不是受信任的机构签发",
    62: "与域名不符",
    64: "与地址不符",
}


def certificate_of(host: str, port: int, timeout: float, allow_private: bool) -> Certificate:
    """Shake hands twice: once to read the certificate whatever it is, once as a browser would. No request is sent."""
    try:
        address = str(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][4][0])
    except OSError:
        return Certificate(None, "域名解析失败")
    if not allow_private and is_private(address):
        return Certificate(None, "是内网地址（没有写 allow_private）")
    anything = ssl.create_default_context()
    anything.check_hostname, anything.verify_mode = False, ssl.CERT_NONE
    try:
        shown = _shown(anything, (address, port), host, timeout)
    except OSError as error:
        return Certificate(None, f"安全连接没有建立（{type(error).__name__}）")
    until = x509.load_der_x509_certificate(shown).not_valid_after_utc
    try:
        _shown(ssl.create_default_context(), (address, port), host, timeout)
    except ssl.SSLCertVerificationError as error:
        return Certificate(until, _NO_GOOD.get(error.verify_code, f"浏览器不信任（{error.verify_message}）"))
    except OSError as error:
        return Certificate(until, f"安全连接没有建立（{type(error).__name__}）")
    return Certificate(until, "")


def _shown(context: ssl.SSLContext, address: tuple[str, int], host: str, timeout: float) -> bytes:
    with (
        socket.create_connection(address, timeout=timeout) as plain,
        context.wrap_socket(plain, server_hostname=host) as safe,
    ):
        return safe.getpeercert(binary_form=True) or b""
