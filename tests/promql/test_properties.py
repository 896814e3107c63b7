"""What must hold for any samples."""

from __future__ import annotations

import math
from itertools import pairwise
from unittest import mock

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from tocsin.promql import (
    Options,
    Vector,
    _memo,
    _over_time,
    _quantile,
    _sums,
    _windows,
    evaluate,
    parse,
)
from tocsin.promql._aggregate import format_value
from tocsin.promql._fingerprint import xxhash64
from tocsin.series import concatenate

from ._columns import SECOND, Columns
from ._columns import labels as labels_of

# Multiples of an eighth: sums of few are exact, whatever their order.
values = st.one_of(
    st.integers(-400, 400).map(lambda n: n / 8),
    st.sampled_from([0.0, math.nan, math.inf, -math.inf]),
)
plain = st.integers(0, 400).map(lambda n: n / 8)


def series_of(value):
    samples = st.dictionaries(st.integers(0, 600), value, max_size=40).map(
        lambda points: sorted((t / 2, v) for t, v in points.items())
    )
    return st.dictionaries(
        st.sampled_from([f"x{{i={n},g={n % 2}}}" for n in range(6)]), samples, max_size=6
    )


QUERIES = (
    *("x", "rate(x[40s])", "x > 10", "sum by (g) (x)", "quantile by (g) (0.4, x)", "stddev(x)"),
    *("max_over_time(x[1m])", "avg_over_time(x[50s])", "sum_over_time(x[30s:7s] offset 3s)"),
    *("x / ignoring (i) group_left sum by (g) (x)", "topk by (g) (1, x)", "changes(x[1m])"),
    *("x and on (g) (x > 20)", "absent(x)", "count_values('v', x)", "deriv(x[1m])", "x @ end()"),
    *("x or -x", "quantile_over_time(0.3, x[1m])", "ts_of_max_over_time(x[1m])", "scalar(x) + 1"),
    *("mad_over_time(x[1m])", "double_exponential_smoothing(x[1m], 0.4, 0.2)", "resets(x[2m])"),
)


def table(result, column):
    if isinstance(result, Vector):
        return {
            labels: row[column]
            for labels, row, there in zip(
                result.labels, result.values.tolist(), result.present.tolist(), strict=True
            )
            if there[column]
        }
    return {"scalar": result.values.tolist()[column]}


def same(left, right):
    return left.keys() == right.keys() and all(
        left[key] == right[key]
        or (math.isnan(left[key]) and math.isnan(right[key]))
        or math.isclose(left[key], right[key], rel_tol=1e-12)
        for key in left
    )


@given(series_of(values), st.sampled_from(QUERIES), st.integers(0, 30), st.integers(1, 50))
@settings(max_examples=150)
def test_a_range_query_is_the_instant_query_at_each_step(series, text, first, step):
    source, query = Columns(series), parse(text.replace("@ end()", "@ 200"))
    start, end = first * SECOND, 320 * SECOND
    whole = evaluate(query, source, start, end, step * SECOND)
    for column, moment in enumerate(range(start, end + 1, step * SECOND)):
        assert same(table(whole, column), table(evaluate(query, source, moment), 0))


@given(series_of(values), st.sampled_from(QUERIES))
@settings(max_examples=80)
def test_how_the_work_is_cut_changes_nothing(series, text):
    source, query = Columns(series), parse(text)
    grid = (0, 320 * SECOND, 17 * SECOND)
    expected = evaluate(query, source, *grid)
    with (
        mock.patch.object(_over_time, "_LARGEST_COPY", 7),
        mock.patch.object(_windows, "_LARGEST_KEY", 1),
        mock.patch.object(_sums, "_FEW_RUNS", 0),
        mock.patch.object(_quantile, "_FEW_SIZES", 0),
        mock.patch.object(_memo, "_LEAST", 0),
        mock.patch.object(_memo, "_MOST", 3),
    ):
        actual = evaluate(query, source, *grid)
        again = evaluate(query, source, *grid)
    for column in range(19):
        assert same(table(expected, column), table(actual, column))
        assert same(table(expected, column), table(again, column))


@given(series_of(values), st.sampled_from(QUERIES), st.integers(0, 300))
@settings(max_examples=80)
def test_samples_from_several_places_read_as_one(series, text, cut):
    class Parts:
        def select(self, matchers, start, end):
            return concatenate([part.select(matchers, start, end) for part in parts])

    parts = [
        Columns({k: [s for s in v if (s[0] <= cut) is early] for k, v in series.items()})
        for early in (True, False)
    ]
    query = parse(text)
    for moment in (200 * SECOND, 301 * SECOND):
        expected = evaluate(query, Columns(series), moment)
        assert same(table(expected, 0), table(evaluate(query, Parts(), moment), 0))


