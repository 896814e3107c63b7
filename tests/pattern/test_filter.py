"""Metric filters: what AWS takes and refuses, and which datapoints come of it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.errors import ConfigError, Span
from tocsin.pattern import (
    UNITS,
    Contribution,
    Minutes,
    Settings,
    Skip,
    Transformation,
    contribute,
    make_filter,
)

MINUTE = 60_000_000
APACHE = '127.0.0.1 - - [24/Sep/2013:11:49:52 -0700] "GET /index.html HTTP/1.1" 404 287'


def made(pattern="", value="1", *, name="f", **more):
    system = more.pop("system_dimensions", ())
    return make_filter(
        name=name,
        log_group="/aws/web",
        pattern=pattern,
        transformations=[Transformation("M", "N", value, **more)],
        system_dimensions=system,
    )


def points(each, events, **settings):
    """The datapoints of (minute, message) pairs."""
    table, chosen = Minutes(), Settings(**settings)
    for minute, message in events:
        table.add([each], minute * MINUTE + 12_345_678, message, chosen)
    return [
        (point.time // MINUTE, dict(point.dimensions), point.sum, point.count)
        for point in table.datapoints([each], chosen)
    ]


def test_counts_by_minute_of_the_event():
    each = made("ERROR", default=0)
    events = [(0, "ERROR"), (0, "ERROR x"), (1, "fine"), (1, "fine"), (3, "ERROR"), (3, "fine")]
    assert points(each, events) == [(0, {}, 2, 2), (1, {}, 0, 1), (3, {}, 1, 1)]
    assert points(each, events, default_samples="event") == [
        (0, {}, 2, 2),
        (1, {}, 0, 2),
        (3, {}, 1, 2),
    ]
    assert points(made("ERROR"), events) == [(0, {}, 2, 2), (3, {}, 1, 1)]
    assert points(each, []) == []


def test_times_before_1970():
    table, each = Minutes(), made("ERROR")
    table.add([each], -1, "ERROR")
    (point,) = table.datapoints([each])
    assert point.time == -MINUTE


@pytest.mark.parametrize(
    ("pattern", "value", "message", "expected"),
    [
        ("{ $.latency = * }", "$.latency", '{"latency": 50}', 50.0),
        ("{ $.latency = * }", "$.latency", '{"latency": "50.5"}', 50.5),
        ("{ $.a NOT EXISTS }", "$.b[1].['c d']", '{"b": [0, {"c d": 1e3}]}', 1000.0),
        ("[ip, id, user, time, request, code, size]", "$size", APACHE, 287.0),
        ("[ip, id, user, time, request, code, size]", "$7", APACHE, 287.0),
        ("[ip, id, user, time, request, code, size]", "$SIZE", APACHE, 287.0),
        ("[ip, ..., size]", "$6", APACHE, 404.0),
        ("[]", "$7", APACHE, 287.0),
        ("ERROR", "2.5e1", "ERROR", 25.0),
        ("ERROR", "-1", "ERROR", -1.0),
        ("{ $.a NOT EXISTS }", "$.b", "{}", Skip.NO_VALUE),
        ("{ $.a NOT EXISTS }", "$.b", '{"b": null}', Skip.NO_VALUE),
        ("{ $.a NOT EXISTS }", "$.b", '{"b": {}}', Skip.NO_VALUE),
        ("{ $.a NOT EXISTS }", "$.b", '{"b": true}', Skip.NO_NUMBER),
        ("{ $.a NOT EXISTS }", "$.b", '{"b": "many"}', Skip.NO_NUMBER),
        ("{ $.a NOT EXISTS }", "$.b", '{"b": 1e999}', Skip.NO_NUMBER),
        ("[ip, size]", "$size", "x -", Skip.NO_NUMBER),
        ("[ip, ...]", "$9", "x y", Skip.NO_VALUE),
        ("{ $.a = 1 }", "$.b", "{}", None),
    ],
)
def test_values(pattern, value, message, expected):
    found = contribute(made(pattern, value), message)
    assert found == (Contribution(expected) if isinstance(expected, float) else expected)


def test_unusable_values_are_counted_or_replaced():
    each = made("{ $.a NOT EXISTS }", "$.b", default=7)
    table = Minutes()
    table.add([each], 0, "{}")
    table.add([each], 0, '{"b": "x"}')
    assert table.datapoints([each]) == []
    assert table.skipped == {(each.key, Skip.NO_VALUE): 1, (each.key, Skip.NO_NUMBER): 1}
    replaced = Settings(unusable_value="default")
    assert contribute(each, "{}", replaced) == Contribution(7.0)
    assert contribute(made("{ $.a NOT EXISTS }", "$.b"), "{}", replaced) is Skip.NO_VALUE


def test_dimensions():
    each = made(
        '{ $.eventType = "*" && $.sourceIPAddress != 123.123.* }',
        dimensions=(("type", "$.eventType"), ("by", "$.user.name")),
    )
    whole = '{"eventType": "UpdateTrail", "sourceIPAddress": "1.1.1.1", "user": {"name": 7}}'
    part = '{"eventType": "UpdateTrail", "sourceIPAddress": "1.1.1.1"}'
    assert contribute(each, whole) == Contribution(1.0, (("by", "7"), ("type", "UpdateTrail")))
    assert contribute(each, part) == Contribution(1.0)
    assert contribute(each, part, Settings(missing_dimension="partial")) == Contribution(
        1.0, (("type", "UpdateTrail"),)
    )
    assert contribute(each, part, Settings(missing_dimension="skip")) is Skip.NO_DIMENSION
    by_field = made("[ip, server, code=4*, bytes]", dimensions=(("server", "$server"),))
    assert points(by_field, [(0, "x Prod 404 1"), (0, "x Test 404 1"), (0, "x Prod 400 1")]) == [
        (0, {"server": "Prod"}, 2, 2),
        (0, {"server": "Test"}, 1, 1),
    ]


def test_system_dimensions_come_from_the_caller():
    each = made("ERROR", system_dimensions=["@aws.account"])
    assert contribute(each, "ERROR", system={"@aws.account": "1234"}) == Contribution(
        1.0, (("@aws.account", "1234"),)
    )
    assert contribute(each, "ERROR") == Contribution(1.0)


def test_two_filters_may_feed_one_metric():
    filters = [made("ERROR", name="a"), made("WARN", "2", name="b")]
    table = Minutes()
    table.add(filters, 0, "ERROR WARN")
    (point,) = table.datapoints(filters)
    assert point.samples == ((1.0, 1), (2.0, 1))
    assert (point.sum, point.average, point.minimum, point.maximum, point.count) == (
        3,
        1.5,
        1,
        2,
        2,
    )
    assert table.datapoints(filters[:1])[0].samples == ((1.0, 1),)


@given(
    st.lists(
        st.tuples(
            st.integers(0, 3), st.sampled_from(["ERROR 5", "fine 1", "ERROR 0.1", "ERROR x"])
        ),
        max_size=30,
    ),
    st.integers(0, 30),
)
def test_tables_of_slices_add_up(events, cut):
    each = made("[level=ERROR, size]", "$size", default=0)
    whole, first, second = Minutes(), Minutes(), Minutes()
    for at, (minute, message) in enumerate(events):
        whole.add([each], minute * MINUTE, message)
        (first if at < cut else second).add([each], minute * MINUTE, message)
    second.merge(first)
    assert second == whole
    assert second.datapoints([each]) == whole.datapoints([each])


def test_the_filter_of_the_article_works_verbatim():
    each = make_filter(
        name="critical",
        log_group="web",
        pattern="Critical Error",
        transformations=[Transformation("CriticalErrors", "Lab", "1")],
    )
    assert contribute(each, "2026 Critical Error: disk") == Contribution(1.0)


REFUSED = [
    ({"name": "a:b"}, "bad filter name"),
    ({"name": ""}, "bad filter name"),
    ({"log_group": "a b"}, "bad log group name"),
    ({"pattern": "ERROR!"}, "pattern, column 6: invalid character"),
    ({"transformations": []}, "0 metric transformations"),
    ({"transformations": [Transformation("M", "N", "1")] * 2}, "2 metric transformations"),
    ({"transformations": [Transformation("M:", "N", "1")]}, "bad metric name"),
    ({"transformations": [Transformation("M", "N$", "1")]}, "bad namespace"),
    ({"transformations": [Transformation("M", "", "1")]}, "bad namespace"),
    ({"transformations": [Transformation("M", "N", "1" * 101)]}, "too long"),
    ({"transformations": [Transformation("M", "N", "1e999")]}, "too large"),
    ({"transformations": [Transformation("M", "N", "one")]}, "not a metric value"),
    ({"transformations": [Transformation("M", "N", "$.a")]}, "needs a JSON pattern"),
    ({"transformations": [Transformation("M", "N", "$a")]}, "needs a space-delimited"),
    ({"transformations": [Transformation("M", "N", "1", unit="Foo")]}, "unknown unit"),
    ({"transformations": [Transformation("M", "N", "1", default=float("nan"))]}, "default value"),
    (
        {"transformations": [Transformation("M", "N", "1", dimensions=(("a", "$.a"),))]},
        "does not support dimensions",
    ),
    ({"system_dimensions": ["@aws.galaxy"]}, "unknown system field"),
]


@pytest.mark.parametrize(("changes", "what"), REFUSED)
def test_refused(changes, what):
    definition = {
        "name": "f",
        "log_group": "g",
        "pattern": "ERROR",
        "transformations": [Transformation("M", "N", "1")],
        "span": Span("plan.json", 3, 4),
    }
    with pytest.raises(ConfigError) as caught:
        make_filter(**(definition | changes))
    assert what in str(caught.value)
    assert all(problem.span == Span("plan.json", 3, 4) for problem in caught.value.problems)
    assert all(problem.hint for problem in caught.value.problems)


@pytest.mark.parametrize(
    ("pattern", "more", "what"),
    [
        ("{ $.a = 1 }", {"value": "$.a[*]"}, "has a wildcard"),
        ("{ $.a = 1 }", {"value": "$.a b"}, "not a selector"),
        ("{ $.a = 1 }", {"value": "$.a["}, "expected an array index"),
        ("[a]", {"value": "$b"}, "no field $b"),
        ("[a]", {"value": "$0"}, "no field $0"),
        ("[a]", {"dimensions": (("x", "$a"),), "default": 0}, "default value together"),
        ("[a]", {"dimensions": (("x", "$a"), ("x", "$a"))}, "the same name"),
        ("[a]", {"dimensions": ((":x", "$a"),)}, "bad dimension name"),
        ("[a]", {"dimensions": (("x", "prod"),)}, "constant"),
        ("[a]", {"dimensions": (("x", "$b"),)}, "no field $b"),
        ("[a]", {"dimensions": tuple((str(n), "$a") for n in range(4))}, "4 dimensions"),
    ],
)
def test_refused_with_its_pattern(pattern, more, what):
    with pytest.raises(ConfigError, match=what.replace("$", r"\$")):
        made(pattern, **{"value": "1", **more})


def test_all_mistakes_at_once():
    with pytest.raises(ConfigError) as caught:
        make_filter(
            name="a*",
            log_group="",
            pattern="{ $.a = 1 }",
            transformations=[Transformation("M", "N", "$b", 0.0, "Foo", (("x", "$.c"),))],
        )
    assert len(caught.value.problems) == 5


def test_units():
    assert len(UNITS) == 27
    assert {"Bytes", "Megabits/Second", "Terabytes", "Count/Second", "Bits/Second"} <= UNITS
