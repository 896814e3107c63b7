"""Blocks as the IP sets of AWS WAF: what goes into a set, what leaves it, and what does not fit.

Sources: AWS WAF API reference, `IPSet`, `UpdateIPSet` (CIDR notation, every range but /0) and AWS
WAF quotas (10,000 ranges in a set); ARNs as in the service authorization reference for WAF V2.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import ip_network
from typing import TYPE_CHECKING

from tocsin.errors import ParseError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from tocsin.respond._decisions import Decision
    from tocsin.respond._safeguards import Network

__all__ = ["IpSet", "IpSetPlan", "plan_ip_set", "read_ip_set", "read_range"]

_MOST = 10_000
_ARN = re.compile(
    r"arn:aws[a-z-]*:wafv2:(?P<region>[a-z0-9-]{1,40}):\d{12}:(?P<scope>regional|global)/ipset/"
    r"(?P<name>[\w-]{1,128})/(?P<id>[\w-]{1,36})",
    re.ASCII,
)


@dataclass(frozen=True, slots=True)
class IpSet:
    """Which set, as its ARN says."""

    arn: str
    region: str
    """Where its API is."""
    scope: str
    """`REGIONAL` or `CLOUDFRONT`."""
    name: str
    identity: str


@dataclass(frozen=True, slots=True)
class IpSetPlan:
    """What a set has to hold, and what that changes."""

    version: int
    """4 or 6."""
    ranges: tuple[str, ...]
    """All of it, in order."""
    added: tuple[str, ...]
    removed: tuple[str, ...]
    """As the set has them, foreign ones too."""
    foreign: tuple[str, ...]
    """What is in the set and was never blocked by the record."""
    unfit: tuple[Network, ...]
    """What is blocked and found no place, the most harmful first."""

    @property
    def changes(self) -> bool:
        return bool(self.added or self.removed)


def read_ip_set(arn: str) -> IpSet:
    """The set that an ARN names. Raises ParseError."""
    found = _ARN.fullmatch(arn.strip())
    if found is None:
        raise ParseError(
            f"not the ARN of an IP set: {arn[:120]!r}",
            hint="arn:aws:wafv2:REGION:ACCOUNT:regional/ipset/NAME/ID, or global/ for CloudFront",
        )
    scope = "REGIONAL" if found["scope"] == "regional" else "CLOUDFRONT"
    return IpSet(arn.strip(), found["region"], scope, found["name"], found["id"])


def read_range(text: str, version: int) -> Network:
    """A range as a set of IPv4 (4) or IPv6 (6) takes it. Raises ParseError for any other.

    What WAF refuses, and what it would take for something else: an address without its prefix,
    host bits, the other family, /0.
    """
    try:
        network = ip_network(text)
    except ValueError as error:
        raise ParseError(f"no range of an IP set: {text[:60]!r}", hint=str(error)[:120]) from None
    if "/" not in text or "%" in text or network.version != version or not network.prefixlen:
        raise ParseError(f"no range of an IP set of IPv{version}: {text[:60]!r}")
    return network


def plan_ip_set(
    version: int,
    held: Sequence[str],
    blocked: Iterable[tuple[Network, Decision]],
    is_ours: Callable[[Network], bool],
    most: int = _MOST,
) -> IpSetPlan:
    """What a set of a family has to hold, given what it holds.

    `is_ours` answers whether the record ever blocked a network. Where there are more blocks than
    places, those go first that were blocked most often, then those seen last.
    """
    ranked = sorted(
        ((network, decision) for network, decision in blocked if network.version == version),
        key=lambda each: (-each[1].times, -each[1].last_seen, each[0]),
    )
    wanted, known = {network for network, _ in ranked[:most]}, set()
    removed, foreign = [], []
    for text in held:
        try:
            network: Network | None = read_range(text, version)
        except ParseError:
            network = None
        if network is not None and network in wanted:
            known.add(network)
            continue
        removed.append(text)
        if network is None or not is_ours(network):
            foreign.append(text)
    listed = [read_range(str(network), version) for network in sorted(wanted)]
    ranges = tuple(map(str, listed))
    added = tuple(str(each) for each in listed if each not in known)
    unfit = tuple(network for network, _ in ranked[most:])
    return IpSetPlan(version, ranges, added, tuple(removed), tuple(foreign), unfit)
