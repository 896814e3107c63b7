"""Metric alarms over time."""

import math

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.conformance.alarm_setup import METRIC, PREVIOUS, alarm_of, table_of
from tocsin.alarms import (
    AlarmState,
    DatapointTable,
    Metric,
    MetricAlarm,
    MetricQuery,
    MetricStat,
    assess,
    decide,
    evaluate,
    evaluation_end,
    evaluation_interval,
    evaluation_range,
    of_values,
)
from tocsin.durations import DAY, HOUR, MINUTE, SECOND
from tocsin.errors import ParseError, UnsupportedError

values = st.lists(st.sampled_from([None, 0.0, 10.0]), max_size=25)
treatments = st.sampled_from(["missing", "ignore", "breaching", "notBreaching"])


def timeline(alarm, table, minutes, restart=lambda minute: False):
    state, told = AlarmState(), []
    for minute in range(1, minutes + 1):
        state, transition = evaluate(alarm, state, table, minute * MINUTE)
        if transition is not None:
            told.append(transition)
        if restart(minute):
            state = msgspec.json.decode(msgspec.json.encode(state), type=AlarmState)
            # After a restart the same minute may be evaluated again.
            state, again = evaluate(alarm, state, table, minute * MINUTE + 5 * SECOND)
            assert again is None
    return state, told


@given(values, st.integers(1, 5), st.data(), treatments)
def test_restarts_change_nothing(series, n, data, treatment):
    case = {"evaluation_periods": n, "datapoints_to_alarm": data.draw(st.integers(1, n)),
            "treat_missing_data": treatment}  # fmt: skip
    alarm, table = alarm_of(case), table_of(series, 60)
    marks = data.draw(st.lists(st.booleans(), min_size=len(series) + 4, max_size=len(series) + 4))
    plain = timeline(alarm, table, len(series) + 3)
    assert timeline(alarm, table, len(series) + 3, lambda minute: marks[minute]) == plain


@given(st.lists(st.booleans(), min_size=1, max_size=30), st.integers(1, 6), st.data(), treatments)
def test_m_of_n_without_missing_data(series, n, data, treatment):
    m = data.draw(st.integers(1, n))
    alarm = alarm_of({"evaluation_periods": n, "datapoints_to_alarm": m,
                      "treat_missing_data": treatment})  # fmt: skip
    table, state = table_of(series, 60), AlarmState()
    for end in range(1, len(series) + 1):
        state, _ = evaluate(alarm, state, table, end * MINUTE)
        if end >= n:
            assert state.value == ("ALARM" if sum(series[end - n : end]) >= m else "OK")


@given(
    st.lists(st.sampled_from([None, False, True]), min_size=1, max_size=12), st.data(), treatments
)
def test_what_holds_for_every_decision(series, data, treatment):
    n = data.draw(st.integers(1, len(series)))
    m = data.draw(st.integers(1, n))
    found = decide(series, m, n, treatment)
    real = [place for place, each in enumerate(series) if each is not None]
    assert list(found.used) == real[:n]
    if len(real) >= n:
        # The treatment is not consulted.
        assert {decide(series, m, n, each).value for each in
                ("missing", "ignore", "breaching", "notBreaching")} == {found.value}  # fmt: skip
    if treatment in ("breaching", "notBreaching"):
        assert found.filled == n - len(found.used)
        assert found.value in ("OK", "ALARM")
    if any(series[place] is False for place in found.used) and treatment != "breaching":
        # One healthy datapoint: ALARM only on M that breach.
        assert (found.value == "ALARM") == (sum(bool(series[p]) for p in found.used) >= m)


def test_the_evaluation_range_is_wider_than_n():
    assert evaluation_range(3) == 5
    assert all(evaluation_range(n) >= n + 2 for n in range(1, 100))


def test_intervals():
    assert evaluation_interval(alarm_of({"period": 10})) == 10 * SECOND
    assert evaluation_interval(alarm_of({"period": 30})) == 10 * SECOND
    assert evaluation_interval(alarm_of({"period": 300})) == MINUTE
    assert evaluation_interval(alarm_of({"period": 86_400})) == MINUTE
    assert evaluation_interval(alarm_of({"period": 86_400, "evaluation_periods": 2})) == HOUR
    assert evaluation_end(alarm_of({}), 5 * MINUTE + 59 * SECOND) == 5 * MINUTE


