"""Decisions to block: proposed, approved, over; each with its reason, none for ever.

Everything here is a function of what happened and when, so what is exported is always what the
record says.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterable, Iterator  # noqa: TC003 - annotations are read at run time
from typing import Literal

import msgspec

from tocsin.durations import DAY, HOUR
from tocsin.errors import ParseError
from tocsin.respond._safeguards import WIDEST, Network, Safeguards, read_network
from tocsin.respond._traffic import Traffic  # noqa: TC001 - annotations are read at run time

__all__ = ["Blocks", "Decision", "Event"]

_TERMS = (HOUR, 4 * HOUR, DAY, 7 * DAY, 30 * DAY)
"""How long a block lasts: longer each time, for those who come back."""
_REMEMBERED = 90 * DAY
_MOST = 20_000
"""Networks that are remembered when something is proposed."""
_MOST_A_DAY = 1000
"""Automatic blocks: what is beyond them, people decide."""


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
    automatic: bool = False
    """Whether nobody was asked."""
    echo: bool = False
    """Whether some of its events are from while it was blocked: our own refusals, perhaps."""


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
    ended: int = 0
    """When the last block before was, or will be, over."""
    echo: bool = False
    """Of a proposal, as in its event."""
    pardoned: bool = False
    """Whether a person ended the last block or proposal."""


class Blocks:
    """All decisions, made of the record."""

    def __init__(self, safeguards: Safeguards, events: Iterable[Event] = ()) -> None:
        self._safeguards = safeguards
        self._decisions: dict[str, Decision] = {}
        self._automatic: deque[int] = deque(maxlen=_MOST_A_DAY)
        """When the last automatic blocks were made."""
        self._cleared = 0
        for event in events:
            self.apply(event)

    def apply(self, event: Event) -> None:
        """Take an event of the record; events come in the order they happened."""
        if event.automatic:
            self._automatic.append(event.time)
        known = self._decisions.get(event.network)
        times = known.times if known else 0
        if event.kind == "remove":
            if known is not None:
                self._decisions[event.network] = msgspec.structs.replace(
                    known, state="over", by=event.by, reason=event.reason, expires=event.time,
                    ended=min(known.ended, event.time), pardoned=True,
                )  # fmt: skip
            return
        blocked = event.kind == "approve"
        ended = known.ended if known else 0
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
            event.expires if blocked else ended,
            event.echo,
            not blocked and known is not None and known.pardoned,
        )

    def propose(
        self, client: str, now: int, *, by: str, reason: str, evidence: str = "",
        first_seen: int = 0, last_seen: int = 0,
    ) -> Event | None:  # fmt: skip
        """The event that proposes a client; None if that changes nothing or must not be.

        A client that is blocked, or was proposed already, is not proposed again; nor is one whose
        events are all from while it was blocked: they may be our own refusals.
        """
        if self.objection(client, now, last_seen=last_seen):
            return None
        network = read_network(client)
        echo = (first_seen or now) < self._ended(network)
        return Event(
            now, "propose", str(network), by, reason, evidence, first_seen, last_seen, echo=echo
        )

    def objection(
        self, client: str, now: int, *, last_seen: int = 0
    ) -> Literal["", "no address", "known", "while blocked", "protected", "too many"]:
        """Why a client is not proposed; empty if it may be."""
        try:
            network = read_network(client)
        except ParseError:
            return "no address"
        ended = self._ended(network)
        known = self.get(str(network), now)
        if now < ended or (known is not None and known.state != "over"):
            return "known"
        if (last_seen or now) < ended:
            return "while blocked"
        if self._safeguards.refusal(network):
            return "protected"
        return "" if str(network) in self._decisions or self._room(now) else "too many"

    def _ended(self, network: Network) -> int:
        """When the last block of a network, or of one that holds it, was or will be over."""
        ended = 0
        for prefix in range(WIDEST[network.version], network.prefixlen + 1):
            found = self._decisions.get(str(network.supernet(new_prefix=prefix)))
            ended = max(ended, found.ended if found else 0)
        return ended

    def _room(self, now: int) -> bool:
        """Whether one more may be proposed; what need not be remembered makes room."""
        if len(self._decisions) >= _MOST and now > self._cleared:
            self._cleared = now
            for each in list(self._decisions.values()):
                kept = _REMEMBERED if each.times or each.pardoned else 0
                if now >= each.expires + kept:
                    del self._decisions[each.network]
        return len(self._decisions) < _MOST

    def automatic(self, now: int, rules: Collection[str], traffic: Traffic) -> list[Event]:
        """The events that block what `rules` proposed, as far as nobody has to look at it.

        Left to people are: what a person let go before, what rests on events from while it was
        blocked, what comes after the most that a day may bring, and everything where too little
        went well lately to say what a block would cut. All of these together cut no more than
        one decision may.
        """
        if not traffic.known:
            return []
        left = _MOST_A_DAY - sum(1 for time in self._automatic if now - DAY < time)
        wanted = [
            each
            for each in self.all(now)
            if each.state == "proposed" and each.by in rules
            if not (each.echo or each.pardoned)
        ]
        made: list[Event] = []
        cut = 0
        for each in sorted(wanted, key=lambda each: (-each.times, -each.last_seen, each.network)):
            cuts = traffic.cut(read_network(each.network))
            if len(made) >= left or traffic.too_much(cut + cuts):
                continue
            try:
                event = self.approve(each.network, now, by=each.by)
            except ParseError:
                continue
            made.append(msgspec.structs.replace(event, automatic=True))
            cut += cuts
        return made

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

    def forgotten(self, now: int) -> set[str]:
        """Networks of which nothing is remembered: proposed once, long ago, and never blocked."""
        return {
            each.network
            for each in self._decisions.values()
            if not each.times and self.get(each.network, now) is None
        }

    def blocked(self, now: int) -> list[tuple[Network, Decision]]:
        """What is to be exported: blocked, not over, and still not protected."""
        found = [
            (network, decision)
            for network, decision in self._standing(now)
            if not self._safeguards.refusal(network)
        ]
        return sorted(found, key=lambda each: (each[0].version, each[0]))

    def withheld(self, now: int) -> list[str]:
        """Why what is blocked, and not over, is not exported all the same."""
        refusals = (self._safeguards.refusal(network) for network, _ in self._standing(now))
        return [each for each in refusals if each]

    def _standing(self, now: int) -> Iterator[tuple[Network, Decision]]:
        for decision in self.all(now):
            if decision.state == "blocked":
                yield read_network(decision.network), decision
