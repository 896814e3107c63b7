"""What is never blocked, whoever asks: checked when it is decided, and again when it is exported.

Sources: IANA special-purpose address registries for IPv4 and IPv6; RFC 6890, RFC 6598 (shared
address space), RFC 6052 (the prefix that embeds IPv4).
"""

from __future__ import annotations

from bisect import bisect_right
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_network
from typing import TYPE_CHECKING, Protocol

from tocsin.errors import ParseError

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["WIDEST", "Network", "Safeguards", "read_network"]

Network = IPv4Network | IPv6Network

_NEVER = {
    "this host": ["0.0.0.0/8", "::/128"],
    "loopback": ["127.0.0.0/8", "::1/128"],
    "private": ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7"],
    "link-local": ["169.254.0.0/16", "fe80::/10"],
    "shared by a provider's customers": ["100.64.0.0/10"],
    "multicast": ["224.0.0.0/4", "ff00::/8"],
    "reserved": ["240.0.0.0/4"],
    "translated from IPv4": ["64:ff9b::/96", "2002::/16"],
}
_PROTECTED = [(what, ip_network(each)) for what, listed in _NEVER.items() for each in listed]
WIDEST = {4: 16, 6: 32}
_SMALLEST_V6 = 64
"""A subscriber has at least so much: one of its addresses is as good as another."""


def read_network(text: str) -> Network:
    """An address or a network; IPv6 addresses as their /64, IPv4 in IPv6 clothes as IPv4.

    Raises ParseError, also for a network with host bits: which of the two was meant?
    """
    what = f"not an address or a network: {text[:60]!r}"
    if "%" in text:
        raise ParseError(what, hint="one with a zone is of this machine's own links")
    try:
        network = ip_network(text.strip())
    except ValueError as error:
        raise ParseError(what, hint=_meant(text.strip()) or str(error)[:120]) from None
    if isinstance(network, IPv4Network):
        return network
    if network.prefixlen == network.max_prefixlen:
        mapped = IPv6Address(network.network_address).ipv4_mapped
        if mapped is not None:
            return ip_network(mapped)
    if network.prefixlen > _SMALLEST_V6:
        return network.supernet(new_prefix=_SMALLEST_V6)
    return network


def _meant(text: str) -> str:
    """What an address with the length of a prefix may stand for; empty for anything else."""
    try:
        network = ip_network(text, strict=False)
    except ValueError:
        return ""
    address = text.partition("/")[0]
    widest = WIDEST[network.version]
    if network.prefixlen < widest:
        return f"{address} alone? no block is wider than /{widest}, and {network} is"
    return f"{address} alone, or all of {network}?"


class Refuser(Protocol):
    """What else may say no."""

    def refusal(self, network: Network) -> str:
        """Why a network must not be blocked; empty if it may be."""
        ...


class Safeguards:
    """What is protected, and what the owner protects besides."""

    def __init__(
        self, allowed: Iterable[tuple[str, Network]] = (), traffic: Refuser | None = None
    ) -> None:
        """`allowed` has names with networks: our own, proxies, health checks, partners, crawlers.

        `traffic` knows what recently went well, where that is known.
        """
        self._traffic = traffic
        self._starts: dict[int, list[int]] = {}
        self._furthest: dict[int, list[tuple[int, str, Network]]] = {}
        protected = [*_PROTECTED, *allowed]
        for version in (4, 6):
            starts, furthest = [], []
            best: tuple[int, str, Network] | None = None
            for what, network in sorted(protected, key=_place):
                if network.version != version:
                    continue
                end = int(network.broadcast_address)
                if best is None or end > best[0]:
                    best = end, what, network
                starts.append(int(network.network_address))
                furthest.append(best)
            self._starts[version], self._furthest[version] = starts, furthest

    def refusal(self, network: Network) -> str:
        """Why a network must not be blocked; empty if it may be.

        A network that touches what is protected is refused as a whole.
        """
        version = network.version
        # Of those that begin before its end, the one that reaches furthest.
        last = bisect_right(self._starts[version], int(network.broadcast_address)) - 1
        if last >= 0:
            end, what, protected = self._furthest[version][last]
            if end >= int(network.network_address):
                if network.prefixlen >= protected.prefixlen:
                    return f"{network} is {what}"
                return f"{network} holds {protected}, which is {what}"
        widest = WIDEST[version]
        if network.prefixlen < widest:
            return f"{network} is wider than /{widest}"
        return self._traffic.refusal(network) if self._traffic else ""


def _place(named: tuple[str, Network]) -> tuple[int, int, int]:
    """By where a network begins; of those that begin together the larger first."""
    network = named[1]
    return network.version, int(network.network_address), network.prefixlen
