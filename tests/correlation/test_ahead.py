"""Events as a daemon gets them: late, in pieces, with restarts; and what is certain at once."""

from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from tocsin.correlation import Budget, Correlator, Event, load_sigma

S = 1_000_000
RULES = load_sigma([("rules.yml", b"""
title: Refused
name: refused
logsource: {product: application}
detection: {sel: {outcome: failure}, condition: sel}
---
title: Let in
name: success
logsource: {product: application}
detection: {sel: {outcome: success}, condition: sel}
---
title: Brute force
name: brute
correlation: {type: event_count, rules: [refused], group-by: [source.ip], timespan: 20s, condition: {gte: 3}}
---
title: Spraying
name: spray
correlation: {type: value_count, rules: [refused], group-by: [source.ip], timespan: 20s, condition: {field: user, gte: 3}}
---
title: Broken in
name: broken
correlation: {type: temporal_ordered, rules: [brute, success], group-by: [source.ip], timespan: 40s, generate: true}
---
title: Quiet
name: quiet
correlation: {type: event_count, rules: [success], group-by: [source.ip], timespan: 20s, condition: {lt: 2}}
---
title: Again and again
name: again
correlation: {type: event_count, rules: [brute], group-by: [source.ip], timespan: 60s, condition: {gte: 2}}
""")])  # fmt: skip
SURE = {"refused", "success", "brute", "spray", "broken"}

EVENTS = st.lists(
    st.tuples(
        st.integers(1, 90),
        st.integers(0, 9),  # how much later it comes
        st.sampled_from(["failure", "failure", "failure", "success"]),
        st.sampled_from(["192.0.2.1", "192.0.2.2"]),
        st.sampled_from("abcd"),
    ),
    max_size=60,
)


def shown(alerts):
    return [(a.time, a.rule, a.group, a.measure, a.first, a.previous) for a in alerts]


@settings(max_examples=300)
@given(EVENTS, st.integers(1, 7), st.lists(st.integers(0, 100), max_size=4))
def test_what_is_certain_comes_and_what_comes_is_told(given_events, pace, restarts):
    coming = sorted((at + delay, at, *rest) for at, delay, *rest in given_events)
    correlator, whole = Correlator(RULES), Correlator(RULES, lateness=10**9 * S)
    found, early, order, restarts = [], [], [], sorted(restarts)
    for now in range(0, 130, pace):
        batch = []
        while coming and coming[0][0] <= now:
            _, at, outcome, client, user = coming.pop(0)
            batch.append(Event(at * S, {"outcome": outcome, "client": client, "user": user}))
        order += batch
        put = correlator.put(correlator.sift(batch), 2**62)
        assert len(put.taken) == len(batch)
        found += put.alerts
        early += put.certain
        found += correlator.advance((now - 10) * S)
        if restarts and restarts[0] <= now:
            restarts.pop(0)
            state = correlator.state()
            correlator = Correlator(RULES)
            correlator.restore(state)
            assert correlator.state() == state
    expected = whole.feed(order) + whole.finish()
    assert shown(found + correlator.advance(10**9 * S)) == shown(expected)
    for each in early:
        assert each.rule in SURE
        # The same attack, at this event or at an earlier one.
        assert any(
            (e.rule, e.group) == (each.rule, each.group) and e.time <= each.time for e in expected
        )
    inorder = all(a.time <= b.time for a, b in pairwise(order))
    for each in expected:
        if each.rule in SURE and (inorder or each.rule in ("refused", "success")):
            assert any(
                (e.rule, e.group, e.time) == (each.rule, each.group, each.time) for e in early
            )


def refused(at, client, user="a"):
    return Event(at * S, {"outcome": "failure", "client": client, "user": user})


