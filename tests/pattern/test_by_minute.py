"""Counts by minute are a counter, whatever is done to them."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.durations import DAY, MINUTE
from tocsin.pattern._by_minute import ROW, ByMinute

MINUTES = st.one_of(
    st.integers(-3000, 3000), st.integers(-(1 << 36), 1 << 36), st.sampled_from([0, 1439, 1440])
).map(lambda each: each * MINUTE)
KEYS = st.one_of(
    st.tuples(st.sampled_from("ab"), MINUTES),
    st.tuples(st.sampled_from("ab"), MINUTES, st.sampled_from([(), ("x",)]), st.just(1.0)),
)
COUNTS = st.one_of(st.integers(0, 3), st.integers(0, 1 << 22), st.integers(0, 1 << 40))
STEPS = st.lists(st.tuples(st.sampled_from(["add", "set", "del"]), KEYS, COUNTS))


@given(
    st.lists(KEYS),
    st.lists(st.dictionaries(MINUTES, st.integers(1, 1 << 40), min_size=1), max_size=5),
)
def test_many_minutes_at_once_are_each_of_them(before, batches):
    counts, true = ByMinute(), ByMinute()
    for key in before:
        counts.add(key, 1)
        true.add(key, 1)
    for at, batch in enumerate(batches):
        key = "ab"[at % 2], 0
        minutes = np.array(sorted(batch), np.int64)
        added = np.array([batch[each] for each in minutes.tolist()], np.int64)
        counts.add_many(key, minutes, added)
        for minute, count in batch.items():
            true.add((key[0], minute), count)
        assert counts.get_many(key, minutes).tolist() == [
            true[key[0], minute] for minute in minutes.tolist()
        ]
        assert counts.get_many(("c", 0), minutes).tolist() == [0] * len(batch)
    assert dict(counts.items()) == dict(true.items())
    assert (len(counts), counts.size) == (len(true), true.size)


@given(STEPS, MINUTES)
def test_it_is_a_counter(steps, floor):
    counts, true = ByMinute(), Counter()
    for what, key, count in steps:
        if what == "add":
            counts.add(key, count)
            true[key] += count
        elif what == "set":
            counts[key] = true[key] = count
        elif key in true:
            del counts[key], true[key]
        else:
            with pytest.raises(KeyError):
                del counts[key]
        true += Counter()
        assert counts[key] == true[key]
    assert dict(counts) == dict(true)
    assert (len(counts), counts.total()) == (len(true), true.total())
    assert all(key in counts for key in true)
    times = [key[1] for key in true]
    assert counts.minutes() == ((min(times), max(times)) if times else None)
    for minute in {*times, floor}:
        assert set(counts.of(minute)) == {key for key in true if key[1] == minute}
    assert {
        (key[0], minute, *key[2:]): count
        for key, row in counts.rows()
        for minute, count in zip(*(each.tolist() for each in row()), strict=True)
    } == dict(true)
    sizes = {}
    counts.weigh(sizes)
    assert sizes.keys() == set(times)
    assert sum(sizes.values()) == pytest.approx(counts.size)
    gone = counts.drop_before(floor)
    assert dict(gone) == {key: count for key, count in true.items() if key[1] < floor}
    assert dict(counts) == {key: count for key, count in true.items() if key[1] >= floor}


def test_a_year_takes_little():
    counts = ByMinute()
    for minute in range(0, 30 * DAY, MINUTE):
        counts.add(("web", minute), 1)
    assert counts.size == 30 * (1440 + ROW)
