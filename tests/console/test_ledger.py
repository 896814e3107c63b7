"""`/api/v1/ledger`: what the daemon wrote down, of a period and what reaches into it."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from tocsin.store import LedgerEntry, Step, open_store, read_ledger_of

KINDS = ("configuration", "gap", "notification", "start", "state", "stop")


def written(folder, entries):
    store = open_store(folder, 0)
    for time, kind, body in entries:
        store.commit(Step(time, ledger=[LedgerEntry(time, kind, body)]))
    store.close()


def names(entries):
    return [entry.body.get("n", entry.kind) for entry in entries]


def test_what_was_in_force_is_carried_and_what_reaches_back_follows(tmp_path):
    scrape = {"what": "scrape", "job": "j", "instance": "i"}
    written(tmp_path, [
        (1, "start", {"n": "old"}), (2, "gap", {**scrape, "state": "open", "n": "lost"}),
        (10, "start", {"n": "start"}), (11, "configuration", {"n": "one"}),
        (12, "configuration", {"refused": "x"}), (13, "configuration", {"n": "two"}),
        (14, "gap", {**scrape, "state": "open", "n": "open"}),
        (15, "gap", {**scrape, "instance": "k", "state": "open", "n": "k"}),
        (16, "gap", {**scrape, "instance": "k", "state": "closed", "start": 15, "end": 16}),
        (17, "transition", {"n": "never asked for"}),
        (20, "gap", {"n": "first"}), (29, "stop", {"n": "last"}),
        (30, "gap", {"what": "daemon", "start": 29, "end": 30, "n": "reaches"}),
        (31, "gap", {"what": "daemon", "start": 30, "end": 31, "n": "later"}),
        (32, "notification", {"created": 28, "n": "told"}),
        (33, "notification", {"created": 31, "n": "later"}),
    ])  # fmt: skip
    found = read_ledger_of(tmp_path, 20, 30, KINDS)
    assert names(found.carried) == ["start", "two", "open"]
    assert names(found.entries) == ["first", "last"]
    assert names(found.after) == ["reaches", "told"]


def test_the_next_transition_of_an_alarm_says_what_it_was_before(tmp_path):
    written(tmp_path, [
        (5, "transition", {"alarm": "a", "n": 1}), (30, "transition", {"alarm": "a", "n": 2}),
        (31, "transition", {"alarm": "a", "n": 3}), (32, "transition", {"alarm": "b", "n": 4}),
        (33, "transition", {"rule": "r", "n": 5}),
    ])  # fmt: skip
    found = read_ledger_of(tmp_path, 10, 30, ["transition"])
    assert (found.entries, names(found.after)) == ((), [2, 4])


@settings(max_examples=25)
@given(st.lists(st.integers(0, 100), max_size=12), st.integers(0, 100), st.integers(0, 100))
def test_every_entry_of_the_period_is_there_once(tmp_path_factory, times, a, b):
    folder = tmp_path_factory.mktemp("s")
    times = sorted(times)
    written(folder, [(t, "state", {"n": k}) for k, t in enumerate(times)])
    start, end = sorted((a, b))
    found = read_ledger_of(folder, start, end, ["state"])
    assert names(found.entries) == [k for k, t in enumerate(times) if start <= t < end]
