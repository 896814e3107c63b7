"""Which sources of a table are let go of when there are too many.

After Misra and Gries ("Finding repeated elements", 1982), in the mergeable form of Agarwal and
others ("Mergeable summaries", 2012): the same number is subtracted from every count of a cell,
and what falls to nothing is let go. So a source that comes often stays, however many come once,
and the error is known.
"""

from __future__ import annotations

from bisect import bisect_left
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from tocsin.durations import MINUTE
from tocsin.scan._sources import BITS, CELL, ROW

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tocsin.pattern import ByMinute, Minutes
    from tocsin.scan._columns import Bools, Ints
    from tocsin.scan._sources import Row, RowKey, SourceKey, Sources

__all__ = ["let_go"]

_LOW = 42
"""Counts below 2^42 are told apart when they are ranked."""


class _Cells:
    """All cells, those of a row one behind the other and in order of their minutes."""

    def __init__(self, rows: Sequence[Row]) -> None:
        self.codes = np.concatenate([each.codes for each in rows])
        self.counts = np.concatenate([each.counts for each in rows])
        # Rows may have the same minutes: the first of a row begins a cell whatever was before.
        ends = np.cumsum([len(each.codes) for each in rows])
        minutes = self.codes >> BITS
        begins: Bools = np.ones(len(minutes), np.bool_)
        begins[1:] = minutes[1:] != minutes[:-1]
        begins[ends[:-1]] = True
        self.begins: Ints = np.flatnonzero(begins)
        self.sizes: Ints = np.diff(self.begins, append=len(minutes))
        self.minutes: Ints = minutes[self.begins] * MINUTE
        self.row: Ints = np.searchsorted(ends, self.begins, "right")
        edges = [0, *np.searchsorted(self.begins, ends).tolist()]
        self.of_row = [slice(*each) for each in pairwise(edges)]
        """Where the cells of each row are."""
        self.totals: Ints = np.add.reduceat(self.counts, self.begins)


def let_go(
    sources: Sources,
    minutes: Minutes,
    errors: ByMinute[SourceKey],
    lost: ByMinute[SourceKey],
    most: int,
) -> None:
    """Halve what is kept: all of what has no datapoint any more, then in the largest cells."""
    weight = sources.weight
    inner = sum(each.weight - ROW for each in sources.rows.values())
    room = inner * most // (2 * weight)
    while weight > most:
        keys = [key for key, row in sources.rows.items() if len(row.codes)]
        if keys:
            _cut(sources, keys, minutes, errors, lost, room)
        sources.tidy()
        if not room:
            break
        weight, room = sources.weight, room // 2


def _cut(
    sources: Sources,
    keys: Sequence[RowKey],
    minutes: Minutes,
    errors: ByMinute[SourceKey],
    lost: ByMinute[SourceKey],
    room: int,
) -> None:
    cells = _Cells([sources.rows[each] for each in keys])
    wanted = _wanted(cells, keys, minutes)
    peaks = np.maximum.reduceat(cells.counts, cells.begins)
    less = np.where(wanted, 0, peaks)
    before = cells.totals + _told(cells, keys, lost)
    # If there are too many cells, the calmest of each filter go, whole.
    most = max(1, room // (2 * CELL))
    left = np.flatnonzero(wanted)
    if len(left) > most:
        gone = left[_by_calm(cells, before, left)[:-most]]
        less[gone] = peaks[gone]
        left = np.setdiff1d(left, gone, assume_unique=True)
    _level(cells, left, room - CELL * len(left), less)
    codes, counts = cells.codes, cells.counts
    counts -= np.repeat(less, cells.sizes)
    np.maximum(counts, 0, out=counts)
    kept = counts > 0
    fewer = cells.totals - np.add.reduceat(counts, cells.begins)
    told = wanted & (less > 0)
    begin = 0
    for (key, dimensions), here in zip(keys, cells.of_row, strict=True):
        which = told[here]
        if which.any():
            known = cells.minutes[here][which]
            errors.add_many((key, 0, dimensions), known, less[here][which])
            lost.add_many((key, 0, dimensions), known, fewer[here][which])
        row = sources.rows[key, dimensions]
        end = begin + len(row.codes)
        row.put(codes[begin:end][kept[begin:end]], counts[begin:end][kept[begin:end]])
        begin = end


def _wanted(cells: _Cells, keys: Sequence[RowKey], minutes: Minutes) -> Bools:
    """Which cells have a datapoint still."""
    wanted: Bools = cells.minutes >= minutes.floor
    for (key, dimensions), here in zip(keys, cells.of_row, strict=True):
        if dimensions:
            wanted[here] = [
                minutes.keeps(key, each, dimensions) for each in cells.minutes[here].tolist()
            ]
    return wanted


def _told(cells: _Cells, keys: Sequence[RowKey], lost: ByMinute[SourceKey]) -> Ints:
    """What each cell lost before."""
    return np.concatenate(
        [
            lost.get_many((key, 0, dimensions), cells.minutes[here])
            for (key, dimensions), here in zip(keys, cells.of_row, strict=True)
        ]
    )


def _by_calm(cells: _Cells, totals: Ints, which: Ints) -> Ints:
    """An order: the calmest minutes of each row first and of those the oldest."""
    rows, totals = cells.row[which], totals[which]
    mean = np.bincount(rows, totals) / np.maximum(1, np.bincount(rows))
    order: Ints = np.lexsort((cells.minutes[which], totals / mean[rows]))
    return order


def _level(cells: _Cells, which: Ints, room: int, less: Ints) -> None:
    """Small cells stay whole; what they leave free is for the others."""
    # Each cell's counts, the largest first, as numbers that ascend over all cells.
    top = (1 << _LOW) - 1
    numbers = np.repeat(np.arange(len(cells.sizes)) << _LOW, cells.sizes)
    numbers += top - np.minimum(cells.counts, top)
    numbers.sort()
    ranked = numbers.data
    waiting = len(which)
    sizes, begins = cells.sizes[which], cells.begins[which]
    order = np.argsort(sizes, kind="stable")
    for cell, size, begin in zip(
        which[order].tolist(), sizes[order].tolist(), begins[order].tolist(), strict=True
    ):
        allowed = max(1, room // waiting)
        waiting -= 1
        kept = size
        if size > allowed:
            edge = ranked[begin + allowed]
            less[cell] = top - (edge & top)
            kept = bisect_left(ranked, edge, begin, begin + size) - begin
        room = max(0, room - kept)
