"""The events of one key within the timespan, as far as the condition needs them, and exact.

A window holds the events of the timespan up to the present event, both ends in it: five failures in
600 s are within 600 s if the last is exactly 600 s after the first. Each kind keeps so little
that an attacker who sends millions of events of one key makes it no larger.

`add` takes the next event, `insert` one that is earlier than the latest: what the window then is
at the latest event, or less where that can't be known any more.
"""

from __future__ import annotations

from bisect import bisect_left
from fractions import Fraction
from math import ceil, inf
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from tocsin.correlation._addresses import group_value
from tocsin.correlation._matcher import holds
from tocsin.correlation._number import plain_number

if TYPE_CHECKING:
    from collections.abc import Callable

    from tocsin.correlation._model import Correlation

__all__ = [
    "CountWindow",
    "DistinctWindow",
    "Part",
    "StepWindow",
    "ValueWindow",
    "Window",
    "window_type",
]

MOST_VALUES = 10_000
"""Values of one key that sums and percentiles look at; of more, the latest."""


class Part(NamedTuple):
    """What a window takes of an event."""

    often: int
    value: object
    """Of the field that is counted or summed."""
    rule: int
    """The place of the rule that the event satisfies."""


class _Base(msgspec.Struct):
    """What every window has."""

    last: int = 0
    """The time of the latest event."""
    events: int = 0
    """Events since the window was last empty."""
    true: bool = False
    """Whether the condition held at the latest event."""
    carried: int = 0
    """Earlier events of the key that only the summary counted."""
    until: int = 0
    """When the last of those has left the window."""
    held: int = 0
    """The time of the latest event at which the condition held."""

    def settle(self, time: int, span: int) -> None:
        """Forget everything if nothing happened for longer than the timespan."""
        if self.last < time - span:
            self.true = False
            self.events = 0
        if self.carried and time > self.until:
            self.carried = 0
        self.last = time


class CountWindow(_Base, tag="count"):
    """event_count: the latest times, one more than the condition's number."""

    times: list[int] = []

    def copy(self) -> CountWindow:
        return msgspec.structs.replace(self, times=list(self.times))

    def add(self, time: int, event: Part, plan: Correlation) -> float:
        times, often = self.times, event.often
        keep = plan.test.most + 1
        self.events += often
        oldest = time - plan.timespan
        if times and times[0] < oldest:
            del times[: bisect_left(times, oldest)]
        measure = len(times) + often + self.carried
        if often == 1:
            times.append(time)
        else:
            times.extend([time] * min(often, keep))
        if len(times) > keep:
            del times[: len(times) - keep]
        return measure

    def insert(self, time: int, event: Part, plan: Correlation) -> float:
        times, oldest = self.times, self.last - plan.timespan
        keep = plan.test.most + 1
        if time >= oldest:
            place = bisect_left(times, time)
            times[place:place] = [time] * min(event.often, keep)
            del times[: max(0, len(times) - keep)]
        return len(times) - bisect_left(times, oldest) + self.carried

    def first(self) -> int:
        return self.times[0]


class DistinctWindow(_Base, tag="distinct"):
    """value_count: the values seen latest, one more than the condition's number."""

    seen: dict[str, int] = {}

    def copy(self) -> DistinctWindow:
        return msgspec.structs.replace(self, seen=dict(self.seen))

    def add(self, time: int, event: Part, plan: Correlation) -> float:
        seen = self.seen
        self.events += event.often
        if event.value is not None:
            text = group_value(event.value)
            # A value that comes again goes to the end, so the oldest is always the first.
            seen.pop(text, None)
            seen[text] = time
        oldest = time - plan.timespan
        keep = plan.test.most + 1
        while seen:
            earliest = next(iter(seen))
            if seen[earliest] >= oldest and len(seen) <= keep:
                break
            del seen[earliest]
        return len(seen) + self.carried

    def insert(self, time: int, event: Part, plan: Correlation) -> float:
        oldest = self.last - plan.timespan
        if event.value is not None and time >= oldest:
            text = group_value(event.value)
            self.seen[text] = max(time, self.seen.get(text, time))
            ordered = sorted(self.seen.items(), key=lambda each: each[1])
            self.seen = dict(ordered[-plan.test.most - 1 :])
        return sum(each >= oldest for each in self.seen.values()) + self.carried

    def first(self) -> int:
        return next(iter(self.seen.values()), self.last)


