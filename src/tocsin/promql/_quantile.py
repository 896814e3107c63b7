"""Quantiles of many runs of numbers at once.

Source: Prometheus 3.5, `promql/quantile.go`: linear between the two nearest ranks,
NaN sorts below everything, out of [0, 1] gives an infinity.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from tocsin.promql._arrays import Floats, Ints

__all__ = ["quantile_of_runs"]

_FEW_SIZES = 32


def quantile_of_runs(values: Floats, length: Ints, wanted: Floats) -> Floats:
    """The wanted quantile of each run; runs lie one after the other, none is empty."""
    if not len(length):
        return np.empty(0)
    ordered = _sorted_runs(values, length)
    first = np.cumsum(length) - length
    inside = (wanted >= 0) & (wanted <= 1)
    rank = np.where(inside, wanted, 0.0) * (length - 1)
    floor = np.floor(rank)
    lower = floor.astype(np.int64)
    upper = np.minimum(lower + 1, length - 1)
    weight = rank - floor
    result = ordered[first + lower] * (1 - weight) + ordered[first + upper] * weight
    result = np.where(wanted < 0, -np.inf, np.where(wanted > 1, np.inf, result))
    return np.where(np.isnan(wanted), np.nan, result)


def _sorted_runs(values: Floats, length: Ints) -> Floats:
    """Each run in rising order, NaN first."""
    nan = np.isnan(values)
    if not nan.any():
        if (length == length[0]).all():
            rows: Floats = np.sort(values.reshape(len(length), -1), axis=1)
            return rows.reshape(-1)
        sizes = np.unique(length)
        if len(sizes) <= _FEW_SIZES:
            return _sorted_by_size(values, length, sizes)
    run = np.repeat(np.arange(len(length)), length)
    result: Floats = values[np.lexsort((values, ~nan, run))]
    return result


def _sorted_by_size(values: Floats, length: Ints, sizes: Ints) -> Floats:
    """Runs of one size are the rows of one matrix, which numpy sorts much faster."""
    ordered = np.empty_like(values)
    first = np.cumsum(length) - length
    for size in sizes.tolist():
        cells = first[length == size][:, None] + np.arange(size)
        ordered[cells] = np.sort(values[cells], axis=1)
    return ordered
