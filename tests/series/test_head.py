"""The head answers like a plain dictionary of lists, whatever comes in."""

from __future__ import annotations

import math

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from tocsin.labels import Labels, Matcher, MatchOp
from tocsin.series import Batch, DropReason, Head, concatenate

ALL = [Matcher(MatchOp.REGEX, "__name__", ".*")]

batches = st.lists(
    st.tuples(
        st.sampled_from(["s1", "s2"]),
        st.integers(0, 60),
        st.lists(st.integers(0, 9), min_size=1, max_size=6, unique=True),
    ),
    max_size=60,
)


def labels_of(number):
    return Labels({"__name__": f"m{number % 3}", "i": str(number)})


def contents(selection):
    rows = zip(selection.labels, selection.offsets, selection.offsets[1:], strict=False)
    return {
        labels: list(
            zip(selection.times[a:b].tolist(), selection.values[a:b].tolist(), strict=True)
        )
        for labels, a, b in rows
        if b > a
    }


@settings(max_examples=200)
@given(batches, st.integers(0, 60), st.integers(0, 60), st.integers(1, 12))
def test_the_head_is_a_dictionary(rounds, start, end, budget):
    head, model, owners = Head(10**9), {}, {}
    for number, (source, time, members) in enumerate(rounds):
        labels = tuple(labels_of(each) for each in members)
        appended = head.append(
            Batch(source, time, labels, np.full(len(labels), float(number))), budget
        )
        taken = 0
        for each in labels:
            owned = [key for key, owner in owners.items() if owner == source]
            if each not in owners:
                if len(owned) >= budget:
                    continue
                owners[each] = source
            rows = model.setdefault(each, [])
            if not rows or rows[-1][0] < time:
                rows.append((time, float(number)))
                taken += 1
        assert len(appended.batch.labels) == taken
        assert taken + sum(appended.dropped.values()) == len(labels)
    expected = {
        labels: inside
        for labels, rows in model.items()
        if (inside := [row for row in rows if start <= row[0] <= end])
    }
    assert contents(head.select(ALL, start, end)) == expected
    for name in ("m0", "m1"):
        matchers = [Matcher(MatchOp.EQUAL, "__name__", name), Matcher(MatchOp.NOT_EQUAL, "i", "4")]
        assert contents(head.select(matchers, start, end)) == {
            labels: rows
            for labels, rows in expected.items()
            if labels.name == name and labels["i"] != "4"
        }


@settings(max_examples=60)
@given(st.integers(1, 30), st.lists(st.integers(1, 5), min_size=1, max_size=200))
def test_the_window_is_kept_and_memory_is_not(window, steps):
    head, time, rows = Head(window), 0, []
    for step in steps:
        time += step
        rows.append((time, float(time)))
        head.append(Batch("s", time, (labels_of(1),), np.array([float(time)])))
    kept = [row for row in rows if row[0] >= time - window]
    assert contents(head.select(ALL, time - window, time)) == ({labels_of(1): kept} if kept else {})
    # A row holds at most twice what the window can, or the smallest row.
    assert head._sheets["s"].times.shape[1] <= max(16, 4 * (window + 1))


@settings(max_examples=60)
@given(batches, st.integers(0, 70))
def test_forgetting_frees_the_budget_and_nothing_else(rounds, before):
    head = Head(10**9)
    for number, (source, time, members) in enumerate(rounds):
        labels = tuple(labels_of(each) for each in members)
        head.append(Batch(source, time, labels, np.full(len(labels), float(number))))
    everything = contents(head.select(ALL, 0, 100))
    gone = head.forget(before)
    left = contents(head.select(ALL, 0, 100))
    assert left == {k: rows for k, rows in everything.items() if rows[-1][0] >= before}
    assert gone == len(everything) - len(left)
    # A series that comes again starts empty.
    head.append(Batch("s1", 200, tuple(everything), np.full(len(everything), 1.0)))
    again = contents(head.select(ALL, 0, 300))
    assert again == {k: [*left.get(k, []), (200, 1.0)] for k in everything}


def test_a_selection_stays_true_while_the_head_grows():
    head = Head(5)
    head.append(Batch("s", 1, (labels_of(1),), np.array([1.0])))
    selection = head.select(ALL, 0, 10)
    for time in range(2, 200):
        head.append(Batch("s", time, (labels_of(1),), np.array([float(time)])))
    assert contents(selection) == {labels_of(1): [(1, 1.0)]}


def test_reasons_are_told_apart():
    head = Head(100)
    head.append(Batch("s", 10, (labels_of(1), labels_of(2)), np.zeros(2)), 2)
    appended = head.append(
        Batch("s", 10, (labels_of(1), labels_of(2), labels_of(3)), np.zeros(3),
              np.array([10, 5, 10])), 2,
    )  # fmt: skip
    assert appended.dropped == {
        DropReason.DUPLICATE: 1, DropReason.OUT_OF_ORDER: 1, DropReason.SERIES_BUDGET: 1,
    }  # fmt: skip
    assert appended.batch.labels == ()


@settings(max_examples=100)
@given(batches, st.integers(0, 60))
def test_parts_in_time_make_the_whole(rounds, cut):
    head = Head(10**9)
    for number, (source, time, members) in enumerate(rounds):
        labels = tuple(labels_of(each) for each in members)
        head.append(Batch(source, time, labels, np.full(len(labels), float(number))))
    parts = [head.select(ALL, 0, cut), head.select(ALL, cut + 1, 99)]
    overlapping = [head.select(ALL, 0, cut), head.select(ALL, 0, 99)]
    whole = contents(head.select(ALL, 0, 99))
    assert contents(concatenate(parts)) == whole
    assert contents(concatenate(overlapping)) == whole


def test_nan_and_infinity_are_values():
    head = Head(100)
    head.append(Batch("s", 1, (labels_of(1), labels_of(2)), np.array([math.nan, math.inf])))
    selection = head.select(ALL, 0, 5)
    assert np.isnan(selection.values[0])
    assert np.isinf(selection.values[1])


def test_a_wider_window_keeps_more_from_then_on():
    head = Head(10)
    for time in range(1, 50):
        head.append(Batch("s", time, (labels_of(1),), np.array([float(time)])))
    head.widen(1000)
    for time in range(50, 300):
        head.append(Batch("s", time, (labels_of(1),), np.array([float(time)])))
    times = [time for time, _ in contents(head.select(ALL, 0, 1000))[labels_of(1)]]
    assert times[-260:] == list(range(40, 300))
