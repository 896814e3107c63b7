"""The samples that evaluation needs, in memory; older ones are in the store."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from tocsin.series._batch import Batch, DropReason
from tocsin.series._index import LabelIndex
from tocsin.series._selection import NO_SAMPLES, Selection
from tocsin.series._sheet import Sheet

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from tocsin.labels import Labels, Matcher

__all__ = ["Appended", "Head"]

_CACHED_SELECTIONS = 256


@dataclass(frozen=True, slots=True)
class Appended:
    """What became of a batch: every sample is in `batch` or counted in `dropped`."""

    batch: Batch
    dropped: dict[DropReason, int]


@dataclass(frozen=True, slots=True)
class _Layout:
    """Where the series of a batch live; kept while a source sends the same ones."""

    labels: tuple[Labels, ...]
    version: int
    sheets: tuple[tuple[Sheet, npt.NDArray[np.int64], npt.NDArray[np.int64]], ...]
    """Per sheet: the rows, and the positions in the batch that go there."""
    by_sheet: tuple[Labels, ...]
    """The labels sheet after sheet; one tuple, so that readers can remember it."""


class Head:
    """Samples of the last `window` microseconds, at least; a Queryable.

    A series belongs to the source that wrote it first. Memory is bounded by the
    series budgets of the sources times the window.
    """

    def __init__(self, window: int) -> None:
        self.window = window
        self._index = LabelIndex()
        self._place: dict[int, tuple[str, int]] = {}
        self._sheets: dict[str, Sheet] = {}
        self._members: dict[str, dict[int, int]] = {}
        self._layouts: dict[str, _Layout] = {}
        self._version = 0
        self._found: dict[tuple[Matcher, ...], tuple[int, _Layout]] = {}

    def __len__(self) -> int:
        """The number of series."""
        return len(self._index)

    def widen(self, window: int) -> None:
        """Keep at least `window` from now on; never less than before."""
        self.window = max(self.window, window)
        for sheet in self._sheets.values():
            sheet.window = self.window

    def last_values(self, source: str) -> list[tuple[Labels, float]]:
        """Each series of a source with its newest value."""
        sheet = self._sheets.get(source)
        if sheet is None:
            return []
        return [
            (self._index.labels[number], float(sheet.values[row, sheet.counts[row] - 1]))
            for number, row in self._members[source].items()
            if sheet.counts[row]
        ]

    def series(self, matchers: Sequence[Matcher], start: int, end: int) -> list[Labels]:
        """Label sets of the matching series that have a sample in `start <= time <= end`."""
        selection = self.select(matchers, start, end)
        filled = np.diff(selection.offsets) > 0
        return [labels for labels, some in zip(selection.labels, filled, strict=True) if some]

    def append(self, batch: Batch, budget: int | None = None) -> Appended:
        """Take the samples that are in order and within the source's series budget."""
        dropped: dict[DropReason, int] = {}
        layout = self._layouts.get(batch.source)
        if layout is None or layout.labels is not batch.labels or layout.version != self._version:
            batch = self._admit(batch, budget, dropped)
            layout = self._layout_of(batch.labels)
            self._layouts[batch.source] = layout
        times = batch.times
        if times is None:
            times = np.full(len(batch.labels), batch.time, np.int64)
        keep = np.ones(len(batch.labels), np.bool_)
        for sheet, rows, positions in layout.sheets:
            when, values = times[positions], batch.values[positions]
            fresh = when > sheet.last[rows]
            if not fresh.all():
                keep[positions[~fresh]] = False
                same = int((when == sheet.last[rows]).sum())
                late = len(rows) - int(fresh.sum()) - same
                for reason, count in (
                    (DropReason.DUPLICATE, same),
                    (DropReason.OUT_OF_ORDER, late),
                ):
                    if count:
                        dropped[reason] = dropped.get(reason, 0) + count
            sheet.append(rows[fresh], when[fresh], values[fresh])
        return Appended(batch if keep.all() else _subset(batch, keep), dropped)

    def select(self, matchers: Sequence[Matcher], start: int, end: int) -> Selection:
        layout = self._lookup(tuple(matchers))
        if not layout.labels or start > end:
            return NO_SAMPLES
        if len(layout.labels) == 1:
            sheet, rows, _ = layout.sheets[0]
            row = int(rows[0])
            column = sheet.times[row, : sheet.counts[row]]
            low, high = np.searchsorted(column, (start, end + 1))
            values = sheet.values[row, low:high]
            return Selection(layout.labels, column[low:high], values, np.array([0, high - low]))
        return _gather(layout, start, end)

    def forget(self, before: int) -> int:
        """Drop the series whose last sample is older than `before`; return how many."""
        gone = 0
        for source, sheet in self._sheets.items():
            members = self._members[source]
            old = [(n, row) for n, row in members.items() if sheet.last[row] < before]
            if not old:
                continue
            for number, _ in old:
                del members[number], self._place[number]
                self._index.remove(number)
            sheet.drop_rows([row for _, row in old])
            gone += len(old)
        if gone:
            self._version += 1
            self._found.clear()
            self._layouts.clear()
        return gone

    def _admit(self, batch: Batch, budget: int | None, dropped: dict[DropReason, int]) -> Batch:
        """Make room for new series as far as the budget goes."""
        sheet = self._sheets.setdefault(batch.source, Sheet(self.window))
        members = self._members.setdefault(batch.source, {})
        keep = np.ones(len(batch.labels), np.bool_)
        grown = False
        for position, labels in enumerate(batch.labels):
            if labels in self._index.numbers:
                continue
            if budget is not None and len(members) >= budget:
                keep[position] = False
                continue
            number, row = self._index.add(labels), sheet.new_row()
            members[number] = row
            self._place[number] = (batch.source, row)
            grown = True
        if grown:
            self._version += 1
            self._found.clear()
        if keep.all():
            return batch
        dropped[DropReason.SERIES_BUDGET] = int((~keep).sum())
        return _subset(batch, keep)

    def _lookup(self, matchers: tuple[Matcher, ...]) -> _Layout:
        found = self._found.get(matchers)
        if found is None or found[0] != self._version:
            known = self._index.labels
            layout = self._layout_of(tuple(known[n] for n in self._index.find(matchers)))
            if len(self._found) >= _CACHED_SELECTIONS:
                self._found.clear()
            self._found[matchers] = found = (self._version, layout)
        return found[1]

    def _layout_of(self, labels: tuple[Labels, ...]) -> _Layout:
        by_source: dict[str, tuple[list[int], list[int]]] = {}
        for position, each in enumerate(labels):
            source, row = self._place[self._index.numbers[each]]
            rows, positions = by_source.setdefault(source, ([], []))
            rows.append(row)
            positions.append(position)
        sheets = tuple(
            (self._sheets[source], np.array(rows, np.int64), np.array(positions, np.int64))
            for source, (rows, positions) in by_source.items()
        )
        by_sheet = (
            tuple(labels[p] for _, _, positions in sheets for p in positions.tolist())
            if len(sheets) > 1
            else labels
        )
        return _Layout(labels, self._version, sheets, by_sheet)


def _subset(batch: Batch, keep: npt.NDArray[np.bool_]) -> Batch:
    return replace(
        batch,
        labels=tuple(each for each, kept in zip(batch.labels, keep, strict=True) if kept),
        values=batch.values[keep],
        times=None if batch.times is None else batch.times[keep],
    )


def _gather(layout: _Layout, start: int, end: int) -> Selection:
    """Flat columns of all series, sheet after sheet."""
    times, values, lengths = [], [], []
    for sheet, rows, _ in layout.sheets:
        low, high = sheet.bounds(rows, start, end)
        length = high - low
        first = np.cumsum(length) - length
        cells = np.repeat(rows * sheet.times.shape[1] + low - first, length)
        cells += np.arange(len(cells))
        times.append(sheet.times.reshape(-1)[cells])
        values.append(sheet.values.reshape(-1)[cells])
        lengths.append(length)
    counts = np.concatenate(lengths)
    return Selection(
        layout.by_sheet,
        np.concatenate(times),
        np.concatenate(values),
        np.concatenate([np.zeros(1, np.int64), np.cumsum(counts)]),
    )
