"""Datapoints merge by adding, and statistics are what the definitions page says."""

import math
from fractions import Fraction

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.alarms import (
    Datapoint,
    DatapointTable,
    Metric,
    merge,
    of_set,
    of_values,
    parse_statistic,
)
from tocsin.alarms._datapoint import LARGEST, MAX_VALUES
from tocsin.errors import ParseError

numbers = st.floats(-LARGEST, LARGEST, allow_nan=False)
points = st.one_of(
    st.dictionaries(numbers, st.integers(1, 2**30), min_size=1, max_size=8).map(of_values),
    st.tuples(st.integers(1, 99), numbers, st.floats(0, 1e6)).map(
        lambda t: (
            of_set(t[0], t[1] + t[2] / 2, t[1] - t[2], t[1] + t[2])
            if t[1] - t[2] >= -LARGEST and t[1] + t[2] <= LARGEST
            else of_values([t[1]])
        )
    ),
)


def stat(name: str, *values: float) -> float | None:
    return parse_statistic(name).of(of_values(values))


@given(st.lists(points, min_size=1, max_size=8), st.randoms())
def test_neither_order_nor_grouping_of_merging_matters(parts, random):
    whole = merge(parts)
    shuffled = list(parts)
    random.shuffle(shuffled)
    cut = random.randint(0, len(shuffled))
    halves = [half for half in (merge(shuffled[:cut]), merge(shuffled[cut:])) if half is not None]
    assert merge(halves) == whole
    assert msgspec.json.decode(msgspec.json.encode(whole), type=Datapoint) == whole


@given(st.lists(st.floats(-1e15, 1e15), min_size=1, max_size=40))
def test_a_sum_is_the_exact_sum_rounded_once(values):
    whole = merge(of_values([value]) for value in values)
    assert whole.total == float(sum(map(Fraction, values)))
    assert whole.count == len(values)
    assert (whole.minimum, whole.maximum) == (min(values), max(values))


def test_many_values_are_kept_coarsely_in_any_order():
    parts = [of_values([1.0 + (4001 * part + k) / 7 for k in range(4001)]) for part in range(4)]
    one, other = merge(parts), merge([merge(parts[2:]), merge([parts[1], parts[0]])])
    assert one == other
    assert one.rounded
    assert len(one.values) < MAX_VALUES
    exact = sorted(1.0 + k / 7 for k in range(4 * 4001))[math.ceil(0.99 * 4 * 4001) - 1]
    assert parse_statistic("p99").of(one) == pytest.approx(exact, rel=0.004)
    assert one.maximum == max(part.maximum for part in parts)


@pytest.mark.parametrize(
    "values",
    [[], [math.nan], [math.inf], [-math.inf], [LARGEST * 2], {1.0: 0}, {1.0: -1}, {1.0: 2**41}],
)
def test_what_is_no_datapoint_is_refused(values):
    with pytest.raises(ParseError):
        of_values(values)


@pytest.mark.parametrize(
    "fields", [(0, 1, 1, 1), (1, math.nan, 1, 1), (1, 1, 2, 1), (1, math.inf, 1, 1)]
)
def test_what_is_no_statistic_set_is_refused(fields):
    with pytest.raises(ParseError):
        of_set(*fields)


def test_simple_statistics():
    point = of_values({2.0: 3, 10.0: 1})
    names = ("SampleCount", "Sum", "Average", "Minimum", "Maximum")
    assert [parse_statistic(name).of(point) for name in names] == [4, 16, 4, 2, 10]


def test_a_statistic_set_has_percentiles_only_if_its_values_are_known():
    assert parse_statistic("p90").of(of_set(4, 8, 2, 2)) == 2
    assert parse_statistic("p90").of(of_set(1, 5, 5, 5)) == 5
    assert parse_statistic("p90").of(of_set(4, 9, 2, 3)) is None
    assert parse_statistic("Average").of(of_set(4, 9, 2, 3)) == 2.25
    assert parse_statistic("p90").of(merge([of_values([1]), of_set(4, 9, 2, 3)])) is None


def test_extended_statistics_are_not_available_with_negative_values():
    assert stat("p50", -1, 2, 3) is None
    assert stat("TM(1:2)", -1, 2, 3) is None
    assert stat("Sum", -1, 2, 3) == 4


