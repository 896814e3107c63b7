"""From events to datapoints: samples by minute of the event's own time, in tables that add up.

Source: CloudWatch Logs User Guide, "Creating metrics from log events using filters": values are
reported each minute; a default value where events came and none matched; nothing where no
events came. Tables of different slices of a log merge by adding, in any order; `_budget` has
the bounds, and what is exact beyond them.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from tocsin.durations import MINUTE
from tocsin.pattern._budget import Counts, Dimensions, Key, Skip
from tocsin.pattern._compare import as_text
from tocsin.pattern._event import Event
from tocsin.pattern._match import match
from tocsin.pattern._reference import as_float, read
from tocsin.pattern._settings import DEFAULTS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from tocsin.pattern._by_minute import Ints
    from tocsin.pattern._filter import MetricFilter
    from tocsin.pattern._settings import Settings

__all__ = ["Contribution", "Datapoint", "Minutes", "Series", "contribute", "event_keys"]

_LONGEST_VALUE = 1024


@dataclass(frozen=True, slots=True)
class Contribution:
    """What one matching event adds."""

    value: float
    dimensions: Dimensions = ()
    """Sorted by name."""


class Series(NamedTuple):
    """What samples are of."""

    namespace: str
    metric: str
    dimensions: Dimensions
    unit: str


@dataclass(frozen=True, slots=True)
class Datapoint:
    """The samples of one metric in one minute."""

    namespace: str
    metric: str
    dimensions: Dimensions
    unit: str
    time: int
    """The minute's begin, microseconds since 1970."""
    samples: tuple[tuple[float, int], ...]
    """(value, how often), by value."""

    @property
    def count(self) -> int:
        return sum(count for _, count in self.samples)

    @property
    def sum(self) -> float:
        return math.fsum(value * count for value, count in self.samples)

    @property
    def minimum(self) -> float:
        return self.samples[0][0]

    @property
    def maximum(self) -> float:
        return self.samples[-1][0]

    @property
    def average(self) -> float:
        return self.sum / self.count


def contribute(
    metric_filter: MetricFilter,
    message: str | bytes | Event,
    settings: Settings = DEFAULTS,
    system: Mapping[str, str] | None = None,
) -> Contribution | Skip | None:
    """What one event adds to the metric of a filter; None if it does not match."""
    event = message if isinstance(message, Event) else Event(message)
    pattern = metric_filter.pattern
    if not match(pattern, event, settings).matched:
        return None
    value = _value(metric_filter, event, settings)
    if isinstance(value, Skip):
        default = metric_filter.transformation.default
        if settings.unusable_value == "skip" or default is None:
            return value
        value = default
    known = system or {}
    found = {name: known.get(name, "") for name in metric_filter.system_dimensions}
    for name, reference in metric_filter.dimensions:
        scalar = None if isinstance(reference, float) else read(reference, pattern, event, settings)
        text = "" if scalar is None else as_text(scalar)
        found[name] = text if len(text) <= _LONGEST_VALUE else ""
    if not all(found.values()):
        if settings.missing_dimension == "skip":
            return Skip.NO_DIMENSION
        partial = settings.missing_dimension == "partial"
        found = {name: text for name, text in found.items() if text and partial}
    return Contribution(value, tuple(sorted(found.items())))


def event_keys(filters: Sequence[MetricFilter]) -> list[Key]:
    """The filters of a log group whose events are counted.

    Those with a default value need it; the first one stands for the minutes that had events.
    """
    return [
        each.key
        for at, each in enumerate(filters)
        if at == 0 or each.transformation.default is not None
    ]


def _value(metric_filter: MetricFilter, event: Event, settings: Settings) -> float | Skip:
    reference = metric_filter.value
    if isinstance(reference, float):
        return reference
    scalar = read(reference, metric_filter.pattern, event, settings)
    if scalar is None:
        return Skip.NO_VALUE
    number = as_float(scalar, settings)
    return Skip.NO_NUMBER if number is None else number


class Minutes(Counts):
    """Counts of one slice of a log. Adding tables is all it takes to join slices."""

    __slots__ = ()

    def add(
        self,
        filters: Iterable[MetricFilter],
        time: int,
        message: str | bytes | Event,
        settings: Settings = DEFAULTS,
        system: Mapping[str, str] | None = None,
    ) -> None:
        """Count an event of the filters' log group, at its own time."""
        event = message if isinstance(message, Event) else Event(message)
        minute = time - time % MINUTE
        filters = tuple(filters)
        for key in event_keys(filters):
            self.see(key, minute, 1)
        for each in filters:
            found = contribute(each, event, settings, system)
            if found is None:
                continue
            self.match(each.key, minute, 1)
            if isinstance(found, Skip):
                self.skipped[each.key, found] += 1
            else:
                self.sample(each.key, minute, found.dimensions, found.value, 1)

    def rows(
        self, filters: Iterable[MetricFilter], settings: Settings = DEFAULTS
    ) -> Iterator[tuple[Series, float, Callable[[], tuple[Ints, Ints]]]]:
        """The samples of the filters' metrics: a value, and a call for its minutes and counts.

        A metric, value and minute may come several times; the counts add up.
        """
        known = {each.key: each for each in filters}
        for (key, _, dimensions, value), row in self.samples.rows():
            if key in known:
                yield _series(known[key], dimensions), value, row
        for (key, _), row in self.events.rows():
            default = known[key].transformation.default if key in known else None
            if default is not None:
                yield _series(known[key], ()), default, partial(self._defaults, key, row, settings)

    def datapoints(
        self, filters: Iterable[MetricFilter], settings: Settings = DEFAULTS
    ) -> list[Datapoint]:
        """The datapoints of the filters' metrics, in order of time."""
        cells: dict[tuple[int, Series], Counter[float]] = defaultdict(Counter)
        for series, value, row in self.rows(filters, settings):
            for minute, count in zip(*(each.tolist() for each in row()), strict=True):
                cells[minute, series][value] += count
        return [
            Datapoint(
                series.namespace, series.metric, series.dimensions, series.unit,
                minute, tuple(sorted(values.items())),
            )
            for (minute, series), values in sorted(cells.items())
        ]  # fmt: skip

    def _defaults(
        self, key: Key, row: Callable[[], tuple[Ints, Ints]], settings: Settings
    ) -> tuple[Ints, Ints]:
        """How many samples of the default value each minute of a row has."""
        minutes, events = row()
        matches = np.array([self.matches[key, minute] for minute in minutes.tolist()], np.int64)
        if settings.default_samples == "event":
            found = events - matches
        else:
            found = (matches == 0).astype(np.int64)
        return minutes[found > 0], found[found > 0]


def _series(each: MetricFilter, dimensions: Dimensions) -> Series:
    what = each.transformation
    return Series(what.namespace, what.metric, dimensions, what.unit)
