"""Range vectors: which samples each series has in the window of each evaluation time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from tocsin.series import Selection, stale_mask

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tocsin.labels import Labels
    from tocsin.promql._arrays import Flags, Floats, Ints

__all__ = ["Windows", "drop_stale", "positions", "windows_of"]

_LARGEST_KEY = 1 << 62


@dataclass(frozen=True, slots=True)
class Windows:
    """A range vector of S series at K times: windows are runs of flat columns."""

    labels: Sequence[Labels]
    times: Ints
    """N, microseconds."""
    values: Floats
    """N, no staleness markers."""
    low: Ints
    """S x K: the first sample of each window."""
    high: Ints
    """S x K: the one after the last."""
    starts: Ints
    """K: the left edges, offset and @ applied."""
    ends: Ints
    """K: the right edges."""
    times_of_evaluation: Ints
    """K."""
    fading: Flags | None = None
    """S: whose metric name goes when the query is done."""

    @property
    def width(self) -> int:
        """The length of the range in microseconds."""
        return int(self.ends[0] - self.starts[0])

    @property
    def counts(self) -> Ints:
        return self.high - self.low


def drop_stale(selection: Selection) -> Selection:
    """The selection without staleness markers."""
    stale = stale_mask(selection.values)
    if not stale.any():
        return selection
    before = np.concatenate([[0], np.cumsum(stale)])
    keep = ~stale
    return Selection(
        selection.labels,
        selection.times[keep],
        selection.values[keep],
        selection.offsets - before[selection.offsets],
    )


def positions(selection: Selection, wanted: Ints) -> Ints:
    """S x K: how far each series goes up to and including each wanted time.

    The result counts rows from the start of the flat columns: it is the index after
    the last sample of the series with `time <= wanted`.
    """
    times, offsets = selection.times, selection.offsets
    series = len(offsets) - 1
    if series == 1:
        only: Ints = offsets[0] + np.searchsorted(times, wanted, side="right")
        return only[None, :]
    if not len(times):
        return np.zeros((series, len(wanted)), np.int64)
    length = len(times) // series
    if len(times) == length * series and int(offsets[1]) == length:
        grid = times.reshape(series, length)
        # Series of one scrape share their times: then one search does for all.
        if (np.diff(offsets) == length).all() and (grid == grid[0]).all():
            shared: Ints = offsets[:-1, None] + np.searchsorted(grid[0], wanted, side="right")
            return shared
    first = min(int(times.min()), int(wanted.min()))
    span = max(int(times.max()), int(wanted.max())) - first + 2
    if span * series >= _LARGEST_KEY:
        return np.stack(
            [
                low + np.searchsorted(times[low:high], wanted, side="right")
                for low, high in zip(offsets[:-1].tolist(), offsets[1:].tolist(), strict=True)
            ]
        )
    base = np.arange(series) * span - first
    keys = times + np.repeat(base, np.diff(offsets))
    found = np.searchsorted(keys, (base[:, None] + wanted).reshape(-1), side="right")
    return found.reshape(series, len(wanted))


def windows_of(
    selection: Selection, ends: Ints, width: int, now: Ints, *, closed: bool = False
) -> Windows:
    """Windows `(end - width, end]`, or `[end - width, end]` where `closed` (2.x)."""
    starts = ends - width
    selection = drop_stale(selection)
    high = positions(selection, ends)
    low = positions(selection, starts - 1 if closed else starts)
    return Windows(
        selection.labels, selection.times, selection.values, low, high, starts, ends, now
    )


def some(windows: Windows, least: int = 1) -> Flags:
    """S x K: whether a window has at least so many samples."""
    enough: Flags = windows.counts >= least
    return enough