hundred = [float(value) for value in range(1, 101)]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("p99", 99), ("p99.5", 100), ("p100", 100), ("p0", 1), ("p50", 50), ("p0.5", 1),
        ("tm99", 50), ("tm90", 45.5), ("TM(:90%)", 45.5), ("TM(2%:98%)", 50.5), ("IQM", 50.5),
        ("TM(25%:75%)", 50.5), ("TM(90%:)", 95.5), ("TM(10:20)", 15.5), ("TM(:20)", 10.5),
        ("TM(200:300)", None), ("tc90", 90), ("TC(10:20)", 10), ("TC(200:300)", 0),
        ("TC(:0.5)", 0), ("ts90", 4095), ("TS(80%:)", 1810), ("TS(200:)", 0),
        ("wm98", (sum(range(1, 99)) + 2 * 98) / 100),
        ("WM(10%:90%)", (sum(range(11, 91)) + 10 * 11 + 10 * 90) / 100),
        ("WM(50:60)", (50 * 50 + sum(range(51, 61)) + 40 * 60) / 100),
        ("PR(:30)", 30), ("PR(10:20)", 10), ("PR(90:)", 10),
    ],
)  # fmt: skip
def test_extended_statistics_of_one_to_a_hundred(name, expected):
    found = stat(name, *hundred)
    assert found == (None if expected is None else pytest.approx(expected))


@given(
    st.lists(st.floats(0, 1e9), min_size=1, max_size=60),
    st.floats(0, 100).map(lambda x: round(x, 2)),
)
def test_a_percentile_is_the_largest_of_what_is_left(values, percent):
    left = max(1, math.ceil(Fraction(str(percent)) * len(values) / 100))
    ranked = sorted(values)
    assert stat(f"p{percent}", *values) == ranked[left - 1]
    assert stat(f"tc{percent}", *values) == math.ceil(Fraction(str(percent)) * len(values) / 100)


@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=60), st.sampled_from(["10%:90%", "5:50"]))
def test_trimmed_sum_is_trimmed_mean_times_trimmed_count(values, bounds):
    count, mean = stat(f"TC({bounds})", *values), stat(f"TM({bounds})", *values)
    total = stat(f"TS({bounds})", *values)
    assert total == pytest.approx((mean or 0) * count)


@pytest.mark.parametrize(
    "name",
    ["", "p", "p101", "P99", "tm", "TM90", "tm(1:2)", "TM()", "TM(:)", "TM(10%:20)", "TM(2:1)",
     "TM(5%:101%)", "PR(1%:2%)", "pr90", "IQM(1:2)", "sum", "p99 ", "p1e1", "TM(-1:2)", "p" * 9999],
)  # fmt: skip
def test_what_is_no_statistic_is_refused(name):
    with pytest.raises(ParseError):
        parse_statistic(name)


def test_low_sample_counts():
    least = {name: parse_statistic(name).low_sample_count for name in
             ("p99", "p99.9", "p90", "p50", "p10", "p1", "p100", "p0", "tm99", "Sum")}  # fmt: skip
    assert least == {"p99": 1000, "p99.9": 10000, "p90": 100, "p50": 20, "p10": 100, "p1": 1000,
                     "p100": 0, "p0": 0, "tm99": 0, "Sum": 0}  # fmt: skip


def test_a_table_finds_by_metric_unit_and_time():
    one, same = (
        Metric.of("ns", "m", {"b": "2", "a": "1"}),
        Metric.of("ns", "m", {"a": "1", "b": "2"}),
    )
    table, other = DatapointTable(), DatapointTable()
    table.add(one, 60, of_values([1]), "Count")
    other.add(same, 60, of_values([2]), "Count")
    other.add(same, 120, of_values([3]), "Seconds")
    other.add(Metric.of("ns", "m"), 60, of_values([4]))
    table.update(other)
    assert [(t, p.total) for t, p in table(same, None, 0, 200)] == [(60, 3), (120, 3)]
    assert [(t, p.total) for t, p in table(same, "Count", 0, 200)] == [(60, 3)]
    assert list(table(same, "Percent", 0, 200)) == []
    assert [t for t, _ in table(same, None, 61, 120)] == []
    table.drop_before(61)
    assert [time for _, _, time, _ in table.items()] == [120]
    assert [t for t, _ in table(same, None, 0, 200)] == [120]
    assert list(table(Metric.of("ns", "m"), None, 0, 200)) == []


@given(
    st.lists(points, max_size=6),
    st.sampled_from(["SampleCount", "Sum", "Average", "Minimum", "Maximum", "p90", "TM(1:9)"]),
)
def test_a_statistic_of_many_is_that_of_them_merged(parts, name):
    statistic, merged = parse_statistic(name), merge(parts)
    value = None if merged is None else statistic.of(merged)
    assert statistic.of_all(parts) == (value, None if value is None else merged.count)
