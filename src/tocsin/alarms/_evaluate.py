"""One evaluation of a metric alarm: periods, a decision, a transition, a new state.

Source: user guide, "Evaluating an alarm": the window slides with every evaluation and is
not aligned to multiples of the period; alarms over more than a day are evaluated once an
hour, on data up to the hour; alarms with periods under a minute every ten seconds.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from tocsin.alarms._definition import Metric, MetricStat
from tocsin.alarms._math import infer, run
from tocsin.alarms._math_functions import Grid
from tocsin.alarms._math_parse import compile_math
from tocsin.alarms._missing import Decision, decide, evaluation_range
from tocsin.alarms._queries import query_order
from tocsin.alarms._reason import INITIAL_REASON, Evaluated, reason_data, state_reason
from tocsin.alarms._statistic import parse_statistic
from tocsin.alarms._vocabulary import ANOMALY_COMPARISONS, COMPARISONS, StateValue
from tocsin.durations import DAY, HOUR, MINUTE, SECOND
from tocsin.errors import ParseError, UnsupportedError

if TYPE_CHECKING:
    from collections.abc import Callable

    from tocsin.alarms._datapoint import Datapoint
    from tocsin.alarms._definition import CompositeAlarm, MetricAlarm
    from tocsin.alarms._math_functions import Series, Value
    from tocsin.alarms._table import Lookup

__all__ = [
    "MAX_SPAN",
    "AlarmState",
    "Assessment",
    "Transition",
    "assess",
    "due_actions",
    "evaluate",
    "evaluation_end",
    "evaluation_interval",
]


MAX_SPAN = 604_800
"""Seconds that period x evaluation periods may cover."""


class AlarmState(msgspec.Struct, frozen=True):
    """What a metric alarm remembers; an updated definition keeps it."""

    value: StateValue = "INSUFFICIENT_DATA"
    reason: str = INITIAL_REASON
    reason_data: str = ""
    since: int = 0
    """When it took this value, microseconds since 1970 UTC."""
    evaluated: int | None = None
    """The end of the last window that was evaluated."""


class Transition(msgspec.Struct, frozen=True):
    """An alarm's change of state, and what is to be done about it."""

    alarm: str
    time: int
    before: StateValue
    after: StateValue
    reason: str
    reason_data: str
    actions: tuple[str, ...]
    """Those due now: none if actions are disabled or suppressed."""
    datapoints: tuple[Evaluated, ...] = ()
    """Those that decided, newest first."""
    triggers: tuple[tuple[str, StateValue, int], ...] = ()
    """Of a composite alarm: the children that changed, each with its state and since when."""
    suppressed_by: str = ""
    """Of a composite alarm: `Alarm`, `WaitPeriod` or `ExtensionPeriod`."""
    delayed: bool = False
    """Whether only the actions are new, of a change that was told before."""


@dataclass(frozen=True, slots=True)
class Assessment:
    """What an alarm's data say at a time, whatever its state."""

    time: int
    end: int
    """Where the newest period ends."""
    value: StateValue | None
    """None to keep the state."""
    reason: str
    reason_data: str
    decision: Decision
    periods: tuple[Evaluated, ...]
    """The evaluation range, newest first."""
    too_few_samples: bool = False
    """Whether the state is kept because a percentile rests on too few samples."""


def evaluation_interval(alarm: MetricAlarm) -> int:
    """How often it is evaluated, microseconds: 10 s, a minute or an hour."""
    if alarm.seconds * alarm.evaluation_periods * SECOND > DAY:
        return HOUR
    return 10 * SECOND if alarm.seconds % 60 else MINUTE


def evaluation_end(alarm: MetricAlarm, time: int) -> int:
    """Where the newest period ends in an evaluation at `time`."""
    return time - time % evaluation_interval(alarm)


def evaluate(
    alarm: MetricAlarm,
    state: AlarmState,
    lookup: Lookup,
    time: int,
    *,
    reach: Callable[[int], int] = evaluation_range,
) -> tuple[AlarmState, Transition | None]:
    """Evaluate at `time`; at most once for each window, so that a restart changes nothing.

    `reach` says how many periods are looked at for an N; CloudWatch does not publish it.
    Raises ParseError for a definition that `check` refuses, UnsupportedError for one that
    Tocsin does not evaluate.
    """
    if state.evaluated is not None and evaluation_end(alarm, time) <= state.evaluated:
        return state, None
    found = assess(alarm, lookup, time, reach=reach)
    if found.value is None or found.value == state.value:
        return msgspec.structs.replace(state, evaluated=found.end), None
    after = AlarmState(found.value, found.reason, found.reason_data, time, found.end)
    return after, Transition(
        alarm.alarm_name, time, state.value, found.value, found.reason, found.reason_data,
        due_actions(alarm, found.value),
        tuple(found.periods[position] for position in found.decision.used),
    )  # fmt: skip


