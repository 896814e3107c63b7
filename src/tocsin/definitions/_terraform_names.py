"""How the AWS provider of Terraform spells the fields of the CloudWatch API.

Source: documentation of the AWS provider, resources `aws_cloudwatch_log_metric_filter`,
`aws_cloudwatch_metric_alarm` and `aws_cloudwatch_composite_alarm`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tocsin.definitions._resource import Kind, Resource
from tocsin.definitions._tree import Node, mapping, text
from tocsin.errors import Problem

if TYPE_CHECKING:
    from tocsin.definitions._resource import Reading

__all__ = ["ATTRIBUTES", "KINDS", "NAMES", "to_resource"]

KINDS: dict[str, Kind] = {
    "aws_cloudwatch_log_metric_filter": "metric filter",
    "aws_cloudwatch_metric_alarm": "alarm",
    "aws_cloudwatch_composite_alarm": "composite alarm",
}
NAMES = {
    "aws_cloudwatch_log_metric_filter": "name",
    "aws_cloudwatch_metric_alarm": "alarm_name",
    "aws_cloudwatch_composite_alarm": "alarm_name",
    "aws_cloudwatch_log_group": "name",
}
"""The attribute that `id` repeats."""

_FILTER = {
    "name": "FilterName",
    "pattern": "FilterPattern",
    "log_group_name": "LogGroupName",
    "metric_transformation": "MetricTransformations",
    "apply_on_transformed_logs": "ApplyOnTransformedLogs",
    "field_selection_criteria": "FieldSelectionCriteria",
    "emit_system_field_dimensions": "EmitSystemFieldDimensions",
}
_TRANSFORMATION = {
    "name": "MetricName",
    "namespace": "MetricNamespace",
    "value": "MetricValue",
    "default_value": "DefaultValue",
    "dimensions": "Dimensions",
    "unit": "Unit",
}
_ACTIONS = {
    "alarm_name": "AlarmName",
    "alarm_description": "AlarmDescription",
    "actions_enabled": "ActionsEnabled",
    "ok_actions": "OKActions",
    "alarm_actions": "AlarmActions",
    "insufficient_data_actions": "InsufficientDataActions",
}
_ALARM = {
    **_ACTIONS,
    "comparison_operator": "ComparisonOperator",
    "evaluation_periods": "EvaluationPeriods",
    "datapoints_to_alarm": "DatapointsToAlarm",
    "threshold": "Threshold",
    "threshold_metric_id": "ThresholdMetricId",
    "metric_name": "MetricName",
    "namespace": "Namespace",
    "dimensions": "Dimensions",
    "period": "Period",
    "statistic": "Statistic",
    "extended_statistic": "ExtendedStatistic",
    "unit": "Unit",
    "treat_missing_data": "TreatMissingData",
    "evaluate_low_sample_count_percentiles": "EvaluateLowSampleCountPercentile",
    "metric_query": "Metrics",
    "evaluation_criteria": "EvaluationCriteria",
    "evaluation_window": "EvaluationWindow",
}
_QUERY = {
    "id": "Id",
    "expression": "Expression",
    "label": "Label",
    "return_data": "ReturnData",
    "period": "Period",
    "account_id": "AccountId",
}
_METRIC = {"namespace": "Namespace", "metric_name": "MetricName", "dimensions": "Dimensions"}
_STAT = {"period": "Period", "stat": "Stat", "unit": "Unit"}
_COMPOSITE = {**_ACTIONS, "alarm_rule": "AlarmRule", "actions_suppressor": "ActionsSuppressor"}

ATTRIBUTES: dict[str, dict[str, str]] = {
    "aws_cloudwatch_log_metric_filter": _FILTER,
    "aws_cloudwatch_metric_alarm": _ALARM,
    "aws_cloudwatch_composite_alarm": _COMPOSITE,
}
_ASIDE = frozenset({
    "arn", "connection", "count", "depends_on", "for_each", "id", "lifecycle", "provider",
    "provisioner", "region", "tags", "tags_all", "timeouts",
})  # fmt: skip
"""Nothing in them says when an alarm goes off."""


def to_resource(
    type_: str, label: str, body: Node, reading: Reading, hint: str | None = None
) -> Resource:
    """The resource in the API's spelling; attributes that nobody reads are told.

    `hint` says where to get in full what is not known, if not from a plan.
    """
    names = ATTRIBUTES[type_]
    more = {} if hint is None else {"hint": hint}
    if not isinstance(body.value, dict):
        return Resource(KINDS[type_], label, body, **more)
    for key, node in mapping(body).items():
        if key not in names and key not in _ASIDE and node.value not in (None, "", []):
            what = f"{label}: attribute {key!r} is not known and not read"
            reading.warnings.append(Problem(node.span, what, severity="warning"))
    kind = KINDS[type_]
    named = dict(_renamed(body, names).items())
    if kind == "metric filter":
        key = "MetricTransformations"
        _each(named, key, lambda node: Node(node.span, _renamed(node, _TRANSFORMATION)))
    elif kind == "alarm":
        _each(named, "Metrics", _query)
        if "Metrics" in named and isinstance(named["Metrics"].value, list):
            # The provider keeps a set; sorted, one definition has one order.
            named["Metrics"].value.sort(key=lambda node: text(node.get("Id")) or "")
            if not named["Metrics"].value:
                del named["Metrics"]
    else:
        named |= _suppressor(named.pop("ActionsSuppressor", None))
    return Resource(kind, label, Node(body.span, named), **more)


def _renamed(body: Node, names: dict[str, str]) -> dict[str, Node]:
    return {names[key]: node for key, node in mapping(body).items() if key in names}


def _each(named: dict[str, Node], key: str, change: object) -> None:
    node = named.get(key)
    if node is None or not callable(change):
        return
    if isinstance(node.value, dict):  # a single block
        node = Node(node.span, [node])
    if isinstance(node.value, list):
        entries = [change(each) if isinstance(each.value, dict) else each for each in node.value]
        named[key] = Node(node.span, entries)


def _query(node: Node) -> Node:
    named = _renamed(node, _QUERY)
    named.setdefault("ReturnData", Node(node.span, False))  # the provider's default
    metric = node.get("metric")
    if metric is not None and isinstance(metric.value, list):
        metric = metric.value[0] if metric.value else None
    if metric is not None and metric.value is not None:
        stat = _renamed(metric, _STAT)
        stat["Metric"] = Node(metric.span, _renamed(metric, _METRIC))
        whole = stat if isinstance(metric.value, dict) else metric.value
        named["MetricStat"] = Node(metric.span, whole)
    return Node(node.span, named)


def _suppressor(node: Node | None) -> dict[str, Node]:
    if node is not None and isinstance(node.value, list):
        node = node.value[0] if node.value else None
    if node is None or node.value is None:
        return {}
    if not isinstance(node.value, dict):
        return {"ActionsSuppressor": node}
    names = {
        "alarm": "ActionsSuppressor",
        "wait_period": "ActionsSuppressorWaitPeriod",
        "extension_period": "ActionsSuppressorExtensionPeriod",
    }
    return _renamed(node, names)
