"""CloudFormation templates, those that the CDK synthesises among them, in JSON and YAML.

Source: CloudFormation User Guide, "Template sections"; CloudFormation template reference,
`AWS::Logs::MetricFilter`, `AWS::CloudWatch::Alarm`, `AWS::CloudWatch::CompositeAlarm`.
Their properties have the names that the API gives the fields.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tocsin.definitions._intrinsics import Scope
from tocsin.definitions._resource import Kind, Resource
from tocsin.definitions._tree import Node, Unknown, mapping, text
from tocsin.errors import Problem

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tocsin.definitions._resource import Reading

__all__ = ["is_template", "read_template"]

_KINDS: dict[str, Kind] = {
    "AWS::Logs::MetricFilter": "metric filter",
    "AWS::CloudWatch::Alarm": "alarm",
    "AWS::CloudWatch::CompositeAlarm": "composite alarm",
}
_FIELDS: dict[Kind, frozenset[str]] = {
    "metric filter": frozenset({
        "ApplyOnTransformedLogs", "EmitSystemFieldDimensions", "FieldSelectionCriteria",
        "FilterName", "FilterPattern", "LogGroupName", "MetricTransformations",
    }),
    "alarm": frozenset({
        "ActionsEnabled", "AlarmActions", "AlarmDescription", "AlarmName", "ComparisonOperator",
        "DatapointsToAlarm", "Dimensions", "EvaluateLowSampleCountPercentile",
        "EvaluationCriteria", "EvaluationPeriods", "EvaluationWindow", "ExtendedStatistic",
        "InsufficientDataActions", "MetricName", "Metrics", "Namespace", "OKActions", "Period",
        "Statistic", "Tags", "Threshold", "ThresholdMetricId", "TreatMissingData", "Unit",
    }),
    "composite alarm": frozenset({
        "ActionsEnabled", "ActionsSuppressor", "ActionsSuppressorExtensionPeriod",
        "ActionsSuppressorWaitPeriod", "AlarmActions", "AlarmDescription", "AlarmName",
        "AlarmRule", "InsufficientDataActions", "OKActions", "Tags",
    }),
}  # fmt: skip
_HINT = (
    "give a value for the parameter, or the output of `aws logs describe-metric-filters` and "
    "`aws cloudwatch describe-alarms`, which know everything"
)
_EXPANDED = "`aws cloudformation get-template --template-stage Processed` prints it expanded"
_MACROS_ASIDE = ("AWS::Serverless", "AWS::LanguageExtensions", "AWS::SecretsManager")


def is_template(top: Any) -> bool:
    """Whether a decoded file is a template."""
    return isinstance(top, dict) and ("Resources" in top or "AWSTemplateFormatVersion" in top)


def read_template(tree: Node, parameters: Mapping[str, str], reading: Reading) -> None:
    scope = Scope(tree, parameters)
    _macros(tree, reading)
    resources = tree.get("Resources")
    if resources is None or not isinstance(resources.value, dict):
        reading.errors.append(Problem((resources or tree).span, "Resources must be a mapping"))
        return
    for logical, node in resources.value.items():
        if logical.startswith("Fn::"):
            _expansion(logical, node, reading)
            continue
        type_ = text(node.get("Type")) or ""
        if type_ == "AWS::CloudFormation::Stack":
            what = f"nested stack {logical!r} is not followed"
            reading.warnings.append(Problem(node.span, what, "give its template", "warning"))
        if type_ in _KINDS:
            _resource(logical, _KINDS[type_], node, scope, reading)


def _resource(logical: str, kind: Kind, node: Node, scope: Scope, reading: Reading) -> None:
    condition = node.get("Condition")
    if condition is not None and isinstance(condition.value, str):
        holds = scope.holds(condition.value)
        if isinstance(holds, Unknown):
            reason = f"whether it exists, condition {condition.value}: {holds.reason}"
            body = Node(condition.span, Unknown(reason, mistake=holds.mistake))
            reading.resources.append(Resource(kind, logical, body, _HINT))
            return
        if not holds:
            what = f"{kind} {logical!r} is left out: condition {condition.value} does not hold"
            reading.warnings.append(Problem(condition.span, what, severity="warning"))
            return
    properties = scope.evaluate(node.get("Properties") or Node(node.span, {}))
    if isinstance(properties.value, dict):
        named = {**properties.value}
        own = "FilterName" if kind == "metric filter" else "AlarmName"
        if own not in named:
            named[own] = Node(node.span, logical)
        for key, each in named.items():
            if key not in _FIELDS[kind]:
                what = f"{kind} {logical!r}: property {key!r} is not known and not read"
                reading.warnings.append(Problem(each.span, what, severity="warning"))
        properties = Node(node.span, named)
    elif not isinstance(properties.value, Unknown):
        what = f"{kind} {logical!r}: Properties must be a mapping"
        reading.errors.append(Problem(properties.span, what))
        return
    reading.resources.append(Resource(kind, logical, properties, _HINT))


def _macros(tree: Node, reading: Reading) -> None:
    node = tree.get("Transform")
    if node is None:
        return
    for each in node.value if isinstance(node.value, list) else [node]:
        name = text(each) or text(each.get("Name")) or ""
        if not name.startswith(_MACROS_ASIDE):
            what = f"macro {name[:80]!r} may change what the template holds"
            reading.warnings.append(Problem(each.span, what, _EXPANDED, "warning"))


def _expansion(name: str, node: Node, reading: Reading) -> None:
    """`Fn::ForEach::X` and `Fn::Transform` in the place of a resource."""
    stack, held = [node], 0
    while stack:
        each = stack.pop()
        if isinstance(each.value, list):
            stack += each.value
        held += text(each.get("Type")) in _KINDS
        stack += mapping(each).values()
    if held or name == "Fn::Transform":
        what = f"{name} is not expanded"
        reading.unresolved.append(Problem(node.span, what, _EXPANDED, "warning"))
