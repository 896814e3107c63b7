"""What the lines of a block came to. Adding tables is all it takes to join blocks."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from heapq import nlargest
from typing import TYPE_CHECKING

from tocsin.pattern import ByMinute, Minutes
from tocsin.scan._letting_go import let_go
from tocsin.scan._sources import SourceKey, Sources

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from tocsin.scan._columns import Ints
    from tocsin.scan._names import Clients

__all__ = ["LARGEST", "Table"]

LARGEST = 2.0**360
"""CloudWatch refuses values beyond it, on either side of zero."""
_MAX_SOURCES = 1_000_000
"""What the sources of a table may take, in clients of a minute."""


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
    sources: Sources = field(default_factory=Sources)
    """Matching events by client; those without one are under the empty text."""
    errors: ByMinute[SourceKey] = field(default_factory=ByMinute)
    """By how much a count of a cell may be too low, at most; 0 while it is exact."""
    lost: ByMinute[SourceKey] = field(default_factory=ByMinute)
    """Matching events that no source of a cell has on its count."""
    slow: int = 0
    """Lines that no fast path could read."""
    max_sources: int = _MAX_SOURCES
    _clean_at: int = field(default=0, compare=False)

    @property
    def balanced(self) -> bool:
        """Whether `read = counted + dropped{reason}` holds."""
        return self.read == self.counted + self.dropped.total()

    def blame(self, key: SourceKey, clients: Mapping[str, int] | Iterable[str]) -> None:
        """Count matching events of clients: so many of each, or one for each that is named."""
        self.sources.add(key, clients)
        self._bound()

    def blame_many(
        self, key: tuple[str, str], minutes: Ints, clients: Clients, which: Ints
    ) -> None:
        """Count matching events without dimensions, each with its minute and one of the clients.

        The minutes ascend.
        """
        self.sources.add_many((key, ()), minutes, clients, which)
        self._bound()

    def merge(self, other: Table) -> None:
        self.read += other.read
        self.counted += other.counted
        self.dropped.update(other.dropped)
        self.repeats += other.repeats
        self.unusable += other.unusable
        self.slow += other.slow
        self.minutes.merge(other.minutes)
        for mine, others in ((self.errors, other.errors), (self.lost, other.lost)):
            for key, row in others.rows():
                mine.add_many(key, *row())
        self.sources.merge(other.sources)
        self._bound()
        # Both are in memory; to join them is left to whoever asks.
        self._fit(2 * self.max_sources)

    def top(self, key: SourceKey, count: int = 10) -> list[tuple[str, int]]:
        """The busiest sources of a cell; a true count is at most `errors[key]` higher."""
        cell = self.sources.get(key, Counter())
        return nlargest(count, cell.items(), key=lambda each: (each[1], each[0]))

    def _bound(self) -> None:
        if self.sources.unsettled > self.max_sources // 4:
            self._fit(self.max_sources)

    def _fit(self, most: int) -> None:
        if self.sources.heaviest <= most or self.sources.weight <= self.max_sources:
            return
        if self.lost.size + self.errors.size > self._clean_at:
            for counts in (self.errors, self.lost):
                self.minutes.let_go(counts)
            # Looked at again when there are twice as many.
            self._clean_at = 2 * (self.lost.size + self.errors.size) + self.max_sources
        let_go(self.sources, self.minutes, self.errors, self.lost, self.max_sources)
