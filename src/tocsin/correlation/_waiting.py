"""Events that wait for earlier ones, and leave in the order of their times.

Logs are nearly in order. So those that come in order stand in a row, and only those that come
late, or behind one that is ahead of its time, are sorted in.
"""

from __future__ import annotations

from collections import deque
from heapq import heappop, heappush, merge
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tocsin.correlation._model import Event
    from tocsin.correlation._packed import Matched

__all__ = ["Waiting"]

_NEVER = 1 << 63


class Waiting:
    """A queue by time; of the same time the first that came is the first that leaves."""

    def __init__(self) -> None:
        self.arrived = 0
        """Events that came so far."""
        self.due = _NEVER
        """The time of the earliest, later than all times if nothing waits."""
        self._row: deque[tuple[int, int, Event, tuple[int, ...]]] = deque()
        self._others: list[tuple[int, int, Event, tuple[int, ...]]] = []

    def __len__(self) -> int:
        return len(self._row) + len(self._others)

    def __iter__(self) -> Iterator[tuple[int, Matched]]:
        """In the order in which they leave, each with the number under which it came."""
        for _, order, event, matched in merge(self._row, sorted(self._others)):
            yield order, (event, matched)

    def put(self, event: Event, matched: tuple[int, ...]) -> None:
        """Let one more wait."""
        self.arrived += 1
        self._put(event.time, self.arrived, event, matched)

    def put_back(self, order: int, event: Event, matched: tuple[int, ...]) -> None:
        """Let one wait that waited before, under its number; the first that leaves first."""
        self._put(event.time, order, event, matched)

    def _put(self, time: int, order: int, event: Event, matched: tuple[int, ...]) -> None:
        row, each = self._row, (time, order, event, matched)
        if row and each < row[-1]:
            heappush(self._others, each)
            self.due = min(self.due, time)
            return
        row.append(each)
        if len(row) == 1:
            self.due = min(self.due, time)

    def take(self) -> Matched:
        """The earliest. Raises IndexError if nothing waits."""
        row, others = self._row, self._others
        if others and (not row or others[0] < row[0]):
            _, _, event, matched = heappop(others)
        else:
            _, _, event, matched = row.popleft()
        self.due = row[0][0] if row else _NEVER
        if others and others[0][0] < self.due:
            self.due = others[0][0]
        return event, matched
