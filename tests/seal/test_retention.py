"""How long days are kept, in the command and in verify.sh; tombstones and holds have one spelling."""

from __future__ import annotations

import re
import subprocess
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.seal.chains import SCRIPT

from tocsin.errors import ParseError
from tocsin.seal import (
    Hold,
    LedgerEnd,
    Tombstone,
    is_day,
    may_go_on,
    moment_of,
    read_holds,
    read_retention,
    read_tombstone,
    write_holds,
)

DATES = st.dates(date(2000, 1, 1), date(2399, 12, 31))
NAMES = DATES.map(lambda day: f"{day:%Y%m%d}")
POLICIES = st.integers(1, 90).map(lambda n: f"{n}y") | st.integers(1, 9999).map(lambda n: f"{n}d")
WORDS = st.text(st.characters(exclude_categories=("C", "Z")), min_size=1, max_size=60)
MOMENTS = st.integers(0, 12_000_000_000).map(
    lambda second: (
        f"{datetime(2000, 1, 1, tzinfo=UTC) + timedelta(seconds=second):%Y-%m-%dT%H:%M:%SZ}"
    )
)
HASHES = st.binary(min_size=32, max_size=32).map(bytes.hex)


def by_script(day, policy, on):
    """The rule of verify.sh: whether `day` may have been removed on `on`."""
    if policy.endswith("y"):
        return int(f"{on:%Y%m%d}") > int(f"{day:%Y%m%d}") + int(policy[:-1]) * 10000
    return (on - day).days > int(policy[:-1])


@given(DATES, POLICIES, st.integers(-3, 3))
def test_both_rules_say_the_same(day, policy, off):
    first = date.fromisoformat(may_go_on(f"{day:%Y%m%d}", policy))
    on = first + timedelta(days=off)
    assert by_script(day, policy, on) == (on >= first)


@pytest.mark.parametrize(("day", "policy", "first"), [
    ("20261121", "7y", "20331122"), ("20240229", "1y", "20250301"), ("20240229", "4y", "20280301"),
    ("20240228", "1y", "20250301"), ("20261231", "1y", "20280101"), ("20261121", "90d", "20270220"),
    ("20261121", "1d", "20261123"),
])  # fmt: skip
def test_some_days(day, policy, first):
    assert may_go_on(day, policy) == first


@pytest.mark.parametrize(
    "text",
    ["", "7", "y", "0y", "07y", "7Y", "7 y", "7y1d", "1000y", "100000d", "-1d", "\u0667y", "7y\n"],
)
def test_what_is_no_policy(text):
    with pytest.raises(ParseError, match="not a time to keep"):
        read_retention(text)


def test_the_days_that_the_script_counts():
    days = [date(2000, 1, 1) + timedelta(days=n) for n in range(0, 146_097, 37)]
    days += [
        date(y, m, d)
        for y in (2000, 2023, 2024, 2100, 2400)
        for m, d in ((1, 1), (2, 28), (3, 1), (12, 31))
    ]
    told = by_functions(
        f"days_of {day:%Y%m%d}; day_before {day:%Y%m%d}; day_after {day:%Y%m%d}; "
        "echo $number $before $next" for day in days
    )  # fmt: skip
    one = timedelta(days=1)
    begin = int(told[0].split()[0])
    assert told == [
        f"{begin + (day - days[0]).days} {day - one:%Y%m%d} {day + one:%Y%m%d}" for day in days
    ]


def by_functions(calls):
    """What the functions of verify.sh say of days."""
    functions = re.findall(
        r"^(?:month_length|parts_of|in_calendar|day_after|day_before|days_of)\(\) \{.*?^\}",
        SCRIPT.read_text(), re.MULTILINE | re.DOTALL,
    )  # fmt: skip
    assert len(functions) == 6
    text = "\n".join((*functions, *calls))
    return subprocess.run(
        ["sh"], input=text, capture_output=True, text=True, check=True
    ).stdout.splitlines()


def test_the_days_that_the_script_knows():
    names = [f"{y}{m:02}{d:02}" for y in (2023, 2024, 2100, 2400) for m in range(100)
             for d in (0, 1, 28, 29, 30, 31, 32, 99)]  # fmt: skip
    told = by_functions(f"in_calendar {name} && echo yes || echo no" for name in names)
    assert told == ["yes" if is_day(name) else "no" for name in names]


@given(NAMES, HASHES, POLICIES, MOMENTS, WORDS, NAMES, WORDS, st.integers(0, 10**17), HASHES)
def test_a_tombstone_reads_as_it_was_written(
    day, manifest, policy, removed, by, log, reason, seq, sha
):
    made = Tombstone(day, manifest, policy, removed, by, log, reason, LedgerEnd(seq, sha))
    assert read_tombstone(made.text) == made
    assert made.why_not() != "" or removed[:10].replace("-", "") >= may_go_on(day, policy)


@given(st.binary(max_size=400))
def test_no_bytes_are_too_strange_to_refuse(data):
    for read in (read_tombstone, read_holds):
        try:
            read(data)
        except ParseError:
            continue
        assert data == b"" or read is read_holds


@given(st.lists(st.tuples(NAMES, NAMES, MOMENTS, WORDS, WORDS, MOMENTS | st.just("-")), max_size=5))
def test_holds_read_as_they_were_written(rows):
    made = tuple(Hold(n, *row) for n, row in enumerate(rows, 1))
    assert read_holds(write_holds(made)) == made


@given(MOMENTS, MOMENTS, MOMENTS)
def test_a_hold_is_in_force_from_when_it_was_added_until_it_was_released(added, released, at):
    hold = Hold(1, "20260101", "20261231", added, "a", "b", released)
    inside = moment_of(added) <= moment_of(at) < moment_of(released)
    assert hold.in_force(at) == inside
    assert Hold(1, "20260101", "20261231", added, "a", "b").in_force(at) == (
        moment_of(added) <= moment_of(at)
    )
