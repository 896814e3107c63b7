"""Alarms that are valid and hardly do what they seem to, next to the filters that feed them.

Source: CloudWatch User Guide, "Using Amazon CloudWatch alarms" (evaluation, hourly
evaluation of long windows); CloudWatch Logs User Guide, "Creating metrics from log events
using filters" (metrics by the minute, dimensions, units).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from tocsin.alarms import Metric, MetricAlarm
from tocsin.errors import Problem, Span

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tocsin.alarms import CompositeAlarm
    from tocsin.pattern import MetricFilter

__all__ = ["hints"]

_DAY = 86_400


class _Emitted(NamedTuple):
    """What the filters of one metric make; kept together, for there may be many of both."""

    dimensions: dict[frozenset[str], None]
    """In the order of the filters."""
    units: set[str]


_Metrics = dict[tuple[str, str], _Emitted]


def hints(
    filters: Sequence[MetricFilter],
    alarms: Sequence[tuple[MetricAlarm | CompositeAlarm, Span]],
    *,
    complete: bool,
) -> list[Problem]:
    """Warnings; whether a filter is missing is only asked where all filters are `complete`."""
    emitted: _Metrics = {}
    for each in filters:
        made = each.transformation
        found = emitted.setdefault((made.namespace, made.metric), _Emitted({}, set()))
        names = frozenset([*(label for label, _ in made.dimensions), *each.system_dimensions])
        found.dimensions[names] = None
        found.units.add(made.unit)
    namespaces = {namespace for namespace, _ in emitted} if complete else set()
    problems = []
    for alarm, span in alarms:
        if isinstance(alarm, MetricAlarm):
            for what, hint, name in _of(alarm, emitted, namespaces):
                text = f"alarm {alarm.alarm_name!r}: {what} [{name}]"
                problems.append(Problem(span, text, hint, "warning"))
    return problems


def _of(
    alarm: MetricAlarm,
    emitted: _Metrics,
    namespaces: set[str],
) -> Iterator[tuple[str, str, str]]:
    if alarm.seconds * alarm.evaluation_periods > _DAY:
        yield (
            "it looks back over more than a day, so it is evaluated once an hour",
            "shorten Period x EvaluationPeriods to a day or less to be told within a minute",
            "hourly",
        )
    for metric, unit in _metrics(alarm):
        made = emitted.get((metric.namespace, metric.metric_name))
        if made is None:
            if metric.namespace in namespaces:
                yield (
                    f"no metric filter here makes {metric.metric_name!r} of {metric.namespace!r}",
                    "compare the spelling with the filters of that namespace",
                    "unknown-metric",
                )
            continue
        if alarm.seconds < 60:
            yield (
                f"its period is {alarm.seconds} s, and metric filters count by the minute",
                "use 60 or a multiple of it",
                "short-period",
            )
        names = frozenset(dimension.name for dimension in metric.dimensions)
        if names not in made.dimensions:
            first = next(iter(made.dimensions))
            yield (
                f"it watches {_dimensions(names)}, its metric filter makes {_dimensions(first)}",
                "an alarm sees a metric only with exactly its dimensions",
                "dimensions",
            )
        if unit is not None and unit not in made.units:
            units = ", ".join(sorted(made.units))
            yield (
                f"it watches the unit {unit}, its metric filter writes {units}",
                "leave the alarm's unit away",
                "unit",
            )


def _metrics(alarm: MetricAlarm) -> Iterator[tuple[Metric, str | None]]:
    if not alarm.metrics:
        yield (
            Metric(alarm.namespace or "", alarm.metric_name or "", alarm.dimensions),
            alarm.unit,
        )
    for query in alarm.metrics:
        if query.metric_stat is not None and query.account_id is None:
            yield query.metric_stat.metric, query.metric_stat.unit


def _dimensions(names: frozenset[str]) -> str:
    return f"the dimensions {', '.join(sorted(names))}" if names else "no dimensions"