def test_events_out_of_order_are_put_in_between():
    correlator = Correlator(RULES)
    found = [correlator.put(correlator.sift([refused(at, "x")]), 99 * S) for at in (10, 14, 12)]
    first, second, third = ([e for e in put.certain if e.rule == "brute"] for put in found)
    assert first == second == []
    # At the latest of them it holds, whatever comes.
    (brute,) = third
    assert (brute.time, brute.measure, brute.first) == (14 * S, 3, 10 * S)
    (settled,) = (e for e in correlator.advance(99 * S) if e.rule == "brute")
    assert (settled.time, settled.measure, settled.first) == (14 * S, 3, 10 * S)


def test_events_of_times_to_come_take_no_room_from_the_present():
    correlator = Correlator(RULES, budget=Budget(waiting=100))
    flood = [refused(10_000 + n, f"f{n}") for n in range(500)]
    put = correlator.put(correlator.sift(flood), 50 * S)
    assert (len(put.taken), put.alerts) == (100, [])
    present = [refused(40 + n, "x") for n in range(3)]
    put = correlator.put(correlator.sift(present), 50 * S)
    assert len(put.taken) == 3
    assert [(e.rule, e.time) for e in put.alerts if e.rule == "brute"] == [("brute", 42 * S)]


def test_a_spray_does_not_delay_who_comes_again_and_again():
    correlator = Correlator(RULES)
    spray = [refused(100 + n // 1000, f"f{n}", f"u{n}") for n in range(20_000)]
    again = [refused(101 + n, "x") for n in (0, 5, 10)]
    found = []
    for n in range(0, len(spray), 1000):
        batch = spray[n : n + 1000] + [e for e in again if e.time == spray[n].time]
        found += correlator.put(correlator.sift(batch), 10**12).certain
    assert [(e.rule, e.time) for e in found if e.group] == [("brute", 111 * S)]
    # Of the times that made room nothing waits still, of four seconds.
    assert correlator.waiting == 20_003 - 4_001


@given(st.lists(st.integers(1, 9), max_size=60), st.integers(1, 9), st.integers(1, 9))
def test_what_is_taken_before_its_time_is_all_of_it_that_is_there(times, size, room):
    correlator = Correlator(RULES, budget=Budget(waiting=room))
    taken, settled, alerts = [], [], []
    for n in range(0, len(times), size):
        events = [refused(at, "x", f"u{n + i}") for i, at in enumerate(times[n : n + size])]
        put = correlator.put(correlator.sift(events), 10**12)
        taken += [event for event, _ in put.taken]
        settled += [event for event, _ in put.settled]
        alerts += put.alerts
        assert correlator.waiting <= room
        assert not put.settled or (correlator.next_time or 10**12) > put.settled[-1][0].time
    rest = []
    alerts += correlator.finish(rest)
    settled += [event for event, _ in rest]
    assert settled == sorted(taken, key=lambda each: each.time)
    whole = Correlator(RULES, lateness=10**9 * S)
    again = [refused(each.time // S, "x", each.fields["user"]) for each in taken]
    assert alerts == whole.feed(again) + whole.finish()


def test_rules_that_stay_keep_their_windows_when_others_change():
    before = load_sigma([("r.yml", TWO % (3, 3))])
    after = load_sigma([("r.yml", b"title: new\nname: new\nlogsource: {product: application}\n"
                         b"detection: {sel: {x: y}, condition: sel}\n---" + TWO % (3, 4))])  # fmt: skip
    correlator = Correlator(before)
    events = [refused(at, "x") for at in (10, 11, 30)]
    correlator.put(correlator.sift(events), 99 * S)
    correlator.advance(20 * S)
    changed = Correlator(after)
    assert changed.restore(correlator.state()) == [1]
    found = changed.advance(100 * S)
    assert [(e.rule, e.time, e.measure) for e in found] == [("first", 30 * S, 3)]


TWO = b"""
title: Refused
name: refused
logsource: {product: application}
detection: {sel: {outcome: failure}, condition: sel}
---
title: First
name: first
correlation: {type: event_count, rules: [refused], group-by: [source.ip], timespan: 20s, condition: {gte: %d}}
---
title: Second
name: second
correlation: {type: event_count, rules: [refused], group-by: [source.ip], timespan: 20s, condition: {gte: %d}}
"""
