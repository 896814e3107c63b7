"""Metric math: the functions of the page, one by one, and what is refused."""

import math
import time
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.conformance.alarm_rules import math_alarm
from tests.conformance.alarm_setup import as_series, run_expression
from tocsin.alarms import FUNCTIONS, UNSUPPORTED, Grid, check, compile_math, infer, run
from tocsin.durations import MINUTE, SECOND
from tocsin.errors import ParseError, UnsupportedError

SERIES = {"m1": [1, None, 3, 6, None], "m2": [4, 2, None, 0, None], "m3": [-1.5, 2.5, 0, 8, 1]}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # Arithmetic: missing in one is 0, in both is missing; a scalar fills nothing.
        ("m1 + m2", [5, 2, 3, 6, None]),
        ("m1 - m2", [-3, -2, 3, 6, None]),
        ("m1 * 2 + 1", [3, None, 7, 13, None]),
        ("10 / m2", [2.5, 5, None, None, None]),
        ("m1 / m2", [0.25, 0, None, None, None]),
        ("-m1 ^ 2", [-1, None, -9, -36, None]),
        ("2 ^ 3 ^ 2 + 0 * m3", [512] * 5),
        ("2 ^ -1 * m3", [-0.75, 1.25, 0, 4, 0.5]),
        ("m3 ^ 0.5", [None, math.sqrt(2.5), 0, math.sqrt(8), 1]),
        ("--m1", [1, None, 3, 6, None]),
        ("1 + 2 * 3 - 4 / 2 + 0 * m3", [5] * 5),
        ("(1 + 2) * (3 - 4) + 0 * m3", [-3] * 5),
        (".5e1 + m3", [3.5, 7.5, 5, 13, 6]),
        # Arrays.
        ("SUM([m1, m2])", [5, 2, 3, 6, None]),
        ("AVG([m1, m2])", [2.5, 1, 1.5, 3, None]),
        ("MAX([m1, m2])", [4, 2, 3, 6, None]),
        ("MIN([m1, m2])", [1, 2, 3, 0, None]),
        ("STDDEV([m1, m2])", [1.5, 0, 0, 3, None]),
        ("DATAPOINT_COUNT([m1, m2])", [2, 1, 1, 2, 0]),
        ("SUM(METRICS())", [3.5, 4.5, 3, 14, 1]),
        ('SUM(METRICS("1"))', [1, None, 3, 6, None]),
        ("SUM([METRICS('1'), METRICS('2')])", [5, 2, 3, 6, None]),
        ("SUM(METRICS('none'))", [None] * 5),
        ("SUM(100 / [m1, m2])", [125, 50, 100 / 3, 100 / 6, None]),
        ("SUM(-[m1, m2])", [-5, -2, -3, -6, None]),
        ("[m1, m2] - m3", [[2.5, -2.5, 3, -2, -1], [5.5, -0.5, 0, -8, -1]]),
        ("FIRST([m1, m2])", [1, None, 3, 6, None]),
        ("LAST([m1, m2])", [4, 2, None, 0, None]),
        ("LAST(METRICS('none'))", [None] * 5),
        ("SORT([m1, m2, m3], AVG, DESC)", [SERIES["m1"], SERIES["m2"], SERIES["m3"]]),
        ("SORT(METRICS(), SUM, ASC)", [SERIES["m2"], SERIES["m1"], SERIES["m3"]]),
        ("SORT(METRICS(), MAX, DESC, 1)", [SERIES["m3"]]),
        ("SORT(METRICS(), MIN, ASC, 2)", [SERIES["m3"], SERIES["m2"]]),
        ("SLICE(METRICS(), 1)", [SERIES["m2"], SERIES["m3"]]),
        ("SLICE(METRICS(), 0, 1)", [SERIES["m1"]]),
        ("REMOVE_EMPTY([m1, m1 / 0])", [SERIES["m1"]]),
        ("m3 / METRIC_COUNT(METRICS())", [-0.5, 2.5 / 3, 0, 8 / 3, 1 / 3]),
        # Scalars of one series.
        ("m1 - AVG(m1)", [-1, None, 1, 4, None]),
        ("m1 / MAX(m1)", [1 / 6, None, 0.5, 1, None]),
        ("m1 - MIN(m1)", [0, None, 2, 5, None]),
        ("TIME_SERIES(SUM(m1))", [10] * 5),
        ("TIME_SERIES(STDDEV(m2))", [pytest.approx(math.sqrt(8 / 3))] * 5),
        ("SUM(m1) / DATAPOINT_COUNT(m1) + 0 * m3", [10 / 3] * 5),
        ("m1 / PERIOD(m1)", [1 / 60, None, 3 / 60, 0.1, None]),
        ("TIME_SERIES(MIN(m1 / 0))", [None] * 5),
        ("m1 + MIN(m1 / 0)", [None] * 5),
        # Value by value.
        ("ABS(m3)", [1.5, 2.5, 0, 8, 1]),
        ("CEIL(m3)", [-1, 3, 0, 8, 1]),
        ("FLOOR(m3)", [-2, 2, 0, 8, 1]),
        ("LOG(m2)", [math.log(4), math.log(2), None, None, None]),
        ("LOG10(m3 * 10)", [None, math.log10(25), None, math.log10(80), 1]),
        ("ABS([m3])", [[1.5, 2.5, 0, 8, 1]]),
        # In order of time.
        ("DIFF(m1)", [None, None, 2, 3, None]),
        ("DIFF_TIME(m1)", [None, None, 120, 60, None]),
        ("RATE(m1)", [None, None, 2 / 120, 3 / 60, None]),
        ("RUNNING_SUM(m1)", [1, None, 4, 10, None]),
        ("RUNNING_SUM([m1])", [[1, None, 4, 10, None]]),
        ("FILL(m1, 0)", [1, 0, 3, 6, 0]),
        ("FILL(m1, REPEAT)", [1, 1, 3, 6, 6]),
        ("FILL(m1, LINEAR)", [1, 2, 3, 6, None]),
        ("FILL(m1, m2)", [1, 2, 3, 6, None]),
        ("FILL(m1, MIN(m1))", [1, 1, 3, 6, 1]),
        ("FILL(METRICS('1'), m3)", [[1, 2.5, 3, 6, 1]]),
        ("FILL(m1 / 0, REPEAT)", [None] * 5),
        # Comparison and logic.
        ("m1 == 3", [0, None, 1, 0, None]),
        ("m1 != m2", [1, 1, 1, 1, None]),
        ("3 <= m1", [0, None, 1, 1, None]),
        ("m1 > 0 AND m2 > 0 OR m3 > 5", [1, 0, 0, 1, 0]),
        ("m1 > 0 && (m2 > 0 || m3 > 5)", [1, 0, 0, 1, 0]),
        ("(2 > 1) + 0 * m3", [1] * 5),
        # IF.
        ("IF(m1, 1, 0)", [1, None, 1, 1, None]),
        ("IF(m1 < 4, m1)", [1, None, 3, None, None]),
        ("IF(m3 > 1, m1, m2)", [4, 0, None, 6, None]),
        ("IF(m2, m1)", [1, 0, None, None, None]),
        ("IF(1, m1, m2)", [1, None, 3, 6, None]),
        ("IF(0, m1, m2)", [4, 2, None, 0, None]),
        ("IF(0, m1)", [None] * 5),
        ("IF(0, m1, 7)", [7] * 5),
        ("IF(1 > 2, 3, 4) + 0 * m3", [4] * 5),
        ("IF(FIRST(SORT(METRICS(), AVG, DESC)) > 2, 1, 0)", [0, None, 1, 1, None]),
    ],
)
def test_expressions(text, expected):
    found = run_expression(text, SERIES)
    if expected and isinstance(expected[0], list):
        assert [each for _, each in found] == [pytest.approx(each) for each in expected]
    else:
        assert found == [None if each is None else pytest.approx(each) for each in expected]


