"""rate, increase, delta, irate, idelta, resets, changes.

Source: Prometheus 3.5, `promql/functions.go` (extrapolatedRate, instantValue); the
order of floating-point operations is kept, so results agree to the last bit.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from tocsin.promql._arrays import Flags, Floats, Ints
    from tocsin.promql._windows import Windows

__all__ = ["changes", "extrapolated", "instant_change", "resets"]

_SECOND = 1e6


def extrapolated(
    windows: Windows, *, counter: bool, per_second: bool, old_zero_rule: bool = False
) -> tuple[Floats, Flags]:
    """The change over the window, stretched to its edges. Needs two samples."""
    times, values = windows.times, windows.values
    present = windows.counts >= 2
    shape = present.shape
    if not present.any():
        return np.zeros(shape), present
    everywhere = bool(present.all())
    low = windows.low.reshape(-1) if everywhere else windows.low[present]
    last = (windows.high.reshape(-1) if everywhere else windows.high[present]) - 1
    column = np.arange(shape[1]) if shape[0] == 1 else np.tile(np.arange(shape[1]), shape[0])
    if not everywhere:
        column = column[present.reshape(-1)]

    first_value, first_time, last_time = values[low], times[low], times[last]
    change = values[last] - first_value
    if counter:
        change = _add_resets(values, low, last, change)
    to_start = (first_time - windows.starts[column]) / _SECOND
    to_end = (windows.ends[column] - last_time) / _SECOND
    sampled = (last_time - first_time) / _SECOND
    average = sampled / (last - low)
    threshold = average * 1.1
    if counter:
        to_zero = np.where(
            (change > 0) & (first_value >= 0), sampled * (first_value / change), to_start
        )
    else:
        to_zero = to_start
    if old_zero_rule:
        # 2.x: the zero point first, the threshold after it.
        to_start = np.where(to_zero < to_start, to_zero, to_start)
        to_start = np.where(to_start >= threshold, average / 2, to_start)
    else:
        to_start = np.where(to_start >= threshold, average / 2, to_start)
        to_start = np.where(to_zero < to_start, to_zero, to_start)
    to_end = np.where(to_end >= threshold, average / 2, to_end)
    factor = (sampled + to_start + to_end) / sampled
    if per_second:
        factor = factor / (windows.width / _SECOND)
    result = change * factor
    if everywhere:
        return result.reshape(shape), present
    out = np.zeros(shape)
    out[present] = result
    return out, present


def _add_resets(values: Floats, low: Ints, last: Ints, change: Floats) -> Floats:
    """Give back what each counter reset took away, in the order of the resets."""
    falls = values[1:] < values[:-1]
    if not falls.any():
        return change
    before = np.concatenate([[0], np.cumsum(falls)])
    # Falls between consecutive samples of the window; none crosses into the next series.
    first, count = before[low], before[last] - before[low]
    lost = values[:-1][falls]
    change = change.copy()
    touched = np.flatnonzero(count)
    rank = 0
    while len(touched):
        change[touched] += lost[first[touched] + rank]
        rank += 1
        touched = touched[count[touched] > rank]
    return change


def _steps_within(windows: Windows, marks: Flags) -> tuple[Floats, Flags]:
    """How many marked steps from one sample to the next each window has."""
    present = windows.counts >= 1
    before = np.concatenate([[0], np.cumsum(marks), [0]])
    low = np.where(present, windows.low, 0)
    last = np.where(present, windows.high - 1, 0)
    return (before[last] - before[low]).astype(np.float64), present


def resets(windows: Windows) -> tuple[Floats, Flags]:
    values = windows.values
    return _steps_within(windows, values[1:] < values[:-1])


def changes(windows: Windows) -> tuple[Floats, Flags]:
    values = windows.values
    nan = np.isnan(values)
    differ = (values[1:] != values[:-1]) & ~(nan[1:] & nan[:-1])
    return _steps_within(windows, differ)


def instant_change(windows: Windows, *, counter: bool) -> tuple[Floats, Flags]:
    """Irate (`counter`) or idelta: the last two samples only."""
    present = windows.counts >= 2
    out = np.zeros(present.shape)
    last = windows.high[present] - 1
    newest, older = windows.values[last], windows.values[last - 1]
    if counter:
        interval = (windows.times[last] - windows.times[last - 1]) / _SECOND
        out[present] = np.where(newest < older, newest, newest - older) / interval
    else:
        out[present] = newest - older
    return out, present
