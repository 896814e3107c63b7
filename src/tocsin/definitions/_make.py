"""From a resource to a checked metric filter or alarm.

Source: API reference of CloudWatch Logs, `PutMetricFilter` and `MetricTransformation`; of
CloudWatch, `PutMetricAlarm`, `PutCompositeAlarm` and `MetricDataQuery`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tocsin.alarms import (
    CompositeAlarm,
    Dimension,
    Metric,
    MetricAlarm,
    MetricQuery,
    MetricStat,
    check,
)
from tocsin.definitions._fields import Fields
from tocsin.definitions._tree import Node, Unknown, mapping
from tocsin.errors import ConfigError
from tocsin.pattern import MetricFilter, Transformation, make_filter

if TYPE_CHECKING:
    from tocsin.definitions._resource import Resource

__all__ = ["make"]

_OWN_ACCOUNT = "${AWS::AccountId}"
Made = MetricFilter | MetricAlarm | CompositeAlarm


def make(resource: Resource) -> tuple[Made | None, Fields]:
    """The definition, or nothing and the reasons."""
    fields = Fields(resource)
    if isinstance(resource.body.value, Unknown):
        fields.note(resource.body, resource.kind, resource.body.value)
        return None, fields
    makers = {"metric filter": _filter, "alarm": _alarm, "composite alarm": _composite}
    made = makers[resource.kind](fields, resource.body)
    return (None if fields.errors or fields.unknown else made), fields


def _filter(fields: Fields, body: Node) -> MetricFilter | None:
    name = fields.text(body, "FilterName", required=True)
    group = fields.text(body, "LogGroupName", required=True)
    pattern = fields.text(body, "FilterPattern", required=True)
    system = [each for each in fields.actions(body, "EmitSystemFieldDimensions") if each]
    transformations = []
    for each in fields.items(body, "MetricTransformations"):
        if not isinstance(each.value, dict):
            fields.note_or_refuse(each, "MetricTransformations")
            continue
        transformations.append(
            Transformation(
                fields.text(each, "MetricName", required=True) or "",
                fields.text(each, "MetricNamespace", required=True) or "",
                fields.text(each, "MetricValue", required=True) or "",
                fields.number(each, "DefaultValue"),
                fields.text(each, "Unit") or "None",
                fields.pairs(each, "Dimensions"),
            )
        )
    # NOTE: both change which events count, so leaving them aside would give wrong numbers.
    if fields.text(body, "FieldSelectionCriteria"):
        fields.error(body, "FieldSelectionCriteria is not supported", "put it into the pattern")
    if fields.boolean(body, "ApplyOnTransformedLogs", default=False):
        fields.error(
            body,
            "ApplyOnTransformedLogs is not supported: Tocsin runs no log transformers",
            "write the pattern for the events as they are logged",
        )
    if fields.errors or fields.unknown:
        return None
    try:
        return make_filter(
            name=name or "", log_group=group or "", pattern=pattern or "",
            transformations=transformations, system_dimensions=system, span=body.span,
        )  # fmt: skip
    except ConfigError as error:
        fields.errors += error.problems
        return None


def _alarm(fields: Fields, body: Node) -> MetricAlarm | None:
    operator = fields.text(body, "ComparisonOperator", required=True)
    alarm = MetricAlarm(
        alarm_name=fields.text(body, "AlarmName", required=True) or "",
        evaluation_periods=fields.integer(body, "EvaluationPeriods", required=True) or 0,
        comparison_operator=operator or "",
        threshold=fields.number(body, "Threshold"),
        datapoints_to_alarm=fields.integer(body, "DatapointsToAlarm") or None,
        metric_name=fields.text(body, "MetricName") or None,
        namespace=fields.text(body, "Namespace") or None,
        dimensions=_dimensions(fields, body),
        statistic=fields.text(body, "Statistic") or None,
        extended_statistic=fields.text(body, "ExtendedStatistic") or None,
        period=fields.integer(body, "Period"),
        unit=fields.text(body, "Unit") or None,
        metrics=_queries(fields, body),
        treat_missing_data=fields.text(body, "TreatMissingData") or "missing",
        evaluate_low_sample_count_percentile=fields.text(body, "EvaluateLowSampleCountPercentile")
        or None,
        alarm_description=fields.words(body, "AlarmDescription"),
        actions_enabled=fields.boolean(body, "ActionsEnabled", default=True),
        ok_actions=fields.actions(body, "OKActions"),
        alarm_actions=fields.actions(body, "AlarmActions"),
        insufficient_data_actions=fields.actions(body, "InsufficientDataActions"),
        threshold_metric_id=fields.text(body, "ThresholdMetricId") or None,
        evaluation_criteria=_plain(fields.value(body, "EvaluationCriteria")),
        evaluation_window=_plain(fields.value(body, "EvaluationWindow")),
        alarm_arn=fields.words(body, "AlarmArn"),
        alarm_configuration_updated_timestamp=fields.words(
            body, "AlarmConfigurationUpdatedTimestamp"
        ),
    )
    if fields.errors or fields.unknown:
        return None
    fields.errors += check(alarm, body.span)
    return alarm


def _dimensions(fields: Fields, body: Node) -> tuple[Dimension, ...]:
    return tuple(Dimension(*pair) for pair in fields.pairs(body, "Dimensions"))


def _queries(fields: Fields, body: Node) -> tuple[MetricQuery, ...]:
    found = []
    for each in fields.items(body, "Metrics"):
        if not isinstance(each.value, dict):
            fields.note_or_refuse(each, "Metrics")
            continue
        stat = fields.value(each, "MetricStat")
        found.append(
            MetricQuery(
                id=fields.text(each, "Id", required=True) or "",
                metric_stat=_stat(fields, stat) if mapping(stat) and stat else None,
                expression=fields.text(each, "Expression") or None,
                label=fields.text(each, "Label") or None,
                return_data=fields.boolean(each, "ReturnData", default=True),
                period=fields.integer(each, "Period") or None,
                account_id=_account(fields, each),
            )
        )
    return tuple(found)


def _account(fields: Fields, body: Node) -> str | None:
    """Whose metric it is, if not that of the account the alarm is in."""
    node = body.get("AccountId")
    if node is not None and isinstance(node.value, Unknown) and node.value.symbol == _OWN_ACCOUNT:
        return None
    return fields.text(body, "AccountId") or None


def _stat(fields: Fields, node: Node) -> MetricStat:
    metric = fields.value(node, "Metric") or Node(node.span, {})
    return MetricStat(
        Metric(
            fields.text(metric, "Namespace") or "",
            fields.text(metric, "MetricName", required=True) or "",
            _dimensions(fields, metric),
        ),
        fields.integer(node, "Period", required=True) or 0,
        fields.text(node, "Stat", required=True) or "",
        fields.text(node, "Unit") or None,
    )


def _composite(fields: Fields, body: Node) -> CompositeAlarm | None:
    alarm = CompositeAlarm(
        alarm_name=fields.text(body, "AlarmName", required=True) or "",
        alarm_rule=fields.text(body, "AlarmRule", required=True) or "",
        alarm_description=fields.words(body, "AlarmDescription"),
        actions_enabled=fields.boolean(body, "ActionsEnabled", default=True),
        ok_actions=fields.actions(body, "OKActions"),
        alarm_actions=fields.actions(body, "AlarmActions"),
        insufficient_data_actions=fields.actions(body, "InsufficientDataActions"),
        actions_suppressor=fields.text(body, "ActionsSuppressor") or None,
        actions_suppressor_wait_period=fields.integer(body, "ActionsSuppressorWaitPeriod"),
        actions_suppressor_extension_period=fields.integer(
            body, "ActionsSuppressorExtensionPeriod"
        ),
        alarm_arn=fields.words(body, "AlarmArn"),
        alarm_configuration_updated_timestamp=fields.words(
            body, "AlarmConfigurationUpdatedTimestamp"
        ),
    )
    if fields.errors or fields.unknown:
        return None
    fields.errors += check(alarm, body.span)
    return alarm


def _plain(node: Node | None) -> object:
    """Without places, for messages."""
    if node is None:
        return None
    if isinstance(node.value, dict):
        return {key: _plain(each) for key, each in node.value.items()}
    if isinstance(node.value, list):
        return [_plain(each) for each in node.value]
    return node.value
