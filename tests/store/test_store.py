"""The state folder: what goes in comes out; damage, a full disk and a second daemon."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tocsin.alerting import Notification
from tocsin.engine._journal import Journal
from tocsin.errors import StoreError
from tocsin.labels import Labels, Matcher, MatchOp
from tocsin.series import Batch, Head
from tocsin.store import LedgerEntry, Step, Tally, open_store, read_texts

NAMED = [Matcher(MatchOp.REGEX, "__name__", ".+")]

HOLD = """
import pathlib, sys
from tocsin.store import open_store
store = open_store(pathlib.Path(sys.argv[1]), 0)
print("open", flush=True)
sys.stdin.read()
"""


def series(count, name="m"):
    return tuple(Labels({"__name__": name, "i": str(number)}) for number in range(count))


def notification(key="k", receiver="team"):
    return Notification(key, receiver, "{}", {"alertname": "A"}, (), 1)


@pytest.fixture
def store(tmp_path):
    store = open_store(tmp_path / "state", 0)
    yield store
    store.close()


def test_tallies_of_a_minute_add_up_until_they_are_folded(store):
    store.commit(Step(1, tallies=[Tally("web", 0, b"a"), Tally("web", 60, b"b")]))
    store.commit(Step(2, tallies=[Tally("web", 0, b"c"), Tally("app", 0, b"d")]))
    assert [each.body for each in store.tallies("web")] == [b"a", b"b", b"c"]
    store.commit(Step(3, folded=[Tally("web", 0, b"ac"), Tally("web", 60, b"")]))
    assert store.tallies("web") == [Tally("web", 0, b"ac")]
    assert store.tallies("app") == [Tally("app", 0, b"d")]


def test_a_step_comes_back_whole(store, tmp_path):
    labels = series(3)
    step = Step(
        5,
        [Batch("a", 5, labels, np.array([1.0, np.nan, -0.0])),
         Batch("b", 6, labels[:1], np.array([7.0]), np.array([4], np.int64))],
        {"rules/x": b"state"},
        [LedgerEntry(5, "transition", {"to": "firing"})],
        [notification()],
    )  # fmt: skip
    store.commit(step)
    store.commit(Step(7, delivered=[("team", "other")]))
    store.close()
    again = open_store(tmp_path / "state", 0)
    first, second = again.batches(0)
    assert first.labels == labels
    assert first.values.tobytes() == step.batches[0].values.tobytes()
    assert (second.time, second.times.tolist()) == (6, [4])
    assert again.states() == {"rules/x": b"state"}
    assert [(e.seq, e.kind, e.body) for e in again.ledger()] == [
        (1, "transition", {"to": "firing"})
    ]
    assert again.outbox() == [notification()]
    again.commit(Step(8, states={"rules/x": None}, delivered=[("team", "k")]))
    assert again.states() == {}
    assert again.outbox() == []
    again.close()
    store._lock = os.open(os.devnull, os.O_RDONLY)
    store._db = again._db


@settings(max_examples=40)
@given(
    st.lists(
        st.tuples(st.sampled_from("ab"), st.sets(st.integers(0, 5), min_size=1)), max_size=20
    ),
    st.integers(0, 22), st.integers(0, 22),
)  # fmt: skip
def test_disk_answers_like_memory(tmp_path_factory, rounds, start, end):
    store = open_store(tmp_path_factory.mktemp("state"), 0)
    head = Head(10**9)
    try:
        for time, (source, members) in enumerate(rounds, 1):
            labels = tuple(Labels({"__name__": source, "i": str(i)}) for i in sorted(members))
            batch = head.append(
                Batch(source, time, labels, np.arange(len(labels)) + float(time))
            ).batch
            store.commit(Step(time, [batch]))
        expected = head.select(NAMED, start, end)
        for queryable in (store, store.reader()):
            found = queryable.select(NAMED, start, end)
            assert _contents(found) == _contents(expected)
            if queryable is not store:
                queryable.close()
    finally:
        store.close()


def _contents(selection):
    rows = zip(selection.labels, selection.offsets, selection.offsets[1:], strict=False)
    return {
        labels: list(
            zip(selection.times[a:b].tolist(), selection.values[a:b].tolist(), strict=True)
        )
        for labels, a, b in rows
        if b > a
    }


def test_a_failed_commit_leaves_nothing(store):
    store.commit(Step(1, [Batch("a", 1, series(2), np.zeros(2))]))
    bad = Step(2, [Batch("a", 2, series(4, "new"), np.zeros(4))], {"k": object()})
    with pytest.raises(StoreError):
        store.commit(bad)
    assert len(list(store.batches(0))) == 1
    # The series numbers of the failed step are free again, and right.
    store.commit(Step(3, [Batch("a", 3, series(3, "other"), np.arange(3.0))]))
    assert [batch.labels for batch in store.batches(3)] == [series(3, "other")]


def test_a_full_disk_keeps_steps_until_there_is_space(store):
    journal = Journal(store)
    assert journal.commit(Step(1, [Batch("a", 1, series(2), np.zeros(2))]))
    pages = store._db.execute("PRAGMA page_count").fetchone()[0]
    store._db.execute(f"PRAGMA max_page_count = {pages}")
    for time in range(2, 40):
        journal.commit(Step(time, [Batch("a", time, series(200, f"m{time}"), np.zeros(200))],
                            ledger=[LedgerEntry(time, "transition", {"n": time})]))  # fmt: skip
    assert "full" in journal.failure
    assert journal.waiting == 38
    store._db.execute("PRAGMA max_page_count = 1000000")
    assert journal.commit(Step(40))
    assert (journal.failure, journal.waiting) == ("", 0)
    assert [batch.time for batch in store.batches(0)] == list(range(1, 40))
    assert [entry.body["n"] for entry in store.ledger()] == list(range(2, 40))


def test_what_waits_for_a_disk_is_bounded_and_its_loss_is_recorded(store):
    journal = Journal(store)
    journal.commit(Step(1, [Batch("a", 1, series(1), np.zeros(1))]))
    store._db.execute("PRAGMA max_page_count = 1")
    labels = series(20_000)
    for time in range(2, 302):
        step = Step(time, [Batch("a", time, labels, np.zeros(20_000))])
        step.ledger.append(LedgerEntry(time, "transition", {"n": time}))
        journal.commit(step)
    assert journal._bytes <= 64 << 20
    assert journal.samples_lost > 0
    store._db.execute("PRAGMA max_page_count = 10000000")
    assert journal.commit(Step(400))
    kept = sum(len(batch.labels) for batch in store.batches(2))
    assert kept + journal.samples_lost == 300 * 20_000
    entries = store.ledger()
    assert [e.body["n"] for e in entries if e.kind == "transition"] == list(range(2, 302))
    (gap,) = [e.body for e in entries if e.kind == "gap"]
    assert (gap["start"], gap["samples"]) == (2, journal.samples_lost)


def test_a_second_daemon_is_refused(store):
    with pytest.raises(StoreError, match=rf"in use by process {os.getpid()}"):
        open_store(store.path.parent, 0)


def test_a_second_process_is_refused_and_a_killed_one_holds_nothing(tmp_path):
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert holder.stdout.readline() == b"open\n"
    with pytest.raises(StoreError, match=f"in use by process {holder.pid}"):
        open_store(tmp_path, 0)
    holder.kill()
    holder.wait()
    holder.stdin.close()
    holder.stdout.close()
    open_store(tmp_path, 0).close()


@pytest.mark.parametrize("damage", ["header", "middle", "cut"])
def test_a_damaged_database_is_moved_aside(tmp_path, damage):
    store = open_store(tmp_path, 0)
    for time in range(1, 50):
        store.commit(Step(time, [Batch("a", time, series(300, f"m{time}"), np.zeros(300))]))
    store.close()
    path = tmp_path / "tocsin.db"
    content = bytearray(path.read_bytes())
    if damage == "header":
        content[:100] = b"x" * 100
    elif damage == "middle":
        content[4096:-4096] = os.urandom(len(content) - 8192)
    else:
        del content[len(content) // 2 :]
    path.write_bytes(content)
    store = open_store(tmp_path, 77_000_000)
    assert "moved to tocsin.db.damaged-77" in store.damaged
    assert (tmp_path / "tocsin.db.damaged-77").read_bytes() == bytes(content)
    assert list(store.batches(0)) == []
    store.close()
    again = open_store(tmp_path, 0)
    assert again.damaged == ""
    again.close()


def test_a_newer_format_is_refused_and_left_alone(store):
    store._db.execute("PRAGMA user_version = 99")
    store.close()
    before = store.path.read_bytes()
    with pytest.raises(StoreError, match="newer Tocsin"):
        open_store(store.path.parent, 0)
    assert store.path.read_bytes() == before
    store._lock, store._db = os.open(os.devnull, os.O_RDONLY), type("Db", (), {"close": print})()


def test_retention_by_age_and_size(store):
    for time in range(1, 101):
        store.commit(Step(time, [Batch("a", time, series(50, f"m{time % 7}"), np.zeros(50))]))
    assert store.retain(after=41, most_bytes=10**9) == 40
    assert min(batch.time for batch in store.batches(0)) == 41
    small = store.size() // 2
    assert store.retain(after=0, most_bytes=small) > 0
    assert store.size() <= small
    # What is left is the newest, and still reads.
    left = [batch.time for batch in store.batches(0)]
    assert left == list(range(101 - len(left), 101))


def test_a_folder_that_cannot_be_made_is_an_error_with_a_hint(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match=r"can't use the state folder .*hint"):
        open_store(tmp_path / "file" / "state", 0)


def test_texts_are_kept_by_hash_while_they_are_in_force_and_for_a_time_after(tmp_path):
    def named(text):
        return {hashlib.sha256(text).hexdigest(): text}

    old, new = named(b"old" * 1000), named(b"new")
    day = 24 * 3_600_000_000
    store = open_store(tmp_path, 0)
    try:
        store.commit(Step(day, texts=old))
        store.commit(Step(2 * day, texts=old | new))
        store.commit(Step(80 * day, texts=new))
        assert read_texts(tmp_path, [*old, *new, "0" * 64]) == old | new
        store.commit(Step(93 * day, texts=new))
        assert read_texts(tmp_path, [*old, *new]) == new
    finally:
        store.close()
