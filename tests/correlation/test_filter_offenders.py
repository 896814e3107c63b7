"""Who is behind what filters count: the events that a scan counts, no more and no fewer."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.scan.oracle import HTTP, JSON, MORE, filter_of, form_of
from tests.scan.test_scanner import logs

from tocsin.correlation import FilterOffenders, Wanted
from tocsin.logformat import Clues, make_format
from tocsin.pattern import DEFAULTS
from tocsin.scan import Scanner

ALWAYS = 1 << 62
JSON_LINES = st.lists(
    st.fixed_dictionaries({
        "time": st.sampled_from(["2026-11-21T10:00:00Z", "2026-11-21T10:03:20Z", "x"]),
        "status": st.sampled_from([200, 404, 500, "404", None]),
        "client": st.sampled_from(["203.0.113.9", "2001:db8::1", "gr\u00f6\u00dfe"]),
        "msg": st.sampled_from(["Critical Error", "Critical\tError", "ok"]),
    }),
    max_size=30,
).map(lambda each: "".join(json.dumps(one) + "\n" for one in each).encode())  # fmt: skip
SYSLOG = st.lists(
    st.sampled_from([
        "Nov 21 10:00:00 h sshd[1]: Failed password for root from 203.0.113.9 port 1 ssh2",
        "Nov 21 10:02:00 h sshd[1]: message repeated 3 times: [ Failed password for x from 203.0.113.8 port 1 ssh2]",
        "Nov 21 10:02:00 h cron[1]: ok", "garbage", "",
    ]),
    max_size=30,
).map(lambda each: "".join(f"{one}\n" for one in each).encode())  # fmt: skip
SSHD = [filter_of("Failed", '"Failed password"'), filter_of("Root", "root -cron")]


def check(block, form, each):
    table = Scanner([each], form).scan(block)
    by_dimensions = {}
    for (_, _, dimensions), clients in table.sources.items():
        by_dimensions[dimensions] = by_dimensions.get(dimensions, 0) + sum(clients.values())
    for dimensions, count in by_dimensions.items():
        found = FilterOffenders([Wanted(each, dimensions, 0, ALWAYS)], DEFAULTS, 10_000)
        found.take("web", form, block, lambda at: f"x@{at}")
        assert found.matched == count
        for one in found.top(10_000, {}, count):
            assert one.first <= one.last
            for place in one.samples:
                at = int(place.removeprefix("x@"))
                assert at == 0 or block[at - 1 : at] == b"\n"


@settings(max_examples=40)
@given(logs(), st.sampled_from(HTTP + MORE))
def test_access_logs(block, each):
    check(block, form_of(), each)


@settings(max_examples=60)
@given(JSON_LINES, st.sampled_from([*JSON, *MORE, HTTP[-1]]))
def test_json_lines(block, each):
    check(block, make_format("json"), each)


@settings(max_examples=40)
@given(SYSLOG, st.sampled_from(SSHD))
def test_syslog(block, each):
    check(block, make_format("syslog", Clues(after=1_770_000_000_000_000)), each)


def lines(*statuses, client="203.0.113.9"):
    return "".join(
        f'{client} - - [21/Nov/2026:10:00:{at:02} +0000] "GET / HTTP/1.1" {status} 1 "-" "-"\n'
        for at, status in enumerate(statuses)
    ).encode()


def test_only_the_window_counts_and_only_its_own_log_group():
    at = 1_795_255_200_000_000
    found = FilterOffenders([Wanted(HTTP[0], (), at - 600_000_000, at + 60_000_000)], DEFAULTS, 99)
    form = form_of()
    found.take("other", form, lines(404, 404), lambda at: "x")
    found.take(
        "web",
        form,
        lines(404, 404, 200, 404) + lines(404).replace(b"10:00:", b"10:01:"),
        lambda at: "x",
    )
    assert found.matched == 3
    (one,) = found.top(9, {}, 3)
    assert (one.name, one.first, one.last) == ("203.0.113.9", at, at + 3_000_000)


@pytest.mark.parametrize("most", [0, 1, 5])
def test_what_was_not_looked_at_is_the_error(most):
    found = FilterOffenders([Wanted(HTTP[0], (), 0, ALWAYS)], DEFAULTS, most)
    found.take("web", form_of(), lines(*[404] * 5, client="2001:db8::7"), lambda at: "x")
    assert found.matched == most
    assert not found.room or most == 5
    for one in found.top(9, {}, 5):
        assert (one.name, one.events, one.error) == ("2001:db8::/64", most, 5 - most)
    # Where the count is known, it is told.
    for one in found.top(9, {"2001:db8::7": 3, "2001:db8::8": 2}, 5):
        assert (one.events, one.error) == (5, 0)


def test_an_event_that_two_filters_count_is_one_event_of_an_address():
    wanted = [Wanted(each, (), 0, ALWAYS) for each in (HTTP[0], HTTP[0], filter_of("All", ""))]
    found = FilterOffenders(wanted, DEFAULTS, 99)
    found.take("web", form_of(), lines(404, 200), lambda at: "x")
    assert found.matched == 3
    assert [each.events for each in found.top(9, {}, 3)] == [2]
