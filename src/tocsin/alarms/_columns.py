"""Datapoints of one metric as columns, for thousands of evaluations at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tocsin.alarms._datapoint import Datapoint

__all__ = ["EXACT", "Columns", "Floats", "Ints", "columns_of", "total_error"]

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

EXACT = 2.0**53
"""Whole numbers up to it are added without rounding."""


@dataclass(frozen=True, slots=True)
class Columns:
    """Datapoints in order of time; of one time there may be several, of different units."""

    times: Ints
    """Where the slots begin, microseconds since 1970."""
    counts: Ints
    totals: Floats
    low: Floats
    high: Floats
    error: float
    """By how much a sum of totals may be off, 0 if it is exact."""


def columns_of(found: Iterable[tuple[int, Datapoint]]) -> Columns:
    """Slots and their datapoints, in any order."""
    ordered = sorted(found, key=lambda each: each[0])
    points = [point for _, point in ordered]
    totals = np.array([each.total for each in points], np.float64)
    exact = all(len(each.sums) <= 1 for each in points)
    return Columns(
        np.array([time for time, _ in ordered], np.int64),
        np.array([each.count for each in points], np.int64),
        totals,
        np.array([each.minimum for each in points], np.float64),
        np.array([each.maximum for each in points], np.float64),
        total_error(totals, exact=exact),
    )


def total_error(terms: Floats, *, exact: bool = True) -> float:
    """By how much a sum of some of the terms may be off; `exact` is whether none is rounded."""
    size = float(np.abs(terms).sum())
    if exact and size < EXACT and bool((terms % 1 == 0).all()):
        return 0.0
    # Of each term its rounding to a float, and of each addition another.
    return 4 * (len(terms) + 1) * size / EXACT
