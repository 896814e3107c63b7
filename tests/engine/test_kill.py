"""kill -9 at random moments: nothing lost, nothing twice, clocks unchanged.

The referee is a second run: the scrapes that the store kept, in the order it kept them,
evaluated anew without any restart, must give the transitions that the ledger holds.
"""

from __future__ import annotations

import itertools
import random
import sqlite3
import threading
import time

import pytest

from tests.engine.daemon import Daemon, target, wait_for, webhook
from tocsin.labels import Matcher, MatchOp
from tocsin.promql import evaluate, parse
from tocsin.rules import GroupState, evaluate_group, load_rule_file
from tocsin.series import Head
from tocsin.store import open_store

RULES = {
    "groups": [{
        "name": "g",
        "rules": [
            {"record": "evaluated", "expr": "vector(1)"},
            {"alert": "Now", "expr": "level > 5"},
            {"alert": "Held", "expr": "level > 3", "for": "1500ms"},
            {"alert": "Kept", "expr": "level > 7", "keep_firing_for": "1s"},
            {"alert": "Counted", "expr": "increase(events_total[3s]) > 20"},
        ],
    }]
}  # fmt: skip


class Level:
    """A gauge that wanders and a counter that grows, and the truth about both."""

    def __init__(self, seed):
        self.random = random.Random(seed)
        self.lock = threading.Lock()
        self.served = {}
        self.count = itertools.count(1)
        self.level, self.events = 0, 0

    def __call__(self):
        with self.lock:
            number = next(self.count)
            if self.random.random() < 0.35:
                self.level = self.random.randrange(10)
            self.events += self.random.choice([0, 0, 1, 12])
            self.served[number] = (self.level, self.events)
        return f"scrape_number {number}\nlevel {self.level}\nevents_total {self.events}\n"


WAITING = "SELECT key FROM outbox"
TOLD = "SELECT time FROM ledger WHERE kind = 'transition'"


@pytest.mark.slow
def test_kill_9(tmp_path, soak):
    kills = 100 if soak else 6
    seed = random.randrange(10**6)
    print(f"seed {seed}")
    moments = random.Random(seed)
    level = Level(seed)
    with target(level) as scraped, webhook() as hook:
        daemon = Daemon(tmp_path, {
            "scrape": [{"job": "lab", "targets": [f"127.0.0.1:{scraped.port}"], "interval": "200ms"}],
            "receivers": [
                {"name": "hook", "webhook": {"url": f"http://127.0.0.1:{hook.port}/"}},
            ],
        }, RULES)  # fmt: skip
        kept = []
        with daemon:
            for _ in range(kills):
                # Also while it starts: the pause is counted from the start of the process.
                time.sleep(moments.uniform(0.1, 3.0))
                daemon.kill()
                kept.append(_check_kept(daemon, kept[-1] if kept else []))
                daemon.start(ready=False)
            wait_for(daemon.answers, "the last start")
            # On a busy machine the kills may have left little time to evaluate.
            wait_for(lambda: len(_keys(daemon, TOLD)) > 5, "enough transitions", 60)
            assert daemon.stop() == 0, daemon.log.read_text()[-2000:]
        # What was on its way when it ended goes out at the next start.
        with daemon:
            wait_for(lambda: _keys(daemon, WAITING) == [], "an empty outbox")
            daemon.stop()
        store = open_store(daemon.state, 0)
        try:
            assert not store.damaged
            _check_samples(store, level)
            expected = _check_transitions(store, tmp_path)
            _check_notifications(store, hook, expected)
        finally:
            store.close()


def _keys(daemon, query):
    with sqlite3.connect(daemon.state / "tocsin.db") as db:
        rows = db.execute(query).fetchall()
    db.close()
    return rows


def _check_kept(daemon, before):
    """Every kill: what was committed before it is there after it."""
    if not (daemon.state / "tocsin.db").exists():
        return []
    store = open_store(daemon.state, 0)
    rows = [(batch.source, batch.time, batch.values.tobytes()) for batch in store.batches(0)]
    store.close()
    assert rows[: len(before)] == before
    return rows


def _check_samples(store, level):
    """Each stored scrape is one that was served, whole, once, in order."""
    seen = []
    for batch in store.batches(0):
        if not batch.source.startswith("scrape/"):
            continue
        values = {
            labels.name: value for labels, value in zip(batch.labels, batch.values, strict=True)
        }
        if values["up"] == 0:
            continue
        number = int(values["scrape_number"])
        assert (values["level"], values["events_total"]) == level.served[number]
        seen.append(number)
    assert seen == sorted(set(seen))
    assert len(seen) > 10


def _check_transitions(store, folder):
    """The ledger's transitions are those of one undisturbed evaluation of what was stored."""
    path = str(folder / "rules.yml")
    (group,) = load_rule_file((folder / "rules.yml").read_bytes(), path).groups
    head, state, layouts, expected = Head(2**60), GroupState(), {}, []

    def query(each, at):
        return evaluate(each, head, at)

    for batch in store.batches(0):
        if batch.source.startswith("scrape/"):
            head.append(batch)
        elif batch.labels[0].name == "evaluated":
            evaluation = evaluate_group(
                group, state, batch.time, query, lambda each: head.append(each).batch,
                text_query=lambda text, at: query(parse(text), at), layouts=layouts,
            )  # fmt: skip
            state = evaluation.state
            expected += evaluation.transitions
    found = [
        (e.time, e.body["rule"], e.body["before"], e.body["after"], e.body["active_at"])
        for e in store.ledger(kinds=["transition"])
    ]
    assert found == [(t.time, t.rule, t.before, t.after, t.alert.active_at) for t in expected]
    assert len(found) > 5
    matchers = [Matcher(MatchOp.EQUAL, "__name__", "evaluated")]
    assert len(head.select(matchers, 0, 2**60).times) > 10
    return expected


def _check_notifications(store, hook, expected):
    """Every change to and from firing was told at least once, always under one key."""
    wanted = {
        (t.rule, "firing" if t.after == "firing" else "resolved", t.alert.active_at)
        for t in expected
        if "firing" in (t.before, t.after)
    }
    told = {}
    for key, body, _ in hook.messages:
        (alert,) = body["alerts"]
        told.setdefault(key, set()).add(
            (body["groupLabels"]["alertname"], alert["status"], alert["startsAt"])
        )
    assert all(len(contents) == 1 for contents in told.values())
    assert len(told) == len(wanted)
    assert sorted(
        (rule, status) for contents in told.values() for rule, status, _ in contents
    ) == sorted((rule, status) for rule, status, _ in wanted)
    recorded = [
        e.body["key"] for e in store.ledger(kinds=["notification"]) if e.body["result"] == "sent"
    ]
    assert len(recorded) == len(set(recorded)) == len(wanted)
