from __future__ import annotations

import random
import tracemalloc
from collections import Counter

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from tocsin.durations import DAY, HOUR, MINUTE
from tocsin.pattern import Minutes, Skip

KEY = ("web", "ByClient")
OTHER = ("web", "Other")


def dims(number):
    return (("Client", str(number)),) if number else ()


def bounded(**more):
    return Minutes(**{"max_size": 1 << 40, "max_values": 8, "max_dimensions": 5} | more)


EVENTS = st.lists(
    st.tuples(
        st.sampled_from([KEY, OTHER]),
        st.sampled_from([0, MINUTE, HOUR, HOUR + MINUTE, 5 * HOUR]),
        st.integers(0, 12),
        st.one_of(st.integers(-3, 40).map(float), st.floats(-1e30, 1e30)),
        st.integers(1, 3),
    ),
    max_size=80,
)


def fill(table, events):
    for key, minute, number, value, count in events:
        table.see(key, minute, count)
        table.match(key, minute, count)
        table.sample(key, minute, dims(number), value, count)
    return table


def told(table):
    return (
        dict(table.events),
        dict(table.matches),
        dict(table.samples),
        {reason: count for reason, count in table.skipped.items() if count},
    )


BATCHES = st.lists(
    st.tuples(
        st.sampled_from([KEY, OTHER]),
        st.dictionaries(st.integers(0, 30), st.integers(1, 3), min_size=1, max_size=12),
        st.sampled_from([0.0, -0.0, 1.0, 1.001, 404.0, 500.0]),
    ),
    max_size=20,
)


@given(EVENTS, BATCHES, st.integers(1, 8))
def test_many_minutes_at_once_are_each_of_them(events, batches, most):
    one, many = (fill(bounded(max_values=most), events) for _ in range(2))
    for key, counts, value in batches:
        minutes = np.array(sorted(counts), np.int64) * MINUTE
        added = np.array([counts[each] for each in sorted(counts)], np.int64)
        many.match_many(key, minutes, added)
        kept = many.sample_many(key, minutes, value, added)
        for minute, count, is_kept in zip(minutes.tolist(), added.tolist(), kept, strict=True):
            one.match(key, minute, count)
            assert one.sample(key, minute, (), value, count) == is_kept
    assert told(many) == told(one)
    assert many == one


@given(BATCHES, st.integers(60, 600))
def test_what_is_let_go_of_many_minutes_is_counted(batches, size):
    table, matched = bounded(max_size=size), Counter()
    for key, counts, value in batches:
        minutes = np.array(sorted(counts), np.int64) * MINUTE
        added = np.array([counts[each] for each in sorted(counts)], np.int64)
        table.match_many(key, minutes, added)
        table.sample_many(key, minutes, value, added)
        matched[key] += int(added.sum())
    for key, count in matched.items():
        samples = sum(n for at, n in table.samples.items() if at[0] == key)
        skipped = sum(n for at, n in table.skipped.items() if at[0] == key)
        kept = sum(n for at, n in table.matches.items() if at[0] == key)
        assert samples + skipped == kept + table.old_matches[key] == count


@settings(max_examples=400)
@given(EVENTS, st.randoms(use_true_random=False), st.integers(1, 4))
def test_what_is_kept_does_not_depend_on_the_order(events, rng, parts):
    whole = fill(bounded(), events)
    rng.shuffle(events)
    tables = [fill(bounded(), events[part::parts]) for part in range(parts)]
    rng.shuffle(tables)
    merged = bounded()
    for each in tables:
        merged.merge(each)
    assert told(merged) == told(whole)