def window(samples, moment, width, *, closed):
    return [
        (t, v)
        for t, v in samples
        if t <= moment and (t >= moment - width if closed else t > moment - width)
    ]


def increase(samples, moment, width):
    """Prometheus' rule, written out for one series."""
    if len(samples) < 2:
        return None
    change = samples[-1][1] - samples[0][1]
    for (_, before), (_, after) in pairwise(samples):
        if after < before:
            change += before
    sampled = samples[-1][0] - samples[0][0]
    average = sampled / (len(samples) - 1)
    to_start, to_end = samples[0][0] - (moment - width), moment - samples[-1][0]
    if to_start >= average * 1.1:
        to_start = average / 2
    if change > 0 and samples[0][1] >= 0:
        to_start = min(to_start, sampled * (samples[0][1] / change))
    if to_end >= average * 1.1:
        to_end = average / 2
    return change * ((sampled + to_start + to_end) / sampled)


def quantile(q, numbers):
    ordered = sorted(numbers)
    rank = q * (len(ordered) - 1)
    low = math.floor(rank)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] * (1 - (rank - low)) + ordered[high] * (rank - low)


ORACLES = {
    "increase(x[{w}s])": increase,
    "sum_over_time(x[{w}s])": lambda s, *_: math.fsum(v for _, v in s) if s else None,
    "count_over_time(x[{w}s])": lambda s, *_: len(s) or None,
    "min_over_time(x[{w}s])": lambda s, *_: min(v for _, v in s) if s else None,
    "last_over_time(x[{w}s])": lambda s, *_: s[-1][1] if s else None,
    "quantile_over_time(0.7, x[{w}s])": lambda s, *_: (
        quantile(0.7, [v for _, v in s]) if s else None
    ),
}


@given(
    series_of(plain),
    st.sampled_from(sorted(ORACLES)),
    st.integers(0, 320),
    st.integers(1, 200),
    st.booleans(),
)
@settings(max_examples=200)
def test_functions_of_ranges_agree_with_plain_python(series, text, moment, width, closed):
    if closed and text.startswith("increase"):
        closed = False  # 2.x treats the zero point otherwise
    result = evaluate(
        parse(text.format(w=width)),
        Columns(series),
        moment * SECOND,
        options=Options(version=2 if closed else 3),
    )
    expected = {}
    for labels, samples in Columns(series).series.items():
        value = ORACLES[text](window(samples, moment, width, closed=closed), moment, width)
        if value is not None:
            expected[labels if text.startswith("last") else labels.without_name()] = value
    assert same(expected, table(result, 0))


@given(st.lists(st.floats(allow_nan=False, width=32), min_size=1, max_size=60))
def test_sums_are_exact_where_doubles_allow(numbers):
    total, carry = _sums.sum_runs(np.array(numbers), np.array([0]), np.array([len(numbers)]))
    if all(math.isfinite(n) for n in numbers):
        size = math.fsum(abs(n) for n in numbers)
        assert abs(total[0] + carry[0] - math.fsum(numbers)) <= size * 1e-15


@given(st.lists(st.lists(st.floats(), max_size=12), min_size=1, max_size=60))
def test_few_runs_and_many_runs_add_alike(runs):
    flat = np.array([n for run in runs for n in run])
    high = np.cumsum([len(run) for run in runs])
    low = high - np.array([len(run) for run in runs])
    with np.errstate(all="ignore"), mock.patch.object(_sums, "_FEW_RUNS", 0):
        many = _sums.sum_runs(flat, low, high)
    with mock.patch.object(_sums, "_FEW_RUNS", 1000):
        few = _sums.sum_runs(flat, low, high)
    np.testing.assert_array_equal(many[0], few[0])
    finite = np.isfinite(many[0])
    np.testing.assert_array_equal(many[1][finite], few[1][finite])


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_values_are_written_without_exponent_and_read_back(value):
    text = format_value(value)
    assert "e" not in text
    assert float(text) == value


def test_hash_agrees_with_the_published_vectors():
    """xxHash64 of the empty input and of known texts, seed 0."""
    assert xxhash64(b"") == 0xEF46DB3751D8E999
    assert xxhash64(b"a") == 0xD24EC4F1A98C6E5B
    assert xxhash64(b"abc") == 0x44BC2CF5AD770999
    assert xxhash64(b"Nobody inspects the spammish repetition") == 0xFBCEA83C8A378BF1


def test_remembered_labels_belong_to_their_tuple():
    names = tuple(labels_of(f"x{{i={n}}}") for n in range(20))
    twins = tuple(names)
    assert twins is names
    others = (*names[:-1], labels_of("x{i=other}"))
    for given_, last in ((names, "19"), (others, "other"), (names, "19")):
        found = _memo.derived(given_, "test", lambda all_: [each["i"] for each in all_])
        assert found[-1] == last
    assert len(_memo._kept) <= _memo._MOST
