"""What the AWS command line prints, and how definitions of several files go together."""

from __future__ import annotations

import json

import pytest
from tests.definitions.forms import ALARMS, FILTERS

from tocsin.definitions import load_definitions


def load(*pages):
    return load_definitions([
        (f"{number}.json", json.dumps(page).encode()) for number, page in enumerate(pages)
    ])  # fmt: skip


def alarm(name="a", **more):
    return ALARMS[0] | {"AlarmName": name} | more


def composite(name, rule, **more):
    return {"AlarmName": name, "AlarmRule": rule} | more


def test_alarms_as_aws_prints_them():
    printed = alarm(
        AlarmArn="arn:aws:cloudwatch:eu-central-1:123456789012:alarm:a",
        AlarmConfigurationUpdatedTimestamp="2024-05-01T10:00:00.123000+00:00",
        OKActions=[], InsufficientDataActions=[], StateValue="OK", StateReason="x",
        StateUpdatedTimestamp="2024-05-01T10:00:00+00:00", Dimensions=[],
    )  # fmt: skip
    loaded = load({"MetricAlarms": [printed], "CompositeAlarms": []})
    assert loaded.problems == ()
    [made] = loaded.alarms
    assert made.alarm_arn.endswith(":alarm:a")
    assert made.alarm_configuration_updated_timestamp.startswith("2024-05-01")


def test_pages_and_pages_that_are_missing():
    pages = [{"metricFilters": FILTERS[:1]}, {"metricFilters": FILTERS[1:], "nextToken": "x"}]
    loaded = load(pages)
    assert len(loaded.filters) == 2
    assert "further pages" in loaded.warnings[0].what


def test_the_same_definition_twice():
    same = load({"MetricAlarms": [alarm()]}, {"MetricAlarms": [alarm()]})
    assert (len(same.alarms), same.errors) == (1, ())
    assert "the same as in 0.json#/MetricAlarms/0, and counted once" in same.warnings[0].what
    other = load({"MetricAlarms": [alarm()]}, {"MetricAlarms": [alarm(Threshold=4)]})
    assert "alarm 'a' is given twice with different content" in other.errors[0].what
    named = FILTERS[0] | {"logGroupName": "other"}
    assert len(load({"metricFilters": [FILTERS[0], named]}).filters) == 2


def test_composite_alarms_need_their_children():
    loaded = load({"MetricAlarms": [alarm()], "CompositeAlarms": [
        composite("top", "ALARM(middle)"), composite("middle", "ALARM(a) OR ALARM(gone)"),
        composite("kept", "NOT ALARM(a)"),
    ]})  # fmt: skip
    assert [each.alarm_name for each in loaded.alarms] == ["a", "kept"]
    assert [each.what for each in loaded.unresolved] == [
        "composite alarm 'top' is unresolved: no alarm 'middle' here",
        "composite alarm 'middle' is unresolved: no alarm 'gone' here",
    ]


def test_composite_alarms_over_composite_alarms():
    loaded = load({"MetricAlarms": [alarm()], "CompositeAlarms": [
        composite("top", "ALARM(middle) AND ALARM(a)"), composite("middle", "ALARM(a)"),
    ]})  # fmt: skip
    assert [each.alarm_name for each in loaded.alarms] == ["a", "top", "middle"]
    assert loaded.problems == ()


def test_circles_of_composite_alarms_are_errors():
    loaded = load({"MetricAlarms": [alarm()], "CompositeAlarms": [
        composite("x", "ALARM(y)"), composite("y", "ALARM(x)"), composite("z", "ALARM(a)"),
    ]})  # fmt: skip
    assert [each.alarm_name for each in loaded.alarms] == ["a", "z"]
    assert len(loaded.errors) == 2


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"filterPattern": "{ $.a == 1 }"}, "pattern, column"),
        ({"filterPattern": None}, "FilterPattern is missing"),
        ({"applyOnTransformedLogs": True}, "ApplyOnTransformedLogs is not supported"),
        ({"fieldSelectionCriteria": "x"}, "FieldSelectionCriteria is not supported"),
        ({"metricTransformations": []}, "0 metric transformations"),
        ({"metricTransformations": ["x"]}, "must hold mappings, not 'x'"),
        ({"metricTransformations": "x"}, "must be a list, not 'x'"),
        ({"filterName": ["x"]}, "must be text, not a list"),
    ],
)
def test_filters_that_are_refused(change, reason):
    loaded = load({"metricFilters": [FILTERS[0] | change]})
    assert loaded.filters == ()
    assert any(reason in error.what for error in loaded.errors)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"EvaluationPeriods": 1.5}, "must be a whole number"),
        ({"EvaluationPeriods": None}, "EvaluationPeriods is missing"),
        ({"Threshold": "x"}, "Threshold must be a number, not 'x'"),
        ({"Threshold": True}, "Threshold must be a number"),
        ({"ActionsEnabled": "perhaps"}, "must be true or false"),
        ({"AlarmActions": [{}]}, "AlarmActions must hold texts"),
        ({"Dimensions": ["x"]}, "Dimensions must hold mappings"),
        ({"Metrics": ["x"]}, "Metrics must hold mappings"),
        ({"ComparisonOperator": "LessThanLowerThreshold"}, "is not supported: anomaly detection"),
        ({"EvaluationCriteria": {"PromQL": ["x"]}}, "EvaluationCriteria is not supported"),
        ({"Period": 7}, "Period is 7"),
    ],
)
def test_alarms_that_are_refused(change, reason):
    loaded = load({"MetricAlarms": [alarm(**change), 3]})
    assert loaded.alarms == ()
    assert any(reason in error.what for error in loaded.errors)
    assert "MetricAlarms must hold mappings" in {error.what for error in loaded.errors}


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ({"Period": 10}, "short-period"),
        ({"EvaluationPeriods": 25, "Period": 3600}, "hourly"),
        ({"Unit": "Bytes"}, "unit"),
        ({"Dimensions": [{"Name": "x", "Value": "y"}]}, "dimensions"),
        ({"MetricName": "CriticalError"}, "unknown-metric"),
    ],
)
def test_alarms_that_hardly_do_what_they_seem_to(change, name):
    loaded = load({"metricFilters": FILTERS}, {"MetricAlarms": [alarm(**change)]})
    assert len(loaded.alarms) == 1
    assert [warning.what.rpartition("[")[2] for warning in loaded.warnings] == [f"{name}]"]


def test_patterns_are_linted():
    loaded = load({"metricFilters": [FILTERS[0] | {"filterPattern": "?a b"}]})
    assert "[mixed-optional]" in loaded.warnings[0].what


def test_every_published_control_loads(data):
    controls = json.loads((data / "cloudwatch" / "cis_patterns.json").read_text())["controls"]
    patterns = [
        each["pattern"] for control in controls for each in (control, *control["variants"])
        if each.get("pattern")
    ]  # fmt: skip
    filters = [
        FILTERS[0] | {"filterName": f"f{number}", "filterPattern": pattern}
        for number, pattern in enumerate(patterns)
    ]
    loaded = load({"metricFilters": filters})
    assert (len(loaded.filters), loaded.errors) == (len(patterns), ())
