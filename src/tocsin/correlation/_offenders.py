"""Who has the most events, of however many keys: Misra-Gries, many keys at a time.

Source: Misra and Gries, "Finding repeated elements" (1982), in the form that cuts a table of
twice the size back to half at once. Every count is too low by at most `error`, and no key that
is left out has more events than that.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tocsin.correlation._model import Key

__all__ = ["Offenders"]


class Offenders:
    """The busiest keys of a rule."""

    def __init__(self, kept: int) -> None:
        self._kept = kept
        self.seen: dict[Key, tuple[int, int, int]] = {}
        """Of each key: events, first and last time."""
        self.error = 0

    def add(self, key: Key, time: int, count: int) -> None:
        found = self.seen.get(key)
        if found is not None:
            self.seen[key] = found[0] + count, found[1], time
            return
        if len(self.seen) >= 2 * self._kept:
            self._cut()
        self.seen[key] = count, time, time

    def _cut(self) -> None:
        counts = sorted((each[0] for each in self.seen.values()), reverse=True)
        off = counts[self._kept]
        self.error += off
        for key in list(self.seen):
            count, first, last = self.seen[key]
            if count > off:
                self.seen[key] = count - off, first, last
            else:
                del self.seen[key]

    def top(self, number: int) -> list[tuple[Key, int, int, int]]:
        """The busiest: key, events, first and last time."""
        ranked = sorted(self.seen.items(), key=lambda each: (-each[1][0], each[0]))
        return [(key, *found) for key, found in ranked[:number]]

    def state(self) -> list[Any]:
        return [self.error, [[key, *found] for key, found in self.seen.items()]]

    def restore(self, state: list[Any]) -> None:
        self.error = state[0]
        self.seen = {
            tuple(key) if isinstance(key, list) else key: (count, first, last)
            for key, count, first, last in state[1]
        }
