"""Grouping and inhibition, compared with a running Alertmanager: the same messages to the same receivers."""

from __future__ import annotations

import json
import os
import tempfile
import threading
import time
import urllib.request
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, assume, given, settings
from hypothesis import strategies as st

from tests.alerting.trees import RECEIVERS, alertmanager_yaml, labels, roots, routing, rules
from tests.engine.daemon import serving, wait_for
from tests.referees import alertmanager
from tocsin.alerting import NotifiedAlert, Router, fingerprint
from tocsin.notify import rfc3339

SECOND = 1_000_000
WAIT, INTERVAL = "300ms", "600ms"
SHOWN = 0.9
"""Seconds in which a message too many would have come."""


@contextmanager
def hooks():
    """Remembers (receiver, group key, alerts with their status) of every message."""
    seen, lock = [], threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            alerts = frozenset(
                (fingerprint(each["labels"]), each["status"]) for each in body["alerts"]
            )
            with lock:
                seen.append((body["receiver"], body["groupKey"], alerts))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *args):
            pass

    with serving(Handler) as port:
        yield port, seen


@contextmanager
def posting(folder, text):
    """A real Alertmanager; yields what gives it alerts."""

    def post(alerts):
        request = urllib.request.Request(
            f"{url}/api/v2/alerts", json.dumps(alerts).encode(),
            {"Content-Type": "application/json"},
        )  # fmt: skip
        with urllib.request.urlopen(request, timeout=5) as answer:
            assert answer.status == 200

    with alertmanager(folder, text) as url:
        yield post


def alert(each, starts, ends=0):
    return NotifiedAlert(each, {}, "resolved" if ends else "firing", starts, starts, ends, None, "")


def sent(alerts, now):
    return [
        {"labels": each.labels, "startsAt": rfc3339(each.starts_at),
         "endsAt": rfc3339(each.ends_at or now + 3600 * SECOND)}
        for each in alerts
    ]  # fmt: skip


def messages(routed):
    return sorted(
        (each.receiver, each.group_key, frozenset((fingerprint(a.labels), a.status) for a in each.alerts))
        for each in routed.notifications
    )  # fmt: skip


@pytest.mark.slow
@settings(
    max_examples=100 if os.environ.get("TOCSIN_SOAK") else 8,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.generate],
)
@given(
    roots, rules,
    st.lists(labels, min_size=1, max_size=8, unique_by=lambda each: tuple(sorted(each.items()))),
    st.sets(st.integers(0, 7)),
)  # fmt: skip
def test_the_same_messages_as_alertmanager(root, inhibit_rules, label_sets, over):
    root = root | {"group_wait": WAIT, "group_interval": INTERVAL}
    routed = routing(root, inhibit_rules)
    # Routes with the same matchers have one key in Alertmanager. Their groups may have one too, and
    # then one may be told or not because the other was: a race.
    keys = [each.key for each in routed.root.walk()]
    assume(len(set(keys)) == len(keys))
    with hooks() as (port, seen), tempfile.TemporaryDirectory() as name:
        receivers = [
            {"name": r, "webhook_configs": [{"url": f"http://127.0.0.1:{port}/{r}"}]}
            for r in RECEIVERS
        ]
        text = alertmanager_yaml(root, inhibit_rules, receivers)
        router = Router(routed)
        with posting(Path(name), text) as post:
            now = time.time_ns() // 1000
            firing = [alert(each, now) for each in label_sets]
            router.put(firing, now)
            expected = messages(router.due(now + SECOND))
            post(sent(firing, now))
            wait_for(lambda: len(seen) >= len(expected), f"{len(expected)} messages: {seen}")
            time.sleep(SHOWN)
            assert sorted(seen) == expected
            seen.clear()
            # Some end; groups that were told look again after their interval.
            now = time.time_ns() // 1000
            ended = [
                alert(each.labels, each.starts_at, now)
                for at, each in enumerate(firing)
                if at in over
            ]
            router.put(ended, now)
            expected = messages(router.due(now + 10 * SECOND))
            if ended:
                post(sent(ended, now))
            wait_for(lambda: len(seen) >= len(expected), f"{len(expected)} messages: {seen}")
            time.sleep(SHOWN)
            assert sorted(seen) == expected