def test_high_resolution_sees_ten_seconds():
    alarm, table = alarm_of({"period": 10}), DatapointTable()
    table.add(METRIC, 9 * SECOND, of_values([10.0]))
    state, transition = evaluate(alarm, AlarmState("OK"), table, 10 * SECOND)
    assert (transition.before, transition.after, state.value) == ("OK", "ALARM", "ALARM")
    assert transition.datapoints[0].time == 0


def test_days_are_evaluated_once_an_hour():
    alarm = alarm_of({"period": 86_400, "evaluation_periods": 2, "datapoints_to_alarm": 1})
    table, state = table_of([0.0] * 120, 3600), AlarmState()
    state, _ = evaluate(alarm, state, table, 5 * DAY + 2 * HOUR)
    table.add(METRIC, 5 * DAY + 2 * HOUR, of_values([10.0]))
    for minute in range(60):
        state, transition = evaluate(alarm, state, table, 5 * DAY + 2 * HOUR + minute * MINUTE)
        assert transition is None
    state, transition = evaluate(alarm, state, table, 5 * DAY + 3 * HOUR)
    assert transition.after == "ALARM"


def test_an_alarm_with_a_unit_sees_only_that_unit():
    table = DatapointTable()
    table.add(METRIC, 0, of_values([10.0]), "None")
    assert evaluate(alarm_of({}), AlarmState(), table, MINUTE)[0].value == "ALARM"
    other = evaluate(alarm_of({}, unit="Count"), AlarmState(), table, MINUTE)[0]
    assert other.value == "INSUFFICIENT_DATA"


def test_an_alarm_sees_only_its_dimensions():
    table = DatapointTable()
    table.add(Metric.of("namespace", "metric", {"host": "a"}), 0, of_values([10.0]))
    assert assess(alarm_of({}), table, MINUTE).value == "INSUFFICIENT_DATA"


@pytest.mark.parametrize("operator", ["GreaterThanOrEqualToThreshold", "GreaterThanThreshold",
                                      "LessThanThreshold", "LessThanOrEqualToThreshold"])  # fmt: skip
@pytest.mark.parametrize("value", [4.0, 5.0, 6.0])
def test_operators(operator, value):
    breaches = {"GreaterThanOrEqualToThreshold": value >= 5, "GreaterThanThreshold": value > 5,
                "LessThanThreshold": value < 5, "LessThanOrEqualToThreshold": value <= 5}  # fmt: skip
    alarm = alarm_of({"comparison_operator": operator})
    state, _ = evaluate(alarm, AlarmState(), table_of([value], 60), MINUTE)
    assert state.value == ("ALARM" if breaches[operator] else "OK")


def test_actions_are_those_of_the_new_state_and_only_on_a_change():
    lists = {"ok_actions": ("ok",), "alarm_actions": ("alarm",),
             "insufficient_data_actions": ("none",)}  # fmt: skip
    alarm, table = alarm_of({}, **lists), table_of(["0", "X", "X", "-", "-", "-"], 60)
    _, told = timeline(alarm, table, 6)
    assert [(each.after, each.actions) for each in told] == [
        ("OK", ("ok",)), ("ALARM", ("alarm",)), ("INSUFFICIENT_DATA", ("none",)),
    ]  # fmt: skip
    silent = alarm_of({}, **lists, actions_enabled=False)
    assert [each.actions for each in timeline(silent, table, 6)[1]] == [(), (), ()]


@pytest.mark.parametrize(
    ("choice", "expected"), [("ignore", "OK"), ("evaluate", "ALARM"), (None, "ALARM")]
)
@pytest.mark.parametrize("in_metrics", [False, True])
def test_percentiles_of_too_few_samples(choice, expected, in_metrics):
    alarm = alarm_of({"extended_statistic": "p50"}, evaluate_low_sample_count_percentile=choice)
    if in_metrics:
        query = MetricQuery("m1", MetricStat(METRIC, 60, "p50"))
        alarm = msgspec.structs.replace(alarm, metrics=(query,), extended_statistic=None)
    table = DatapointTable()
    table.add(METRIC, 0, of_values({10.0: 19}))
    assert evaluate(alarm, AlarmState("OK"), table, MINUTE)[0].value == expected
    assert assess(alarm, table, MINUTE).too_few_samples == (choice == "ignore")
    table.add(METRIC, 1, of_values([10.0]))
    assert evaluate(alarm, AlarmState("OK"), table, MINUTE)[0].value == "ALARM"


