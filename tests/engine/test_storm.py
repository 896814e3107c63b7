"""A storm of alerts through the real daemon: few messages, and a record of everything."""

from __future__ import annotations

import math
import time
from collections import Counter

import pytest

from tests.engine.daemon import Daemon, target, wait_for, webhook
from tocsin.store import open_store

SETS = 10_000
FLAPS = 2
RULES = {"groups": [{"name": "g", "interval": "1s", "rules": [
    {"alert": "Failures", "expr": "failures > 5", "labels": {"severity": "page"}},
]}]}  # fmt: skip
INTERVAL = 3.0
ROUTE = {
    "receiver": "team", "group_by": ["alertname"], "group_wait": "1s", "group_interval": f"{INTERVAL:g}s",
}  # fmt: skip


def statuses(body):
    return Counter(each["status"] for each in body["alerts"])


def told_of(body, status):
    return {each["labels"]["user"] for each in body["alerts"] if each["status"] == status}


@pytest.mark.slow
def test_ten_thousand_label_sets_that_flap(tmp_path):
    level = [0]

    def metrics():
        return "".join(f'failures{{user="u{at}"}} {level[0]}\n' for at in range(SETS))

    with target(metrics) as scraped, webhook() as team:
        config = {
            "scrape": [{"job": "j", "targets": [f"127.0.0.1:{scraped.port}"], "interval": "1s"}],
            "receivers": [{"name": "team", "webhook": {"url": f"http://127.0.0.1:{team.port}/"}}],
            "route": ROUTE,
        }  # fmt: skip
        with Daemon(tmp_path, config, RULES) as daemon:

            def count(expr):
                found = daemon.query(f"count({expr})")
                return int(found[0]["value"][1]) if found else 0

            wait_for(lambda: count("failures") == SETS, "a first scrape", 60)
            begun = time.monotonic()
            for _ in range(FLAPS):
                level[0] = 9
                # Who fires for less than `group_wait` is told to nobody; the first are to be told.
                wait_for(lambda: team.messages, "the first message", 60)
                wait_for(lambda: count('ALERTS{alertstate="firing"}') == SETS, "all fire", 60)
                level[0] = 0
                wait_for(lambda: count('ALERTS{alertstate="firing"}') == 0, "none fires", 60)
            wait_for(
                lambda: team.messages and team.messages[-1][1]["status"] == "resolved",
                "the end",
                60,
            )
            lasted = time.monotonic() - begun
            assert daemon.stop() == 0
    bodies = [body for _, body, _ in team.messages]
    # One when the group is first told, and one an interval at most: not 40,000.
    most = 1 + math.ceil(lasted / INTERVAL)
    assert len({key for key, _, _ in team.messages}) == len(team.messages) <= most
    everybody = {f"u{at}" for at in range(SETS)}
    assert told_of(bodies[-1], "resolved") == everybody
    assert set().union(*(told_of(body, "firing") for body in bodies)) == everybody
    assert all(body["truncatedAlerts"] == 0 for body in bodies)

    store = open_store(tmp_path / ".tocsin", 0)
    entries = list(store.ledger(kinds=["transition"]))
    delivered = [e.body for e in store.ledger(kinds=["notification"]) if e.body["result"] == "sent"]
    store.close()
    history: dict[str, list[str]] = {}
    for entry in entries:
        history.setdefault(entry.body["labels"]["user"], []).append(entry.body["after"])
    assert history.keys() == everybody
    assert {tuple(each) for each in history.values()} == {("firing", "inactive") * FLAPS}
    assert [each["key"] for each in delivered] == [key for key, _, _ in team.messages]
    print(f"{SETS} label sets, {FLAPS} flaps, {lasted:.1f} s: {len(bodies)} messages, at most {most}; "
          f"{len(entries)} transitions on record")  # fmt: skip
