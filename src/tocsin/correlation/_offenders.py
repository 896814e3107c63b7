"""Who has the most events, of however many keys.

The busiest keys have a count of their own. The others are counted by fingerprint, and a key
that is counted more often there than the least busy of the first changes places with it. So a
million keys that come once each cost the busy ones nothing. A count is too low by at most
`error`, and no key that is not listed has more events than `error` and the least of the list.
"""

from __future__ import annotations

from heapq import nsmallest
from typing import TYPE_CHECKING, Any

from tocsin.correlation._summary import LARGEST, Pane, Pool, fingerprint

if TYPE_CHECKING:
    from tocsin.correlation._model import Key

__all__ = ["Offenders"]


class Offenders:
    """The busiest keys of a rule."""

    def __init__(self, kept: int, pool: Pool, seed: bytes) -> None:
        self._kept = kept
        self._seed = seed
        self._rest = Pane(pool)
        self._floor = 0
        """The largest count of a key that was moved to the others; 0 if none was."""
        self._cut_off = 0
        """What was lost of counts that were too large for a fingerprint's."""
        self.seen: dict[Key, tuple[int, int, int]] = {}
        """Of each key: events, first and last time."""

    @property
    def error(self) -> int:
        """Every count may be too low by this."""
        return self._rest.taken_off + self._cut_off

    def add(self, key: Key, time: int, count: int) -> None:
        found = self.seen.get(key)
        if found is not None:
            self.seen[key] = found[0] + count, found[1], time
            return
        if self._floor:
            number = fingerprint(key, self._seed)
            counted = self._rest.add(number, count)
            if counted < LARGEST and counted <= self._floor:
                return
            count += self._rest.take(number) - min(count, LARGEST)
        self.seen[key] = count, time, time
        if len(self.seen) >= 2 * self._kept:
            self._cut()

    def _cut(self) -> None:
        """Move the less busy half to the others."""
        ranked = sorted(self.seen.items(), key=lambda each: each[1][0])
        for key, (count, _, _) in ranked[: -self._kept]:
            del self.seen[key]
            self._floor = max(self._floor, count)
            self._cut_off = max(self._cut_off, count - LARGEST)
            self._rest.add(fingerprint(key, self._seed), count)

    def top(self, number: int) -> list[tuple[Key, int, int, int]]:
        """The busiest: key, events, first and last time while it was among them."""
        ranked = nsmallest(number, self.seen.items(), key=lambda each: (-each[1][0], each[0]))
        return [(key, *found) for key, found in ranked]

    def state(self) -> list[Any]:
        seen = [[key, *found] for key, found in self.seen.items()]
        return [self._floor, self._cut_off, self._rest.state(), seen]

    def restore(self, state: list[Any]) -> None:
        self._floor, self._cut_off = state[:2]
        self._rest.restore(state[2])
        self.seen = {
            tuple(key) if isinstance(key, list) else key: (count, first, last)
            for key, count, first, last in state[3]
        }