def reasons(case, series, before="OK", **more):
    alarm = alarm_of(case, **more)
    table = table_of(series, alarm.seconds)
    end = len(series) * alarm.seconds * SECOND
    return evaluate(alarm, AlarmState(before), table, end)[1].reason


def test_reasons_as_cloudwatch_words_them():
    assert reasons({}, [10.0]) == (
        "Threshold Crossed: 1 datapoint [10.0 (01/01/70 00:00:00)] was greater than the threshold "
        "(5.0)."
    )
    three = {"evaluation_periods": 3, "datapoints_to_alarm": 2}
    assert reasons(three, [10.0, 0.0, 11.0]) == (
        "Threshold Crossed: 2 out of the last 3 datapoints [11.0 (01/01/70 00:02:00), 10.0 "
        "(01/01/70 00:00:00)] were greater than the threshold (5.0) (minimum 2 datapoints for OK "
        "-> ALARM transition)."
    )
    assert reasons(three, [10.0, 0.0, 1.0], "ALARM").endswith(
        "were not greater than the threshold (5.0) (minimum 2 datapoints for ALARM -> OK "
        "transition)."
    )
    assert reasons({"evaluation_periods": 5}, [10.0] * 5).startswith(
        "Threshold Crossed: 5 datapoints were greater than the threshold (5.0). The most recent "
        "datapoints which crossed the threshold: [10.0 (01/01/70 00:04:00), "
    )
    missing = {"evaluation_periods": 3, "treat_missing_data": "breaching", "datapoints_to_alarm": 2}
    assert reasons(missing, ["0", "-", "-"]) == (
        "Threshold Crossed: 1 datapoint was received for 3 periods and 2 missing datapoints were "
        "treated as [Breaching]."
    )
    assert reasons({"evaluation_periods": 2}, ["-", "-"]) == (
        "Insufficient Data: 2 datapoints were unknown."
    )
    # Told by AWS, March 2024 and by a user of `missing`.
    rare = {
        "evaluation_periods": 20, "datapoints_to_alarm": 1, "treat_missing_data": "notBreaching",
        "comparison_operator": "GreaterThanOrEqualToThreshold", "threshold": 1.0,
    }  # fmt: skip
    assert reasons(rare, ["-"] * 19 + [613.0]) == (
        "Threshold Crossed: 1 out of the last 20 datapoints [613.0 (01/01/70 00:19:00)] was greater "
        "than or equal to the threshold (1.0) and 19 missing datapoints were treated as "
        "[NonBreaching] (minimum 1 datapoint for OK -> ALARM transition)."
    )
    early = {
        "evaluation_periods": 3, "datapoints_to_alarm": 3, "treat_missing_data": "missing",
        "comparison_operator": "LessThanThreshold", "threshold": 1.0,
    }  # fmt: skip
    assert reasons(early, [0.0, "-", "-"]).endswith(
        "was less than the threshold (1.0) (minimum 3 datapoints for OK -> ALARM transition)."
    )
    assert "[NonBreaching]" in reasons({"treat_missing_data": "notBreaching"}, ["-"], "ALARM")


@pytest.mark.parametrize(
    ("value", "shown"),
    [(21.0, "21.0"), (0.0, "0.0"), (-1.5, "-1.5"), (12345678.0, "1.2345678E7"), (1e22, "1.0E22"),
     (0.00012, "1.2E-4"), (1e-05, "1.0E-5"), (9999999.0, "9999999.0"), (1e7, "1.0E7")],
)  # fmt: skip
def test_numbers_in_reasons_are_written_as_java_writes_them(value, shown):
    case = {"comparison_operator": "GreaterThanOrEqualToThreshold", "threshold": value}
    assert f"[{shown} (" in reasons(case, [value])
    assert f"threshold ({shown})" in reasons(case, [value])


