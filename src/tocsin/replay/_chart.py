"""What a metric did over the time of a log, in few enough columns to be drawn."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from tocsin.alarms import evaluation_interval
from tocsin.replay._alarms import newest_values

if TYPE_CHECKING:
    from tocsin.alarms import History, MetricAlarm

__all__ = ["COLUMNS", "Curve", "curve"]

COLUMNS = 480
"""At most, however long the log is: what a chart on paper or a screen shows."""


@dataclass(frozen=True, slots=True)
class Curve:
    """The values that an alarm compared with its threshold, by columns of equal time."""

    begin: int
    end: int
    low: tuple[float | None, ...]
    """The smallest value of each column, None where there was none."""
    high: tuple[float | None, ...]
    """The largest."""


def curve(alarm: MetricAlarm, table: History, bounds: tuple[int, int], until: int) -> Curve:
    """`bounds` are where the events begin and end, `until` is where the chart ends.

    A column holds the evaluations in its time, those at its end and not at its begin, so that
    no value that decided anything is lost between two of them.
    """
    begin, span = bounds[0], max(1, until - bounds[0])
    count = min(COLUMNS, -(-span // evaluation_interval(alarm)))
    low, high = np.full(count, np.inf), np.full(count, -np.inf)
    for times, values in newest_values(alarm, table, *bounds):
        seen = np.isfinite(values) & (times <= until)
        column = (times[seen] - begin - 1) * count // span
        np.minimum.at(low, column, values[seen])
        np.maximum.at(high, column, values[seen])
    return Curve(
        begin,
        until,
        tuple(each if each < np.inf else None for each in low.tolist()),
        tuple(each if each > -np.inf else None for each in high.tolist()),
    )
