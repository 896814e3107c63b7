"""What is told early stays true whatever follows; what goes in steps comes out the same."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from tocsin.alarms import (
    AlarmRun,
    CompositeAlarm,
    DatapointTable,
    Metric,
    MetricAlarm,
    assess,
    certain_alarm,
    of_values,
    only_grows,
)
from tocsin.pattern import Transformation, make_filter

MINUTE = 60_000_000
METRIC = Metric.of("Web", "missing")

ALARMS = st.builds(
    MetricAlarm,
    alarm_name=st.just("a"), namespace=st.just("Web"), metric_name=st.just("missing"),
    comparison_operator=st.sampled_from(
        ["GreaterThanThreshold", "GreaterThanOrEqualToThreshold", "LessThanThreshold"]
    ),
    statistic=st.sampled_from(["Sum", "SampleCount", "Maximum", "Minimum", "Average"]),
    threshold=st.sampled_from([1.0, 3.0]),
    period=st.sampled_from([60, 60, 10, 120]),
    evaluation_periods=st.integers(1, 3),
    datapoints_to_alarm=st.sampled_from([None, 1]),
    treat_missing_data=st.sampled_from(["missing", "notBreaching", "breaching", "ignore"]),
)  # fmt: skip
SAMPLES = st.lists(st.tuples(st.integers(0, 9), st.sampled_from([1.0, 2.0, 4.0])), max_size=25)


def filter_of(**more):
    made = Transformation(metric="missing", namespace="Web", value="1", **more)
    return make_filter(name="f", log_group="web", pattern="x", transformations=[made])


def table_of(samples):
    table = DatapointTable()
    for minute, value in samples:
        table.add(METRIC, minute * MINUTE, of_values([value]))
    return table


FEW = st.lists(st.tuples(st.integers(0, 5), st.sampled_from([1.0, 4.0])), max_size=6)


@settings(max_examples=1000)
@given(ALARMS, FEW, FEW, st.integers(2, 7))
def test_certain_stays_certain(alarm, before, after, minute):
    if not only_grows(alarm, [filter_of()]):
        return
    found = certain_alarm(alarm, table_of(before), minute * MINUTE)
    if found is not None:
        assert assess(alarm, table_of(before + after), minute * MINUTE).value == "ALARM"


@given(ALARMS)
def test_what_may_fall_again_is_never_certain(alarm):
    up = alarm.comparison_operator.startswith("Greater")
    assert only_grows(alarm, [filter_of()]) == (
        (alarm.statistic in {"Sum", "SampleCount", "Maximum"} and up)
        or (alarm.statistic == "Minimum" and not up)
    )
    assert not only_grows(alarm, [filter_of(default=3.0)])


@settings(max_examples=200)
@given(st.lists(ALARMS, min_size=1, max_size=3), SAMPLES, st.lists(st.integers(1, 20), max_size=5))
def test_steps_change_nothing(alarms, samples, steps):
    """Whatever the steps, and whatever is put down and taken up between them."""
    named = [
        MetricAlarm(**{f: getattr(a, f) for f in a.__struct_fields__} | {"alarm_name": f"a{i}"})
        for i, a in enumerate(alarms)
    ]
    composite = CompositeAlarm(
        "c", "ALARM(a0) OR ALARM(a1)", actions_suppressor="a0", actions_suppressor_wait_period=90,
        actions_suppressor_extension_period=60,
    )  # fmt: skip
    everything, table = [*named, composite], table_of(samples)
    whole = AlarmRun(everything, 0).advance(table, 20 * MINUTE)
    run, found = AlarmRun(everything, 0), []
    for step in sorted(steps):
        found += run.advance(table, step * MINUTE)
        run = AlarmRun(everything, 0, run.states, run.composite_states)
    found += run.advance(table, 20 * MINUTE)
    assert found == whole
