"""One source's samples: a row a series, a column an append; rows in rising time order."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

__all__ = ["Sheet"]

_FIRST_COLUMNS = 16
_FIRST_ROWS = 8


class Sheet:
    """Two matrices, times and values, of which row r is filled up to `counts[r]`.

    A cell below `counts[r]` is never written again: trimming makes new matrices.
    So a slice handed out stays true while the sheet grows.
    """

    def __init__(self, window: int) -> None:
        self.window = window
        self.rows = 0
        self.counts: npt.NDArray[np.int64] = np.zeros(_FIRST_ROWS, np.int64)
        self.last: npt.NDArray[np.int64] = np.full(_FIRST_ROWS, np.iinfo(np.int64).min)
        self.times: npt.NDArray[np.int64] = np.zeros((_FIRST_ROWS, _FIRST_COLUMNS), np.int64)
        self.values: npt.NDArray[np.float64] = np.zeros((_FIRST_ROWS, _FIRST_COLUMNS))
        self.free: list[int] = []

    def new_row(self) -> int:
        if self.free:
            return self.free.pop()
        if self.rows == len(self.counts):
            more = len(self.counts)
            self.counts = np.concatenate([self.counts, np.zeros(more, np.int64)])
            self.last = np.concatenate([self.last, np.full(more, np.iinfo(np.int64).min)])
            self.times = np.concatenate([self.times, np.zeros_like(self.times)])
            self.values = np.concatenate([self.values, np.zeros_like(self.values)])
        self.rows += 1
        return self.rows - 1

    def drop_rows(self, rows: list[int]) -> None:
        """Forget whole rows; their places are used again by later series."""
        self.times, self.values = self.times.copy(), self.values.copy()
        self.counts[rows] = 0
        self.last[rows] = np.iinfo(np.int64).min
        self.free.extend(rows)

    def append(
        self,
        rows: npt.NDArray[np.int64],
        times: npt.NDArray[np.int64],
        values: npt.NDArray[np.float64],
    ) -> None:
        """One sample a row; every time is after the row's last one."""
        if not len(rows):
            return
        at = self.counts[rows]
        if int(at.max()) == self.times.shape[1]:
            self._make_room(int(times.max()))
            at = self.counts[rows]
        self.times[rows, at] = times
        self.values[rows, at] = values
        self.counts[rows] = at + 1
        self.last[rows] = times

    def bounds(
        self, rows: npt.NDArray[np.int64], start: int, end: int
    ) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """Per row the half-open range of columns with `start <= time <= end`."""
        return self._search(rows, start), self._search(rows, end + 1)

    def _search(self, rows: npt.NDArray[np.int64], wanted: int) -> npt.NDArray[np.int64]:
        """Per row the number of samples before `wanted`: a binary search of all rows at once."""
        counts = self.counts[rows]
        low, high = np.zeros(len(rows), np.int64), counts.copy()
        flat, width = self.times.reshape(-1), self.times.shape[1]
        base = rows * width
        for _ in range(int(counts.max(initial=0)).bit_length()):
            open_ = low < high
            middle = (low + high) >> 1
            before = open_ & (flat[base + np.minimum(middle, width - 1)] < wanted)
            low = np.where(before, middle + 1, low)
            high = np.where(open_ & ~before, middle, high)
        return low

    def _make_room(self, newest: int) -> None:
        """Drop what is older than the window, then widen if rows are still nearly full."""
        width = self.times.shape[1]
        first = self._search(np.arange(len(self.counts)), newest - self.window)
        self.counts = self.counts - first
        fullest = int(self.counts.max())
        wider = width * 2 if fullest > width * 3 // 4 else width
        columns = np.minimum(first[:, None] + np.arange(width), width - 1)
        times = np.zeros((len(self.counts), wider), np.int64)
        values = np.zeros((len(self.counts), wider))
        times[:, :width] = np.take_along_axis(self.times, columns, axis=1)
        values[:, :width] = np.take_along_axis(self.values, columns, axis=1)
        self.times, self.values = times, values
