"""Datapoints by metric and time: a table that merges by adding, and what reads it."""

from __future__ import annotations

from bisect import bisect_left, insort
from typing import TYPE_CHECKING, Protocol

from tocsin.alarms._columns import Columns, columns_of
from tocsin.alarms._datapoint import merge

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from tocsin.alarms._datapoint import Datapoint
    from tocsin.alarms._definition import Metric

__all__ = ["DatapointTable", "History", "Lookup"]

_END = 1 << 62
_Key = tuple["Metric", str]


class Lookup(Protocol):
    """Finds the datapoints an alarm is evaluated on."""

    def __call__(
        self, metric: Metric, unit: str | None, start: int, end: int
    ) -> Iterable[tuple[int, Datapoint]]:
        """Slots that begin at `start` or later and before `end`, microseconds, in any order.

        Without a unit, those of every unit; with one, those published with it.
        """
        ...


class History(Lookup, Protocol):
    """Datapoints of a long time."""

    def columns(self, metric: Metric, unit: str | None) -> Columns:
        """All of a metric; without a unit, those of every unit."""
        ...


class DatapointTable:
    """Datapoints in memory, by metric, unit and the start of their slot."""

    def __init__(self) -> None:
        self._slots: dict[Metric, dict[str, dict[int, Datapoint]]] = {}
        self._order: dict[_Key, list[int]] = {}

    def add(self, metric: Metric, time: int, point: Datapoint, unit: str = "None") -> None:
        """Count a datapoint in; `time` is the start of its slot."""
        metric, unit = metric.normal(), unit or "None"
        slots = self._slots.setdefault(metric, {}).setdefault(unit, {})
        held = slots.get(time)
        if held is None:
            insort(self._order.setdefault((metric, unit), []), time)
            slots[time] = point
        else:
            slots[time] = merge((held, point)) or point

    def update(self, other: DatapointTable) -> None:
        """Count all of another table in."""
        for metric, unit, time, point in other.items():
            self.add(metric, time, point, unit)

    def items(self) -> Iterator[tuple[Metric, str, int, Datapoint]]:
        for metric, units in self._slots.items():
            for unit, slots in units.items():
                for time, point in slots.items():
                    yield metric, unit, time, point

    def drop_before(self, time: int) -> None:
        """Forget slots that begin before `time`."""
        for (metric, unit), order in list(self._order.items()):
            gone = bisect_left(order, time)
            for slot in order[:gone]:
                del self._slots[metric][unit][slot]
            del order[:gone]
            if not order:
                del self._order[metric, unit], self._slots[metric][unit]
                if not self._slots[metric]:
                    del self._slots[metric]

    def __call__(
        self, metric: Metric, unit: str | None, start: int, end: int
    ) -> Iterator[tuple[int, Datapoint]]:
        metric = metric.normal()
        for each, slots in self._slots.get(metric, {}).items():
            if unit is None or each == unit:
                order = self._order[metric, each]
                for time in order[bisect_left(order, start) : bisect_left(order, end)]:
                    yield time, slots[time]

    def columns(self, metric: Metric, unit: str | None) -> Columns:
        return columns_of(self(metric, unit, 0, _END))
