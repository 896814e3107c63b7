"""Samples of metrics over a long time, close together in memory."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from tocsin.alarms._columns import Columns, total_error
from tocsin.alarms._datapoint import of_values

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tocsin.alarms._columns import Floats, Ints
    from tocsin.alarms._datapoint import Datapoint
    from tocsin.alarms._definition import Metric

__all__ = ["SampleTable", "Samples"]

_RECENT = 4096
"""Datapoints that are kept ready; evaluations move through time."""


@dataclass(frozen=True, slots=True)
class Samples:
    """Of one metric and unit: in order of time, then of value, each pair once."""

    times: Ints
    """Where the slots begin, microseconds since 1970."""
    values: Floats
    counts: Ints


class SampleTable:
    """Datapoints by metric, made of samples when they are asked for."""

    def __init__(self) -> None:
        self._samples: dict[Metric, dict[str, Samples]] = {}
        self._recent: dict[tuple[Metric, str, int], Datapoint] = {}
        self._last: tuple[tuple[Metric, str | None], Columns] | None = None

    def put(self, metric: Metric, unit: str, samples: Samples) -> None:
        self._samples.setdefault(metric.normal(), {})[unit] = samples
        self._last = None

    def __call__(
        self, metric: Metric, unit: str | None, start: int, end: int
    ) -> Iterator[tuple[int, Datapoint]]:
        metric = metric.normal()
        for each, samples in self._samples.get(metric, {}).items():
            if unit is not None and each != unit:
                continue
            low, high = np.searchsorted(samples.times, (start, end)).tolist()
            times = samples.times[low:high].tolist()
            at = 0
            while at < len(times):
                time, first = times[at], at
                while at < len(times) and times[at] == time:
                    at += 1
                key = metric, each, time
                point = self._recent.get(key)
                if point is None:
                    rows = slice(low + first, low + at)
                    values, counts = samples.values[rows].tolist(), samples.counts[rows].tolist()
                    point = of_values(dict(zip(values, counts, strict=True)))
                    if len(self._recent) >= _RECENT:
                        self._recent.pop(next(iter(self._recent)))
                    self._recent[key] = point
                yield time, point

    def columns(self, metric: Metric, unit: str | None) -> Columns:
        if self._last is None or self._last[0] != (metric, unit):
            self._last = (metric, unit), self._columns(metric, unit)
        return self._last[1]

    def _columns(self, metric: Metric, unit: str | None) -> Columns:
        found = [
            _columns(samples)
            for each, samples in self._samples.get(metric.normal(), {}).items()
            if unit is None or each == unit
        ]
        if len(found) == 1:
            return found[0]
        times = np.concatenate([np.empty(0, np.int64), *(each.times for each in found)])
        order = np.argsort(times, kind="stable")
        totals = np.concatenate([np.empty(0), *(each.totals for each in found)])
        return Columns(
            times[order],
            np.concatenate([np.empty(0, np.int64), *(each.counts for each in found)])[order],
            totals[order],
            np.concatenate([np.empty(0), *(each.low for each in found)])[order],
            np.concatenate([np.empty(0), *(each.high for each in found)])[order],
            # Together they may be too large to be exact.
            sum(each.error for each in found) + total_error(totals),
        )


def _columns(samples: Samples) -> Columns:
    terms = samples.values * samples.counts
    error = total_error(terms, exact=bool((samples.values % 1 == 0).all()))
    if bool((samples.times[1:] != samples.times[:-1]).all()):
        return Columns(samples.times, samples.counts, terms, samples.values, samples.values, error)
    first = np.flatnonzero(np.diff(samples.times, prepend=samples.times[:1] - 1))
    last = np.append(first[1:], len(samples.times)) - 1
    return Columns(
        samples.times[first],
        np.add.reduceat(samples.counts, first),
        np.add.reduceat(terms, first),
        samples.values[first],
        samples.values[last],
        error,
    )
