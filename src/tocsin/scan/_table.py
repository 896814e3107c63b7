"""What the lines of a block came to. Adding tables is all it takes to join blocks.

Sources are kept in bounded memory after Misra and Gries ("Finding repeated elements", 1982), in
the mergeable form of Agarwal and others ("Mergeable summaries", 2012): when there are too many,
the same number is subtracted from every count of a cell, and what falls to nothing is let go.
So a source that comes often stays, however many come once, and the error is known.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from heapq import nlargest
from typing import TYPE_CHECKING

from tocsin.pattern import Minutes

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["LARGEST", "LONGEST_CLIENT", "MAX_SOURCES", "SourceKey", "Table"]

LARGEST = 2.0**360
"""CloudWatch refuses values beyond it, on either side of zero."""
MAX_SOURCES = 250_000
"""Sources that a table keeps, over all cells."""

LONGEST_CLIENT = 100
"""Letters of a client's name that are kept; whoever sends requests may choose it."""

SourceKey = tuple[tuple[str, str], tuple[tuple[str, str], ...], int]
"""A cell: filter, dimensions, minute."""


@dataclass(slots=True)
class Table:
    """Partial counts."""

    read: int = 0
    """Lines, counted by their line ends."""
    counted: int = 0
    """Lines that are events."""
    dropped: Counter[str] = field(default_factory=Counter)
    """Lines that are none, by reason."""
    repeats: int = 0
    """Events beyond the first in lines that stand for several."""
    unusable: int = 0
    """Events whose metric value CloudWatch would refuse."""
    minutes: Minutes = field(default_factory=Minutes)
    """Events, matches and samples."""
    sources: dict[SourceKey, Counter[str]] = field(default_factory=dict)
    """Matching events by client; those without one are under the empty text."""
    errors: Counter[SourceKey] = field(default_factory=Counter)
    """By how much a count of a cell may be too low, at most; 0 while it is exact."""
    lost: Counter[SourceKey] = field(default_factory=Counter)
    """Matching events that no source of a cell has on its count."""
    kept: int = 0
    """How many entries `sources` has."""
    slow: int = 0
    """Lines that no fast path could read."""
    max_sources: int = MAX_SOURCES

    @property
    def balanced(self) -> bool:
        """Whether `read = counted + dropped{reason}` holds."""
        return self.read == self.counted + self.dropped.total()

    def blame(self, key: SourceKey, clients: Mapping[str, int] | Sequence[str]) -> None:
        """Count matching events of clients: so many of each, or one for each that is named."""
        cell = self.sources.get(key)
        if cell is None:
            cell = self.sources[key] = Counter()
        before = len(cell)
        cell.update(clients)
        self.kept += len(cell) - before
        if self.kept > self.max_sources:
            self._shrink()

    def merge(self, other: Table) -> None:
        self.read += other.read
        self.counted += other.counted
        self.dropped.update(other.dropped)
        self.repeats += other.repeats
        self.unusable += other.unusable
        self.slow += other.slow
        self.minutes.merge(other.minutes)
        self.errors.update(other.errors)
        self.lost.update(other.lost)
        for key, clients in other.sources.items():
            self.blame(key, clients)

    def top(self, key: SourceKey, count: int = 10) -> list[tuple[str, int]]:
        """The busiest sources of a cell; a true count is at most `errors[key]` higher."""
        cell = self.sources.get(key, Counter())
        return nlargest(count, cell.items(), key=lambda each: (each[1], each[0]))

    def _shrink(self) -> None:
        """Halve what is kept: all of what has no datapoint any more, then in the largest cells."""
        known = {*self.sources, *self.errors, *self.lost}
        for gone in [each for each in known if not self._is_wanted(each)]:
            self.sources.pop(gone, None)
            self.errors.pop(gone, None)
            self.lost.pop(gone, None)
        room, waiting = max(1, self.max_sources // 2), len(self.sources)
        # If there are too many cells, those of old minutes go, whole.
        newest = sorted(self.sources, key=lambda each: each[2], reverse=True)
        for key in newest[room:]:
            cell = self.sources.pop(key)
            self.lost[key] += cell.total()
            self.errors[key] += max(cell.values(), default=0)
        waiting = min(waiting, room)
        # Small cells stay whole; what they leave free is for the others.
        for key in sorted(self.sources, key=lambda each: len(self.sources[each])):
            cell = self.sources[key]
            allowed = max(1, room // waiting)
            waiting -= 1
            if len(cell) > allowed:
                self._cut(key, cell, allowed)
            room = max(0, room - len(self.sources[key]))
        self.kept = sum(map(len, self.sources.values()))

    def _is_wanted(self, cell: SourceKey) -> bool:
        key, dimensions, minute = cell
        return self.minutes.keeps(key, minute, dimensions)

    def _cut(self, key: SourceKey, cell: Counter[str], allowed: int) -> None:
        before = cell.total()
        less = sorted(cell.values(), reverse=True)[allowed]
        kept = {client: count - less for client, count in cell.items() if count > less}
        self.sources[key] = Counter(kept)
        self.errors[key] += less
        self.lost[key] += before - sum(kept.values())
