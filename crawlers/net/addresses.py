"""No request reaches a private, loopback or link-local address unless its source says `allow_private`.

Addresses written as numbers are refused before the request; names are checked on the very address that is then connected
to, so a name that changes its mind (DNS rebinding) or a redirect gains nothing.
"""

from __future__ import annotations

import ipaddress
from typing import Any

from scrapy.resolver import CachingThreadedResolver
from twisted.internet.base import ReactorBase
from twisted.internet.defer import Deferred
from twisted.internet.error import DNSLookupError

ALLOWED_SETTING = "TINGJIAN_PRIVATE_HOSTS"
_refused: set[str] = set()
_GLOBAL = ipaddress.ip_network("2000::/3")
_PROTOCOLS = ipaddress.ip_network("192.0.0.0/24")  # of which Python 3.11 calls a part global


def is_private(address: str) -> bool:
    """Whether `address` (an IP number) is anything but a public unicast address. What is no number counts as private."""
    try:
        ip = ipaddress.ip_address(address.partition("%")[0].strip("[]"))
    except ValueError:
        return True
    if isinstance(ip, ipaddress.IPv6Address):
        inner = ip.sixtofour or (ip.teredo[1] if ip.teredo else None)
        if ip not in _GLOBAL or (inner is not None and is_private(str(inner))):
            return True  # mapped, translated, compatible, local: nothing public is written so
    return not ip.is_global or ip.is_multicast or ip.is_reserved or ip in _PROTOCOLS


def is_number(host: str) -> bool:
    """Whether `host` is an IP number in its usual form (others, such as 0x7f.1, go through the resolver)."""
    try:
        ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return False
    return True


def was_refused(host: str) -> bool:
    """Whether the resolver turned this host away for its address."""
    return host.lower() in _refused


class PublicResolver(CachingThreadedResolver):
    """Scrapy's caching resolver that answers private addresses only for hosts of sources with `allow_private`."""

    allowed: frozenset[str] = frozenset()

    @classmethod
    def from_crawler(cls, crawler: Any, reactor: ReactorBase) -> PublicResolver:
        self = super().from_crawler(crawler, reactor)
        self.allowed = frozenset(crawler.settings.getlist(ALLOWED_SETTING))
        return self

    def getHostByName(self, name: str, timeout: Any = ()) -> Deferred[str]:
        """The address of `name`; fails with DNSLookupError where it is private."""
        answer: Deferred[str] = super().getHostByName(name, timeout)
        return answer.addCallback(self._checked, name)

    def _checked(self, address: str, name: str) -> str:
        if name.lower() not in self.allowed and is_private(address):
            _refused.add(name.lower())
            raise DNSLookupError("private address")
        return address