def test_time_functions_are_of_the_start_of_each_period_and_never_missing():
    start = int(datetime(2026, 2, 28, 23, 58, tzinfo=UTC).timestamp()) * SECOND
    series = {"m1": [None, None, 1]}
    expected = {
        "MINUTE": [58, 59, 0], "HOUR": [23, 23, 0], "DATE": [28, 28, 1], "MONTH": [2, 2, 3],
        "DAY": [6, 6, 7], "YEAR": [2026] * 3,
        "EPOCH": [start / SECOND + 60 * place for place in range(3)],
    }  # fmt: skip
    for name, values in expected.items():
        assert run_expression(f"{name}(m1)", series, start=start) == values
    assert run_expression("YEAR(m1)", series, start=10**19) == [None] * 3


@pytest.mark.parametrize(
    ("text", "column"),
    [
        ("", 1), ("m1 +", 5), ("m1 m2", 4), ("(m1", 4), ("m1)", 3), ("SUM(m1", 7), ("[m1", 4),
        ("sum(m1)", 1), ("NOPE(m1)", 1), ("m9", 1), ("M1", 1), ("m1 + REPEAT", 6), ("'text'", 1),
        ("m1 + 'x'", 6), ("SUM()", 1), ("SUM(1)", 1), ("SUM(m1, m2)", 1), ("FILL(m1, UP)", 10),
        ("SORT(METRICS(), AVG)", 1), ("SORT(METRICS(), DESC, AVG)", 17), ("METRICS(m1)", 1),
        ("PERIOD(m1 + 1)", 1), ("IF(METRICS(), 1, 0)", 1), ("[1, 2]", 1), ("[]", 1),
        ("METRICS() + METRICS()", 11), ("METRICS() > 1", 11), ("m1 = 1", 4), ("m1 ! 1", 4),
        ("1e999 * m1", 1), ("m1 @ 2", 4), ('"open', 1), ("m1,m2", 3), ("NOT m1", 5),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_refused_with_its_place(text, column):
    with pytest.raises(ParseError) as caught:
        run_expression(text, SERIES)
    assert caught.value.span.column == column


@pytest.mark.parametrize("name", UNSUPPORTED)
def test_what_is_not_supported_is_refused_by_name(name):
    with pytest.raises(UnsupportedError, match=name):
        compile_math(f"{name}(m1)")


@pytest.mark.parametrize(
    "text",
    ["(" * 10_000 + "m1" + ")" * 10_000, "(" * 1000 + "m1" + ")" * 1000, "[" * 2000, "ABS(" * 500,
     "-" * 2048, "1" * 2048, "m" * 5000, "^" * 2000, "((((" * 12, '"' * 2001,
     "1+" * 1000, "9" * 400 + "^" + "9" * 400, "\x00", "m1 \ud800", "\u0661 + m1", "é"],
)  # fmt: skip
def test_hostile_expressions_end_soon(text):
    start = time.monotonic()
    with pytest.raises(ParseError):
        run_expression(text, SERIES)
    assert time.monotonic() - start < 1


def test_long_chains_are_evaluated():
    assert run_expression("+".join(["m1"] * 600), {"m1": [2]}) == [1200]
    assert run_expression("2^" * 900 + "1 + 0 * m1", {"m1": [2]}) == [None]
    assert run_expression("-" * 1001 + "m1", {"m1": [2]}) == [-2]


texts = st.text(alphabet=" m123+-*/^()[],.\"<>=&|IFSUMAVGREPEATDESC'", max_size=60)


@given(texts)
def test_any_text_is_read_or_refused(text):
    grid = Grid((0, MINUTE), 60, (("m1", [1.0, None]),))
    try:
        program = compile_math(text)
        kind = infer(program, {"m1": "T"}, ("m1",))
    except ParseError:
        return
    found = run(program, grid, {"m1": [1.0, None]})
    assert isinstance(found, list) == (kind in "TA")


big = st.floats(allow_nan=False, allow_infinity=False)


@given(
    st.lists(st.none() | big, min_size=3, max_size=3),
    st.lists(st.none() | big, min_size=3, max_size=3),
    st.sampled_from(sorted(FUNCTIONS)),
    st.sampled_from(["+", "-", "*", "/", "^", "<", "AND"]),
)
def test_no_function_gives_what_is_no_number(one, two, name, sign):
    series = {"m1": one, "m2": two}
    for kinds in FUNCTIONS[name].gives:
        words = iter(FUNCTIONS[name].words)
        arguments = [
            {"S": "3", "T": f"m1 {sign} m2", "A": "[m1, m2]", "Q": "'m1'"}.get(kind)
            or next(words)[0]
            for kind in kinds
        ]
        text = f"{name}({', '.join(arguments)})".replace("PERIOD(m1 " + sign + " m2)", "PERIOD(m1)")
        flat = str(as_series(run_expression(text, series)))
        assert "nan" not in flat
        assert "inf" not in flat


@pytest.mark.parametrize(
    ("expressions", "words"),
    [
        (("m1 + m9",), "no metric or expression has the id m9"),
        (("e2 + 1", "e1 + 1"), "refer to each other"),
        (("e1 + 1",), "refer to each other"),
        (("AVG(m1)",), "gives a scalar"),
        (("METRICS()",), "gives several time series"),
        (("m1 +",), "column 5"),
        (("SEARCH('x', 'Sum', 60)",), "SEARCH is not supported"),
        (("PERIOD(e2)", "m1 * 2"), "PERIOD takes a metric"),
    ],
)
def test_expressions_of_an_alarm_are_checked(expressions, words):
    problems = check(math_alarm(*expressions))
    assert any(words in str(problem) for problem in problems)


def test_expressions_may_stand_in_any_order():
    assert check(math_alarm("e3 * 2", "m1 - m2", "e2 + e1 * 0 + m1")) != []
    assert check(math_alarm("e2 * 2", "m1 - m2", "e2 + e1")) == []
