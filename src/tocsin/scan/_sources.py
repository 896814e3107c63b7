"""Who is behind matching events: counts by filter, dimensions, minute and client, in arrays.

A client of a minute is one number: the minute, and in the lowest bits which name it is. What
comes is written down as it comes, and sorted and added up when it is much or somebody asks. So
a client that comes once in a minute takes sixteen bytes, and two tables are joined by a merge of
sorted arrays. While there are few, as in the tables of a daemon, they stand in plain counters.
"""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import ItemsView, Iterable, Iterator, Mapping, MutableMapping
from itertools import groupby, pairwise
from operator import itemgetter
from typing import TYPE_CHECKING

import numpy as np

from tocsin.durations import MINUTE
from tocsin.pattern import join_counts
from tocsin.scan._names import Names

if TYPE_CHECKING:
    from tocsin.scan._columns import Bools, Ints
    from tocsin.scan._names import Clients

__all__ = ["BITS", "CELL", "NAME", "ROW", "TEXT", "Row", "RowKey", "SourceKey", "Sources"]

SourceKey = tuple[tuple[str, str], int, tuple[tuple[str, str], ...]]
"""A cell: filter, minute, dimensions."""
RowKey = tuple[tuple[str, str], tuple[tuple[str, str], ...]]
"""The cells of a filter and its dimensions."""

BITS = 30
"""Where the minute stands, above the number of the name."""
NAME, TEXT = 3, 12
"""What the name of a client takes in memory; what it takes beyond that if it is a text."""
CELL = 4
"""What a cell is worth beyond its clients: a calm minute goes before clients of a busy one."""
ROW = 40
"""What a filter with its dimensions takes."""
_FEW = 512
"""So many clients of a minute are no reason for arrays."""
_MUCH = 10_000
_NAMES = (1 << BITS) - 1


class Row:
    """The cells of a filter and its dimensions."""

    __slots__ = ("cells", "codes", "counts", "heavy", "waiting")

    def __init__(self) -> None:
        self.codes: Ints = np.empty(0, np.int64)
        """Minutes and clients, ascending; each once."""
        self.counts: Ints = np.empty(0, np.int64)
        self.cells = 0
        """How many minutes there are."""
        self.waiting = array("q")
        """Codes that are not added up yet, one for each event."""
        self.heavy: dict[int, int] = {}
        """The same, each with how many events it stands for."""

    @property
    def weight(self) -> int:
        return ROW + CELL * self.cells + len(self.codes)

    def put(self, codes: Ints, counts: Ints) -> None:
        """Have this instead."""
        self.codes, self.counts = codes, counts
        minutes = codes >> BITS
        self.cells = int(np.count_nonzero(minutes[1:] != minutes[:-1])) + min(1, len(codes))

    def settle(self) -> None:
        """Add up what waits."""
        if self.waiting:
            codes = np.sort(np.frombuffer(self.waiting, np.int64))
            self.waiting = array("q")
            begins = np.flatnonzero(codes[1:] != codes[:-1]) + 1
            begins = np.concatenate(([0], begins))
            self.join(codes[begins], np.diff(begins, append=len(codes)))
        if self.heavy:
            codes = np.array(sorted(self.heavy), np.int64)
            self.join(codes, np.array([self.heavy[each] for each in codes.tolist()], np.int64))
            self.heavy = {}

    def join(self, codes: Ints, counts: Ints) -> None:
        """Add counts of codes that ascend, each once."""
        self.put(*join_counts(self.codes, self.counts, codes, counts))


