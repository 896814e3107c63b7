"""Published address ranges of crawlers, as files.

Source: the JSON that the large search engines publish of their crawlers, such as googlebot.json
and bingbot.json: `{"prefixes": [{"ipv4Prefix": "..."}, {"ipv6Prefix": "..."}]}`. Who a crawler
says it is counts for nothing, and no name is looked up.
"""

from __future__ import annotations

from ipaddress import IPv4Network, IPv6Network

import msgspec

from tocsin.errors import ParseError

__all__ = ["read_crawlers"]

_WIDEST = {4: 8, 6: 19}
"""No crawler has so much; with less a file could protect everybody."""


class _Prefix(msgspec.Struct):
    ipv4: str = msgspec.field(default="", name="ipv4Prefix")
    ipv6: str = msgspec.field(default="", name="ipv6Prefix")


class _File(msgspec.Struct):
    prefixes: list[_Prefix]


def read_crawlers(data: bytes) -> list[IPv4Network | IPv6Network]:
    """The ranges in a file. Raises ParseError for one that is not all ranges, or has none."""
    try:
        listed = msgspec.json.decode(data, type=_File).prefixes
    except (msgspec.MsgspecError, ValueError) as error:
        raise ParseError(f"no list of a crawler's ranges: {error}", hint=_HINT) from None
    found: list[IPv4Network | IPv6Network] = []
    for number, each in enumerate(listed, 1):
        if bool(each.ipv4) is bool(each.ipv6):
            raise ParseError(f"prefix {number} has not one of ipv4Prefix and ipv6Prefix")
        try:
            network = IPv4Network(each.ipv4) if each.ipv4 else IPv6Network(each.ipv6)
        except ValueError as error:
            raise ParseError(f"prefix {number}: {str(error)[:120]}") from None
        if network.prefixlen < _WIDEST[network.version]:
            raise ParseError(f"prefix {number}: {network} is too wide for a crawler's range")
        found.append(network)
    if not found:
        raise ParseError("no ranges in it", hint=_HINT)
    return found


_HINT = 'the file that a search engine publishes: {"prefixes": [{"ipv4Prefix": "..."}]}'
