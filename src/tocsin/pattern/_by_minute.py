"""Counts by minute, close together in memory.

What is counted in one minute is mostly counted in the next one too. So the counts of a day
share one key and stand in one array, in order of the minutes: four bytes each while they are
small, where an entry of a dictionary takes thirty times as much.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import ItemsView, MutableMapping
from functools import partial
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from tocsin.durations import DAY, MINUTE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["ROW", "Bools", "ByMinute", "Ints", "join_counts"]

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

ROW = 50
"""What the key of a day takes in memory, in small counts."""
_BITS = {4: 21, 8: 48}
"""Where the minute of the day stands in an entry, above the count, by the size of entries."""
_WIDE = "Q"
_Key = TypeVar("_Key", bound=tuple[Any, ...])


class ByMinute(MutableMapping[_Key, int], Generic[_Key]):
    """A counter whose keys have a minute, microseconds since 1970, as their second part.

    What was not counted is 0, and what is 0 was not counted. Counts are below 2^48.
    """

    __slots__ = ("_count", "_rows", "size")

    def __init__(self) -> None:
        self._rows: dict[tuple[Any, ...], array[int]] = {}
        self._count = 0
        self.size = 0
        """What it takes in memory, in small counts."""

    def total(self) -> int:
        return sum(int(row()[1].sum()) for _, row in self.rows())

    def minutes(self) -> tuple[int, int] | None:
        """The first and the last minute with a count."""
        if not self._rows:
            return None
        days = [key[1] for key in self._rows]
        ends = min(days), max(days)
        found = [_split(row, key[1] * DAY)[0] for key, row in self._rows.items() if key[1] in ends]
        return min(int(each[0]) for each in found), max(int(each[-1]) for each in found)

    def rows(self) -> Iterator[tuple[_Key, Callable[[], tuple[Ints, Ints]]]]:
        """For each day, a key with its first minute, and a call for all minutes and counts."""
        for key, row in self._rows.items():
            begin = key[1] * DAY
            of_day: Any = (key[0], begin, *key[2:])
            yield of_day, partial(_split, row, begin)

    def of(self, minute: int) -> list[_Key]:
        """The keys that a minute has a count of."""
        day = minute // DAY
        keys: list[Any] = [(key[0], minute, *key[2:]) for key in self._rows if key[1] == day]
        return [each for each in keys if each in self]

    def weigh(self, sizes: dict[int, float]) -> None:
        """Add to each minute what it takes in memory."""
        for _, row in self.rows():
            minutes, _ = row()
            share = 1 + ROW / len(minutes)
            for minute in minutes.tolist():
                sizes[minute] = sizes.get(minute, 0.0) + share

    def drop_before(self, floor: int) -> list[tuple[_Key, int]]:
        """Forget the minutes before one; returns what was counted in them."""
        old = {key: self._rows[key] for key in self._rows if key[1] * DAY < floor}
        gone: list[tuple[_Key, int]] = []
        for key, row in old.items():
            minutes, counts = _split(row, key[1] * DAY)
            for minute, count in zip(minutes.tolist(), counts.tolist(), strict=True):
                if minute < floor:
                    of_minute: Any = (key[0], minute, *key[2:])
                    gone.append((of_minute, count))
        for each, _ in gone:
            del self[each]
        return gone

    def add(self, key: _Key, count: int) -> None:
        """As `+=`, in one look."""
        if not count:
            return
        day, rest = divmod(key[1], DAY)
        place = (key[0], day, *key[2:])
        row = self._rows.get(place)
        if row is None:
            row = self._rows[place] = array("I")
            self.size += ROW
        bits = _BITS[row.itemsize]
        low = rest // MINUTE << bits
        at = bisect_left(row, low)
        there = at < len(row) and row[at] >> bits == low >> bits
        total = (row[at] - low if there else 0) + count
        if total >> bits:
            self._rows[place] = _widened(row)
            self.add(key, count)
        elif there:
            row[at] = low + total
        else:
            row.insert(at, low + total)
            self._count += 1
            self.size += 1

    def add_many(self, key: _Key, minutes: Ints, counts: Ints) -> None:
        """As `add` with the key and each of the minutes, which ascend; no count is 0."""
        for day, begin, end in _days(minutes):
            of_day = minutes[begin:end] // MINUTE - day * (DAY // MINUTE)
            self._add_day((key[0], day, *key[2:]), of_day, counts[begin:end])

    def _add_day(self, place: tuple[Any, ...], minutes: Ints, counts: Ints) -> None:
        row = self._rows.get(place)
        if row is None:
            row = array("I")
            self.size += ROW
        known, found = _split(row, 0)
        before = len(known)
        known, found = join_counts(known // MINUTE, found, minutes, counts)
        added = len(known) - before
        self._count += added
        self.size += added
        kind = _WIDE if int(found.max()) >> _BITS[row.itemsize] else row.typecode
        made = self._rows[place] = array(kind)
        entries = known << _BITS[made.itemsize] | found
        made.frombytes(entries.astype(f"u{made.itemsize}").tobytes())

    def get_many(self, key: _Key, minutes: Ints) -> Ints:
        """The counts of the key with each of the minutes, which ascend."""
        counts: Ints = np.zeros(len(minutes), np.int64)
        for day, begin, end in _days(minutes):
            row = self._rows.get((key[0], day, *key[2:]))
            if row is not None:
                known, found = _split(row, day * DAY)
                at, there = _places(known, minutes[begin:end])
                counts[begin:end][there] = found[at[there]]
        return counts

    def items(self) -> ItemsView[_Key, int]:
        return _Items(self)

    def __getitem__(self, key: _Key) -> int:
        row, at = self._find(key)
        return row[at] & ((1 << _BITS[row.itemsize]) - 1) if row else 0

    def __setitem__(self, key: _Key, count: int) -> None:
        if key in self:
            del self[key]
        self.add(key, count)

    def __delitem__(self, key: _Key) -> None:
        row, at = self._find(key)
        if not row:
            raise KeyError(key)
        del row[at]
        self._count -= 1
        self.size -= 1
        if not row:
            del self._rows[key[0], key[1] // DAY, *key[2:]]
            self.size -= ROW

    def __contains__(self, key: object) -> bool:
        return isinstance(key, tuple) and bool(self._find(key)[0])

    def __iter__(self) -> Iterator[_Key]:
        return (key for key, _ in self.items())

    def __len__(self) -> int:
        return self._count

    def _find(self, key: tuple[Any, ...]) -> tuple[array[int] | None, int]:
        day, rest = divmod(key[1], DAY)
        row = self._rows.get((key[0], day, *key[2:]))
        if row is None:
            return None, 0
        bits = _BITS[row.itemsize]
        at = bisect_left(row, rest // MINUTE << bits)
        there = at < len(row) and row[at] >> bits == rest // MINUTE
        return (row, at) if there else (None, 0)


class _Items(ItemsView[_Key, int]):
    """Row by row, where each key would be looked up by itself."""

    _mapping: ByMinute[_Key]

    def __iter__(self) -> Iterator[tuple[_Key, int]]:
        for key, row in self._mapping.rows():
            minutes, counts = row()
            for minute, count in zip(minutes.tolist(), counts.tolist(), strict=True):
                of_minute: Any = (key[0], minute, *key[2:])
                yield of_minute, count


def _days(minutes: Ints) -> Iterator[tuple[int, int, int]]:
    """The days in which ascending minutes are, each with where it begins and ends."""
    days = minutes // DAY
    edges = np.flatnonzero(days[1:] != days[:-1]) + 1
    for begin, end in pairwise((0, *edges.tolist(), len(minutes))):
        yield int(days[begin]), begin, end


def join_counts(known: Ints, found: Ints, keys: Ints, counts: Ints) -> tuple[Ints, Ints]:
    """Keys with their counts, and those of others added to them; both ascend, each key once.

    `found` may be changed.
    """
    at, there = _places(known, keys)
    found[at[there]] += counts[there]
    fresh = ~there
    at, keys, counts = at[fresh], keys[fresh], counts[fresh]
    if not len(at) or at[0] == len(known):
        # Mostly what is new comes last.
        return np.concatenate((known, keys)), np.concatenate((found, counts))
    return np.insert(known, at, keys), np.insert(found, at, counts)


def _places(known: Ints, wanted: Ints) -> tuple[Ints, Bools]:
    """Where each stands or would stand, both in order, and whether it is there."""
    at = np.searchsorted(known, wanted)
    there = at < len(known)
    there[there] = known[at[there]] == wanted[there]
    return at, there


def _split(row: array[int], begin: int) -> tuple[Ints, Ints]:
    """The minutes of a row of the day that begins there, and their counts."""
    entries = np.array(row, np.uint64).astype(np.int64)
    bits = _BITS[row.itemsize]
    return begin + (entries >> bits) * MINUTE, entries & ((1 << bits) - 1)


def _widened(row: array[int]) -> array[int]:
    minutes, counts = _split(row, 0)
    bits = _BITS[8]
    return array(_WIDE, ((minutes // MINUTE << bits) | counts).tolist())