class Sources(MutableMapping[SourceKey, Counter[str]]):
    """Matching events by client, of cells; those without a client are under the empty text."""

    def __init__(self) -> None:
        self._few: dict[SourceKey, Counter[str]] | None = {}
        """All there is, until it is much."""
        self._size = 0
        self.rows: dict[RowKey, Row] = {}
        self.names = Names()
        """Another object when some were let go."""
        self._unsettled: set[RowKey] = set()
        self._waiting = self._settled = 0
        self._others: list[Sources] = []

    @property
    def unsettled(self) -> int:
        """What it takes in memory that is not added up yet, at most."""
        return self._size + self._waiting + self._names - self._settled

    @property
    def heaviest(self) -> int:
        """The same at most, but for the cells of what is not added up yet."""
        few = (1 + NAME + TEXT) * self._size + (ROW + CELL) * len(self._few or ())
        rows = sum(each.weight for each in self.rows.values())
        own = few + self._names + rows + self._waiting
        return own + sum(each.heaviest for each in self._others)

    @property
    def weight(self) -> int:
        """What it takes in memory, in clients of a minute."""
        self.join()
        return self._names + sum(each.weight for each in self.rows.values())

    @property
    def _names(self) -> int:
        return NAME * len(self.names) + TEXT * self.names.odd

    def add(self, cell: SourceKey, clients: Mapping[str, int] | Iterable[str]) -> None:
        """Count events of clients: so many of each, or one for each that is named."""
        if self._few is not None:
            counter = self._few.setdefault(cell, Counter())
            before = len(counter)
            counter.update(clients)
            self._size += len(counter) - before
            if not counter:
                del self._few[cell]
            if self._size > _FEW:
                self._spread()
            return
        row = self._open((cell[0], cell[2]))
        names, base = self.names, cell[1] // MINUTE << BITS
        before = len(row.waiting) + len(row.heavy)
        if not isinstance(clients, Mapping):
            row.waiting.extend([base | names.number(each) for each in clients])
        else:
            for name, count in clients.items():
                code = base | names.number(name)
                if count == 1:
                    row.waiting.append(code)
                else:
                    row.heavy[code] = row.heavy.get(code, 0) + count
        self._waiting += len(row.waiting) + len(row.heavy) - before

    def add_many(self, key: RowKey, minutes: Ints, clients: Clients, which: Ints) -> None:
        """Count an event in each of the minutes, of one of the clients. The minutes ascend."""
        if self._few is not None and self._size + len(minutes) <= _FEW:
            names = clients.texts(which)
            for minute, alike in groupby(zip(minutes.tolist(), names, strict=True), itemgetter(0)):
                self.add((key[0], minute, key[1]), [name for _, name in alike])
            return
        self._spread()
        codes = (minutes // MINUTE << BITS) | clients.numbers(self.names)[which]
        self._open(key).waiting.frombytes(codes.tobytes())
        self._waiting += len(codes)

    def merge(self, other: Sources) -> None:
        """Add what others counted. It is theirs no more; what is much is joined when asked for."""
        if other._few is not None:
            for cell, clients in other._few.items():
                self.add(cell, clients)
            return
        self._spread()
        if other.heaviest > _MUCH:
            self._others += [other, *other._others]
            other._others = []
            return
        other.join()
        known = self.names.join(other.names)
        for key, theirs in other.rows.items():
            row, codes = self._open(key), (theirs.codes & ~_NAMES) | known[theirs.codes & _NAMES]
            once = theirs.counts == 1
            row.waiting.frombytes(codes[once].tobytes())
            several = zip(codes[~once].tolist(), theirs.counts[~once].tolist(), strict=True)
            for code, count in several:
                row.heavy[code] = row.heavy.get(code, 0) + count
            self._waiting += len(codes)

    def settle(self) -> None:
        """Add up what waits."""
        self._spread()
        for key in self._unsettled:
            self.rows[key].settle()
        self._unsettled.clear()
        self._waiting, self._settled = 0, self._names

    def join(self) -> None:
        """Add up what waits, and what others counted."""
        self.settle()
        for other in self._others:
            other.settle()
            known = self.names.join(other.names)
            for key, theirs in other.rows.items():
                codes = (theirs.codes & ~_NAMES) | known[theirs.codes & _NAMES]
                order = np.argsort(codes)
                row = self.rows.setdefault(key, Row())
                row.join(codes[order], theirs.counts[order])
        self._others = []

    def tidy(self) -> None:
        """Let go of names and rows that nothing is left of."""
        self.join()
        self.rows = {key: row for key, row in self.rows.items() if len(row.codes)}
        alive: Bools = np.zeros(len(self.names), np.bool_)
        for row in self.rows.values():
            alive[row.codes & _NAMES] = True
        number = np.cumsum(alive) - 1
        for row in self.rows.values():
            row.codes = (row.codes & ~_NAMES) | number[row.codes & _NAMES]
        self.names = self.names.chosen(np.flatnonzero(alive))
        self._settled = self._names

    def items(self) -> ItemsView[SourceKey, Counter[str]]:
        return _Items(self)

    def __getitem__(self, cell: SourceKey) -> Counter[str]:
        if self._few is not None:
            return self._few[cell].copy()
        row, begin, end = self._find(cell)
        found: Counter[str] = Counter()
        if row is not None:
            names = self.names.texts(row.codes[begin:end] & _NAMES)
            found.update(dict(zip(names, row.counts[begin:end].tolist(), strict=True)))
        for other in self._others:
            found.update(other.get(cell, ()))
        if not found:
            raise KeyError(cell)
        return found

    def __setitem__(self, cell: SourceKey, clients: Mapping[str, int]) -> None:
        if cell in self:
            del self[cell]
        self.add(cell, clients)

    def __delitem__(self, cell: SourceKey) -> None:
        if self._few is not None:
            self._size -= len(self._few.pop(cell))
            return
        self.join()
        row, begin, end = self._find(cell)
        if row is None or begin == end:
            raise KeyError(cell)
        gone = slice(begin, end)
        row.put(np.delete(row.codes, gone), np.delete(row.counts, gone))

    def __contains__(self, cell: object) -> bool:
        return isinstance(cell, tuple) and bool(self.get(cell))

    def cells(self) -> Iterator[tuple[SourceKey, Counter[str]]]:
        """All cells with their clients."""
        if self._few is not None:
            for cell, clients in self._few.items():
                yield cell, clients.copy()
            return
        self.join()
        for (key, dimensions), row in self.rows.items():
            minutes, begins = np.unique(row.codes >> BITS, return_index=True)
            names, counts = self.names.texts(row.codes & _NAMES), row.counts.tolist()
            edges = zip(minutes.tolist(), pairwise((*begins.tolist(), len(counts))), strict=True)
            for minute, (begin, end) in edges:
                found = zip(names[begin:end], counts[begin:end], strict=True)
                yield (key, minute * MINUTE, dimensions), Counter(dict(found))

    def __iter__(self) -> Iterator[SourceKey]:
        if self._few is not None:
            yield from self._few
            return
        self.join()
        for (key, dimensions), row in self.rows.items():
            for minute in np.unique(row.codes >> BITS).tolist():
                yield key, minute * MINUTE, dimensions

    def __len__(self) -> int:
        if self._few is not None:
            return len(self._few)
        self.join()
        return sum(each.cells for each in self.rows.values())

    def _spread(self) -> None:
        """Have it in arrays."""
        few, self._few = self._few, None
        for cell, clients in (few or {}).items():
            self.add(cell, clients)
        self._size = 0

    def _open(self, key: RowKey) -> Row:
        """The row, to which something is added."""
        row = self.rows.get(key)
        if row is None:
            row = self.rows[key] = Row()
        self._unsettled.add(key)
        return row

    def _find(self, cell: SourceKey) -> tuple[Row | None, int, int]:
        self.settle()
        row = self.rows.get((cell[0], cell[2]))
        if row is None:
            return None, 0, 0
        minute = cell[1] // MINUTE
        begin, end = np.searchsorted(row.codes, (minute << BITS, minute + 1 << BITS)).tolist()
        return row, begin, end


class _Items(ItemsView[SourceKey, Counter[str]]):
    """Row by row, where each cell would be looked up by itself."""

    _mapping: Sources

    def __iter__(self) -> Iterator[tuple[SourceKey, Counter[str]]]:
        yield from self._mapping.cells()
