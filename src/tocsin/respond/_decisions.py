"""Decisions to block: proposed, approved, over; each with its reason, none for ever.

Everything here is a function of what happened and when, so what is exported is always what the
record says.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator  # noqa: TC003 - annotations are read at run time
from typing import Literal

import msgspec

from tocsin.durations import DAY, HOUR
from tocsin.errors import ParseError
from tocsin.respond._safeguards import Network, Safeguards, read_network

__all__ = ["Blocks", "Decision", "Event"]

_TERMS = (HOUR, 4 * HOUR, DAY, 7 * DAY, 30 * DAY)
"""How long a block lasts: longer each time, for those who come back."""
_REMEMBERED = 90 * DAY
_MOST = 100_000


class Event(msgspec.Struct, frozen=True, omit_defaults=True):
    """One line of the record."""

    time: int
    kind: Literal["propose", "approve", "remove"]
    network: str
    by: str
    """Who, or the rule that did it."""
    reason: str
    evidence: str = ""
    """Where what it rests on can be found: a ledger number or a file."""
    first_seen: int = 0
    last_seen: int = 0
    expires: int = 0
    """Of an approval."""


class Decision(msgspec.Struct, frozen=True):
    """Where a network stands."""

    network: str
    state: Literal["proposed", "blocked", "over"]
    by: str
    reason: str
    evidence: str
    first_seen: int
    last_seen: int
    expires: int
    """When the block, or the proposal, is over."""
    times: int
    """How often it was blocked, this time included."""


class Blocks:
    """All decisions, made of the record."""

    def __init__(self, safeguards: Safeguards, events: Iterable[Event] = ()) -> None:
        self._safeguards = safeguards
        self._decisions: dict[str, Decision] = {}
        for event in events:
            self.apply(event)

    def apply(self, event: Event) -> None:
        """Take an event of the record; events come in the order they happened."""
        known = self._decisions.get(event.network)
        times = known.times if known else 0
        if event.kind == "remove":
            if known is not None:
                self._decisions[event.network] = msgspec.structs.replace(
                    known, state="over", by=event.by, reason=event.reason, expires=event.time
                )
            return
        blocked = event.kind == "approve"
        self._decisions[event.network] = Decision(
            event.network,
            "blocked" if blocked else "proposed",
            event.by,
            event.reason,
            event.evidence,
            min(filter(None, (event.first_seen, known.first_seen if known else 0)), default=0),
            max(event.last_seen, known.last_seen if known else 0),
            event.expires or event.time + DAY,
            times + blocked,
        )

    def propose(
        self, client: str, now: int, *, by: str, reason: str, evidence: str = "",
        first_seen: int = 0, last_seen: int = 0,
    ) -> Event | None:  # fmt: skip
        """The event that proposes a client; None if that changes nothing or must not be.

        A client that is blocked, or was proposed already, is not proposed again.
        """
        try:
            network = read_network(client)
        except ParseError:
            return None
        known = self.get(str(network), now)
        if known is not None and known.state != "over":
            return None
        if self._safeguards.refusal(network) or len(self._decisions) >= _MOST:
            return None
        return Event(now, "propose", str(network), by, reason, evidence, first_seen, last_seen)

    def approve(
        self, text: str, now: int, *, by: str, reason: str = "", duration: int = 0
    ) -> Event:
        """The event that blocks a network, proposed or not.

        Without a duration it lasts longer each time. Raises ParseError for what must not be.
        """
        network = read_network(text)
        refusal = self._safeguards.refusal(network)
        if refusal:
            raise ParseError(f"not to be blocked: {refusal}", hint="this can't be switched off")
        known = self.get(str(network), now)
        times = known.times if known else 0
        lasts = duration or _TERMS[min(times, len(_TERMS) - 1)]
        return Event(
            now, "approve", str(network), by, reason or (known.reason if known else ""),
            known.evidence if known else "", known.first_seen if known else 0,
            known.last_seen if known else 0, now + lasts,
        )  # fmt: skip

    def remove(self, text: str, now: int, *, by: str, reason: str) -> Event:
        """The event that ends a block or a proposal. Raises ParseError if there is none."""
        network = str(read_network(text))
        known = self.get(network, now)
        if known is None or known.state == "over":
            raise ParseError(f"{network} is neither blocked nor proposed")
        return Event(now, "remove", network, by, reason)

    def get(self, network: str, now: int) -> Decision | None:
        """Where a network stands at a time; None if nothing is remembered of it."""
        found = self._decisions.get(network)
        if found is None or now >= found.expires + _REMEMBERED:
            return None
        return msgspec.structs.replace(found, state="over") if now >= found.expires else found

    def all(self, now: int) -> Iterator[Decision]:
        """Everything that is remembered, by network."""
        for network in sorted(self._decisions):
            found = self.get(network, now)
            if found is not None:
                yield found

    def was_blocked(self, network: Network) -> bool:
        """Whether it ever was, however long ago."""
        found = self._decisions.get(str(network))
        return found is not None and found.times > 0

    def blocked(self, now: int) -> list[tuple[Network, Decision]]:
        """What is to be exported: blocked, not over, and still not protected."""
        found = []
        for decision in self.all(now):
            network = read_network(decision.network)
            if decision.state == "blocked" and not self._safeguards.refusal(network):
                found.append((network, decision))
        return sorted(found, key=lambda each: (each[0].version, each[0]))
