"""Alarm definitions, field by field as the CloudWatch API has them.

Each struct converts from the JSON of `DescribeAlarms` with `msgspec.convert`, and back.
A definition may be wrong; `check` tells all that is.

Source: API reference of CloudWatch, `PutMetricAlarm`, `PutCompositeAlarm`,
`MetricDataQuery`, `MetricStat`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "CompositeAlarm",
    "Dimension",
    "Metric",
    "MetricAlarm",
    "MetricQuery",
    "MetricStat",
    "alarm_metrics",
]


class Dimension(msgspec.Struct, frozen=True, order=True, rename="pascal"):
    """A name and a value that are part of a metric's identity."""

    name: str
    value: str


class Metric(msgspec.Struct, frozen=True, order=True, rename="pascal"):
    """What a metric is known by."""

    namespace: str = ""
    metric_name: str = ""
    dimensions: tuple[Dimension, ...] = ()
    """In any order; two metrics are the same if `sorted_dimensions` are."""

    @classmethod
    def of(cls, namespace: str, name: str, dimensions: Mapping[str, str] | None = None) -> Metric:
        pairs = sorted((dimensions or {}).items())
        return cls(namespace, name, tuple(Dimension(*pair) for pair in pairs))

    def normal(self) -> Metric:
        """With the dimensions in order, so that equal metrics compare equal."""
        return Metric(self.namespace, self.metric_name, tuple(sorted(self.dimensions)))


class MetricStat(msgspec.Struct, frozen=True, rename="pascal"):
    """A statistic of a metric, by period."""

    metric: Metric
    period: int
    """Seconds."""
    stat: str
    """A statistic or an extended statistic."""
    unit: str | None = None


class MetricQuery(msgspec.Struct, frozen=True, rename="pascal"):
    """A metric to retrieve, or a math expression over other queries of the alarm."""

    id: str
    metric_stat: MetricStat | None = None
    expression: str | None = None
    label: str | None = None
    return_data: bool = True
    period: int | None = None
    account_id: str | None = None


class MetricAlarm(msgspec.Struct, frozen=True, rename="pascal"):
    """An alarm on one metric or on one math expression."""

    alarm_name: str
    evaluation_periods: int
    """N: how many periods are evaluated."""
    comparison_operator: str
    threshold: float | None = None
    datapoints_to_alarm: int | None = None
    """M: how many of them must breach; all if it is not given."""
    metric_name: str | None = None
    namespace: str | None = None
    dimensions: tuple[Dimension, ...] = ()
    statistic: str | None = None
    extended_statistic: str | None = None
    period: int | None = None
    """Seconds."""
    unit: str | None = None
    """Only datapoints published with this unit are seen."""
    metrics: tuple[MetricQuery, ...] = ()
    treat_missing_data: str = "missing"
    evaluate_low_sample_count_percentile: str | None = None
    alarm_description: str | None = None
    actions_enabled: bool = True
    ok_actions: tuple[str, ...] = msgspec.field(default=(), name="OKActions")
    alarm_actions: tuple[str, ...] = ()
    insufficient_data_actions: tuple[str, ...] = ()
    threshold_metric_id: str | None = None
    evaluation_criteria: Any = None
    evaluation_window: Any = None
    alarm_arn: str | None = None
    alarm_configuration_updated_timestamp: str | None = None

    @property
    def needed(self) -> int:
        """M, given or not."""
        return self.datapoints_to_alarm or self.evaluation_periods

    @property
    def seconds(self) -> int:
        """The period, wherever it is written; 0 if nowhere."""
        if not self.metrics:
            return self.period or 0
        stats = [query.metric_stat.period for query in self.metrics if query.metric_stat]
        stated = [query.period for query in self.metrics if query.period]
        return (stats or stated or [0])[0]

    @property
    def treatment(self) -> str:
        """How missing data are treated in fact.

        NOTE: alarms on metrics of AWS/DynamoDB behave as `ignore` whatever they say
        (user guide, "Configuring how CloudWatch alarms treat missing data").
        """
        stats = [query.metric_stat for query in self.metrics if query.metric_stat]
        spaces = {self.namespace, *(stat.metric.namespace for stat in stats)}
        return "ignore" if "AWS/DynamoDB" in spaces else self.treat_missing_data


class CompositeAlarm(msgspec.Struct, frozen=True, rename="pascal"):
    """An alarm on the states of other alarms."""

    alarm_name: str
    alarm_rule: str
    alarm_description: str | None = None
    actions_enabled: bool = True
    ok_actions: tuple[str, ...] = msgspec.field(default=(), name="OKActions")
    alarm_actions: tuple[str, ...] = ()
    insufficient_data_actions: tuple[str, ...] = ()
    actions_suppressor: str | None = None
    """Name or ARN of the alarm that keeps this one's actions back while it is in ALARM."""
    actions_suppressor_wait_period: int | None = None
    """Seconds."""
    actions_suppressor_extension_period: int | None = None
    alarm_arn: str | None = None
    alarm_configuration_updated_timestamp: str | None = None


def alarm_metrics(alarm: MetricAlarm) -> list[tuple[Metric, str | None]]:
    """The metrics an alarm looks at, each with the unit it asks for."""
    if not alarm.metrics:
        own = Metric(alarm.namespace or "", alarm.metric_name or "", alarm.dimensions)
        return [(own.normal(), alarm.unit)]
    stats = [query.metric_stat for query in alarm.metrics if query.metric_stat]
    return [(stat.metric.normal(), stat.unit) for stat in stats]
