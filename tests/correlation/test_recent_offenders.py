"""Who was behind the latest events, beside counting them by hand."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tocsin.correlation import Correlator, Event, RecentOffenders, load_sigma
from tocsin.durations import MINUTE, SECOND

RULES = """
title: Login refused
name: refused
logsource: {category: authentication}
detection: {sel: {event.outcome: failure}, condition: sel}
---
title: A login
name: login
level: informational
logsource: {category: authentication}
detection: {sel: {event.outcome: success}, condition: sel}
"""


LOADED = load_sigma([("rules.yml", RULES.encode())])


def an_event(at, address, user, outcome):
    fields = {"event.category": "authentication", "event.outcome": outcome}
    if address is not None:
        fields["source.ip"] = f"192.0.2.{address}"
    if user is not None:
        fields["user.name"] = f"user{user}"
    return Event(at, fields, reference=f"auth.log:{at}")


EVENTS = st.lists(
    st.builds(
        an_event, st.integers(0, 30), st.none() | st.integers(0, 3), st.none() | st.integers(0, 8),
        st.sampled_from(["failure", "success", "other"]),
    ),
    max_size=40,
)  # fmt: skip


@given(EVENTS, st.integers(0, 30), st.integers(0, 30))
def test_equal_to_counting(events, start, length):
    recent, end = RecentOffenders(LOADED), start + length
    recent.take(Correlator(LOADED).sift(events))
    wanted: dict[str, list[Event]] = {}
    for each in events:
        name = each.fields.get("source.ip") or each.fields.get("user.name")
        if name and each.fields["event.outcome"] == "failure" and start <= each.time <= end:
            wanted.setdefault(name, []).append(each)
    found = recent.top(start, end, 100)
    assert [(each.name, each.events) for each in found] == sorted(
        ((name, len(seen)) for name, seen in wanted.items()), key=lambda pair: (-pair[1], pair[0])
    )
    for each in found:
        seen = wanted[each.name]
        assert (each.first, each.last) == (min(e.time for e in seen), max(e.time for e in seen))
        assert each.error == 0
        users = {e.fields["user.name"] for e in seen if "user.name" in e.fields} - {each.name}
        assert set(each.others) <= users
        assert (len(each.others), each.more) == (min(len(users), 5), len(users) > 5)
        assert set(each.samples) <= {e.reference for e in seen}
        assert 1 <= len(each.samples) <= 3
    some = {each.name for each in found[::2]}
    assert {each.name for each in recent.top(start, end, 100, some)} == some


@given(
    EVENTS, st.integers(0, 30), st.integers(0, 30), st.none() | st.integers(0, 3),
    st.none() | st.integers(0, 8), st.integers(1, 40),
)  # fmt: skip
def test_behind_an_alert_are_the_events_it_is_about(events, start, length, address, user, kept):
    recent, end = RecentOffenders(LOADED, kept=kept), start + length
    for each in events:
        recent.take(Correlator(LOADED).sift([each]))
    address = address if address is None else f"192.0.2.{address}"
    user = user if user is None else f"user{user}"
    stored = [
        each for each in events
        if each.fields["event.outcome"] == "failure" and {"source.ip", "user.name"} & each.fields.keys()
    ][-kept:]  # fmt: skip
    wanted: dict[str, int] = {}
    for each in stored:
        ip, name = each.fields.get("source.ip"), each.fields.get("user.name")
        if start <= each.time <= end and address in (None, ip) and user in (None, name):
            wanted[ip or name] = wanted.get(ip or name, 0) + 1
    found = recent.behind({0}, start, end, 100, address=address, user=user)
    assert {each.name: each.events for each in found} == wanted
    assert recent.behind({1}, start, end, 100, address=address, user=user) == []


def test_a_storm_of_alerts_looks_at_so_many_events_only():
    recent = RecentOffenders(LOADED)
    recent.take(Correlator(LOADED).sift([an_event(at, 1, 1, "failure") for at in range(20_000)]))
    told = [bool(recent.behind({0}, 0, 1, 1, address="192.0.2.1")) for _ in range(20)]
    assert told == [True] * 11 + [False] * 9
    recent.take([])
    assert recent.behind({0}, 0, 1, 1, address="192.0.2.1")


@given(EVENTS, st.integers(1, 10), st.integers(0, 30))
def test_what_is_no_longer_kept_is_in_the_error(events, kept, start):
    exact, bounded = RecentOffenders(LOADED), RecentOffenders(LOADED, kept=kept)
    for each in (exact, bounded):
        each.take(Correlator(LOADED).sift(events))
    true = {each.name: each.events for each in exact.top(start, 30, 100)}
    for each in bounded.top(start, 30, 100):
        assert each.events <= true[each.name] <= each.events + each.error


def test_a_flood_is_bounded_and_says_so():
    recent = RecentOffenders(LOADED, kept=1000)
    matched = Correlator(LOADED).sift(
        an_event(at * SECOND, at % 5, None, "failure") for at in range(5000)
    )
    recent.take(matched)
    found = recent.top(4900 * SECOND, 5000 * SECOND, 3)
    assert [(each.events, each.error) for each in found] == [(20, 0)] * 3
    assert recent.top(0, 5000 * SECOND, 1)[0].error == 4000
    assert recent.top(3900 * SECOND, 5000 * SECOND, 1)[0].error == 100 <= 2 * MINUTE // SECOND


def test_addresses_of_version_6_are_known_by_their_network():
    event = {"event.category": "authentication", "event.outcome": "failure"}
    events = [Event(at, {**event, "source.ip": f"2001:db8:0:1::{at}"}) for at in range(1, 4)]
    recent = RecentOffenders(LOADED)
    recent.take(Correlator(LOADED).sift(events))
    (found,) = recent.top(0, 9, 5, {"2001:db8:0:1::2"})
    assert (found.name, found.events) == ("2001:db8:0:1::/64", 3)
    assert recent.top(0, 9, 5, {"2001:db8:0:2::2"}) == []
