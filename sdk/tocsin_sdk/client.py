"""Who is calling: the peer, or the client that trusted proxies vouch for.

`X-Forwarded-For` grows to the right: each proxy appends the address it saw. Whatever the client
wrote itself stands on the left, so only entries counted from the right, through proxies the
application trusts, say anything. An entry that is not an address makes the whole header worthless
and the peer stands.
"""

from __future__ import annotations

from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["Networks", "Proxies", "client_address", "trusted", "vouched"]

Address = IPv4Address | IPv6Address
Networks = tuple[IPv4Network | IPv6Network, ...]
Proxies = Networks | int

# More hops than this is not a proxy chain; it bounds the work an attacker can ask for.
MAX_HOPS = 32


def trusted(proxies: int | Iterable[str]) -> Proxies:
    """Read the setting: a number of proxies in front, or their addresses and networks."""
    if isinstance(proxies, bool) or (isinstance(proxies, int) and not 0 <= proxies <= MAX_HOPS):
        raise ValueError(
            f"trusted_proxies must be a count from 0 to {MAX_HOPS} or networks, got {proxies!r}"
            '\nhint: trusted_proxies=1, or trusted_proxies=["10.0.0.0/8"]'
        )
    if isinstance(proxies, int):
        return proxies
    if isinstance(proxies, str):
        raise TypeError(
            f"trusted_proxies is one string, {proxies!r}"
            f"\nhint: a list of networks: trusted_proxies=[{proxies!r}]"
        )
    try:
        return tuple(ip_network(network) for network in proxies)
    except ValueError as error:
        raise ValueError(
            f'trusted_proxies: {error}\nhint: networks look like "10.0.0.0/8" or "192.0.2.7"'
        ) from None


def client_address(peer: str | None, forwarded: str | None, proxies: Proxies) -> str | None:
    """Return the client's address in its canonical form, or None if even the peer is unknown."""
    peer_address = _address(peer or "")
    fallback = str(peer_address) if peer_address else (peer or None)
    if not forwarded or not proxies:
        return fallback
    if isinstance(proxies, int):
        client = _by_count(forwarded, proxies)
    elif peer_address is not None and _inside(peer_address, proxies):
        client = _by_network(forwarded, proxies)
    else:
        return fallback
    return fallback if client is None else str(client)


def vouched(peer: str | None, proxies: Proxies) -> bool:
    """Say whether the peer is a proxy that the application trusts."""
    if isinstance(proxies, int):
        return proxies > 0
    address = _address(peer or "")
    return address is not None and _inside(address, proxies)


def _by_count(forwarded: str, hops: int) -> Address | None:
    entries = forwarded.rsplit(",", hops)[-hops:]
    if len(entries) < hops:
        return None
    addresses = [_address(entry) for entry in entries]
    return None if None in addresses else addresses[0]


def _by_network(forwarded: str, proxies: Networks) -> Address | None:
    entries = forwarded.rsplit(",", MAX_HOPS)
    if len(entries) > MAX_HOPS:
        entries = entries[1:]
    address = None
    for entry in reversed(entries):
        address = _address(entry)
        if address is None or not _inside(address, proxies):
            return address
    # Nothing but trusted proxies: the request began at the left-most of them.
    return address


def _inside(address: Address, proxies: Networks) -> bool:
    return any(address in network for network in proxies)


def _address(entry: str) -> Address | None:
    """Read `1.2.3.4`, `1.2.3.4:80`, `2001:db8::1` or `[2001:db8::1]:80`."""
    text = entry.strip(" \t")
    port = ""
    if text.startswith("["):
        text, bracket, port = text[1:].partition("]")
        if not bracket or (port and not port.startswith(":")) or ":" not in text:
            return None
        port = port[1:]
    elif text.count(":") == 1:
        text, _, port = text.partition(":")
    # A zone ("fe80::1%eth0") is free text and means nothing off its own link.
    if "%" in text or (port and not (port.isascii() and port.isdigit() and len(port) <= 5)):
        return None
    try:
        address = ip_address(text)
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address
