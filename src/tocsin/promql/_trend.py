"""deriv, predict_linear and double_exponential_smoothing.

Source: Prometheus 3.5, `promql/functions.go` (linearRegression, calcTrendValue).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tocsin.errors import QueryError
from tocsin.promql._sums import Kahan, ranks

if TYPE_CHECKING:
    from tocsin.promql._arrays import Flags, Floats, Ints
    from tocsin.promql._windows import Windows

__all__ = ["deriv", "predict_linear", "smoothed"]

_SECOND = 1e6


def deriv(windows: Windows) -> tuple[Floats, Flags]:
    present = windows.counts >= 2
    low, high = windows.low[present], windows.high[present]
    # Times from the first sample on: small numbers keep their precision.
    slope, _ = _regression(windows, low, high, windows.times[low])
    return _spread(present, slope)


def predict_linear(windows: Windows, ahead: Floats) -> tuple[Floats, Flags]:
    present = windows.counts >= 2
    low, high = windows.low[present], windows.high[present]
    now = np.broadcast_to(windows.times_of_evaluation, present.shape)[present]
    slope, intercept = _regression(windows, low, high, now)
    distance = np.broadcast_to(ahead, present.shape)[present]
    return _spread(present, slope * distance + intercept)


def _spread(present: Flags, results: Floats) -> tuple[Floats, Flags]:
    out = np.zeros(present.shape)
    out[present] = results
    return out, present


def _regression(windows: Windows, low: Ints, high: Ints, zero: Ints) -> tuple[Floats, Floats]:
    """Slope and value at `zero` of the least-squares line through each window."""
    order, steps = ranks(low, high)
    size = len(low)
    first, zero = windows.values[low][order], zero[order]
    sum_x, sum_y, sum_xy, sum_x2 = (Kahan(np.zeros(size)) for _ in range(4))
    constant = np.ones(size, np.bool_)
    for count, cells in steps:
        x = (windows.times[cells] - zero[:count]) / _SECOND
        y = windows.values[cells]
        constant[:count] &= y == first[:count]
        sum_x.add(count, x)
        sum_y.add(count, y)
        sum_xy.add(count, x * y)
        sum_x2.add(count, x * x)
    n = (high - low)[order].astype(np.float64)
    x, y, xy, x2 = (each.total + each.carry for each in (sum_x, sum_y, sum_xy, sum_x2))
    slope = (xy - x * y / n) / (x2 - x * x / n)
    intercept = y / n - slope * x / n
    flat = np.where(np.isinf(first), np.nan, 0.0)
    slope = np.where(constant, flat, slope)
    intercept = np.where(constant, np.where(np.isinf(first), np.nan, first), intercept)
    slopes, intercepts = np.empty(size), np.empty(size)
    slopes[order], intercepts[order] = slope, intercept
    return slopes, intercepts


def smoothed(windows: Windows, smoothing: Floats, trend: Floats) -> tuple[Floats, Flags]:
    """Holt's linear smoothing; both factors strictly between 0 and 1."""
    for name, factor in (("smoothing", smoothing), ("trend", trend)):
        bad = ~((factor > 0) & (factor < 1))
        if bad.any():
            raise QueryError(
                f"invalid {name} factor. Expected: 0 < {name[0]}f < 1, got: {factor[bad][0]:f}"
            )
    present = windows.counts >= 2
    low, high = windows.low[present], windows.high[present]
    order, steps = ranks(low, high)
    values = windows.values
    s_factor = np.broadcast_to(smoothing, present.shape)[present][order]
    t_factor = np.broadcast_to(trend, present.shape)[present][order]
    first = low[order]
    older, level = np.zeros(len(low)), values[first]
    slope = values[np.minimum(first + 1, max(len(values) - 1, 0))] - level
    for rank, (count, cells) in enumerate(steps):
        if rank == 0:
            continue
        if rank > 1:
            slope[:count] = (
                t_factor[:count] * (level[:count] - older[:count])
                + (1 - t_factor[:count]) * slope[:count]
            )
        drift = (1 - s_factor[:count]) * (level[:count] + slope[:count])
        older[:count] = level[:count]
        level[:count] = s_factor[:count] * values[cells] + drift
    result = np.empty(len(low))
    result[order] = level
    return _spread(present, result)