class ValueWindow(_Base, tag="values"):
    """value_sum, value_avg, value_median, value_percentile: the values and their times."""

    times: list[int] = []
    values: list[float] = []
    left_out: int = 0
    """Values that were within the timespan and did not fit."""

    def copy(self) -> ValueWindow:
        return msgspec.structs.replace(self, times=list(self.times), values=list(self.values))

    def add(self, time: int, event: Part, plan: Correlation) -> float:
        times, values = self.times, self.values
        self.events += event.often
        number = _number(event.value)
        if number is not None:
            repeat = min(event.often, MOST_VALUES)
            times.extend([time] * repeat)
            values.extend([number] * repeat)
        gone = bisect_left(times, time - plan.timespan)
        if gone == len(times):
            self.left_out = 0
        over = len(times) - MOST_VALUES
        if over > gone:
            self.left_out += over - gone
            gone = over
        del times[:gone], values[:gone]
        if not values:
            return 0 if plan.kind == "value_sum" else -inf
        return _MEASURES[plan.kind](values, plan.test.percentile)

    def insert(self, _time: int, _event: Part, plan: Correlation) -> float:
        return 0 if plan.kind == "value_sum" else -inf

    def first(self) -> int:
        return self.times[0] if self.times else self.last


class StepWindow(_Base, tag="steps"):
    """temporal and temporal_ordered: for each rule, when it or the chain up to it was latest."""

    latest: list[int] = []
    """temporal: the latest event of each rule. temporal_ordered: where the chain of rules that
    ends with this one began, the latest such; -1 if there is none."""

    def copy(self) -> StepWindow:
        return msgspec.structs.replace(self, latest=list(self.latest))

    def add(self, time: int, event: Part, plan: Correlation) -> float:
        if not self.latest:
            self.latest = [-1] * len(plan.rules)
        self.events += event.often
        latest, rule = self.latest, event.rule
        if plan.kind == "temporal" or rule == 0:
            latest[rule] = time
        elif latest[rule - 1] >= 0:
            latest[rule] = latest[rule - 1]
        return self._measure(plan)

    def insert(self, time: int, event: Part, plan: Correlation) -> float:
        # Which chain a later step of it would have gone on with can't be known any more.
        self.latest = self.latest or [-1] * len(plan.rules)
        if plan.kind == "temporal" or event.rule == 0:
            self.latest[event.rule] = max(self.latest[event.rule], time)
        return self._measure(plan)

    def _measure(self, plan: Correlation) -> float:
        latest = self.latest
        oldest = self.last - plan.timespan
        inside = [each >= 0 and each >= oldest for each in latest]
        if plan.expression is not None:
            bits = sum(1 << place for place, there in enumerate(inside) if there)
            return int(holds(plan.expression, bits))
        if plan.kind == "temporal":
            return sum(inside)
        return max((place + 1 for place, there in enumerate(inside) if there), default=0)

    def first(self) -> int:
        return min((each for each in self.latest if each >= 0), default=self.last)


Window = CountWindow | DistinctWindow | ValueWindow | StepWindow


def window_type(plan: Correlation) -> type[Window]:
    """What keeps the events of a key for a correlation."""
    match plan.kind:
        case "event_count":
            return CountWindow
        case "value_count":
            return DistinctWindow
        case "temporal" | "temporal_ordered":
            return StepWindow
    return ValueWindow


def _number(value: object) -> float | None:
    if isinstance(value, int):
        return value
    return plain_number(value if isinstance(value, str | float) else "")


def _total(values: list[float]) -> float:
    return float(sum(map(Fraction, values))) if any(v % 1 for v in values) else sum(values)


def _percentile(values: list[float], percent: int) -> float:
    """The nearest rank: the smallest value that so many percent of the values do not exceed."""
    ordered = sorted(values)
    return ordered[max(0, ceil(percent * len(ordered) / 100) - 1)]


def _median(values: list[float], _: int) -> float:
    ordered = sorted(values)
    middle = len(ordered) // 2
    if len(ordered) % 2:
        return ordered[middle]
    return (ordered[middle - 1] + ordered[middle]) / 2


_MEASURES: dict[str, Callable[[list[float], int], float]] = {
    "value_sum": lambda values, _: _total(values),
    "value_avg": lambda values, _: _total(values) / len(values),
    "value_percentile": _percentile,
    "value_median": _median,
}
