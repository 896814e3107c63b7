"""Reading the ledger beside the daemon that writes it."""

from __future__ import annotations

import sqlite3

import pytest

from tocsin.errors import StoreError
from tocsin.store import LedgerEntry, Step, open_store, read_ledger


def put(store, *times):
    store.commit(Step(0, ledger=[LedgerEntry(time, "gap", {"at": time}) for time in times]))


def test_entries_up_to_the_last_one_of_the_day_while_the_daemon_runs(tmp_path):
    store = open_store(tmp_path, 0)
    put(store, 10, 20, 30)
    # One that waited for a full disk: its time is of the day before the next one's.
    put(store, 50, 25, 60)
    part = read_ledger(tmp_path, 0, 30)
    assert [(e.seq, e.time) for e in part.entries] == [(1, 10), (2, 20), (3, 30), (4, 50), (5, 25)]
    assert [e.seq for e in read_ledger(tmp_path, 5, 100).entries] == [6]
    assert read_ledger(tmp_path, 6, 100).entries == ()
    put(store, 70)
    assert [e.body for e in read_ledger(tmp_path, 6, 100).entries] == [{"at": 70}]
    store.close()


def test_a_ledger_that_began_anew_is_told(tmp_path):
    store = open_store(tmp_path, 0)
    put(store, 10)
    store.close()
    part = read_ledger(tmp_path, 7, 100)
    assert [e.seq for e in part.entries] == [1]
    assert part.restarted == "the ledger ends with entry 1, but 7 was sealed"


def test_no_database_or_a_damaged_one(tmp_path):
    with pytest.raises(StoreError, match="can't read the ledger"):
        read_ledger(tmp_path, 0, 1)
    (tmp_path / "tocsin.db").write_bytes(b"no database" * 100)
    with pytest.raises(StoreError, match="can't read the ledger"):
        read_ledger(tmp_path, 0, 1)


def test_reading_changes_nothing(tmp_path):
    store = open_store(tmp_path, 0)
    put(store, 10)
    read_ledger(tmp_path, 0, 100)
    put(store, 20)
    store.close()
    with sqlite3.connect(tmp_path / "tocsin.db") as db:
        assert db.execute("SELECT count(*) FROM ledger").fetchone() == (2,)
