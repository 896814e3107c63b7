"""What alarms look at in a replay, made of what was counted."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from tocsin.alarms import Metric, Samples, SampleTable

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from tocsin.pattern import MetricFilter, Minutes, Series, Settings

__all__ = ["history"]

Ints = NDArray[np.int64]
_Rows = list[tuple[float, "Callable[[], tuple[Ints, Ints]]"]]


def history(
    minutes: Minutes,
    filters: Sequence[MetricFilter],
    settings: Settings,
    wanted: Collection[Metric],
) -> SampleTable:
    """The samples of the metrics that are wanted."""
    names = {(each.namespace, each.metric_name) for each in wanted}
    makers = [
        each
        for each in filters
        if (each.transformation.namespace, each.transformation.metric) in names
    ]
    found: defaultdict[Series, _Rows] = defaultdict(list)
    for series, value, row in minutes.rows(makers, settings):
        found[series].append((value, row))
    table = SampleTable()
    for series, rows in found.items():
        metric = Metric.of(series.namespace, series.metric, dict(series.dimensions))
        if metric in wanted:
            table.put(metric, series.unit or "None", _samples(rows))
    return table


def _samples(rows: _Rows) -> Samples:
    parts = [(value, *row()) for value, row in rows]
    times = np.concatenate([each for _, each, _ in parts])
    counts = np.concatenate([each for _, _, each in parts])
    values = np.repeat([value for value, _, _ in parts], [len(each) for _, each, _ in parts])
    del parts
    order = np.lexsort((values, times))
    times, values, counts = times[order], values[order], counts[order]
    first = np.flatnonzero(np.append(True, (np.diff(times) != 0) | (np.diff(values) != 0)))
    counts = np.add.reduceat(counts, first)
    times, values = times[first], values[first]
    if bool((values == values[0]).all()):
        # Most filters count: one value is all they have.
        values = np.broadcast_to(values[0], values.shape)
    return Samples(times, values, counts)
