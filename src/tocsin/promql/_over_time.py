"""The `*_over_time` family.

Source: Prometheus 3.5, `promql/functions.go`; sums are compensated as there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tocsin.promql._quantile import quantile_of_runs
from tocsin.promql._sums import Kahan, mean_of_runs, ranks, sum_of_runs

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tocsin.promql._arrays import Flags, Floats, Ints
    from tocsin.promql._windows import Windows

__all__ = [
    "average",
    "count",
    "extreme",
    "extreme_time",
    "first",
    "first_time",
    "last",
    "last_time",
    "median_deviation",
    "present",
    "quantile",
    "total",
    "variance",
]

_SECOND = 1e6
_LARGEST_COPY = 4_000_000
"""Elements that one expanded chunk of windows may have."""


def _runs(windows: Windows) -> tuple[Flags, Ints, Ints]:
    """Which windows have samples, and the runs of those that have."""
    filled = windows.counts >= 1
    return filled, windows.low[filled], windows.high[filled]


def _spread(filled: Flags, results: Floats) -> tuple[Floats, Flags]:
    out = np.zeros(filled.shape)
    out[filled] = results
    return out, filled


def count(windows: Windows) -> tuple[Floats, Flags]:
    counts = windows.counts
    return counts.astype(np.float64), counts >= 1


def present(windows: Windows) -> tuple[Floats, Flags]:
    filled = windows.counts >= 1
    return np.ones(filled.shape), filled


def first(windows: Windows) -> tuple[Floats, Flags]:
    filled, low, _ = _runs(windows)
    return _spread(filled, windows.values[low])


def last(windows: Windows) -> tuple[Floats, Flags]:
    filled, _, high = _runs(windows)
    return _spread(filled, windows.values[high - 1])


def first_time(windows: Windows) -> tuple[Floats, Flags]:
    filled, low, _ = _runs(windows)
    return _spread(filled, windows.times[low] / _SECOND)


def last_time(windows: Windows) -> tuple[Floats, Flags]:
    filled, _, high = _runs(windows)
    return _spread(filled, windows.times[high - 1] / _SECOND)


def total(windows: Windows) -> tuple[Floats, Flags]:
    filled, low, high = _runs(windows)
    return _spread(filled, sum_of_runs(windows.values, low, high))


def average(windows: Windows) -> tuple[Floats, Flags]:
    filled, low, high = _runs(windows)
    return _spread(filled, mean_of_runs(windows.values, low, high))


def variance(windows: Windows, *, root: bool) -> tuple[Floats, Flags]:
    """stdvar_over_time, or stddev_over_time where `root`."""
    filled, low, high = _runs(windows)
    order, steps = ranks(low, high)
    mean, squares = Kahan(np.zeros(len(low))), Kahan(np.zeros(len(low)))
    for rank, (number, cells) in enumerate(steps, 1):
        value = windows.values[cells]
        delta = value - (mean.total[:number] + mean.carry[:number])
        mean.add(number, delta / rank)
        rest = value - (mean.total[:number] + mean.carry[:number])
        squares.add(number, delta * rest)
    result = np.empty(len(low))
    result[order] = (squares.total + squares.carry) / (high - low)[order]
    return _spread(filled, np.sqrt(result) if root else result)


def extreme(windows: Windows, *, largest: bool) -> tuple[Floats, Flags]:
    """max_over_time or min_over_time; NaN only where there is nothing else."""
    filled, low, high = _runs(windows)
    if not len(low):
        return np.zeros(filled.shape), filled
    pick = np.fmax if largest else np.fmin
    padded = np.append(windows.values, np.nan)
    edges = np.stack([low, high], axis=1).reshape(-1)
    return _spread(filled, pick.reduceat(padded, edges)[::2])


def extreme_time(windows: Windows, *, largest: bool) -> tuple[Floats, Flags]:
    """The time of the last sample with the extreme value."""
    filled, low, high = _runs(windows)
    order, steps = ranks(low, high)
    best, when = np.zeros(len(low)), np.zeros(len(low))
    for rank, (number, cells) in enumerate(steps):
        value = windows.values[cells]
        if rank == 0:
            better = np.ones(number, np.bool_)
        else:
            held = best[:number]
            better = (value >= held) if largest else (value <= held)
            better |= np.isnan(held)
        best[:number] = np.where(better, value, best[:number])
        when[:number] = np.where(better, windows.times[cells] / _SECOND, when[:number])
    result = np.empty(len(low))
    result[order] = when
    return _spread(filled, result)


def _chunks(low: Ints, high: Ints) -> Iterator[tuple[int, int]]:
    """Slices of the runs whose expanded samples stay within the copy limit."""
    ends = np.cumsum(high - low)
    begin = 0
    while begin < len(low):
        used = int(ends[begin - 1]) if begin else 0
        end = max(begin + 1, int(np.searchsorted(ends, used + _LARGEST_COPY, side="right")))
        yield begin, end
        begin = end


def _expanded(values: Floats, low: Ints, high: Ints) -> tuple[Floats, Ints]:
    """The samples of all runs side by side, and the lengths of the runs."""
    length = high - low
    shift = low - (np.cumsum(length) - length)
    return values[np.arange(int(length.sum())) + np.repeat(shift, length)], length


def quantile(windows: Windows, wanted: Floats) -> tuple[Floats, Flags]:
    """`wanted` has one quantile an evaluation time."""
    filled, low, high = _runs(windows)
    column = np.broadcast_to(wanted, filled.shape)[filled]
    result = np.empty(len(low))
    for begin, end in _chunks(low, high):
        values, length = _expanded(windows.values, low[begin:end], high[begin:end])
        result[begin:end] = quantile_of_runs(values, length, column[begin:end])
    return _spread(filled, result)


def median_deviation(windows: Windows) -> tuple[Floats, Flags]:
    """mad_over_time: the median distance from the median."""
    filled, low, high = _runs(windows)
    result = np.empty(len(low))
    for begin, end in _chunks(low, high):
        values, length = _expanded(windows.values, low[begin:end], high[begin:end])
        half = np.full(end - begin, 0.5)
        median = quantile_of_runs(values, length, half)
        distance = np.abs(values - np.repeat(median, length))
        result[begin:end] = quantile_of_runs(distance, length, half)
    return _spread(filled, result)
