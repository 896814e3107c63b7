"""Many evaluations at once find what one evaluation after the other finds."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tocsin.alarms import (
    AlarmState,
    DatapointTable,
    Metric,
    MetricAlarm,
    evaluate,
    evaluation_interval,
    evaluation_range,
    of_set,
    of_values,
    outlook_of,
)
from tocsin.durations import MINUTE, SECOND
from tocsin.replay._alarms import run_alarms, thresholds

METRIC = Metric("Web", "m", ())
WHOLE = st.integers(0, 4).map(float)
BROKEN = st.sampled_from([0.1, 0.2, 0.3, 0.7, -0.1, 1e16, 1.0, 3.0, -1e16])
COMPARISONS = [
    "GreaterThanThreshold", "GreaterThanOrEqualToThreshold", "LessThanThreshold",
    "LessThanOrEqualToThreshold",
]  # fmt: skip


@st.composite
def tables(draw):
    table = DatapointTable()
    values = st.dictionaries(draw(st.sampled_from([WHOLE, BROKEN])), st.integers(1, 3), min_size=1)
    start = draw(st.integers(0, 3)) * MINUTE
    for _ in range(draw(st.integers(0, 30))):
        # Forty minutes are more than any of the alarms looks back.
        start += draw(
            st.sampled_from([MINUTE] * 6 + [2 * MINUTE, 7 * MINUTE, 40 * MINUTE, 10 * SECOND])
        )
        point = of_values(draw(values))
        if draw(st.booleans()) and draw(st.booleans()):
            point = of_set(3, 4.5, 1.0, 2.0)
        table.add(METRIC, start, point, draw(st.sampled_from(["None", "None", "Count"])))
    return table, start + MINUTE


@st.composite
def alarms(draw):
    periods = draw(st.integers(1, 4))
    return MetricAlarm(
        alarm_name="a", namespace="Web", metric_name="m",
        statistic=draw(st.sampled_from(["Sum", "Average", "SampleCount", "Minimum", "Maximum"])),
        period=draw(st.sampled_from([60, 60, 120, 300, 30, 10])),
        evaluation_periods=periods, datapoints_to_alarm=draw(st.integers(1, periods)),
        threshold=draw(st.sampled_from([0.0, 0.3, 0.6, 0.30000000000000004, 1.0, 2.0, 3.0, 0.1, 1e16])),
        comparison_operator=draw(st.sampled_from(COMPARISONS)),
        treat_missing_data=draw(st.sampled_from(["missing", "ignore", "breaching", "notBreaching"])),
        unit=draw(st.sampled_from([None, None, "Count"])),
    )  # fmt: skip


def one_by_one(alarm, table, begin, end):
    state, found, interval = AlarmState(since=begin), [], evaluation_interval(alarm)
    span = evaluation_range(alarm.evaluation_periods) * alarm.seconds * SECOND + 2 * interval
    for time in range((begin // interval + 1) * interval, end + span, interval):
        state, transition = evaluate(alarm, state, table, time)
        if transition is not None:
            found.append(transition)
    return found


@pytest.mark.slow
@settings(max_examples=600)
@given(tables(), alarms())
def test_the_same_transitions_as_one_by_one(made, alarm):
    table, end = made
    assert outlook_of(alarm, table) is not None
    assert run_alarms([alarm], table, 0, end) == one_by_one(alarm, table, 0, end)


@settings(max_examples=60)
@given(tables(), alarms())
def test_thresholds_report_what_one_by_one_reports(made, alarm):
    table, end = made
    for each in thresholds(alarm, table, 0, end):
        other = msgspec.structs.replace(alarm, threshold=each.threshold)
        changes = one_by_one(other, table, 0, end)
        assert each.fired == sum(1 for change in changes if change.after == "ALARM")


def test_what_is_left_to_one_by_one():
    usual = MetricAlarm(
        alarm_name="a", namespace="Web", metric_name="m", statistic="Sum", period=60,
        evaluation_periods=3, threshold=1.0, comparison_operator="GreaterThanThreshold",
    )  # fmt: skip
    table = DatapointTable()
    assert outlook_of(usual, table) is not None
    for change in (
        {"statistic": None, "extended_statistic": "p99"},
        {"evaluation_periods": 100},
        {"threshold": None},
        {"comparison_operator": "GreaterThanUpperThreshold"},
    ):
        assert outlook_of(msgspec.structs.replace(usual, **change), table) is None
