"""Which addresses lie on the public net, however they are spelled."""

from __future__ import annotations

import socket
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

_CARRIERS = (ip_network("64:ff9b::/96"), ip_network("64:ff9b:1::/48"), ip_network("::/96"))
"""IPv6 networks whose last 32 bits are an IPv4 address (RFC 6052, RFC 8215, RFC 4291 section 2.5.5.1)."""
_SPECIAL = (ip_network("192.0.0.0/24"), ip_network("192.88.99.0/24"))
"""For protocols, not for hosts; `is_global` lets parts of them through."""


def is_public(host: str, port: int) -> bool:
    """Whether every address that a host's name stands for belongs to the public net; a name that stands for none counts as public."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return True  # there is nothing to connect to
    return all(_is_public(ip_address(str(item[4][0]).partition("%")[0])) for item in found)


def _is_public(address: IPv4Address | IPv6Address) -> bool:
    if isinstance(address, IPv6Address):
        teredo = address.teredo
        inner = [address.ipv4_mapped, address.sixtofour, teredo[1] if teredo else None,
                 IPv4Address(int(address) & 0xFFFFFFFF) if any(address in network for network in _CARRIERS) else None]
        if any(one is not None and not _is_public(one) for one in inner):
            return False
        if address.ipv4_mapped is not None:
            return True
    special = isinstance(address, IPv4Address) and any(address in network for network in _SPECIAL)
    return address.is_global and not address.is_multicast and not special
