"""Exact windows against a loop that looks at all events each time."""

from bisect import bisect_left
from math import ceil, inf

from hypothesis import given, settings
from hypothesis import strategies as st

from tocsin.correlation import Correlator, Event, load_sigma

SPAN = 10
KINDS = [
    "event_count", "value_count", "value_sum", "value_avg", "value_median", "value_percentile",
    "temporal", "temporal_ordered",
]  # fmt: skip
OPS = {
    "gte": lambda a, b: a >= b, "gt": lambda a, b: a > b, "lte": lambda a, b: a <= b,
    "lt": lambda a, b: a < b, "eq": lambda a, b: a == b, "neq": lambda a, b: a != b,
}  # fmt: skip
BASE = """
title: a
name: a
logsource: {product: application}
detection: {sel: {kind: a}, condition: sel}
---
title: b
name: b
logsource: {product: application}
detection: {sel: {kind: b}, condition: sel}
---
"""


def rule(kind, op, number):
    several = kind.startswith("temporal")
    field = "field: value, " if kind.startswith("value") else ""
    percentile = "percentile: 70, " if kind == "value_percentile" else ""
    return (
        BASE
        + f"""
title: c
name: c
correlation:
  type: {kind}
  rules: [{"a, b" if several else "a"}]
  group-by: [who]
  timespan: {SPAN}s
  condition: {{{field}{percentile}{op}: {number}}}
"""
    ).encode()


def measure(kind, window):
    """Of the events of one key within the timespan: pairs of time and event."""
    values = sorted(e["value"] for _, e in window)
    if kind == "event_count":
        return sum(e["often"] for _, e in window)
    if kind == "value_count":
        return len(set(values))
    if kind == "temporal":
        return len({e["kind"] for _, e in window})
    if kind == "temporal_ordered":
        firsts = [n for n, (_, e) in enumerate(window) if e["kind"] == "a"]
        found = bool(firsts) and any(e["kind"] == "b" for _, e in window[firsts[0] :])
        return 2 if found else 1 if firsts else 0
    values = sorted(e["value"] for _, e in window for _ in range(e["often"]))
    if kind == "value_sum":
        return sum(values)
    if not values:
        return -inf
    if kind == "value_avg":
        return sum(values) / len(values)
    if kind == "value_percentile":
        return values[max(0, ceil(70 * len(values) / 100) - 1)]
    middle = len(values) // 2
    return values[middle] if len(values) % 2 else (values[middle - 1] + values[middle]) / 2


def naive(kind, op, number, events):
    alerts, held, seen = [], {}, {}
    for time, event in sorted(events, key=lambda each: each[0]):
        if not kind.startswith("temporal") and event["kind"] != "a":
            continue
        who = event["who"]
        past = seen.setdefault(who, [])
        if past and past[-1][0] < time - SPAN:
            held[who] = False
        past.append((time, event))
        window = past[bisect_left([t for t, _ in past], time - SPAN) :]
        true = OPS[op](measure(kind, window), number)
        if true and not held.get(who):
            alerts.append((time, who))
        held[who] = true
    return alerts


events = st.lists(
    st.tuples(
        st.integers(0, 60),
        st.fixed_dictionaries(
            {
                "kind": st.sampled_from("aab"),
                "who": st.sampled_from("xyz"),
                "value": st.integers(-3, 9),
                "often": st.integers(1, 3),
            }
        ),
    ),
    max_size=60,
)


@given(
    events, st.sampled_from(KINDS), st.sampled_from(list(OPS)), st.integers(0, 8),
    st.integers(1, 20), st.data(),
)  # fmt: skip
@settings(max_examples=400)
def test_as_a_naive_loop(events, kind, op, number, chunk, data):
    rules = load_sigma([("rules.yml", rule(kind, op, number))])
    given = [
        Event(
            time * 1_000_000,
            {"kind": e["kind"], "who": e["who"], "value": e["value"]},
            e["often"],
        )
        for time, e in events
    ]
    make = lambda: Correlator(rules, lateness=60_000_000)  # noqa: E731
    correlator, found = make(), []
    for start in range(0, len(given), chunk):
        found += correlator.feed(given[start : start + chunk])
        if data.draw(st.booleans()):
            state = correlator.state()
            correlator = make()
            correlator.restore(state)
    found += correlator.finish()
    assert correlator.late == 0
    found = [each for each in found if each.rule == "c"]
    got = [(each.time // 1_000_000, each.group[0][1]) for each in found]
    assert got == naive(kind, op, number, events)
    assert all(each.error == 0 for each in found)
