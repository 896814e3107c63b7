"""Alarms over the time of a log: what a daemon would have told, minute by minute.

Where a window is empty and stays so, the next evaluation that can differ is the one that sees
the next datapoint, so silence costs nothing, however long it is. Expressions that read the
clock are evaluated each time.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

import msgspec
import numpy as np
from numpy.typing import NDArray

from tocsin.alarms import (
    AlarmState,
    ChildState,
    CompositeAlarm,
    CompositeState,
    MetricAlarm,
    alarm_metrics,
    assess,
    compose,
    composite_order,
    evaluate,
    evaluation_interval,
    evaluation_range,
    outlook_of,
)
from tocsin.durations import SECOND

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tocsin.alarms import History, Transition

__all__ = ["Threshold", "newest_values", "run_alarms", "thresholds"]

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

_CLOCK = re.compile(r"\b(?:MINUTE|HOUR|DAY|DATE|MONTH|YEAR|EPOCH)\b")
MAX_EVALUATIONS = 1_000_000
"""Of an expression that reads the clock; then silence is skipped for it too."""
_END = 1 << 62
_BATCH = 8192
"""Evaluations that are looked at together."""
_QUANTILES = (0.5, 0.75, 0.9, 0.95, 0.99, 0.999, 1.0)


@dataclass(frozen=True, slots=True)
class Threshold:
    """How an alarm would have behaved with a threshold."""

    threshold: float
    fired: int
    """Changes to ALARM."""
    in_alarm: int
    """Microseconds in ALARM."""
    own: bool
    """Whether it is the threshold of the definition."""
    quantile: float | None = None
    """The share of the values that are not above it."""


def run_alarms(
    alarms: Sequence[MetricAlarm | CompositeAlarm], table: History, begin: int, end: int
) -> list[Transition]:
    """All transitions, in order of time. `begin` and `end` are where the events begin and end."""
    found: list[Transition] = []
    for alarm in alarms:
        if isinstance(alarm, MetricAlarm):
            found += _metric_alarm(alarm, table, begin, end)
    found.sort(key=lambda each: (each.time, each.alarm))
    composites = composite_order(each for each in alarms if isinstance(each, CompositeAlarm))
    if composites:
        start = {
            each.alarm_name: ChildState("INSUFFICIENT_DATA", begin, each.alarm_arn or "")
            for each in alarms
        }
        states = {each.alarm_name: CompositeState(since=begin) for each in composites}
        found += compose(composites, states, start, found, _END)
    # Of one moment a composite alarm comes after its children.
    return sorted(found, key=lambda each: each.time)


def _metric_alarm(alarm: MetricAlarm, table: History, begin: int, end: int) -> Iterator[Transition]:
    state, outlook = AlarmState(since=begin), outlook_of(alarm, table)
    for times in _batches(_times(alarm, table, begin, end)):
        decisions = None if outlook is None else outlook.decisions(times)
        at = 0
        while True:
            if outlook is not None and decisions is not None:
                at = outlook.next_change(decisions, at, state.value)
            if at >= len(times):
                break
            state, transition = evaluate(alarm, state, table, times[at])
            if transition is not None:
                yield transition
            at += 1


def _batches(times: Iterator[int]) -> Iterator[list[int]]:
    while batch := list(islice(times, _BATCH)):
        yield batch


def _times(alarm: MetricAlarm, table: History, begin: int, end: int) -> Iterator[int]:
    """When an alarm is evaluated, until nothing can change any more."""
    interval = evaluation_interval(alarm)
    span = evaluation_range(alarm.evaluation_periods) * alarm.seconds * SECOND + interval
    start = (begin // interval + 1) * interval
    last = start
    if any(_CLOCK.search(query.expression or "") for query in alarm.metrics):
        whole = -(-(end + span) // interval) * interval
        last = min(whole, start + (MAX_EVALUATIONS - 1) * interval)
    found = [(np.array([start]), np.array([last]))]
    for metric, unit in alarm_metrics(alarm):
        slots = table.columns(metric, unit).times
        first = np.maximum(start, slots // interval * interval + interval)
        found.append(_joined(first, (slots + span + interval) // interval * interval, interval))
    begins, ends = (np.concatenate(each) for each in zip(*found, strict=True))
    order = np.argsort(begins, kind="stable")
    begins, ends = _joined(begins[order], ends[order], interval)
    for low, high in zip(begins.tolist(), ends.tolist(), strict=True):
        yield from range(low, high + 1, interval)


def _joined(begins: Ints, ends: Ints, interval: int) -> tuple[Ints, Ints]:
    """Ranges in order of their begins, those that touch as one."""
    ends = np.maximum.accumulate(ends)
    apart = begins[1:] > ends[:-1] + interval
    one = np.ones(min(1, len(begins)), np.bool_)
    return begins[np.append(one, apart)], ends[np.append(apart, one)]


def thresholds(alarm: MetricAlarm, table: History, begin: int, end: int) -> list[Threshold]:
    """The alarm with other thresholds: around the quantiles of what it saw in each period."""
    values = np.fromiter(_newest(alarm, table, begin, end), np.float64)
    values.sort()
    own = alarm.threshold or 0.0
    tried: dict[float, float | None] = {own: None}
    for quantile in _QUANTILES if len(values) else ():
        tried[float(values[min(len(values) - 1, int(quantile * len(values)))])] = quantile
    return [
        _tried(alarm, table, (begin, end), threshold, tried[threshold])
        for threshold in sorted(tried)
    ]


def _newest(alarm: MetricAlarm, table: History, begin: int, end: int) -> Iterator[float]:
    """The value of the newest period at each evaluation that finds one."""
    outlook = outlook_of(alarm, table)
    for times in _batches(_times(alarm, table, begin, end)):
        found = None if outlook is None else outlook.exact_newest(times)
        if found is None:
            values = (assess(alarm, table, time).periods[0].value for time in times)
            found = [each for each in values if each is not None]
        yield from found


def newest_values(
    alarm: MetricAlarm, table: History, begin: int, end: int
) -> Iterator[tuple[Ints, Floats]]:
    """Times of evaluations, and what the newest period shows there, NaN for nothing."""
    outlook = outlook_of(alarm, table)
    for times in _batches(_times(alarm, table, begin, end)):
        at = np.array(times, np.int64)
        if outlook is not None:
            yield at, outlook.values(at)[0]
        else:
            values = [assess(alarm, table, time).periods[0].value for time in times]
            yield at, np.array(values, np.float64)


def _tried(
    alarm: MetricAlarm,
    table: History,
    bounds: tuple[int, int],
    threshold: float,
    quantile: float | None,
) -> Threshold:
    other = msgspec.structs.replace(alarm, threshold=threshold)
    fired = in_alarm = 0
    since: int | None = None
    for change in _metric_alarm(other, table, *bounds):
        if change.after == "ALARM":
            fired, since = fired + 1, change.time
        elif since is not None:
            in_alarm, since = in_alarm + change.time - since, None
    if since is not None:
        in_alarm += max(0, bounds[1] - since)
    return Threshold(threshold, fired, in_alarm, threshold == alarm.threshold, quantile)
