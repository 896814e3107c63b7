"""Many evaluations of one alarm at once, to find those that change its state.

A year has half a million evaluations, and nearly all find what the one before found. For an
alarm on one metric with a simple statistic the decision is computed for thousands of times with
arrays. Where rounding could decide, the answer is "unknown"; those evaluations, and all that
change the state, are for `evaluate`, which alone makes transitions.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tocsin.alarms._columns import EXACT, Floats, Ints
from tocsin.alarms._definition import Metric
from tocsin.alarms._missing import evaluation_range
from tocsin.alarms._vocabulary import COMPARISONS, STATISTICS
from tocsin.durations import SECOND

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tocsin.alarms._columns import Columns
    from tocsin.alarms._definition import MetricAlarm
    from tocsin.alarms._table import History
    from tocsin.alarms._vocabulary import StateValue

__all__ = ["Outlook", "outlook_of"]

_MOST_PERIODS = 64
_OK, _ALARM, _INSUFFICIENT, _KEEP, _UNKNOWN = range(5)
_CODES: dict[StateValue, int] = {
    "OK": _OK,
    "ALARM": _ALARM,
    "INSUFFICIENT_DATA": _INSUFFICIENT,
}
_MISSING, _GOOD, _BAD, _UNSURE = range(-1, 3)

Codes = NDArray[np.int8]


def outlook_of(alarm: MetricAlarm, history: History) -> Outlook | None:
    """For an alarm on one metric with a simple statistic and not too many periods, else None."""
    covered = (
        not alarm.metrics
        and alarm.statistic in STATISTICS
        and alarm.comparison_operator in COMPARISONS
        and alarm.threshold is not None
        and math.isfinite(alarm.threshold)
        and alarm.seconds >= 1
        and 1 <= alarm.evaluation_periods <= _MOST_PERIODS
    )
    if not covered:
        return None
    metric = Metric(alarm.namespace or "", alarm.metric_name or "", alarm.dimensions)
    return Outlook(alarm, history.columns(metric, alarm.unit))


class Outlook:
    """The datapoints of one alarm's metric as columns."""

    def __init__(self, alarm: MetricAlarm, columns: Columns) -> None:
        self._alarm = alarm
        self._threshold = alarm.threshold or 0.0
        self._statistic = alarm.statistic or ""
        self._times = columns.times
        self._counts = _sums(columns.counts)
        self._error = 0.0
        if self._statistic in ("Minimum", "Maximum"):
            low = self._statistic == "Minimum"
            self._choose = np.minimum if low else np.maximum
            self._levels = _levels(columns.low if low else columns.high, self._choose)
        else:
            self._error = columns.error
            self._totals = _sums(columns.totals)

    def values(self, ends: Ints) -> tuple[Floats, Floats]:
        """The statistic of the period before each end, NaN without data; how far it may be off."""
        width = self._alarm.seconds * SECOND
        low = np.searchsorted(self._times, ends - width)
        high = np.searchsorted(self._times, ends)
        full = high > low
        counts = (self._counts[high] - self._counts[low]).astype(np.float64)
        error = np.zeros(len(ends))
        if self._statistic == "SampleCount":
            found = counts
        elif self._statistic in ("Minimum", "Maximum"):
            found = self._extreme(low, high, full)
        else:
            found = self._totals[high] - self._totals[low]
            error += self._error
            if self._statistic == "Average":
                found = found / np.where(full, counts, 1)
                error = error / np.where(full, counts, 1)
                if self._error:
                    error += np.abs(found) / EXACT * 8
        return np.where(full, found, np.nan), error

    def exact_newest(self, times: Sequence[int]) -> list[float] | None:
        """The values of the newest period at each time that has one; None if not exact."""
        if self._error:
            return None
        found, _ = self.values(np.array(times, np.int64))
        exact: list[float] = found[~np.isnan(found)].tolist()
        return exact

    def next_change(self, codes: Codes, begin: int, state: StateValue) -> int:
        """The first evaluation from `begin` on that may change the state, or how many there are."""
        rest = codes[begin:]
        found = np.flatnonzero((rest != _CODES[state]) & (rest != _KEEP))
        return begin + int(found[0]) if len(found) else len(codes)

    def decisions(self, times: Sequence[int]) -> Codes:
        """What the evaluation at each time decides; times are where periods end."""
        alarm = self._alarm
        count = max(evaluation_range(alarm.evaluation_periods), alarm.evaluation_periods)
        steps = np.arange(count, dtype=np.int64) * (alarm.seconds * SECOND)
        ends, place = np.unique(np.array(times, np.int64)[:, None] - steps, return_inverse=True)
        values, error = self.values(ends)
        breaches: Any = COMPARISONS[alarm.comparison_operator].breaches
        bad = breaches(values, self._threshold).astype(np.int8)
        kinds = np.where(np.isnan(values), np.int8(_MISSING), bad)
        if self._error:
            # NaN is near nothing.
            kinds[np.abs(values - self._threshold) <= error] = _UNSURE
        return self._decide(kinds[place.reshape(len(times), count)])

    def _decide(self, kinds: Codes) -> Codes:
        """`decide` of the rules of missing data, for each row; newest first."""
        needed, most = self._alarm.needed, self._alarm.evaluation_periods
        treatment = self._alarm.treatment
        real = kinds != _MISSING
        used = real & (np.cumsum(real, axis=1) <= most)
        number = used.sum(axis=1)
        bad = (used & (kinds == _BAD)).sum(axis=1)
        short = number < most
        if treatment in ("breaching", "notBreaching"):
            if treatment == "breaching":
                bad = bad + (most - number)
            found = np.where(bad >= needed, _ALARM, _OK)
        else:
            keep = treatment == "ignore"
            oldest = used.shape[1] - np.argmax(used[:, ::-1], axis=1)
            early = short & (bad == number) & (oldest >= needed)
            found = np.where(early, _KEEP if keep else _ALARM, _OK)
            found = np.where(bad >= needed, _ALARM, found)
            found = np.where(number == 0, _KEEP if keep else _INSUFFICIENT, found)
        found = np.where((used & (kinds == _UNSURE)).any(axis=1), _UNKNOWN, found)
        return found.astype(np.int8)

    def _extreme(self, low: Ints, high: Ints, full: Any) -> Floats:
        """The least or largest value from a place to before another, of two parts that overlap."""
        found = np.full(len(low), np.nan)
        length = np.where(full, high - low, 1)
        level = np.frexp(length.astype(np.float64))[1] - 1
        for each in np.unique(level[full]).tolist():
            rows = full & (level == each)
            column = self._levels[each]
            found[rows] = self._choose(column[low[rows]], column[high[rows] - (1 << each)])
        return found


def _sums(column: Any) -> Any:
    """What stands before each place, added up."""
    return np.concatenate((np.zeros(1, column.dtype), np.cumsum(column)))


def _levels(column: Floats, choose: Any) -> list[Floats]:
    """The least or largest of 1, 2, 4, ... values from each place on."""
    levels, size = [column], 1
    while 2 * size <= len(column):
        last = levels[-1]
        levels.append(choose(last[:-size], last[size:]))
        size *= 2
    return levels
