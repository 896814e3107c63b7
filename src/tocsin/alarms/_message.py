"""The message CloudWatch publishes to a topic when an alarm changes.

Source: messages recorded from AWS (2025 and 2026). A member that is not known is left out
or null as it is there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from tocsin.alarms._definition import CompositeAlarm, MetricAlarm, MetricQuery
from tocsin.alarms._reason import timestamp
from tocsin.alarms._vocabulary import REGIONS, STATISTICS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tocsin.alarms._definition import Dimension
    from tocsin.alarms._evaluate import Transition

__all__ = ["Place", "sns_message", "sns_subject"]


class Place(msgspec.Struct, frozen=True):
    """The account and region an alarm is told from."""

    account: str = "000000000000"
    region: str = "us-east-1"

    @property
    def region_name(self) -> str:
        """The long name, as in a notification."""
        return REGIONS.get(self.region, self.region)

    def arn(self, alarm: MetricAlarm | CompositeAlarm) -> str:
        own = f"arn:aws:cloudwatch:{self.region}:{self.account}:alarm:{alarm.alarm_name}"
        return alarm.alarm_arn or own


def sns_subject(transition: Transition, place: Place) -> str:
    """`ALARM: "name" in US East (N. Virginia)`, cut to what SNS takes."""
    subject = f'{transition.after}: "{transition.alarm}" in {place.region_name}'
    return subject if len(subject) <= 100 else f"{subject[:97]}..."


def sns_message(
    alarm: MetricAlarm | CompositeAlarm, transition: Transition, place: Place
) -> dict[str, Any]:
    """The body of the message, to be sent as JSON text."""
    message = {
        "AlarmName": alarm.alarm_name,
        "AlarmDescription": alarm.alarm_description,
        "AWSAccountId": place.account,
        "AlarmConfigurationUpdatedTimestamp": alarm.alarm_configuration_updated_timestamp,
        "NewStateValue": transition.after,
        "NewStateReason": transition.reason,
        "StateChangeTime": timestamp(transition.time),
        "Region": place.region_name,
        "AlarmArn": place.arn(alarm),
        "OldStateValue": transition.before,
        "OKActions": list(alarm.ok_actions),
        "AlarmActions": list(alarm.alarm_actions),
        "InsufficientDataActions": list(alarm.insufficient_data_actions),
        "ActionExecutedAfterMuteWindow": False,
    }
    if isinstance(alarm, CompositeAlarm):
        children = [
            {"Arn": arn, "State": {"Value": value, "Timestamp": timestamp(since)}}
            for arn, value, since in transition.triggers
        ]
        return {**message, "AlarmRule": alarm.alarm_rule, "TriggeringChildren": children}
    return {**message, "Trigger": _trigger(alarm)}


def _trigger(alarm: MetricAlarm) -> dict[str, Any]:
    trigger: dict[str, Any] = {}
    if not alarm.metrics:
        trigger["MetricName"] = alarm.metric_name
        trigger["Namespace"] = alarm.namespace
        if alarm.statistic:
            trigger["StatisticType"] = "Statistic"
            trigger["Statistic"] = STATISTICS.get(alarm.statistic, alarm.statistic)
        else:
            trigger["StatisticType"] = "ExtendedStatistic"
            trigger["ExtendedStatistic"] = alarm.extended_statistic
        trigger["Unit"] = alarm.unit
        trigger["Dimensions"] = _dimensions(alarm.dimensions)
    trigger["Period"] = alarm.seconds
    trigger["EvaluationPeriods"] = alarm.evaluation_periods
    if alarm.datapoints_to_alarm is not None:
        trigger["DatapointsToAlarm"] = alarm.datapoints_to_alarm
    trigger["ComparisonOperator"] = alarm.comparison_operator
    trigger["Threshold"] = alarm.threshold
    trigger["TreatMissingData"] = alarm.treat_missing_data
    trigger["EvaluateLowSampleCountPercentile"] = alarm.evaluate_low_sample_count_percentile or ""
    if alarm.metrics:
        trigger["Metrics"] = [_query(query) for query in alarm.metrics]
    return trigger


def _query(query: MetricQuery) -> dict[str, Any]:
    told: dict[str, Any] = {}
    if query.expression is not None:
        told["Expression"] = query.expression
    told["Id"] = query.id
    if query.label is not None:
        told["Label"] = query.label
    stat = query.metric_stat
    if stat is not None:
        told["MetricStat"] = {
            "Metric": {
                "Dimensions": _dimensions(stat.metric.dimensions),
                "MetricName": stat.metric.metric_name,
                "Namespace": stat.metric.namespace,
            },
            "Period": stat.period,
            "Stat": stat.stat,
        }
        if stat.unit is not None:
            told["MetricStat"]["Unit"] = stat.unit
    told["ReturnData"] = query.return_data
    return told


def _dimensions(dimensions: Iterable[Dimension]) -> list[dict[str, str]]:
    return [{"value": each.value, "name": each.name} for each in dimensions]
