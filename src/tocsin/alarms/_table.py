"""Datapoints by metric and time: a table that merges by adding, and what reads it."""

from __future__ import annotations

from bisect import bisect_left
from typing import TYPE_CHECKING, Protocol

from tocsin.alarms._datapoint import merge

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from tocsin.alarms._datapoint import Datapoint
    from tocsin.alarms._definition import Metric

__all__ = ["DatapointTable", "Lookup"]

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


class DatapointTable:
    """Datapoints in memory, by metric, unit and the start of their slot."""

    def __init__(self) -> None:
        self._slots: dict[Metric, dict[str, dict[int, Datapoint]]] = {}
        self._order: dict[_Key, list[int]] = {}

    def add(self, metric: Metric, time: int, point: Datapoint, unit: str = "None") -> None:
        """Count a datapoint in; `time` is the start of its slot."""
        units = self._slots.setdefault(metric.normal(), {})
        slots = units.setdefault(unit or "None", {})
        held = slots.get(time)
        if held is None:
            self._order.pop((metric.normal(), unit or "None"), None)
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
        for metric, unit, slot, _ in list(self.items()):
            if slot < time:
                del self._slots[metric][unit][slot]
                self._order.pop((metric, unit), None)

    def __call__(
        self, metric: Metric, unit: str | None, start: int, end: int
    ) -> Iterator[tuple[int, Datapoint]]:
        metric = metric.normal()
        for each, slots in self._slots.get(metric, {}).items():
            if unit is None or each == unit:
                order = self._order.get((metric, each))
                if order is None:
                    order = self._order[(metric, each)] = sorted(slots)
                for time in order[bisect_left(order, start) : bisect_left(order, end)]:
                    yield time, slots[time]
