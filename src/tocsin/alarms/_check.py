"""What is wrong with alarm definitions: every mistake at once, each with CloudWatch's reason.

Source: API reference of CloudWatch, `PutMetricAlarm` and `PutCompositeAlarm`.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from tocsin.alarms._check_metrics import Found, check_metric, check_queries, check_stat
from tocsin.alarms._composite import composite_order
from tocsin.alarms._definition import CompositeAlarm, Metric, MetricAlarm
from tocsin.alarms._evaluate import MAX_SPAN
from tocsin.alarms._rule import alarm_name
from tocsin.alarms._rule_parse import compile_rule
from tocsin.alarms._vocabulary import (
    ANOMALY_COMPARISONS,
    COMPARISONS,
    LOW_SAMPLE_CHOICES,
    STATISTICS,
    TREATMENTS,
    UNITS,
)
from tocsin.errors import ParseError, Span

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from tocsin.errors import Problem

__all__ = [
    "MAX_ACTIONS", "MAX_DESCRIPTION", "MAX_NAME", "MAX_SPAN_SHORT", "check",
    "check_all",
]  # fmt: skip

MAX_NAME = 255
MAX_DESCRIPTION = 1024
MAX_ACTIONS = 5
MAX_SPAN_SHORT = 86_400
"""Seconds that period x evaluation periods may cover with periods under an hour."""


def check(alarm: MetricAlarm | CompositeAlarm, span: Span | None = None) -> list[Problem]:
    """All that is wrong with one definition; nothing is raised."""
    found = Found(span or Span(), alarm.alarm_name)
    _check_name(alarm, found)
    _check_actions(alarm, found)
    if isinstance(alarm, CompositeAlarm):
        _check_composite(alarm, found)
        return found.problems
    _check_threshold(alarm, found)
    _check_span(alarm, found)
    _check_choices(alarm, found)
    if alarm.metrics:
        _check_no_metric(alarm, found)
        check_queries(alarm.metrics, found)
    else:
        _check_single(alarm, found)
    return found.problems


def check_all(
    alarms: Iterable[MetricAlarm | CompositeAlarm], span: Span | None = None
) -> list[Problem]:
    """`check` of each, and what is wrong between them.

    That is names used twice, children that do not exist, and circles.
    """
    alarms = list(alarms)
    problems = [problem for alarm in alarms for problem in check(alarm, span)]
    names: set[str] = set()
    for alarm in alarms:
        if alarm.alarm_name in names:
            Found(span or Span(), alarm.alarm_name, problems).add("two alarms have this name")
        names.add(alarm.alarm_name)
    composites = [alarm for alarm in alarms if isinstance(alarm, CompositeAlarm)]
    sound = [alarm for alarm in composites if _known(alarm, names, problems, span)]
    try:
        composite_order(sound)
    except ParseError as error:
        Found(span or Span(), "", problems).add(error.what, error.hint)
    return problems


def _known(
    alarm: CompositeAlarm, names: set[str], problems: list[Problem], span: Span | None
) -> bool:
    """Whether the rule can be read; alarms it names that do not exist are told."""
    try:
        children = compile_rule(alarm.alarm_rule).children
    except ParseError:
        return False
    suppressor = [alarm_name(alarm.actions_suppressor)] if alarm.actions_suppressor else []
    found = Found(span or Span(), alarm.alarm_name, problems)
    for child in dict.fromkeys((*children, *suppressor)):
        if child not in names:
            found.add(f"no alarm is named {child[:80]!r}", "CloudWatch refuses unknown alarms")
    return True


def _check_name(alarm: MetricAlarm | CompositeAlarm, found: Found) -> None:
    name = alarm.alarm_name
    if not 1 <= len(name) <= MAX_NAME:
        found.add(f"alarm name of {len(name)} characters", f"use 1 to {MAX_NAME}")
    if any(ord(each) < 32 or ord(each) == 127 for each in name):
        found.add("alarm name with control characters", "CloudWatch refuses them")
    if len(alarm.alarm_description or "") > MAX_DESCRIPTION:
        found.add("alarm description too long", f"use up to {MAX_DESCRIPTION} characters")


def _check_actions(alarm: MetricAlarm | CompositeAlarm, found: Found) -> None:
    for kind, actions in (
        ("OKActions", alarm.ok_actions),
        ("AlarmActions", alarm.alarm_actions),
        ("InsufficientDataActions", alarm.insufficient_data_actions),
    ):
        if len(actions) > MAX_ACTIONS:
            found.add(f"{kind}: {len(actions)} actions", f"use up to {MAX_ACTIONS}")
        if any(not 1 <= len(action) <= 1024 for action in actions):
            found.add(f"{kind}: an action of no or over 1024 characters")


def _check_threshold(alarm: MetricAlarm, found: Found) -> None:
    operator = alarm.comparison_operator
    if operator in ANOMALY_COMPARISONS or alarm.threshold_metric_id is not None:
        name = operator if operator in ANOMALY_COMPARISONS else "ThresholdMetricId"
        found.add(
            f"{name} is not supported: anomaly detection needs a model that only CloudWatch has",
            "use a fixed threshold with " + ", ".join(COMPARISONS),
        )
    elif operator not in COMPARISONS:
        found.add(f"unknown ComparisonOperator {operator[:60]!r}", "use " + ", ".join(COMPARISONS))
    elif alarm.threshold is None:
        found.add("Threshold is missing", f"{operator} compares with it")
    elif not math.isfinite(alarm.threshold):
        found.add(f"Threshold is not a number: {alarm.threshold}")
    if alarm.evaluation_criteria is not None:
        found.add("EvaluationCriteria is not supported", "put PromQL alarms into a rule file")
    if (
        alarm.evaluation_window is not None
        and "sliding" not in str(alarm.evaluation_window).lower()
    ):
        found.add("EvaluationWindow is not supported: only the sliding window, the default, is")


def _check_span(alarm: MetricAlarm, found: Found) -> None:
    n, m = alarm.evaluation_periods, alarm.datapoints_to_alarm
    if n < 1:
        found.add(f"EvaluationPeriods is {n}", "use 1 or more")
    if m is not None and not 1 <= m <= max(n, 1):
        found.add(f"DatapointsToAlarm is {m} of {n} periods", "use 1 to EvaluationPeriods")
    period = alarm.seconds
    if not alarm.metrics and alarm.period is None:
        found.add("Period is missing", "use 10, 20, 30 or a multiple of 60 seconds")
    limit = MAX_SPAN if period >= 3600 else MAX_SPAN_SHORT
    if period * n > limit:
        hint = f"Period x EvaluationPeriods is at most {MAX_SPAN_SHORT} s, {MAX_SPAN} s from hourly"
        found.add(f"{n} periods of {period} s cover {period * n} s", hint)


def _check_choices(alarm: MetricAlarm, found: Found) -> None:
    if alarm.treat_missing_data not in TREATMENTS:
        found.add(
            f"unknown TreatMissingData {alarm.treat_missing_data[:60]!r}",
            "use " + ", ".join(TREATMENTS),
        )
    low = alarm.evaluate_low_sample_count_percentile
    if low and low not in LOW_SAMPLE_CHOICES:
        found.add(
            f"unknown EvaluateLowSampleCountPercentile {low[:60]!r}",
            "use " + " or ".join(LOW_SAMPLE_CHOICES),
        )


def _check_no_metric(alarm: MetricAlarm, found: Found) -> None:
    given = {
        "MetricName": alarm.metric_name, "Namespace": alarm.namespace,
        "Dimensions": alarm.dimensions, "Statistic": alarm.statistic,
        "ExtendedStatistic": alarm.extended_statistic, "Period": alarm.period, "Unit": alarm.unit,
    }  # fmt: skip
    both = [name for name, value in given.items() if value]
    if both:
        found.add(f"Metrics together with {', '.join(both)}", "Metrics says it all")


def _check_single(alarm: MetricAlarm, found: Found) -> None:
    metric = Metric(alarm.namespace or "", alarm.metric_name or "", alarm.dimensions)
    check_metric(metric, found)
    stats: Sequence[str] = [each for each in (alarm.statistic, alarm.extended_statistic) if each]
    if len(stats) != 1:
        what = "both Statistic and ExtendedStatistic" if stats else "no statistic"
        found.add(what, "give one of Statistic and ExtendedStatistic")
    if alarm.statistic and alarm.statistic not in STATISTICS:
        found.add(f"unknown Statistic {alarm.statistic[:40]!r}", "use " + ", ".join(STATISTICS))
    if alarm.extended_statistic in STATISTICS:
        found.add(f"{alarm.extended_statistic} is no extended statistic", "put it into Statistic")
    elif alarm.extended_statistic:
        check_stat(alarm.extended_statistic, found)
    if alarm.period is not None:
        found.period(alarm.period)
    if alarm.unit is not None and alarm.unit not in UNITS:
        found.add(f"unknown Unit {alarm.unit[:40]!r}", "use Count, Seconds, Percent, ... or None")


def _check_composite(alarm: CompositeAlarm, found: Found) -> None:
    try:
        rule = compile_rule(alarm.alarm_rule)
    except ParseError as error:
        found.error("AlarmRule", error)
    else:
        if alarm.alarm_name in rule.children:
            found.add("AlarmRule refers to the alarm itself", "CloudWatch stops evaluating circles")
    periods = {
        "ActionsSuppressorWaitPeriod": alarm.actions_suppressor_wait_period,
        "ActionsSuppressorExtensionPeriod": alarm.actions_suppressor_extension_period,
    }
    for name, value in periods.items():
        if alarm.actions_suppressor and value is None:
            found.add(f"{name} is missing", "it is required with ActionsSuppressor")
        if not alarm.actions_suppressor and value is not None:
            found.add(f"{name} without ActionsSuppressor")
        if value is not None and value < 0:
            found.add(f"{name} is negative")
