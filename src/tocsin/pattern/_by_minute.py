"""Counts by minute, close together in memory.

What is counted in one minute is mostly counted in the next one too. So the counts of a day
share one key and stand in one array, in order of the minutes: eight bytes each, where an entry
of a dictionary takes twenty times as much.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import MutableMapping
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from tocsin.durations import DAY, MINUTE

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["ROW", "ByMinute"]

ROW = 25
"""What the key of a day takes, in counts."""
_BITS = 48
_MASK = (1 << _BITS) - 1
_Key = TypeVar("_Key", bound=tuple[Any, ...])


class ByMinute(MutableMapping[_Key, int], Generic[_Key]):
    """A counter whose keys have a minute, microseconds since 1970, as their second part.

    What was not counted is 0, and what is 0 was not counted. Counts are below 2^48.
    """

    __slots__ = ("_count", "_rows")

    def __init__(self) -> None:
        # The minute of the day above the count.
        self._rows: dict[tuple[Any, ...], array[int]] = {}
        self._count = 0

    @property
    def size(self) -> int:
        """What it takes in memory, in counts."""
        return self._count + ROW * len(self._rows)

    def total(self) -> int:
        return sum(count & _MASK for row in self._rows.values() for count in row)

    def minutes(self) -> tuple[int, int] | None:
        """The first and the last minute with a count."""
        if not self._rows:
            return None
        first, last = min(key[1] for key in self._rows), max(key[1] for key in self._rows)
        return (
            first * DAY
            + min(_minute(row[0]) for key, row in self._rows.items() if key[1] == first),
            last * DAY + max(_minute(row[-1]) for key, row in self._rows.items() if key[1] == last),
        )

    def rows(self) -> Iterator[tuple[_Key, list[int], list[int]]]:
        """For each day, a key with its first minute; the minutes and their counts, in order."""
        for key, row in self._rows.items():
            begin = key[1] * DAY
            of_day: Any = (key[0], begin, *key[2:])
            yield of_day, [begin + _minute(each) for each in row], [each & _MASK for each in row]

    def of(self, minute: int) -> list[_Key]:
        """The keys that a minute has a count of."""
        keys: list[Any] = [
            (key[0], minute, *key[2:]) for key in self._rows if key[1] == minute // DAY
        ]
        return [each for each in keys if each in self]

    def weigh(self, sizes: dict[int, float]) -> None:
        """Add to each minute what it takes in memory."""
        for key, row in self._rows.items():
            share = 1 + ROW / len(row)
            for each in row:
                minute = key[1] * DAY + _minute(each)
                sizes[minute] = sizes.get(minute, 0.0) + share

    def drop_before(self, floor: int) -> list[tuple[_Key, int]]:
        """Forget the minutes before one; returns what was counted in them."""
        old = [each for each in self._rows if each[1] * DAY < floor]
        gone: list[tuple[_Key, int]] = [
            ((key[0], key[1] * DAY + _minute(each), *key[2:]), each & _MASK)  # type: ignore[misc]
            for key in old
            for each in self._rows[key]
            if key[1] * DAY + _minute(each) < floor
        ]
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
        low = rest // MINUTE << _BITS
        if row is None:
            self._rows[place] = array("Q", (low | count,))
            self._count += 1
            return
        at = bisect_left(row, low)
        if at < len(row) and row[at] - low <= _MASK:
            row[at] += count
        else:
            row.insert(at, low | count)
            self._count += 1

    def __getitem__(self, key: _Key) -> int:
        row, at = self._find(key)
        return row[at] & _MASK if row else 0

    def __setitem__(self, key: _Key, count: int) -> None:
        row, at = self._find(key)
        if row and not count:
            del self[key]
        elif row:
            row[at] = (row[at] & ~_MASK) | count
        else:
            self.add(key, count)

    def __delitem__(self, key: _Key) -> None:
        row, at = self._find(key)
        if not row:
            raise KeyError(key)
        del row[at]
        self._count -= 1
        if not row:
            del self._rows[key[0], key[1] // DAY, *key[2:]]

    def __contains__(self, key: object) -> bool:
        return isinstance(key, tuple) and bool(self._find(key)[0])

    def __iter__(self) -> Iterator[_Key]:
        for key, row in self._rows.items():
            for each in row:
                yield (key[0], key[1] * DAY + _minute(each), *key[2:])  # type: ignore[misc]

    def __len__(self) -> int:
        return self._count

    def _find(self, key: tuple[Any, ...]) -> tuple[array[int] | None, int]:
        day, rest = divmod(key[1], DAY)
        row = self._rows.get((key[0], day, *key[2:]))
        if row is None:
            return None, 0
        low = rest // MINUTE << _BITS
        at = bisect_left(row, low)
        return (row, at) if at < len(row) and row[at] - low <= _MASK else (None, 0)


def _minute(entry: int) -> int:
    """Where in its day an entry is, microseconds."""
    return (entry >> _BITS) * MINUTE
