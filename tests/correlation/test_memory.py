"""More keys than there is room for: what is found, and how far off it may be."""

import random
import subprocess
import sys
import tracemalloc
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tocsin.correlation import Budget, Correlator, Event, load_sigma
from tocsin.correlation._addresses import group_value
from tocsin.correlation._offenders import Offenders
from tocsin.correlation._summary import Pool, Summary

RULES = b"""
title: refused
name: refused
logsource: {product: application}
detection: {sel: {status: 401}, condition: sel}
---
title: brute
name: brute
correlation:
  type: event_count
  rules: [refused]
  group-by: [source.ip]
  timespan: 600s
  condition: {gte: 5}
"""
SMALL = Budget(windows=128, offenders=64, waiting=64)


def event(time, client):
    return Event(time, {"status": 401, "client": client})


@pytest.mark.parametrize("begin", [10, 40_000])
def test_a_slow_attacker_under_a_spray_is_found(begin):
    correlator = Correlator(load_sigma([("r.yml", RULES)]), budget=SMALL)
    found, times = [], []
    for n in range(100_000):
        found += correlator.feed([event(n * 5000, f"10.{n >> 16}.{n >> 8 & 255}.{n & 255}")])
        if n >= begin and (n - begin) % 10_000 == 0 and len(times) < 5:
            times.append(n * 5000 + 1)
            found += correlator.feed([event(times[-1], "192.0.2.1")])
    (alert,) = found
    assert (alert.time, alert.group) == (times[-1], (("source.ip", "192.0.2.1"),))
    assert abs(alert.measure - 5) <= alert.error


@given(st.integers(0, 2**32), st.integers(200, 3000), st.integers(2, 40))
@settings(max_examples=25)
def test_counts_are_within_their_error(seed, distinct, heavy):
    """Whoever is told has done so much, and whoever has is told."""
    pick = random.Random(seed)
    clients = [f"a{n}" for n in range(distinct)] + [f"h{n}" for n in range(heavy)] * 8
    pick.shuffle(clients)
    correlator = Correlator(load_sigma([("r.yml", RULES)]), budget=SMALL, seed=bytes([seed % 256]))
    true = Counter()
    found = {}
    for n, client in enumerate(clients):
        true[client] += 1
        for alert in correlator.feed([event(n, client)]):
            assert abs(alert.measure - true[client]) <= alert.error
            found[alert.group[0][1]] = true[client]
    assert set(found) == {f"h{n}" for n in range(heavy)}
    assert set(found.values()) == {5}


@given(st.integers(0, 2**32), st.integers(100, 900))
@settings(max_examples=10)
def test_a_restart_changes_nothing_when_it_is_full(seed, chunk):
    pick = random.Random(seed)
    events = [event(n * 500_000, f"a{int(pick.paretovariate(0.6)) % 3000}") for n in range(3000)]
    rules = load_sigma([("r.yml", RULES)])
    make = lambda: Correlator(rules, budget=SMALL, lateness=20_000_000)  # noqa: E731
    whole, correlator, found = make(), make(), []
    expected = whole.feed(events) + whole.finish()
    for start in range(0, len(events), chunk):
        found += correlator.feed(events[start : start + chunk])
        state = correlator.state()
        correlator = make()
        correlator.restore(state)
    assert found + correlator.finish() == expected
    assert correlator.offenders("brute") == whole.offenders("brute")


@given(st.lists(st.tuples(st.integers(0, 40), st.integers(1, 3)), max_size=400))
def test_a_full_summary_says_how_far_off_it_is(hits):
    pool = Pool(1, 0, slots=16)
    pool.left = 0
    summary, true = Summary(pool, b"", 1000), Counter()
    for key, count in hits:
        true[key] += count
        counted = summary.add(str(key), 0, count)
        assert true[key] - summary.error <= counted <= true[key]


@given(st.lists(st.integers(0, 60), max_size=500))
def test_offenders(hits):
    pool = Pool(1, 0, slots=16)
    offenders, true = Offenders(8, pool, b""), Counter()
    for time, key in enumerate(hits):
        true[str(key)] += 1
        offenders.add(str(key), time, 1)
        assert len(offenders.seen) <= 16
    listed = {key: count for key, count, *_ in offenders.top(100)}
    for key, count in true.items():
        if key in listed:
            assert count - offenders.error <= listed[key] <= count
        else:
            assert count <= offenders._floor + offenders.error


