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
from typing import TYPE_CHECKING, Any

from tocsin.pattern import ByMinute, Minutes

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["LARGEST", "LONGEST_CLIENT", "MAX_SOURCES", "SourceKey", "Table"]

LARGEST = 2.0**360
"""CloudWatch refuses values beyond it, on either side of zero."""
MAX_SOURCES = 250_000
"""Sources that a table keeps, over all cells."""
CELL = 4
"""What a cell takes in memory, in sources."""

LONGEST_CLIENT = 100
"""Letters of a client's name that are kept; whoever sends requests may choose it."""

SourceKey = tuple[tuple[str, str], int, tuple[tuple[str, str], ...]]
"""A cell: filter, minute, dimensions."""


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
    errors: ByMinute[SourceKey] = field(default_factory=ByMinute)
    """By how much a count of a cell may be too low, at most; 0 while it is exact."""
    lost: ByMinute[SourceKey] = field(default_factory=ByMinute)
    """Matching events that no source of a cell has on its count."""
    kept: int = 0
    """What `sources` takes in memory, in sources."""
    slow: int = 0
    """Lines that no fast path could read."""
    max_sources: int = MAX_SOURCES
    _clean_at: int = field(default=0, compare=False)

    @property
    def balanced(self) -> bool:
        """Whether `read = counted + dropped{reason}` holds."""
        return self.read == self.counted + self.dropped.total()

    def blame(self, key: SourceKey, clients: Mapping[str, int] | Sequence[str]) -> None:
        """Count matching events of clients: so many of each, or one for each that is named."""
        cell = self.sources.get(key)
        if cell is None:
            cell = self.sources[key] = Counter()
            self.kept += CELL
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
        for key, count in other.errors.items():
            self.errors.add(key, count)
        for key, count in other.lost.items():
            self.lost.add(key, count)
        for key, clients in other.sources.items():
            self.blame(key, clients)

    def top(self, key: SourceKey, count: int = 10) -> list[tuple[str, int]]:
        """The busiest sources of a cell; a true count is at most `errors[key]` higher."""
        cell = self.sources.get(key, Counter())
        return nlargest(count, cell.items(), key=lambda each: (each[1], each[0]))

    def narrow(self, max_sources: int) -> None:
        """Keep fewer sources from now on."""
        self.max_sources = max_sources
        if self.kept > max_sources:
            self._shrink()

    def weigh(self) -> None:
        """Say anew what is kept."""
        self.kept = sum(CELL + len(cell) for cell in self.sources.values())

    def _shrink(self) -> None:
        """Halve what is kept: all of what has no datapoint any more, then in the largest cells."""
        for gone in [each for each in self.sources if not self._is_wanted(each)]:
            del self.sources[gone]
        if self.lost.size + self.errors.size > self._clean_at:
            for counts in (self.errors, self.lost):
                for gone in [each for each in counts if not self._is_wanted(each)]:
                    del counts[gone]
            # Looked at again when there are twice as many.
            self._clean_at = 2 * (self.lost.size + self.errors.size) + self.max_sources
        room = self.max_sources // 2
        # If there are too many cells, the calmest of each filter go, whole.
        most = max(1, room // (2 * CELL))
        if len(self.sources) > most:
            for key in self._by_calm()[:-most]:
                cell = self.sources.pop(key)
                self.lost.add(key, cell.total())
                self.errors.add(key, max(cell.values(), default=0))
        waiting = len(self.sources)
        room -= CELL * waiting
        # Small cells stay whole; what they leave free is for the others.
        for key in sorted(self.sources, key=lambda each: len(self.sources[each])):
            cell = self.sources[key]
            allowed = max(1, room // waiting)
            waiting -= 1
            if len(cell) > allowed:
                self._cut(key, cell, allowed)
            room = max(0, room - len(self.sources[key]))
        self.weigh()

    def _by_calm(self) -> list[SourceKey]:
        """The cells, the calmest minutes of each filter first and of those the oldest."""
        totals = {key: cell.total() + self.lost[key] for key, cell in self.sources.items()}
        sums, numbers = Counter[Any](), Counter[Any]()
        for (key, _, dimensions), total in totals.items():
            sums[key, dimensions] += total
            numbers[key, dimensions] += 1
        mean = {each: sums[each] / numbers[each] for each in sums}
        return sorted(totals, key=lambda each: (totals[each] / mean[each[0], each[2]], each[1]))

    def _is_wanted(self, cell: SourceKey) -> bool:
        key, minute, dimensions = cell
        return self.minutes.keeps(key, minute, dimensions)

    def _cut(self, key: SourceKey, cell: Counter[str], allowed: int) -> None:
        before = cell.total()
        less = sorted(cell.values(), reverse=True)[allowed]
        kept = {client: count - less for client, count in cell.items() if count > less}
        self.sources[key] = Counter(kept)
        self.errors.add(key, less)
        self.lost.add(key, before - sum(kept.values()))