@settings(max_examples=400)
@given(EVENTS)
def test_what_is_kept_is_exact_and_all_else_is_counted(events):
    table = fill(bounded(), events)
    combinations, values = {}, {}
    true = Counter()
    for key, minute, number, value, count in events:
        combinations.setdefault((key, minute // HOUR), set()).add(number)
        values.setdefault((key, minute, number), set()).add(value + 0.0)
        true[key, minute, number] += count
    for (key, minute), count in table.matches.items():
        assert count == sum(n for (k, m, _), n in true.items() if (k, m) == (key, minute))
    kept = Counter()
    for (key, minute, dimensions, _), count in table.samples.items():
        kept[key, minute, int(dimensions[0][1]) if dimensions else 0] += count
    for cell, count in kept.items():
        assert count == true[cell]
    for (key, hour), met in combinations.items():
        left = {cell[2] for cell in kept if (cell[0], cell[1] // HOUR) == (key, hour)} - {0}
        assert len(left) == min(5, len(met - {0}))
    for cell in kept:
        held = {each[3] for each in table.samples if each[:3] == (*cell[:2], dims(cell[2]))}
        if len(values[cell]) <= 8:
            assert held == values[cell]
        else:
            assert min(values[cell]) <= 0 or min(held) >= min(values[cell]) * 0.7
    assert table.matches.total() == table.samples.total() + table.skipped.total()


@settings(max_examples=200)
@given(EVENTS, st.integers(4, 40), st.integers(0, 80))
def test_the_newest_minutes_are_kept_and_exact(events, limit, cut):
    tables = [bounded(max_size=limit), bounded(max_size=limit)]
    fill(tables[0], events[:cut])
    fill(tables[1], events[cut:])
    table, whole = tables[0], fill(bounded(), events)
    table.merge(tables[1])
    newest = max((minute for _, minute in whole.events), default=0)
    minutes = {minute for _, minute in table.events}
    assert not events or newest in minutes
    for at, count in whole.events.items():
        assert table.events[at] == (count if at[1] >= table.floor else 0)
        assert table.matches[at] == (whole.matches[at] if at[1] >= table.floor else 0)
    assert table.matches.total() + table.old_matches.total() == whole.matches.total()
    total = table.samples.total() + table.skipped.total()
    assert total == whole.matches.total()


def test_values_are_within_their_stated_error():
    rng = random.Random(1)
    table, true = Minutes(max_values=1000), []
    for _ in range(5000):
        value = rng.lognormvariate(3, 1)
        true.append(value)
        table.sample(KEY, 0, (), value, 1)
    held = sorted(value for (_, _, _, value), n in table.samples.items() for _ in range(n))
    assert len(table.samples) < 1000
    for measured, kept in zip(sorted(true), held, strict=True):
        assert abs(kept - measured) <= 0.008 * measured
    assert abs(sum(held) - sum(true)) <= 0.008 * sum(true)


def test_memory_has_a_bound_whatever_comes():
    def hostile(count, seed):
        rng = random.Random(seed)
        for _ in range(count):
            kind = rng.randrange(3)
            minute = rng.randrange(10**7) * MINUTE if kind == 0 else rng.randrange(3) * MINUTE
            key = (KEY, OTHER)[rng.randrange(2)]
            table.see(key, minute, 1)
            table.match(key, minute, 1)
            number = rng.randrange(10**9) if kind == 1 else 0
            value = rng.random() * 2.0 ** rng.randrange(-300, 300) if kind == 2 else 1.0
            table.sample(key, minute, dims(number), value, 1)

    table = Minutes(max_size=6000, max_values=500, max_dimensions=100)
    tracemalloc.start()
    hostile(20_000, 1)
    before = tracemalloc.get_traced_memory()[0]
    hostile(60_000, 2)
    after = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    size = table.events.size + table.matches.size + table.samples.size
    assert size <= 6000 * 5 // 4
    assert after < before * 1.5 + 100_000
    assert table.matches.total() + table.old_matches.total() == 80_000
    assert table.samples.total() + table.skipped.total() == 80_000


def test_each_reason_is_told():
    table = Minutes(max_size=20_000, max_dimensions=1)
    for number in range(300):
        table.sample(KEY, 10 * HOUR, (), float(number), 1)
    assert table.skipped[KEY, Skip.CROWDED] == 200
    table.sample(KEY, 20 * HOUR, dims(1), 1.0, 1)
    table.sample(KEY, 20 * HOUR, dims(2), 1.0, 1)
    assert table.skipped[KEY, Skip.DIMENSIONS] == 1
    for at in range(400):
        table.see(KEY, (2 + at) * DAY, 1)
    assert table.skipped[KEY, Skip.OLD] == 101
    table.sample(KEY, 0, (), 1.0, 1)
    assert table.skipped[KEY, Skip.OLD] == 102
