"""The datapoints that alarms of a running daemon look at: one a minute, metric and unit."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import TYPE_CHECKING

from tocsin.alarms import Metric, of_values
from tocsin.durations import MINUTE

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from tocsin.alarms import Datapoint
    from tocsin.pattern import Datapoint as Measured

__all__ = ["Datapoints"]


class Datapoints:
    """Implements the lookup of alarms. A minute is put anew whenever something was counted."""

    def __init__(self) -> None:
        self._slots: dict[Metric, dict[str, dict[int, Datapoint]]] = {}

    def put(self, minute: int, measured: Iterable[Measured]) -> None:
        """Replace a minute by what all log groups now have for it."""
        found: dict[tuple[Metric, str], Counter[float]] = defaultdict(Counter)
        for each in measured:
            metric = Metric.of(each.namespace, each.metric, dict(each.dimensions))
            found[metric, each.unit or "None"].update(dict(each.samples))
        for (metric, unit), values in found.items():
            slots = self._slots.setdefault(metric, {}).setdefault(unit, {})
            slots[minute] = of_values(values)

    def drop_before(self, time: int) -> None:
        """Forget the minutes before a time."""
        for units in self._slots.values():
            for slots in units.values():
                for minute in [each for each in slots if each < time]:
                    del slots[minute]

    def __call__(
        self, metric: Metric, unit: str | None, start: int, end: int
    ) -> Iterator[tuple[int, Datapoint]]:
        first = -(-start // MINUTE) * MINUTE
        for each, slots in self._slots.get(metric.normal(), {}).items():
            if unit is None or each == unit:
                if (end - first) // MINUTE > len(slots):
                    yield from ((time, slots[time]) for time in slots if start <= time < end)
                    continue
                for time in range(first, end, MINUTE):
                    if time in slots:
                        yield time, slots[time]
