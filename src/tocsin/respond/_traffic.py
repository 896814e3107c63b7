"""Recently successful traffic: what a block would cut off that went well a moment ago."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from itertools import accumulate
from typing import TYPE_CHECKING

from tocsin.errors import ParseError
from tocsin.respond._safeguards import read_network

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tocsin.respond._safeguards import Network

__all__ = ["Traffic"]

_FEW = 100
"""With less that went well, a share says nothing."""


class Traffic:
    """How much went well, and from where."""

    def __init__(self, clients: Mapping[str, int], share: float) -> None:
        """`clients` has the requests and logins that succeeded lately, by address.

        `share` is how much of them one decision may cut, over 0 and at most 1.
        """
        found: dict[Network, int] = {}
        for client, count in clients.items():
            try:
                network = read_network(client)
            except ParseError:
                continue
            found[network] = found.get(network, 0) + count
        self.total = sum(clients.values())
        """All that went well, of clients without an address too."""
        self.share = share
        self._starts: dict[int, list[int]] = {}
        self._sums: dict[int, list[int]] = {}
        for version in (4, 6):
            ordered = sorted(
                (int(network.network_address), count)
                for network, count in found.items()
                if network.version == version
            )
            self._starts[version] = [start for start, _ in ordered]
            self._sums[version] = list(accumulate((count for _, count in ordered), initial=0))

    @property
    def known(self) -> bool:
        """Whether enough was seen to speak of a share."""
        return self.total >= _FEW

    def cut(self, network: Network) -> int:
        """How much of it a block of the network would have cut."""
        starts, sums = self._starts[network.version], self._sums[network.version]
        first = bisect_left(starts, int(network.network_address))
        end = bisect_right(starts, int(network.broadcast_address))
        return sums[end] - sums[first]

    def too_much(self, cut: int) -> bool:
        """Whether a decision may not cut so much."""
        return self.known and cut > self.share * self.total

    def refusal(self, network: Network) -> str:
        """Why a network must not be blocked; empty if it may be, as far as is known."""
        cut = self.cut(network)
        if not self.too_much(cut):
            return ""
        return (
            f"{network} is behind {cut} of the {self.total} requests and logins that went well "
            f"lately, more than {self.share * 100:.3g}% (respond.share)"
        )