def test_reason_data_name_the_missing_ones_too():
    alarm = alarm_of({"evaluation_periods": 2, "treat_missing_data": "notBreaching"})
    _, told = evaluate(alarm, AlarmState("ALARM"), table_of(["0", "-"], 60), 2 * MINUTE)
    data = msgspec.json.decode(told.reason_data)
    assert data["recentDatapoints"] == [0.0]
    assert data["evaluatedDatapoints"] == [
        {"timestamp": "1970-01-01T00:01:00.000+0000"},
        {"timestamp": "1970-01-01T00:00:00.000+0000", "sampleCount": 1.0, "value": 0.0},
    ]


@pytest.mark.parametrize("time", [-(10**18), 0, 253_402_300_799 * SECOND, 10**19])
def test_times_no_calendar_reaches(time):
    alarm, table = alarm_of({}), DatapointTable()
    table.add(METRIC, time - time % MINUTE - MINUTE, of_values([10.0]))
    state, told = evaluate(alarm, AlarmState("OK"), table, time)
    assert state.value == told.after == "ALARM"


def math_alarm(*queries, **more):
    return MetricAlarm("a", 1, "GreaterThanThreshold", 0.5, metrics=queries, **more)


def test_an_alarm_on_an_expression():
    errors, requests = Metric.of("web", "errors"), Metric.of("web", "requests")
    table = DatapointTable()
    for minute in range(5):
        table.add(requests, minute * MINUTE, of_values({1.0: 10}))
    table.add(errors, 4 * MINUTE, of_values({1.0: 6}))
    alarm = math_alarm(
        MetricQuery("rate", None, "share * 1", "rate"),
        MetricQuery("share", None, "m1 / m2", return_data=False),
        MetricQuery("m1", MetricStat(errors, 60, "Sum"), return_data=False),
        MetricQuery("m2", MetricStat(requests, 60, "Sum"), return_data=False),
    )
    state, told = evaluate(alarm, AlarmState("OK"), table, 5 * MINUTE)
    assert told.datapoints[0].value == 0.6
    assert told.datapoints[0].sample_count is None
    assert "statistic" not in msgspec.json.decode(told.reason_data)
    # A minute without requests has no rate; one without errors has the rate 0.
    assert [each.value for each in assess(alarm, table, 6 * MINUTE).periods] == [None, 0.6, 0.0]
    assert state.value == "ALARM"


@pytest.mark.parametrize(
    "change",
    [
        {"threshold": None}, {"threshold": math.nan}, {"threshold": math.inf}, {"period": None}, {"evaluation_periods": 0},
        {"evaluation_periods": 10**12}, {"statistic": "Median"}, {"comparison_operator": "==="},
        {"metrics": (MetricQuery("e1", None, "AVG(e1)"),)}, {"metrics": (MetricQuery("e1", None, "1"),)},
        {"metrics": (MetricQuery("m1", MetricStat(METRIC, 60, "Sum"), return_data=False),
                     MetricQuery("e1", None, "AVG(m1)"))},
    ],
)  # fmt: skip
def test_what_check_refuses_is_not_evaluated(change):
    alarm = msgspec.structs.replace(alarm_of({}), **change)
    with pytest.raises(ParseError):
        evaluate(alarm, AlarmState(), DatapointTable(), MINUTE)


def test_anomaly_bands_are_refused_by_name():
    alarm = alarm_of({"comparison_operator": "LessThanLowerThreshold"})
    with pytest.raises(UnsupportedError, match="LessThanLowerThreshold"):
        evaluate(alarm, AlarmState(), DatapointTable(), MINUTE)


@given(st.floats(allow_nan=False, allow_infinity=False), st.sampled_from(PREVIOUS))
def test_any_threshold_gives_a_state(threshold, before):
    alarm = alarm_of({"threshold": threshold})
    state, _ = evaluate(alarm, AlarmState(before), table_of([1.0], 60), MINUTE)
    assert state.value == ("ALARM" if threshold < 1 else "OK")


def test_a_window_is_evaluated_once():
    alarm, table = alarm_of({}), table_of(["0"], 60)
    state, _ = evaluate(alarm, AlarmState(), table, MINUTE)
    table.add(METRIC, 0, of_values([10.0]))
    assert evaluate(alarm, state, table, MINUTE + 59 * SECOND) == (state, None)
    assert evaluate(alarm, state, table, 0) == (state, None)
    # What came late is seen from the next window on, while it is in range.
    assert evaluate(alarm, state, table, 2 * MINUTE)[0].value == "ALARM"
