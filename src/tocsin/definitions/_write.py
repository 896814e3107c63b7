"""Definitions as one file: what `describe-metric-filters` and `describe-alarms` print.

Source: API reference of CloudWatch Logs, `DescribeMetricFilters`; of CloudWatch,
`DescribeAlarms`. Only fields that were understood are written, so nothing else that stood in a
plan, such as its variables, gets into the file.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from tocsin.alarms import MetricAlarm

if TYPE_CHECKING:
    from tocsin.definitions._load import Definitions
    from tocsin.pattern import MetricFilter

__all__ = ["write_definitions"]


def write_definitions(definitions: Definitions) -> bytes:
    """JSON that `load_definitions` reads back as the same filters and alarms."""
    alarms = definitions.alarms
    document = {
        "metricFilters": [_filter(each) for each in definitions.filters],
        "MetricAlarms": [_bare(each) for each in alarms if isinstance(each, MetricAlarm)],
        "CompositeAlarms": [_bare(each) for each in alarms if not isinstance(each, MetricAlarm)],
    }
    return msgspec.json.format(msgspec.json.encode(document), indent=2) + b"\n"


def _filter(made: MetricFilter) -> dict[str, Any]:
    what = made.transformation
    transformation: dict[str, Any] = {
        "metricName": what.metric,
        "metricNamespace": what.namespace,
        "metricValue": what.value,
    }
    if what.default is not None:
        transformation["defaultValue"] = what.default
    if what.unit != "None":
        transformation["unit"] = what.unit
    if what.dimensions:
        transformation["dimensions"] = dict(what.dimensions)
    written = {
        "filterName": made.name,
        "logGroupName": made.log_group,
        "filterPattern": made.pattern.text,
        "metricTransformations": [transformation],
    }
    if made.system_dimensions:
        written["emitSystemFieldDimensions"] = list(made.system_dimensions)
    return written


def _bare(value: object) -> Any:
    """Without the fields that say nothing."""
    return _trimmed(msgspec.to_builtins(value))


def _trimmed(value: Any) -> Any:
    if isinstance(value, dict):
        return {
            key: _trimmed(each) for key, each in value.items() if each is not None and each != []
        }
    if isinstance(value, list):
        return [_trimmed(each) for each in value]
    return value