def test_many_rules_that_overflow_at_once():
    one = RULES.decode()
    text = "---".join(one.replace("refused", f"r{n}").replace("brute", f"b{n}") for n in range(12))
    correlator = Correlator(load_sigma([("r.yml", text.encode())]), budget=SMALL)
    found = []
    for n in range(20_000):
        found += correlator.feed(
            [event(n, f"a{n}"), event(n, "busy")] if n < 9 else [event(n, f"a{n}")]
        )
    assert sorted(each.rule for each in found) == sorted(f"b{n}" for n in range(12))
    again = Correlator(load_sigma([("r.yml", text.encode())]), budget=SMALL)
    again.restore(correlator.state())
    assert again.state() == correlator.state()


@pytest.mark.parametrize("of", ["names", "values", "many values"])
def test_what_strangers_call_their_fields_takes_no_memory(of):
    def strange(n):
        text = f"{n:08}" * 2000
        if of == "names":
            return {f"{text}{name}": 1 for name in range(10)}
        if of == "values":
            return {"status": tuple(f"{text}{name}" for name in range(10))}
        return {"status": tuple(f"{n} {name}" for name in range(800))}

    correlator = Correlator(load_sigma([("r.yml", RULES)]))
    correlator.feed([event(0, "x")])
    tracemalloc.start()
    correlator.feed(
        Event(n, {"status": 401, "client": f"a{n % 9}"} | strange(n)) for n in range(1, 200)
    )
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert held < 4 << 20


def test_lists_of_strangers_take_no_memory_while_they_wait():
    def many(n):
        return tuple(f"{n % 3}.{part}." * 50 for part in range(100))

    correlator = Correlator(load_sigma([("r.yml", RULES)]), lateness=3600_000_000)
    tracemalloc.start()
    assert correlator.feed(event(n, many(n)) for n in range(400)) == []
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert held < 4 << 20
    assert [each.group for each in correlator.finish()] == [
        (("source.ip", group_value(many(n))),) for n in range(3)
    ]


def rules_like_it(number):
    one = RULES.decode()
    named = [one] + [
        one.replace("refused", f"r{n}").replace("brute", f"b{n}") for n in range(number)
    ]
    return load_sigma([("r.yml", "---".join(named).encode())])


def test_more_rules_after_a_flood_take_no_more_room():
    """What one rule had to itself is shared from then on."""
    budget = Budget(windows=2048, offenders=64, waiting=64)
    full = Correlator(rules_like_it(0), budget=budget)
    full.feed(event(n, f"a{n}") for n in range(3000))
    held = sum(len(each.windows) for each in full._keyed)
    assert held == budget.windows
    correlator = Correlator(rules_like_it(11), budget=budget)
    correlator.restore(full.state())
    correlator.feed(event(3000 + n, f"b{n}") for n in range(20_000))
    shares = sum(each._share for each in correlator._keyed)
    assert sum(len(each.windows) for each in correlator._keyed) <= held + shares


def test_a_summary_that_is_restored_among_more_takes_no_more_room():
    pool = Pool(1, 0, slots=16)
    summary = Summary(pool, b"", 1000)
    for key in range(400):
        summary.add(str(key), 0, 1)
    assert pool.left == 0
    shared = Pool(4, 0, slots=16)
    again = Summary(shared, b"", 1000)
    again.restore(summary.state())
    for key in range(2000):
        again.add(str(key), 0, 1)
    assert len(again._now.segments) == len(summary._now.segments)


FLOOD = """
import sys
from tests.correlation.test_memory import RULES, event
from tocsin.correlation import Correlator, load_sigma

def peak():
    return int(next(l for l in open("/proc/self/status") if l.startswith("VmHWM")).split()[1])

correlator = Correlator(load_sigma([("r.yml", RULES)]), lateness=60_000_000)
correlator.feed([event(0, "x")])
before = peak()
for n in range(600_000):
    correlator.feed([event(n * 600, f"{n >> 16}.{n >> 8 & 255}.1.{n & 255}")])
print(peak() - before)
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="asks /proc")
def test_memory_under_a_flood():
    done = subprocess.run([sys.executable, "-c", FLOOD], capture_output=True, text=True)
    assert int(done.stdout) < 64 * 1024, done.stderr
