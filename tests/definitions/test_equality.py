"""One meaning, whatever the form."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.definitions.forms import ALARMS, COMPOSITES, FILTERS, FORMS

from tocsin.definitions import load_definitions

NAMES = st.text("abcXYZ019-_", min_size=1, max_size=12)
WORDS = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), max_size=30)
PATTERNS = st.sampled_from([
    "ERROR", '"Critical Error"', '{ $.a = "b${c}" && $.d != 4 }', "?a ?b", '"%{x}"', "",
    r"%\d+ \\.%", '{ $.e = "x\\"y" }',
])  # fmt: skip


@st.composite
def sets(draw):
    filters, alarms = [], []
    for name in draw(st.lists(NAMES, max_size=3, unique=True)):
        transformation = {
            "metricName": draw(NAMES), "metricNamespace": draw(NAMES),
            "metricValue": draw(st.sampled_from(["1", "0.5", "100"])),
        }  # fmt: skip
        if draw(st.booleans()):
            transformation["defaultValue"] = draw(st.sampled_from([0.0, 1.5, -1e-7]))
        filters.append({
            "filterName": name, "filterPattern": draw(PATTERNS), "logGroupName": draw(NAMES),
            "metricTransformations": [transformation],
        })  # fmt: skip
    for name in draw(st.lists(NAMES, max_size=3, unique=True)):
        alarm = {
            "AlarmName": name, "ComparisonOperator": "LessThanThreshold",
            "EvaluationPeriods": draw(st.integers(1, 5)), "MetricName": draw(NAMES),
            "Namespace": draw(NAMES), "Period": draw(st.sampled_from([10, 60, 300])),
            "Threshold": draw(st.floats(-1e9, 1e9, allow_nan=False).map(lambda x: round(x, 3))),
            "AlarmDescription": draw(WORDS), "ActionsEnabled": draw(st.booleans()),
        }  # fmt: skip
        kind = draw(st.sampled_from([("Statistic", "Sum"), ("ExtendedStatistic", "p99.9")]))
        alarm[kind[0]] = kind[1]
        labels = draw(st.lists(NAMES, max_size=3, unique=True))
        if labels:
            pairs = [{"Name": label, "Value": draw(NAMES)} for label in labels]
            alarm["Dimensions"] = pairs
        alarms.append(alarm)
    composites = []
    if alarms:
        rule = " OR ".join(f"ALARM({each['AlarmName']})" for each in alarms)
        composites = [{"AlarmName": "the composite", "AlarmRule": rule}]
    return filters, alarms, composites


@pytest.mark.parametrize("form", [form for form in FORMS if form != "describe"])
def test_the_same_set_in_every_form(form):
    them = FILTERS, ALARMS, COMPOSITES
    expected = load_definitions(FORMS["describe"](*them))
    loaded = load_definitions(FORMS[form](*them))
    assert (expected.errors, loaded.errors, loaded.unresolved) == ((), (), ())
    assert loaded.holds == expected.holds == "2 metric filters, 3 alarms, 0 unresolved"
    assert loaded.filters == expected.filters
    assert loaded.alarms == expected.alarms
    assert [each.pattern.text for each in loaded.filters] == [
        each.pattern.text for each in expected.filters
    ]


@given(them=sets())
@settings(max_examples=60)
def test_any_set_in_every_form(them):
    expected = load_definitions(FORMS["describe"](*them))
    assert (expected.errors, expected.unresolved) == ((), ())
    assert len(expected.filters) == len(them[0])
    for form, write in FORMS.items():
        loaded = load_definitions(write(*them))
        assert (form, loaded.errors, loaded.unresolved) == (form, (), ())
        assert (form, loaded.filters, loaded.alarms) == (form, expected.filters, expected.alarms)
