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


def quantile_of_runs(values: Floats, length: Ints, wanted: Floats) -> Floats:
    """The wanted quantile of each run; runs lie one after the other, none is empty."""
    if not len(length):
        return np.empty(0)
    run = np.repeat(np.arange(len(length)), length)
    nan = np.isnan(values)
    keys = (values, ~nan, run) if nan.any() else (values, run)
    ordered = values[np.lexsort(keys)]
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
