"""Counts by minute in bounded memory, whatever the events say of their time and values.

Who can write to a log may choose the values of dimensions, the numbers, and sometimes the
time. So there are bounds:

- Of the sets of dimensions of a filter in an hour those are kept whose hash is among the
  lowest (CloudWatch Logs User Guide, "Creating metrics from log events using filters": a filter
  that generates too many, 1,000 in an hour, may be disabled). One that is kept was never let
  go before, so its counts are exact, and which are kept does not depend on the order.
- Of one minute, the values of a metric are exact up to a number of distinct ones; beyond it
  all are rounded to 7 binary digits, which is within 0.8 %; beyond it again, to powers of two.
  That does not depend on the order either.
- Beyond a size the oldest minutes are let go. A minute that is kept is exact.
  How many are kept may depend on the order in which tables are added.
- What one minute has beyond a quarter of that size is not kept; the order decides which.

What is not kept is counted in `skipped` by reason, so that for each filter matches are
samples and what was skipped, at all times.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, field
from enum import StrEnum
from hashlib import blake2b
from heapq import heappush, heappushpop
from typing import TYPE_CHECKING

import numpy as np

from tocsin.durations import HOUR, MINUTE
from tocsin.pattern._by_minute import ROW, ByMinute

if TYPE_CHECKING:
    from collections.abc import Callable

    from tocsin.pattern._by_minute import Ints

__all__ = ["MAX_DIMENSIONS", "MAX_SIZE", "MAX_VALUES", "Counts", "Dimensions", "Key", "Skip"]

MAX_DIMENSIONS = 1000
"""Sets of dimensions of one filter that are kept in an hour."""
MAX_VALUES = 10_000
"""Distinct values of one metric that a minute keeps exactly."""
MAX_SIZE = 12_000_000
"""Counts that a table keeps, each of four bytes: two years of minutes for five filters that
match in all of them. What comes once in a day takes `ROW` more."""

Dimensions = tuple[tuple[str, str], ...]
Key = tuple[str, str]
"""Log group and name of a filter."""
_Sample = tuple[Key, int, Dimensions, float]
_Cell = tuple[Key, int, Dimensions]
_MANY = 8
"""From so many minutes on they are counted all at once."""
_DIGITS = (0, 7, 1)
"""To how many binary digits values are rounded, step by step; not at all at first."""


class Skip(StrEnum):
    """Why a matching event adds nothing."""

    NO_VALUE = "the field of the metric value is missing"
    NO_NUMBER = "the field of the metric value is no number"
    NO_DIMENSION = "the field of a dimension is missing"
    DIMENSIONS = "more sets of dimensions in an hour than are kept"
    CROWDED = "more values in a minute than are kept"
    OLD = "in a minute that was let go, to keep newer ones"


@dataclass(slots=True)
class Counts:
    """Numbers by filter and minute."""

    events: ByMinute[tuple[Key, int]] = field(default_factory=ByMinute)
    """How many events a filter saw, by minute; only of the filters that `event_keys` names."""
    matches: ByMinute[tuple[Key, int]] = field(default_factory=ByMinute)
    samples: ByMinute[_Sample] = field(default_factory=ByMinute)
    skipped: Counter[tuple[Key, Skip]] = field(default_factory=Counter)
    """Matching events that added nothing, by reason."""
    old_matches: Counter[Key] = field(default_factory=Counter)
    """Matches in minutes that were let go."""
    floor: int = -(1 << 62)
    """The first minute that is kept."""
    max_size: int = MAX_SIZE
    max_values: int = MAX_VALUES
    max_dimensions: int = MAX_DIMENSIONS
    _values: dict[_Cell, list[float]] = field(default_factory=dict, compare=False)
    """The values of each cell with dimensions, and of each cell in a minute with many values."""
    _many: set[int] = field(default_factory=set, compare=False)
    """Those minutes."""
    _rounding: dict[_Cell, int] = field(default_factory=dict)
    _of_minute: ByMinute[tuple[None, int]] = field(default_factory=ByMinute, compare=False)
    """How many samples a minute has."""
    _lowest: dict[tuple[Key, int], _Lowest] = field(default_factory=dict, compare=False)
    _shrink_at: int = field(default=0, compare=False)

    def see(self, key: Key, minute: int, count: int) -> None:
        """Count events."""
        if minute >= self.floor:
            self.events.add((key, minute), count)
            self._fit()

    def see_many(self, key: Key, minutes: Ints, counts: Ints) -> None:
        """As `see` for each of the minutes, which ascend; no count is 0."""
        self._add_many(self.events, self.see, key, minutes, counts)

    def match(self, key: Key, minute: int, count: int) -> None:
        """Count matching events."""
        if minute >= self.floor:
            self.matches.add((key, minute), count)
            self._fit()
        else:
            self.old_matches[key] += count

    def sample(
        self, key: Key, minute: int, dimensions: Dimensions, value: float, count: int
    ) -> bool:
        """Count what matching events add; returns whether it is kept."""
        # 0.0 is one value, not two.
        sample = key, minute, dimensions, value + 0.0
        if sample not in self.samples:
            cell = sample[:3]
            if cell in self._rounding:
                sample = (*cell, _rounded(sample[3], self._rounding[cell]))
            if sample not in self.samples:
                refused = self._admit(cell)
                if refused is not None:
                    self.skipped[key, refused] += count
                    return False
                self._note(sample)
        self.samples.add(sample, count)
        while len(self._values.get(sample[:3], ())) > self.max_values:
            if not self._coarsen(sample[:3]):
                break
        self._fit()
        return True

    def match_many(self, key: Key, minutes: Ints, counts: Ints) -> None:
        """As `match` for each of the minutes, which ascend; no count is 0."""
        self._add_many(self.matches, self.match, key, minutes, counts)

    def _add_many(
        self,
        into: ByMinute[tuple[Key, int]],
        add: Callable[[Key, int, int], None],
        key: Key,
        minutes: Ints,
        counts: Ints,
    ) -> None:
        if len(minutes) < _MANY or minutes[0] < self.floor:
            for minute, count in zip(minutes.tolist(), counts.tolist(), strict=True):
                add(key, minute, count)
            return
        into.add_many((key, 0), minutes, counts)
        self._fit()

    def sample_many(self, key: Key, minutes: Ints, value: float, counts: Ints) -> list[bool]:
        """As `sample` without dimensions for each of the minutes, which ascend."""
        most = min(self.max_values, self.max_size // 4 // ROW)
        if (
            len(minutes) < _MANY
            or self._rounding
            or self._many
            or minutes[0] < self.floor
            or int(self._of_minute.get_many((None, 0), minutes).max()) >= most
        ):
            return [
                self.sample(key, minute, (), value, count)
                for minute, count in zip(minutes.tolist(), counts.tolist(), strict=True)
            ]
        sample: _Sample = (key, 0, (), value + 0.0)
        fresh = minutes[self.samples.get_many(sample, minutes) == 0]
        if len(fresh):
            self._of_minute.add_many((None, 0), fresh, np.ones(len(fresh), np.int64))
        self.samples.add_many(sample, minutes, counts)
        self._fit()
        return [True] * len(minutes)

    def keeps(self, key: Key, minute: int, dimensions: Dimensions) -> bool:
        """Whether samples of a minute with these dimensions were not let go."""
        lowest = self._lowest.get((key, minute // HOUR)) if dimensions else None
        return minute >= self.floor and (lowest is None or dimensions in lowest.kept)

    def let_go(self, counts: ByMinute[_Cell]) -> None:
        """Leave out what is of no minute and dimensions that are kept."""
        counts.drop_before(self.floor)
        for (key, _, dimensions), row in list(counts.rows()):
            if dimensions:
                for minute in row()[0].tolist():
                    if not self.keeps(key, minute, dimensions):
                        del counts[key, minute, dimensions]

    def merge(self, other: Counts) -> None:
        """Count all of another table in."""
        self.old_matches.update(other.old_matches)
        self.skipped.update(other.skipped)
        if other.floor > self.floor:
            self._forget(other.floor)
        for cell, step in other._rounding.items():
            while self._rounding.get(cell, 0) < step:
                self._coarsen(cell)
        for (key, _), row in other.events.rows():
            self.see_many(key, *row())
        for (key, _), row in other.matches.rows():
            self.match_many(key, *row())
        for (key, _, dimensions, value), row in other.samples.rows():
            minutes, counts = row()
            if not dimensions:
                self.sample_many(key, minutes, value, counts)
                continue
            for minute, count in zip(minutes.tolist(), counts.tolist(), strict=True):
                self.sample(key, minute, dimensions, value, count)

    def _admit(self, cell: _Cell) -> Skip | None:
        """Make room for a new value; says why there is none."""
        key, minute, dimensions = cell
        if minute < self.floor:
            return Skip.OLD
        if dimensions:
            place = key, minute // HOUR
            lowest = self._lowest.get(place)
            if lowest is None:
                lowest = self._lowest[place] = _Lowest()
            if dimensions not in lowest.kept:
                gone = lowest.add(dimensions, self.max_dimensions)
                if gone == dimensions:
                    return Skip.DIMENSIONS
                if gone is not None:
                    self._let_go(key, minute - minute % HOUR, gone)
        full = ROW * self._of_minute[None, minute] >= self.max_size // 4
        return Skip.CROWDED if full else None

    def _note(self, sample: _Sample) -> None:
        """A sample is new."""
        minute = sample[1]
        self._of_minute.add((None, minute), 1)
        if sample[2] or minute in self._many:
            self._values.setdefault(sample[:3], []).append(sample[3])
        elif self._of_minute[None, minute] > self.max_values:
            self._list_values(minute)
            self._values.setdefault(sample[:3], []).append(sample[3])

    def _let_go(self, key: Key, hour: int, dimensions: Dimensions) -> None:
        for minute in range(hour, hour + HOUR, MINUTE):
            cell = key, minute, dimensions
            self._rounding.pop(cell, None)
            for value in self._values.pop(cell, ()):
                self._of_minute[None, minute] -= 1
                self.skipped[key, Skip.DIMENSIONS] += self.samples.pop((*cell, value))

    def _list_values(self, minute: int) -> None:
        """From now on the values of this minute's cells are listed."""
        self._many.add(minute)
        for sample in self.samples.of(minute):
            if not sample[2]:
                self._values.setdefault(sample[:3], []).append(sample[3])

    def _coarsen(self, cell: _Cell) -> bool:
        """Round the values of a cell, or more than before; returns whether that is possible."""
        step = self._rounding.get(cell, 0) + 1
        if step >= len(_DIGITS):
            return False
        if cell[1] not in self._many:
            self._list_values(cell[1])
        self._rounding[cell] = step
        found: Counter[float] = Counter()
        values = self._values.pop(cell, [])
        for value in values:
            found[_rounded(value, step)] += self.samples.pop((*cell, value))
        if found:
            self._values[cell] = list(found)
        self._of_minute[None, cell[1]] += len(found) - len(values)
        for value, count in found.items():
            self.samples[*cell, value] = count
        return True

    def _fit(self) -> None:
        if self._size() <= max(self.max_size, self._shrink_at):
            return
        sizes: dict[int, float] = {}
        for each in (self.events, self.matches, self.samples):
            each.weigh(sizes)
        kept, floor = 0.0, max(sizes)
        for minute in sorted(sizes, reverse=True):
            kept += sizes[minute]
            if kept > self.max_size * 3 // 4:
                break
            floor = minute
        self._forget(floor)
        # One minute may have more, if there are so many filters.
        self._shrink_at = self._size() + self.max_size // 4

    def _size(self) -> int:
        return self.events.size + self.matches.size + self.samples.size

    def _forget(self, floor: int) -> None:
        """Let go of the minutes before one."""
        self.floor = floor
        self.events.drop_before(floor)
        for at, count in self.matches.drop_before(floor):
            self.old_matches[at[0]] += count
        for sample, count in self.samples.drop_before(floor):
            self.skipped[sample[0], Skip.OLD] += count
        self._of_minute.drop_before(floor)
        for cell in [each for each in self._values if each[1] < floor]:
            del self._values[cell]
        self._many = {each for each in self._many if each >= floor}
        for cell in [each for each in self._rounding if each[1] < floor]:
            del self._rounding[cell]
        for place in [each for each in self._lowest if (each[1] + 1) * HOUR <= floor]:
            del self._lowest[place]


class _Lowest:
    """The sets of dimensions with the lowest hashes among those that were met."""

    __slots__ = ("_highest", "kept")

    def __init__(self) -> None:
        self.kept: set[Dimensions] = set()
        self._highest: list[tuple[int, Dimensions]] = []

    def add(self, dimensions: Dimensions, most: int) -> Dimensions | None:
        """Returns which one does not stay, this one or another."""
        digest = blake2b(repr(dimensions).encode("utf-8", "backslashreplace"), digest_size=8)
        entry = -int.from_bytes(digest.digest()), dimensions
        self.kept.add(dimensions)
        if len(self.kept) <= most:
            heappush(self._highest, entry)
            return None
        gone = heappushpop(self._highest, entry)[1]
        self.kept.remove(gone)
        return gone


def _rounded(value: float, steps: int) -> float:
    """A value after so many roundings, each of the one before: the order changes nothing."""
    for digits in _DIGITS[1 : steps + 1]:
        fraction, exponent = math.frexp(value)
        scale = 1 << digits
        value = math.ldexp(round(fraction * scale) / scale, exponent)
    return value
