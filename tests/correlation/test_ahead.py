"""Events as a daemon gets them: late, in pieces, with restarts; and what is certain at once."""

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


@settings(max_examples=300, deadline=None)
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
        taken, alerts = correlator.put(correlator.sift(batch), 2**62)
        assert len(taken) == len(batch)
        found += alerts
        for each in correlator.look_ahead(anew=True):
            early.append((now, each))
        found += correlator.advance((now - 10) * S)
        if restarts and restarts[0] <= now:
            restarts.pop(0)
            state = correlator.state()
            correlator = Correlator(RULES)
            correlator.restore(state)
            assert correlator.state() == state
    expected = whole.feed(order) + whole.finish()
    assert shown(found + correlator.advance(10**9 * S)) == shown(expected)
    for _, each in early:
        assert each.rule in SURE
        # The same attack, at this event or at an earlier one.
        assert any(
            (e.rule, e.group) == (each.rule, each.group) and e.time <= each.time for e in expected
        )
    for each in expected:
        if each.rule in SURE:
            assert any((e.rule, e.group) == (each.rule, each.group) for _, e in early)


def refused(at, client, user="a"):
    return Event(at * S, {"outcome": "failure", "client": client, "user": user})


def test_out_of_order_events_wait_for_a_look_at_all():
    correlator = Correlator(RULES)
    for at in (10, 12, 11):
        correlator.put(correlator.sift([refused(at, "x")]), 99 * S)
        found = correlator.look_ahead(anew=at == 10)
    assert found == []
    (brute,) = correlator.look_ahead(anew=True)
    assert (brute.rule, brute.time, brute.measure) == ("brute", 12 * S, 3)
    assert correlator.look_ahead(anew=True) == []


def test_events_of_times_to_come_take_no_room_from_the_present():
    correlator = Correlator(RULES, budget=Budget(waiting=100))
    flood = [refused(10_000 + n, f"f{n}") for n in range(500)]
    taken, alerts = correlator.put(correlator.sift(flood), 50 * S)
    assert (len(taken), alerts) == (100, [])
    present = [refused(40 + n, "x") for n in range(3)]
    taken, alerts = correlator.put(correlator.sift(present), 50 * S)
    assert len(taken) == 3
    assert [(e.rule, e.time) for e in alerts] == [("brute", 42 * S)]


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
