"""Numbers as Go writes them."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.console._format import exponent, instant_data, plain, range_data, unix
from tocsin.durations import SECOND
from tocsin.labels import Labels
from tocsin.promql import Matrix, Scalar, String, Vector
from tocsin.series import NO_SAMPLES, Selection


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0"), (-0.0, "-0"), (1.0, "1"), (1e6, "1000000"), (1e21, "1" + "0" * 21), (0.1, "0.1"),
        (1e-7, "0.0000001"), (-1.5e-5, "-0.000015"), (123456789.125, "123456789.125"),
        (1.7976931348623157e308, "17976931348623157" + "0" * 292), (5e-324, "0." + "0" * 323 + "5"),
        (math.inf, "+Inf"), (-math.inf, "-Inf"), (math.nan, "NaN"), (2.0**63, "9223372036854775808"),
    ],
)  # fmt: skip
def test_plain(value, text):
    if value == 2.0**63:
        text = "9223372036854776000"  # The shortest digits, then zeros, as Go does.
    assert plain(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0, "0e+00"), (1.0, "1e+00"), (16.25, "1.625e+01"), (-1e-9, "-1e-09"), (1e100, "1e+100"),
     (123456.0, "1.23456e+05"), (math.inf, "+Inf"), (math.nan, "NaN"), (120.0, "1.2e+02")],
)  # fmt: skip
def test_exponent(value, text):
    assert exponent(value) == text


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_what_is_written_reads_back(value):
    for text in (plain(value), exponent(value)):
        assert float(text) == value
        assert math.copysign(1, float(text)) == math.copysign(1, value)
    assert "e" not in plain(value)
    # Shortest: as many digits as Python's own shortest form has.
    digits = repr(abs(value)).partition("e")[0].replace(".", "").strip("0")
    assert plain(abs(value)).replace(".", "").strip("0") == digits


@given(st.integers(-(1 << 50), 1 << 50))
def test_times(micros):
    assert round(unix(micros) * SECOND) == micros
    assert isinstance(unix(micros), int) == (micros % SECOND == 0)


def test_instant_results():
    labels = (Labels({"a": "2"}), Labels({"a": "1"}), Labels({"a": "0"}))
    vector = Vector(labels, np.array([[1.5], [2], [3]]), np.array([[True], [True], [False]]))
    assert instant_data(vector, 1_500_000) == {
        "resultType": "vector",
        "result": [
            {"metric": {"a": "2"}, "value": [1.5, "1.5"]},
            {"metric": {"a": "1"}, "value": [1.5, "2"]},
        ],
    }
    assert instant_data(Scalar(np.array([np.nan])), SECOND)["result"] == [1, "NaN"]
    assert instant_data(String("x"), SECOND) == {"resultType": "string", "result": [1, "x"]}
    times, offsets = np.array([SECOND, 2 * SECOND, 3 * SECOND]), np.array([0, 1, 1, 3])
    matrix = Matrix(Selection(labels, times, np.array([1.0, 2, 3]), offsets))
    assert instant_data(matrix, SECOND)["result"] == [
        {"metric": {"a": "0"}, "values": [[2, "2"], [3, "3"]]},
        {"metric": {"a": "2"}, "values": [[1, "1"]]},
    ]
    assert instant_data(Matrix(NO_SAMPLES), 0)["result"] == []


def test_range_results():
    labels = (Labels({"a": "2"}), Labels({"a": "1"}), Labels({"a": "0"}))
    present = np.array([[True, True], [False, True], [False, False]])
    vector = Vector(labels, np.array([[1.0, 2], [3, 4], [5, 6]]), present)
    assert range_data(vector, SECOND, SECOND // 2)["result"] == [
        {"metric": {"a": "1"}, "values": [[1.5, "4"]]},
        {"metric": {"a": "2"}, "values": [[1, "1"], [1.5, "2"]]},
    ]
    assert range_data(Scalar(np.array([1.0, 2])), 0, SECOND)["result"] == [
        {"metric": {}, "values": [[0, "1"], [1, "2"]]}
    ]
