"""Definitions: as the API has them, and every mistake told."""

import json

import msgspec
import pytest

from tests.conformance.alarm_setup import METRIC, alarm_of
from tocsin.alarms import (
    AlarmState,
    CompositeAlarm,
    Dimension,
    Metric,
    MetricAlarm,
    MetricQuery,
    MetricStat,
    Place,
    Transition,
    check,
    evaluate,
    lint,
    sns_message,
    sns_subject,
)
from tocsin.errors import Span

DESCRIBED = {
    "AlarmName": "too-many-errors",
    "AlarmArn": "arn:aws:cloudwatch:us-east-1:123456789012:alarm:too-many-errors",
    "AlarmConfigurationUpdatedTimestamp": "2026-01-01T00:00:00+00:00",
    "ActionsEnabled": True,
    "OKActions": [],
    "AlarmActions": ["arn:aws:sns:us-east-1:123456789012:team"],
    "InsufficientDataActions": [],
    "StateValue": "OK",
    "StateReason": "Unchecked: Initial alarm creation",
    "MetricName": "errors",
    "Namespace": "web",
    "Statistic": "Sum",
    "Dimensions": [{"Name": "host", "Value": "a"}],
    "Period": 300,
    "EvaluationPeriods": 1,
    "Threshold": 10.0,
    "ComparisonOperator": "GreaterThanThreshold",
    "TreatMissingData": "notBreaching",
}


def test_a_described_alarm_is_a_definition():
    alarm = msgspec.convert(DESCRIBED, MetricAlarm)
    assert alarm.alarm_actions == ("arn:aws:sns:us-east-1:123456789012:team",)
    assert alarm.dimensions == (Dimension("host", "a"),)
    assert (alarm.seconds, alarm.needed, alarm.threshold) == (300, 1, 10.0)
    assert check(alarm) == []
    written = json.loads(msgspec.json.encode(alarm))
    assert {key: written[key] for key in DESCRIBED if not key.startswith("State")} == {
        key: value for key, value in DESCRIBED.items() if not key.startswith("State")
    }


def test_metrics_are_the_same_in_any_order_of_dimensions():
    one = Metric("ns", "m", (Dimension("b", "2"), Dimension("a", "1")))
    assert one.normal() == Metric.of("ns", "m", {"a": "1", "b": "2"})


def test_every_cis_alarm_is_sound(data):
    controls = json.loads((data / "cloudwatch" / "cis_patterns.json").read_text())["controls"]
    for control in controls:
        told = {"".join(word.title() for word in key.split("_")): value
                for key, value in control["alarm"].items()}  # fmt: skip
        told |= {"AlarmName": control["id"], "MetricName": "m", "Namespace": "CIS"}
        assert check(msgspec.convert(told, MetricAlarm)) == []
    assert len(controls) == 15


STAT = MetricStat(METRIC, 60, "Sum")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"alarm_name": "a" * 256}, "alarm name of 256 characters"),
        ({"alarm_name": "a\nb"}, "control characters"),
        ({"alarm_description": "a" * 1025}, "description too long"),
        ({"alarm_actions": ("a",) * 6}, "AlarmActions: 6 actions"),
        ({"evaluation_periods": 0}, "EvaluationPeriods is 0"),
        ({"datapoints_to_alarm": 2}, "DatapointsToAlarm is 2 of 1"),
        ({"datapoints_to_alarm": 0}, "DatapointsToAlarm is 0"),
        ({"period": 45}, "Period is 45"),
        ({"period": None}, "Period is missing"),
        ({"period": 0}, "Period is 0"),
        ({"period": 60, "evaluation_periods": 1441}, "cover 86460 s"),
        ({"period": 86_400, "evaluation_periods": 8}, "cover 691200 s"),
        ({"statistic": "sum"}, "unknown Statistic"),
        ({"statistic": None}, "no statistic"),
        ({"extended_statistic": "p99"}, "both Statistic and ExtendedStatistic"),
        ({"statistic": None, "extended_statistic": "Sum"}, "no extended statistic"),
        ({"statistic": None, "extended_statistic": "p999"}, "percentile over 100"),
        ({"unit": "count"}, "unknown Unit"),
        ({"metric_name": None}, "MetricName is missing"),
        ({"namespace": ":ns"}, "begins with a colon"),
        ({"namespace": "n" * 256}, "Namespace of 256"),
        ({"dimensions": (Dimension("a", "b"),) * 2}, "given twice"),
        ({"dimensions": (Dimension("", "b"),)}, "without name"),
        ({"dimensions": (Dimension(":a", "b"),)}, "begins with a colon"),
        ({"dimensions": tuple(Dimension(str(n), "b") for n in range(31))}, "31 dimensions"),
        ({"comparison_operator": ">"}, "unknown ComparisonOperator"),
        ({"comparison_operator": "GreaterThanUpperThreshold"}, "is not supported"),
        ({"threshold_metric_id": "ad1"}, "ThresholdMetricId is not supported"),
        ({"threshold": None}, "Threshold is missing"),
        ({"threshold": float("nan")}, "Threshold is not a number"),
        ({"treat_missing_data": "NotBreaching"}, "unknown TreatMissingData"),
        ({"evaluate_low_sample_count_percentile": "no"}, "EvaluateLowSampleCountPercentile"),
        ({"evaluation_criteria": {"PromQL": "up"}}, "EvaluationCriteria is not supported"),
        ({"evaluation_window": {"Type": "WALL_CLOCK"}}, "EvaluationWindow is not supported"),
        ({"metrics": (MetricQuery("m1", STAT),)}, "Metrics together with MetricName"),
    ],
)  # fmt: skip
def test_mistakes_are_told(change, words):
    alarm = msgspec.structs.replace(alarm_of({}), **change)
    problems = check(alarm, Span("alarms.json", 3))
    assert any(words in problem.what for problem in problems)
    assert all(problem.span == Span("alarms.json", 3) for problem in problems)