def due_actions(alarm: MetricAlarm | CompositeAlarm, value: StateValue) -> tuple[str, ...]:
    """The actions for a state, if actions are enabled."""
    if not alarm.actions_enabled:
        return ()
    if value == "ALARM":
        return alarm.alarm_actions
    return alarm.ok_actions if value == "OK" else alarm.insufficient_data_actions


def assess(
    alarm: MetricAlarm,
    lookup: Lookup,
    time: int,
    *,
    reach: Callable[[int], int] = evaluation_range,
) -> Assessment:
    """What the data say: the periods of the evaluation range, and what they decide."""
    comparison = COMPARISONS.get(alarm.comparison_operator)
    if comparison is None:
        if alarm.comparison_operator in ANOMALY_COMPARISONS:
            raise UnsupportedError(f"{alarm.comparison_operator}: anomaly bands are not supported")
        raise ParseError(f"not a comparison operator: {alarm.comparison_operator[:60]!r}")
    if alarm.threshold is None or not math.isfinite(alarm.threshold):
        raise ParseError("the threshold has to be a number")
    if alarm.seconds < 1 or alarm.evaluation_periods < 1:
        raise ParseError("period and evaluation periods have to be 1 or more")
    if alarm.seconds * alarm.evaluation_periods > MAX_SPAN:
        raise ParseError(f"an alarm looks back {MAX_SPAN} seconds at most")
    end = evaluation_end(alarm, time)
    count = max(reach(alarm.evaluation_periods), alarm.evaluation_periods)
    periods = _expression(alarm, lookup, end, count) if alarm.metrics else None
    if periods is None:
        periods = _statistic(_own_stat(alarm), lookup, end, count)
    judged = tuple(
        each
        if each.value is None
        else msgspec.structs.replace(each, breaching=comparison.breaches(each.value, threshold))
        for threshold in (alarm.threshold,)
        for each in reversed(periods)
    )
    decision = decide(
        [each.breaching for each in judged],
        alarm.needed, alarm.evaluation_periods, alarm.treatment,
    )  # fmt: skip
    too_few = _too_few(alarm, decision, judged)
    value = None if too_few else decision.value
    reason = data = ""
    if value is not None:
        reason = state_reason(alarm, value, decision, judged)
        data = reason_data(alarm, time, decision, judged)
    return Assessment(time, end, value, reason, data, decision, judged, too_few)


def _own_stat(alarm: MetricAlarm) -> MetricStat:
    metric = Metric(alarm.namespace or "", alarm.metric_name or "", alarm.dimensions)
    name = alarm.statistic or alarm.extended_statistic or ""
    return MetricStat(metric, alarm.seconds, name, alarm.unit)


def _too_few(alarm: MetricAlarm, decision: Decision, periods: tuple[Evaluated, ...]) -> bool:
    """Whether the state does not change because a percentile is not significant."""
    if alarm.evaluate_low_sample_count_percentile != "ignore":
        return False
    returned = next((query.metric_stat for query in alarm.metrics if query.return_data), None)
    name = returned.stat if returned else alarm.extended_statistic
    least = parse_statistic(name).low_sample_count if name else 0
    return least > 0 and any(
        (periods[position].sample_count or 0) < least for position in decision.used
    )


def _starts(end: int, count: int, period: int) -> tuple[int, ...]:
    return tuple(end - step * period * SECOND for step in range(count, 0, -1))


def _statistic(stat: MetricStat, lookup: Lookup, end: int, count: int) -> list[Evaluated]:
    """The statistic of each period, oldest first."""
    statistic, starts = parse_statistic(stat.stat), _starts(end, count, stat.period)
    slots: list[list[Datapoint]] = [[] for _ in starts]
    width = stat.period * SECOND
    for time, point in lookup(stat.metric, stat.unit, starts[0], end):
        slots[(time - starts[0]) // width].append(point)
    return [
        Evaluated(start, *statistic.of_all(points))
        for start, points in zip(starts, slots, strict=True)
    ]


def _expression(alarm: MetricAlarm, lookup: Lookup, end: int, count: int) -> list[Evaluated]:
    """The value of the query that returns data, oldest first."""
    starts = _starts(end, count, alarm.seconds)
    values: dict[str, Value] = {}
    types: dict[str, str] = {}
    metrics: list[tuple[str, Series]] = []
    wanted = next((query.id for query in alarm.metrics if query.return_data), "")
    whole: dict[str, list[Evaluated]] = {}
    for query in alarm.metrics:
        if query.metric_stat is not None:
            whole[query.id] = _statistic(query.metric_stat, lookup, end, count)
            values[query.id] = [each.value for each in whole[query.id]]
            types[query.id] = "T"
            metrics.append((query.id, values[query.id]))
    if wanted in whole:
        return whole[wanted]
    grid = Grid(starts, alarm.seconds, tuple(metrics))
    for query in query_order(alarm.metrics):
        program = compile_math(query.expression or "")
        types[query.id] = infer(program, types, tuple(whole))
        values[query.id] = run(program, grid, values)
    if types.get(wanted) != "T":
        raise ParseError("the expression of an alarm has to give a single time series")
    return [Evaluated(*each) for each in zip(starts, values[wanted], strict=True)]
