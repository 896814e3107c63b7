"""What one step of the daemon changes; committed whole or not at all."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from tocsin.alerting import Notification
    from tocsin.series import Batch

__all__ = ["LedgerEntry", "Step", "Tally"]


class LedgerEntry(msgspec.Struct, frozen=True):
    """One line of the append-only record."""

    time: int
    """Microseconds since 1970 UTC."""
    kind: str
    """`start`, `stop`, `rules`, `configuration`, `transition`, `notification`, `gap`, `state`."""
    body: dict[str, Any]
    seq: int = 0
    """Its number, given by the store."""


class Tally(msgspec.Struct, frozen=True):
    """What was counted of a minute of a log group; those of one minute add up."""

    log_group: str
    minute: int
    """Its begin, microseconds since 1970 UTC."""
    body: bytes


@dataclass(slots=True)
class Step:
    """Samples, counts, states, ledger entries and notifications that belong together."""

    time: int
    batches: list[Batch] = field(default_factory=list)
    states: dict[str, bytes | None] = field(default_factory=dict)
    """Values by key; None removes the key."""
    ledger: list[LedgerEntry] = field(default_factory=list)
    outbox: list[Notification] = field(default_factory=list)
    """On their way from now on."""
    delivered: list[tuple[str, str]] = field(default_factory=list)
    """(receiver, key) of the notifications that are done with."""
    tallies: list[Tally] = field(default_factory=list)
    """Counted now."""
    folded: list[Tally] = field(default_factory=list)
    """Each in place of all that was kept of its minute; without a body, in place of nothing."""

    texts: dict[str, bytes] = field(default_factory=dict)
    """By SHA-256, of the rules and definitions that are in force."""

    def __bool__(self) -> bool:
        return bool(
            self.batches or self.states or self.tallies or self.folded
            or self.ledger or self.outbox or self.delivered or self.texts
        )  # fmt: skip

    @property
    def size(self) -> int:
        """Roughly the bytes it holds, for bounding what waits for a full disk."""
        return (
            512
            + sum(64 + 16 * len(batch.labels) for batch in self.batches)
            + sum(64 + len(each.body) for each in (*self.tallies, *self.folded))
            + sum(256 + len(value or b"") for value in self.states.values())
            + sum(map(len, self.texts.values()))
            + 256 * (len(self.ledger) + len(self.outbox))
        )
