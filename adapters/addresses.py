"""Where requests may go: URLs that every parser reads alike, and who can reach an address.

A provider's answer can name any URL. Followed blindly, the gateway could be made to read what only its own network
can reach: another service on this machine, an internal host, a cloud's metadata.
"""

import asyncio
import re
import socket
from collections.abc import Awaitable, Callable, Collection, Sequence
from enum import Enum
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from urllib.parse import urljoin, urlsplit

Address = IPv4Address | IPv6Address
Resolve = Callable[[str, int], Awaitable[Sequence[Address]]]
"""The addresses of a host, for connections to a port; OSError where there are none."""

Origin = tuple[str, str, int]
"""Scheme, host in lower case, port."""

_PORTS = {"http": 80, "https": 443}
_NAME = re.compile(r"[a-z0-9_](?:[a-z0-9_.-]{0,252}[a-z0-9])?\.?")
_NUMERIC_LABEL = re.compile(r"(?:0x[0-9a-f]*|[0-9]+)\.?")
_METADATA = frozenset(map(ip_address, ("169.254.169.254", "fd00:ec2::254", "100.100.100.200", "168.63.129.16")))
"""What clouds give credentials away at; the last is Azure's, and looks like any public address."""
_NAT64 = ip_network("64:ff9b::/96")


class Reach(Enum):
    """Who can reach an address."""

    PUBLIC = "public"
    PRIVATE = "private"
    LOOPBACK = "loopback"
    SPECIAL = "special"
    """Link-local, multicast, reserved, metadata: nobody keeps files there."""


def reach(address: Address) -> Reach:
    """Who can reach an address, or the IPv4 address inside of it."""
    if isinstance(address, IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour
        if address in _NAT64:
            inner = IPv4Address(int(address) & 0xFFFF_FFFF)
        if address.teredo is not None:
            return Reach.SPECIAL
        if inner is not None:
            return reach(inner)
    if address.is_loopback:
        return Reach.LOOPBACK
    special = address.is_link_local or address.is_multicast or address.is_unspecified or address.is_reserved
    if special or address in _METADATA:
        return Reach.SPECIAL
    if address.is_global:
        return Reach.PUBLIC
    return Reach.PRIVATE


def origin(url: str) -> Origin:
    """The origin of an absolute http(s) URL; ValueError where parsers could disagree on it."""
    # Browsers' rules read "\" as "/", skip blanks and decode the host; `urlsplit` does not.
    if not (url.isascii() and url.isprintable()) or "\\" in url or " " in url:
        raise ValueError("it holds characters that no URL may")
    parts = urlsplit(url)
    host = parts.hostname
    if parts.scheme not in _PORTS or not host:
        raise ValueError("it is no http(s) URL")
    if "@" in parts.netloc:
        raise ValueError("it holds credentials")
    if not _is_host(host):
        raise ValueError("it names no host")
    return parts.scheme, host, _PORTS[parts.scheme] if parts.port is None else parts.port


def target(url: str, location: str) -> str:
    """The URL that a Location header means; a fragment is dropped."""
    return urljoin(url, location).partition("#")[0]


def is_listed(host: str, hosts: Collection[str]) -> bool:
    """Whether a host is in a list whose entries are hosts, or "*." and the domain that hosts are below of."""
    return any(host.endswith(entry[1:]) if entry.startswith("*.") else host == entry for entry in hosts)


async def system_addresses(host: str, port: int) -> Sequence[Address]:
    """The addresses that this machine knows a host by."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [ip_address(str(address[0]).partition("%")[0]) for *_, address in found]


def _is_host(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        # "127.1" and "0x7f000001" are addresses to some parsers, and names to others.
        return bool(_NAME.fullmatch(host)) and not _NUMERIC_LABEL.fullmatch(host.rstrip(".").rpartition(".")[2])
    return "%" not in host
