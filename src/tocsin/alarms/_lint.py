"""What a sound definition probably does not mean.

Source: user guide, "Using metric math" (the recommendations in the table of functions) and
"Configuring how CloudWatch alarms treat missing data".
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tocsin.alarms._definition import MetricAlarm
from tocsin.alarms._math import infer
from tocsin.alarms._math_parse import compile_math
from tocsin.alarms._queries import query_order
from tocsin.alarms._statistic import parse_statistic
from tocsin.errors import ParseError, Problem, Span

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tocsin.alarms._definition import CompositeAlarm, MetricQuery

__all__ = ["lint"]

_RANGE_DEPENDENT = ("AVG", "MAX", "MIN", "STDDEV", "SUM", "DATAPOINT_COUNT", "RUNNING_SUM")
_HINT = "an alarm fetches more periods than it evaluates, and nobody says how many"


def lint(alarm: MetricAlarm | CompositeAlarm, span: Span | None = None) -> list[Problem]:
    """Warnings about a definition that `check` finds nothing wrong with."""
    if not isinstance(alarm, MetricAlarm):
        return []
    owner = f"alarm {alarm.alarm_name[:80]!r}: "
    return [
        Problem(span or Span(), owner + what, hint, "warning")
        for what, hint in (*_treatment(alarm), *_expressions(alarm), *_percentile(alarm))
    ]


def _treatment(alarm: MetricAlarm) -> Iterator[tuple[str, str]]:
    if alarm.treatment != alarm.treat_missing_data:
        yield (
            f"missing data are ignored, not {alarm.treat_missing_data}",
            "CloudWatch ignores missing data of AWS/DynamoDB whatever the alarm says",
        )


def _percentile(alarm: MetricAlarm) -> Iterator[tuple[str, str]]:
    if alarm.extended_statistic and not alarm.evaluate_low_sample_count_percentile:
        try:
            least = parse_statistic(alarm.extended_statistic).low_sample_count
        except ParseError:
            return
        if least:
            yield (
                f"{alarm.extended_statistic} means little with fewer than {least} samples",
                "set EvaluateLowSampleCountPercentile to say what then: evaluate or ignore",
            )


def _expressions(alarm: MetricAlarm) -> Iterator[tuple[str, str]]:
    types = {query.id: "T" for query in alarm.metrics if query.metric_stat is not None}
    metrics = tuple(types)
    try:
        for query in query_order(alarm.metrics):
            yield from _expression(alarm, query, types, metrics)
    except ParseError:
        return


def _expression(
    alarm: MetricAlarm, query: MetricQuery, types: dict[str, str], metrics: tuple[str, ...]
) -> Iterator[tuple[str, str]]:
    program = compile_math(query.expression or "")
    calls: list[tuple[str, str]] = []
    types[query.id] = infer(program, types, metrics, calls)
    for name, kinds in dict.fromkeys(calls):
        if name == "RUNNING_SUM" or (name in _RANGE_DEPENDENT and kinds == "T"):
            yield f"{name} of one time series depends on how many periods are fetched", _HINT
    if any(name == "FILL" for name, _ in calls) and alarm.needed == alarm.evaluation_periods == 1:
        yield (
            "FILL hides that the newest datapoint is late",
            "evaluate M of N periods, or use TreatMissingData",
        )
