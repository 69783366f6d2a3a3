"""What the operator's own fronts (a balancer, a CDN) pass on of who is at the other end: its address, and its TLS fingerprint. Pure.

Rule 1: believed only from the peers that the settings name; from anybody else the same fields are words of a stranger.
Rule 2: addresses are read from the right. Each trusted front appends whom it saw, so the first that is none of ours is the caller; what
        stands left of it, the caller may have written.
Rule 3: one field is read, the one that the settings name: a front that sets `X-Forwarded-For` lets a caller's own `Forwarded` through.
Rule 4: what cannot be read, or is longer than it may be, says nothing: then the connection's other end is all that is known.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Self

from proxy.gateway.ports import Arrival

LOCAL = "local"
"""The peer of a unix socket, as the server calls it."""

MOST_HOPS = 16
"""Fronts one behind the other."""

LONGEST = 256
"""Characters of a fingerprint, or of one hop."""

_VALUE = r'(?:[^\s;,"\\=]+|"[^"\\]*")'
_ELEMENT = re.compile(rf"[\w-]+={_VALUE}(?:\s?;\s?[\w-]+={_VALUE})*", re.ASCII)
"""One hop of RFC 7239. No part of a quoted value can pass for one: quotes within it are escaped, and those are refused."""
_FOR = re.compile(rf"(?:^|;\s?)for=({_VALUE})", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Peers:
    """The operator's own."""

    networks: tuple[IPv4Network | IPv6Network, ...] = ()
    unix: bool = False

    @classmethod
    def of(cls, named: Iterable[str]) -> Self:
        """From networks such as 10.0.0.0/8, and `unix` for a unix socket. Raises `ValueError`."""
        names = list(named)
        return cls(tuple(ip_network(name) for name in names if name != "unix"), "unix" in names)

    def trusts(self, peer: str) -> bool:
        """Is `peer` one of them?"""
        if peer == LOCAL:
            return self.unix
        found = _address(peer)
        return found is not None and any(found in network for network in self.networks)


@dataclass(frozen=True, slots=True)
class Fronts:
    """The settings."""

    peers: Peers = Peers()
    field: str = "x-forwarded-for"
    """x-forwarded-for | forwarded: where they say who is at the other end."""
    tls: str = ""
    """The field of a TLS fingerprint (JA3, JA4), in lower case; "": none passes one."""

    def believed(self, arrival: Arrival) -> Arrival:
        """With what a front says of its caller, where one of ours has sent it."""
        if not self.peers.trusts(arrival.peer):
            return arrival
        return replace(arrival, client=self._client(arrival), tls=self._fingerprint(arrival))

    def _client(self, arrival: Arrival) -> str:
        hops = _hops([value for name, value in arrival.headers if name.lower() == self.field])
        seen = ""
        for _ in range(MOST_HOPS):
            hop = next(hops, None)
            if hop is None:
                return seen
            found = _address(_node(_for(hop) if self.field == "forwarded" else hop))
            if found is None:
                return ""
            seen = str(found)
            if not self.peers.trusts(seen):
                return seen
        return ""

    def _fingerprint(self, arrival: Arrival) -> str:
        """A front that adds its own beside the caller's has replaced nothing: then neither is believed."""
        values = [value.strip() for name, value in arrival.headers if self.tls and name.lower() == self.tls]
        return values[0] if len(values) == 1 and len(values[0]) <= LONGEST and values[0].isprintable() else ""


NOBODY = Fronts()


def _hops(values: list[str]) -> Iterator[str]:
    """From the right, without copying what is never looked at."""
    for value in reversed(values):
        end = len(value)
        while end >= 0:
            comma = value.rfind(",", 0, end)
            yield value[comma + 1 : end].strip(" \t") if end - comma <= LONGEST else ""
            end = comma


def _for(hop: str) -> str:
    """Whom a hop of RFC 7239 names; "" where it cannot be read, or names two."""
    named = _FOR.findall(hop) if _ELEMENT.fullmatch(hop) else []
    return named[0].strip('"') if len(named) == 1 else ""


def _node(hop: str) -> str:
    """An address without its port."""
    if hop.startswith("["):
        return hop[1:].partition("]")[0]
    return hop.partition(":")[0] if hop.count(":") == 1 else hop


def _address(text: str) -> IPv4Address | IPv6Address | None:
    """None for what is none. A socket for both families shows an IPv4 peer as an IPv6 address."""
    try:
        found = ip_address(text)
    except ValueError:
        return None
    return (found.ipv4_mapped or found) if isinstance(found, IPv6Address) else found
