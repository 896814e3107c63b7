"""What is told as alerts come, go and come back, compared with a running Alertmanager."""

from __future__ import annotations

import os
import tempfile
import time
from pathlib import Path

from hypothesis import HealthCheck, Phase, assume, given, settings
from hypothesis import strategies as st

from tests.alerting.test_against_alertmanager import (
    INTERVAL,
    SECOND,
    SHOWN,
    WAIT,
    alert,
    hooks,
    posting,
    sent,
)
from tests.alerting.trees import RECEIVERS, alertmanager_yaml, labels, roots, routing, rules
from tests.engine.daemon import wait_for
from tocsin.alerting import Router, Routing, fingerprint

PLACES = st.sets(st.integers(0, 5))


def told(notifications):
    return sorted(
        (each.receiver, each.group_key, sorted((fingerprint(a.labels), a.status) for a in each.alerts))
        for each in notifications
    )  # fmt: skip


@settings(
    max_examples=30 if os.environ.get("TOCSIN_SOAK") else 2,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.generate],
)
@given(
    roots, rules,
    st.lists(labels, min_size=1, max_size=6, unique_by=lambda each: tuple(sorted(each.items()))),
    st.lists(st.tuples(PLACES, st.sets(st.integers(0, 5), max_size=2)), min_size=3, max_size=5),
    st.sets(st.sampled_from(RECEIVERS)),
)  # fmt: skip
def test_the_same_messages_as_alerts_come_go_and_come_back(root, mutes, label_sets, steps, quiet):
    """`steps`: which fire, and which only come and go; `quiet` are not told that one is over."""
    root = root | {"group_wait": WAIT, "group_interval": INTERVAL}
    made = routing(root, mutes)
    named = {name: ((name, name not in quiet),) for name in RECEIVERS}
    routed = Routing(made.root, named, made.inhibit_rules, made.intervals)
    keys = [each.key for each in routed.root.walk()]
    assume(len(set(keys)) == len(keys))
    with hooks() as (port, seen), tempfile.TemporaryDirectory() as name:
        receivers = [
            {"name": r, "webhook_configs": [
                {"url": f"http://127.0.0.1:{port}/{r}", "send_resolved": r not in quiet}]}
            for r in RECEIVERS
        ]  # fmt: skip
        router, firing, every = Router(routed), {}, range(len(label_sets))
        with posting(Path(name), alertmanager_yaml(root, mutes, receivers)) as post:
            for fire, blip in steps:
                now = time.time_ns() // 1000
                begun = [at for at in every if at in fire and at not in firing]
                ended = [at for at in firing if at not in fire]
                blips = [at for at in every if at in blip - fire and at not in firing]
                over = [alert(label_sets[at], firing.pop(at), now) for at in ended]
                over += [alert(label_sets[at], now, now + 1000) for at in blips]
                firing |= dict.fromkeys(begun, now)
                for batch in ([alert(label_sets[at], now) for at in begun + blips], over):
                    router.put(batch, now)
                    if batch:
                        post(sent(batch, now))
                due = [router.due(now + tick * SECOND // 20) for tick in range(1, 40)]
                expected = told(each for one in due for each in one.notifications)
                wait_for(lambda: len(seen) >= len(expected), f"{expected}: {seen}")  # noqa: B023
                time.sleep(SHOWN)
                assert sorted((r, key, sorted(alerts)) for r, key, alerts in seen) == expected
                seen.clear()


def test_repeats_come_at_the_same_looks():
    # On a busy machine Alertmanager looks late now and then; who is wrong is so each time.
    assert any(ours == theirs for ours, theirs in (_repeats() for _ in range(3)))


def _repeats():
    # Each between two looks, so that a little more or less changes nothing.
    repeats = ["900ms", "1500ms", "2100ms"]
    names = [f"r{at}" for at in range(len(repeats))]
    routes = [
        {"receiver": name, "matchers": [f'team="{name}"'], "repeat_interval": repeat}
        for name, repeat in zip(names, repeats, strict=True)
    ]
    root = {"receiver": "r0", "group_wait": WAIT, "group_interval": INTERVAL, "routes": routes}
    with hooks() as (port, seen), tempfile.TemporaryDirectory() as folder:
        receivers = [
            {"name": name, "webhook_configs": [{"url": f"http://127.0.0.1:{port}/"}]}
            for name in names
        ]
        router = Router(routing(root, receivers=names))
        with posting(Path(folder), alertmanager_yaml(root, (), receivers)) as post:
            now = time.time_ns() // 1000
            alerts = [alert({"alertname": "Up", "team": name}, now) for name in names]
            router.put(alerts, now)
            post(sent(alerts, now))
            due = [router.due(now + tick * 10_000) for tick in range(540)]
            expected = sorted(each.receiver for one in due for each in one.notifications)
            wait_for(lambda: len(seen) >= len(expected), f"{expected}: {seen}", 20)
            return expected, sorted(receiver for receiver, _, _ in seen)