def test_a_sliding_window_is_the_one_there_is():
    assert check(alarm_of({}, evaluation_window={"Type": "SLIDING"})) == []


@pytest.mark.parametrize(
    ("queries", "words"),
    [
        ((MetricQuery("M1", STAT),), "id 'M1'"),
        ((MetricQuery("m1", STAT), MetricQuery("m1", STAT, return_data=False)), "given twice"),
        ((MetricQuery("m1", STAT), MetricQuery("m2", STAT)), "2 queries return data"),
        ((MetricQuery("m1", STAT, return_data=False),), "0 queries return data"),
        ((MetricQuery("m1"),), "one of MetricStat and Expression"),
        ((MetricQuery("m1", STAT, "m1"),), "one of MetricStat and Expression"),
        ((MetricQuery("m1", MetricStat(METRIC, 60, "Som")),), "not a statistic"),
        ((MetricQuery("m1", MetricStat(METRIC, 61, "Sum")),), "Period is 61"),
        ((MetricQuery("m1", MetricStat(METRIC, 60, "Sum", "Counts")),), "unknown Unit"),
        ((MetricQuery("m1", MetricStat(Metric(), 60, "Sum")),), "MetricName is missing"),
        ((MetricQuery("e1", None, "TIME_SERIES(1)"),), "no metric gives a period"),
        ((MetricQuery("m1", STAT, return_data=False),
          *(MetricQuery(f"e{n}", None, "m1", return_data=n == 0) for n in range(11))),
         "11 expressions"),
    ],
)  # fmt: skip
def test_mistakes_in_metrics_are_told(queries, words):
    alarm = MetricAlarm("a", 1, "GreaterThanThreshold", 1.0, metrics=queries)
    assert any(words in problem.what for problem in check(alarm))


def on(expression, **more):
    queries = (MetricQuery("m1", STAT, return_data=False), MetricQuery("e1", None, expression))
    return MetricAlarm("a", 1, "GreaterThanThreshold", 1.0, metrics=queries, **more)


@pytest.mark.parametrize(
    ("alarm", "words"),
    [
        (on("m1 - AVG(m1)"), "AVG of one time series"),
        (on("RUNNING_SUM(m1)"), "RUNNING_SUM of one"),
        (on("FILL(m1, 0)"), "FILL hides"),
        (alarm_of({}, namespace="AWS/DynamoDB"), "missing data are ignored, not missing"),
        (alarm_of({"extended_statistic": "p99"}), "fewer than 1000 samples"),
    ],
)
def test_warnings(alarm, words):
    assert check(alarm) == []
    (problem,) = lint(alarm)
    assert words in problem.what
    assert (problem.severity, bool(problem.hint)) == ("warning", True)


@pytest.mark.parametrize(
    "alarm",
    [
        alarm_of({}), alarm_of({"extended_statistic": "tm99"}), CompositeAlarm("c", "TRUE"),
        alarm_of({"extended_statistic": "p999"}), on("SUM(METRICS())"), on("m9"), on("e1"),
        alarm_of({"extended_statistic": "p9"}, evaluate_low_sample_count_percentile="ignore"),
    ],
)  # fmt: skip
def test_no_warnings(alarm):
    assert lint(alarm) == []


def test_every_mistake_is_told_at_once():
    alarm = MetricAlarm("", 0, ">", None, -1, treat_missing_data="x", unit="x", period=7)
    assert len(check(alarm)) >= 9


def test_an_expression_may_give_the_period():
    alarm = MetricAlarm(
        "a", 1, "GreaterThanThreshold", 1.0,
        metrics=(MetricQuery("e1", None, "TIME_SERIES(2)", period=60),),
    )  # fmt: skip
    assert check(alarm) == []
    assert evaluate(alarm, AlarmState(), lambda *_: (), 60_000_000)[0].value == "ALARM"


def test_messages_of_alarms_on_expressions():
    alarm = MetricAlarm(
        "a", 1, "GreaterThanThreshold", 1.0,
        metrics=(
            MetricQuery("e1", None, "m1 * 2", "twice"),
            MetricQuery("m1", MetricStat(Metric.of("ns", "m", {"a": "b"}), 60, "p90", "Count"),
                        return_data=False),
        ),
    )  # fmt: skip
    change = Transition("a", 0, "OK", "ALARM", "because", "{}", ())
    trigger = sns_message(alarm, change, Place())["Trigger"]
    assert trigger["Metrics"] == [
        {"Expression": "m1 * 2", "Id": "e1", "Label": "twice", "ReturnData": True},
        {
            "Id": "m1",
            "MetricStat": {
                "Metric": {"Dimensions": [{"value": "b", "name": "a"}], "MetricName": "m", "Namespace": "ns"},
                "Period": 60, "Stat": "p90", "Unit": "Count",
            },
            "ReturnData": False,
        },
    ]  # fmt: skip


def test_subjects_fit_what_sns_takes():
    change = Transition("a" * 255, 0, "OK", "ALARM", "because", "{}", ())
    assert len(sns_subject(change, Place())) == 100
    assert Place(region="mars-north-1").region_name == "mars-north-1"
    assert Place("1", "eu-west-1").arn(alarm_of({})) == "arn:aws:cloudwatch:eu-west-1:1:alarm:alarm"
