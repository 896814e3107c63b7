"""Reading queries: what is refused, how, and how fast."""

from __future__ import annotations

import contextlib
import time

import pytest

from tocsin.durations import HOUR, MINUTE
from tocsin.errors import ParseError, QueryError, UnsupportedError
from tocsin.promql import Kind, Options, evaluate, parse

from ._columns import SECOND, Columns

HOSTILE = {
    "parentheses": "(" * 10_000 + "x" + ")" * 10_000,
    "parentheses within the length": "(" * 1_900 + "x" + ")" * 1_900,
    "plus signs": "+" * 8_192,
    "plus signs within the length": "+" * 3_999,
    "a sum of 4,000": "+".join("x" * 4_000),
    "a sum of 1,900": "+".join("x" * 1_900),
    "a sum of 300": "+".join("x" * 300),
    "powers": "^".join("2" * 299),
    "minus signs": "-" * 299 + "x",
    "nested calls": "abs(" * 190 + "x" + ")" * 190,
    "nested negated calls": "abs(-" * 150 + "x" + ")" * 150,
    "nested subqueries": "max_over_time(" * 150 + "x" + "[1m:])" * 150,
    "braces": "{" * 3_000,
    "brackets": "x[1m:" * 500,
    "a quote": 'x{a="' + "\\" * 3_900,
    "open ranges full of operators": "x[" * 190 + "a+" * 290 + "a" * 3_000,
    "arithmetic in a duration": "x[" + "(-" * 150 + "1m" + ")" * 150 + "]",
    "powers in a duration": "x[" + "2^" * 290 + "1]",
    "a comment": "#" * 3_999,
    "operators hidden in a string": 'x{a="' + "+" * 3_900 + '"}',
    "labels": "x{" + 'a="b",' * 290 + "}",
    "digits": "1" * 3_999,
    "a long duration": "x[" + "1" * 3_000 + "s]",
    "a repeated regex": 'x{a=~"((a{100}){100}){100}"}',
    "a regex that backtracks": 'x{a=~"' + "(a+)+" * 600 + '$"}',
    "a NUL": "x\0",
    "a surrogate": 'x{a="\ud800"}',
    "nothing": "",
    "blanks": " " * 3_999,
    "a time before 1970": "x @ -1.5",
    "a far time": "x @ 9e15",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_text_is_answered_soon(name):
    begun = time.perf_counter()
    with contextlib.suppress(ParseError, QueryError):
        evaluate(parse(HOSTILE[name]), Columns({"x{a=aaaa}": [(0, 1)]}), 0)
    assert time.perf_counter() - begun < 5


def test_a_catastrophic_regex_meets_a_long_value():
    source = Columns({"x{a=" + "a" * 5_000 + "b}": [(0, 1)]})
    begun = time.perf_counter()
    assert not len(evaluate(parse('x{a=~"(a+)+(a+)+(a+)+$"}'), source, 0).labels)
    assert time.perf_counter() - begun < 5


@pytest.mark.parametrize(
    ("text", "construct"),
    [
        ("histogram_sum(x)", "histogram_sum: native histograms"),
        ("histogram_stddev(x)", "histogram_stddev: native histograms"),
        ("info(x)", "info"),
        ('{a="b" or c="d"}', "`or`"),
        ("a + fill(0) b", "fill"),
        ("histogram_quantiles(x, 'q', 0.5)", "histogram_quantiles: newer"),
        ("rate(x[5m] smoothed)", "smoothed"),
        ("rate(x[5m] anchored)", "anchored"),
        ("holt_winters(x[5m], 0.1, 0.1)", "holt_winters"),
        ("x </ 3", "</ operator"),
        ("x + fill_left(0) ignoring(a) y z", "fill_left"),
    ],
)
def test_what_is_not_evaluated_is_refused_by_name(text, construct):
    with pytest.raises(UnsupportedError, match=construct.replace("`", "`")):
        parse(text)


@pytest.mark.parametrize(
    "text",
    [
        *("rate(x)", "sum(1)", "1 == 1", "x[5m] + 1", "x{", "{}", '{a=""}', "x offset", "-x[5m]"),
        *("1 and x", 'x{a=~"("}', "x y", "abs()", "nope(x)", "x + on(a) group_left(a) y"),
        *(
            "x fill y",
            "smoothed + anchored +",
            "x[1m + ]",
            "x[step() + ]",
            "x[step(1)]",
            "x offset max(1m)",
            "x offset (1m",
            "x[1m ** 2]",
            "x[(-1) ^ 0.5]",
        ),
        *("x[1e9 ^ 99]", "x offset (2y * 1e9)", "x[min(1m)]", "1_", "x[5m:1m-1m]"),
        *('label_replace(x, "a", "b", "c", "(")', "x[0s]", "x[5m][5m]", "x @ NaN", "topk(x, y)"),
    ],
)
def test_mistakes_are_parse_errors_with_a_hint(text):
    with pytest.raises(ParseError) as caught:
        parse(text, path="rules.yml", line=7)
    assert caught.value.hint
    assert str(caught.value).startswith("rules.yml:7: ")
    assert not isinstance(caught.value, UnsupportedError)


def test_a_query_knows_what_it_reads():
    query = parse(
        'rate(a[5m] offset 1h) / on() sum({__name__="b", job!="c"}) > c', path="x", line=1
    )
    assert query.metrics == {"a", "b", "c"}
    assert [len(selector.matchers) for selector in query.selectors] == [1, 2, 1]
    assert query.kind is Kind.VECTOR
    assert str(query) == query.text


@pytest.mark.parametrize(
    ("text", "distance"),
    [
        ("1", 0),
        ("x", 5 * MINUTE),
        ("x offset 1h", HOUR + 5 * MINUTE),
        ("x offset -1h", 0),
        ("x[10m]", 10 * MINUTE),
        ("max_over_time(rate(x[5m])[1h:] offset 1m)", HOUR + 6 * MINUTE),
        ("rate(x[10m]) + y", 10 * MINUTE),
        ("topk(scalar(y offset 2h), z)", 2 * HOUR + 5 * MINUTE),
    ],
)
def test_how_far_back_a_query_reads(text, distance):
    assert parse(text).look_back == distance


@pytest.mark.parametrize(
    ("text", "absolute"),
    [("x @ 5", True), ("max_over_time(x[5m:] @ 5)", True), ("x @ end()", False)],
)
def test_fixed_times_are_known(text, absolute):
    assert parse(text).absolute is absolute


@pytest.mark.parametrize(
    ("text", "kind"),
    [("1 + 2", Kind.SCALAR), ("x + 2", Kind.VECTOR), ("x[5m]", Kind.MATRIX), ("'a'", Kind.STRING)],
)
def test_what_a_query_yields(text, kind):
    assert parse(text).kind is kind


def test_too_many_samples_are_refused():
    source = Columns({"x": [(second, 1) for second in range(100)]})
    few = Options(max_samples=50)
    with pytest.raises(QueryError, match="too many samples"):
        evaluate(parse("sum_over_time(x[2m])"), source, 100 * SECOND, options=few)
    with pytest.raises(QueryError, match="too many samples"):
        evaluate(parse("max_over_time(vector(1)[1y:1ms])"), source, 100 * SECOND)
    with pytest.raises(QueryError, match="number of steps"):
        evaluate(parse("x"), source, 0, 100 * SECOND, SECOND, options=few)


@pytest.mark.parametrize("step", [0, -1, None])
def test_a_range_needs_a_step(step):
    with pytest.raises(QueryError, match="resolution"):
        evaluate(parse("x"), Columns({}), 0, 1, step)


@pytest.mark.parametrize("text", ["x[5m]", "'a'"])
def test_a_range_of_ranges_is_refused(text):
    with pytest.raises(QueryError, match="invalid expression type"):
        evaluate(parse(text), Columns({}), 0, 1, 1)
