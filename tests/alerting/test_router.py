"""The state machine: what may not change its answers, and what an alert storm comes to."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.alerting.trees import labels, roots, routing, rules
from tocsin.alerting import NotifiedAlert, Router, RouterState, Silence, SilenceMatcher

SECOND = 1_000_000
MINUTE = 60 * SECOND
BEGIN = 1_700_000_000 * SECOND


def alert(each, at, ended=0):
    return NotifiedAlert(each, {}, "resolved" if ended else "firing", at, at, ended, None, "")


def told(routed):
    return [(n.receiver, n.group_key, n.created, n.status, [(a.labels, a.status) for a in n.alerts])
            for n in routed.notifications]  # fmt: skip


def taken_up(router):
    """As after a kill."""
    return Router(
        router.routing, msgspec.json.decode(msgspec.json.encode(router.state), type=RouterState)
    )


EVENTS = st.lists(st.tuples(st.integers(0, 3600), labels, st.booleans()), max_size=15)


@settings(max_examples=150)
@given(roots, rules, EVENTS, st.sets(st.integers(0, 40)), st.integers(0, 3600))
def test_a_restart_at_any_moment_changes_nothing(root, inhibit_rules, events, restarts, silenced):
    ours = routing(root, inhibit_rules)
    silence = Silence("s", (SilenceMatcher("team", "a"),), BEGIN + silenced * SECOND,
                      BEGIN + (silenced + 600) * SECOND, "me", "quiet")  # fmt: skip
    whole, broken = Router(ours), Router(ours)
    found, same = [], []
    for router in (whole, broken):
        router.state.silences["s"] = silence
    pending = sorted(events, key=lambda each: each[0])
    for step in range(41):
        now = BEGIN + step * 100 * SECOND
        due = [each for each in pending if each[0] <= step * 100]
        pending = pending[len(due) :]
        for second, each, ends in due:
            one = alert(each, BEGIN + second * SECOND, now if ends else 0)
            whole.put([one], now)
            broken.put([one], now)
        if step in restarts:
            broken = taken_up(broken)
        found += told(whole.due(now))
        same += told(broken.due(now))
    assert found == same
    assert len({n for _, _, n, _, _ in found}) <= 41


@given(roots, st.lists(labels, max_size=8), st.randoms())
def test_the_order_within_a_moment_changes_nothing(root, label_sets, chance):
    ours = routing(root)
    alerts = [alert(each, BEGIN) for each in label_sets]
    shuffled = chance.sample(alerts, len(alerts))
    results = []
    for order in (alerts, shuffled):
        router = Router(ours)
        router.put(order, BEGIN)
        results.append(sorted(told(router.due(BEGIN + MINUTE)), key=repr))
    assert results[0] == results[1]


def simple(**more):
    return routing({"receiver": "r0", "group_by": ["alertname"], **more})


def test_waits_repeats_and_ends():
    router = Router(simple(repeat_interval="1h"))
    up = {"alertname": "Up"}
    router.put([alert(up, BEGIN)], BEGIN)
    assert router.next_at == BEGIN + 30 * SECOND
    assert told(router.due(BEGIN + 29 * SECOND)) == []
    assert len(told(router.due(BEGIN + 30 * SECOND))) == 1
    moments = [BEGIN + 30 * SECOND + minute * MINUTE for minute in range(1, 180)]
    repeats = [now for now in moments if told(router.due(now))]
    assert [(now - BEGIN) // MINUTE for now in repeats] == [65, 130]
    router.put([alert(up, BEGIN, moments[-1])], moments[-1])
    ((_, _, _, status, _),) = told(router.due(moments[-1] + 5 * MINUTE))
    assert status == "resolved"
    assert router.state.groups == {}


@pytest.mark.parametrize(("by", "groups"), [([], 2), (["team"], 1), (["..."], 2)])
def test_an_empty_group_by_of_a_child_is_its_parents(by, groups):
    router = Router(simple(routes=[{"group_by": by}]))
    router.put([alert({"alertname": name}, BEGIN) for name in ("Up", "Down")], BEGIN)
    assert len(told(router.due(BEGIN + MINUTE))) == groups


def test_an_alert_older_than_the_wait_is_told_at_once():
    router = Router(simple())
    router.put([alert({"alertname": "Up"}, BEGIN - MINUTE)], BEGIN)
    assert len(told(router.due(BEGIN))) == 1


def test_what_came_and_went_within_the_wait_is_not_told():
    router = Router(simple())
    up = {"alertname": "Up"}
    router.put([alert(up, BEGIN)], BEGIN)
    router.put([alert(up, BEGIN, BEGIN + SECOND)], BEGIN + SECOND)
    assert told(router.due(BEGIN + MINUTE)) == []


def test_silenced_alerts_are_recorded_and_told_when_the_silence_ends():
    router = Router(simple())
    up = {"alertname": "Up"}
    end = BEGIN + 10 * MINUTE
    router.state.silences["s"] = Silence(
        "s", (SilenceMatcher("alertname", "U.", is_regex=True),), BEGIN, end, "me", "x"
    )
    router.put([alert(up, BEGIN)], BEGIN)
    routed = router.due(BEGIN + MINUTE)
    assert (told(routed), [(m.labels, m.reason) for m in routed.muted]) == (
        [],
        [(up, "silence: s")],
    )
    assert router.due(BEGIN + 6 * MINUTE).muted == []
    routed = router.due(BEGIN + 12 * MINUTE)
    assert [m.reason for m in routed.muted] == [""]
    assert len(told(routed)) == 1


def test_a_mute_time_is_a_time_without_messages():
    night = [
        {
            "name": "night",
            "time_intervals": [{"times": [{"start_time": "22:00", "end_time": "24:00"}]}],
        }
    ]
    root = {
        "receiver": "r0",
        "routes": [{"match": {"team": "a"}, "mute_time_intervals": ["night"]}],
    }
    router = Router(routing(root, intervals=night))
    ten = 1_700_000_000 // 86_400 * 86_400 * SECOND + 22 * 3600 * SECOND
    router.put([alert({"alertname": "Up", "team": "a"}, ten)], ten)
    routed = router.due(ten + MINUTE)
    assert (told(routed), routed.muted[0].reason) == ([], "time interval: night")
    later = [told(router.due(ten + minute * MINUTE)) for minute in range(5, 140, 5)]
    assert sum(map(len, later)) == 1


def test_a_storm_is_few_messages_and_loses_nothing():
    router = Router(simple())
    alerts = [alert({"alertname": "Up", "n": str(n)}, BEGIN) for n in range(10_000)]
    router.put(alerts, BEGIN)
    (message,) = router.due(BEGIN + MINUTE).notifications
    assert len(message.alerts) == 10_000
    # Flapping: at most one message an interval.
    count = 0
    for second in range(60, 1260, 10):
        now = BEGIN + second * SECOND
        ended = now if second % 20 else 0
        router.put([alert(each.labels, BEGIN, ended) for each in alerts[:100]], now)
        count += len(router.due(now).notifications)
    assert count <= 1260 // 300 + 1


def test_another_tree_takes_over_what_fires():
    router = Router(simple())
    router.put([alert({"alertname": "Up"}, BEGIN)], BEGIN)
    router.due(BEGIN + MINUTE)
    other = Router(routing({"receiver": "r1"}), router.state, now=BEGIN + 2 * MINUTE)
    ((receiver, *_),) = told(other.due(BEGIN + 3 * MINUTE))
    assert receiver == "r1"
