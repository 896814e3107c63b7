"""A rule is the same rule in another process: what is remembered for it goes on."""

import os
import subprocess
import sys

import pytest

from tocsin.correlation import Correlator, Event, load_sigma

QUESTIONS = {
    "text": "{path|contains: a}",
    "cased": "{path|endswith|cased: a}",
    "wildcards": "{path: 'a*?a'}",
    "regex": "{path|re|i|m|s: '^a.*a$'}",
    "null": "{path: 'aba', query: null}",
    "exists": "{path|exists: true, query|exists: false}",
    "network": "{client|cidr: 192.0.2.0/24}",
    "number": "{status: 404}",
    "compared": "{status|gte: 400}",
    "truth": "{done: true}",
    "field": "{path|fieldref: same}",
    "keyword": "['line']",
}
RULES = """
title: asked
name: asked
logsource: {product: application}
detection: {sel: %s, condition: sel}
---
title: twice
name: twice
correlation: {type: event_count, rules: [asked], group-by: [client], timespan: 60s, condition: {gte: 3}}
"""
FIELDS = {"path": "aba", "same": "aba", "client": "192.0.2.7", "status": 404, "done": "true"}
BEGUN = f"""
import sys
from tocsin.correlation import Correlator, Event, load_sigma

begun = Correlator(load_sigma([("r.yml", sys.argv[1].encode())]), lateness=2_000_000)
events = [Event(at * 1_000_000, {FIELDS!r}, text="a line") for at in (10, 15)]
assert begun.feed(events) == []
sys.stdout.buffer.write(begun.state())
"""


@pytest.mark.parametrize("question", QUESTIONS)
def test_windows_and_waiting_events_go_on(question):
    rules = RULES % QUESTIONS[question]
    done = subprocess.run(
        [sys.executable, "-c", BEGUN, rules],
        capture_output=True,
        check=True,
        env=os.environ | {"PYTHONHASHSEED": "7"},
    )
    correlator = Correlator(load_sigma([("r.yml", rules.encode())]), lateness=2_000_000)
    assert correlator.restore(done.stdout) == [0]
    found = correlator.feed([Event(20_000_000, FIELDS, text="a line")]) + correlator.finish()
    assert [(each.rule, each.time, each.measure) for each in found] == [("twice", 20_000_000, 3)]
