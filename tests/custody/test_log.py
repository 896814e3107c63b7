"""The custody log: whole lines, each once, in the next sealed day, and told if it was changed."""

from __future__ import annotations

import json
import os
from datetime import date, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.seal.chains import names, verify
from tests.seal.removals import keep
from tests.seal.test_kill import run_killed
from tocsin.custody import log_path, write_line
from tocsin.seal import day_after, spans

DAYS = names(4)


def sealed(root):
    return b"".join(
        (root / day / "custody.jsonl").read_bytes() for day in DAYS if (root / day).exists()
    )


@settings(max_examples=30)
@given(st.lists(st.lists(st.text(max_size=20), max_size=3), min_size=1, max_size=4))
def test_each_line_is_in_one_day(tmp_path_factory, batches):
    root = tmp_path_factory.mktemp("log") / "evidence"
    for day, batch in zip(DAYS, batches, strict=False):
        for text in batch:
            write_line(root, {"reason": text})
        keep(root, day)
    told = [json.loads(line)["reason"] for line in sealed(root).splitlines()]
    assert told == [text for batch in batches for text in batch]
    verdict = verify(root)
    assert (verdict.faults, verdict.notes) == ([], [])


def test_a_log_that_was_cut_or_written_anew_begins_again(tmp_path):
    root = tmp_path / "evidence"
    for change, day in zip((b"", b'{"a":2}\n', None), DAYS[1:], strict=True):
        if day == DAYS[1]:
            write_line(root, {"a": 1})
            keep(root, DAYS[0])
        if change is None:
            log_path(root).unlink()
        else:
            log_path(root).write_bytes(change)
        keep(root, day)
    verdict = verify(root)
    assert verdict.faults == []
    told = "the custody log begins anew: the log is not the one of the days before"
    # An empty log has nothing to begin anew with after the first time.
    assert verdict.notes == [f"{DAYS[1]}: {told}", f"{DAYS[3]}: {told}"]
    assert (root / DAYS[2] / "custody.jsonl").read_bytes() == b'{"a":2}\n'


def test_many_at_once_lose_nothing(tmp_path):
    root = tmp_path / "evidence"
    pids = []
    for number in range(6):
        pid = os.fork()
        if pid == 0:
            try:
                for at in range(20):
                    write_line(root, {"n": number, "at": at, "long": "x" * 5000})
                os._exit(0)
            finally:
                os._exit(9)
        pids.append(pid)
    assert [os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in pids] == [0] * 6
    found = [json.loads(line) for line in log_path(root).read_bytes().splitlines()]
    assert sorted((line["n"], line["at"]) for line in found) == [
        (n, at) for n in range(6) for at in range(20)
    ]


def test_a_kill_at_any_step_loses_no_line_that_was_there(tmp_path):
    step = 1
    while True:
        root = tmp_path / str(step) / "evidence"
        root.mkdir(parents=True)
        write_line(root, {"n": 1})
        killed = run_killed(step, lambda: write_line(root, {"n": 2}))  # noqa: B023
        write_line(root, {"n": 3})
        found = [json.loads(line)["n"] for line in log_path(root).read_bytes().splitlines()]
        assert found in ([1, 3], [1, 2, 3])
        if not killed:
            assert found == [1, 2, 3]
            return
        step += 1


def test_text_of_strangers_stays_one_line(tmp_path):
    root = tmp_path / "evidence"
    write_line(root, {"seed": 'x\n"tombstone":"\x1b[2J\ud800'})
    (line,) = log_path(root).read_bytes().splitlines()
    assert json.loads(line)["seed"].startswith('x\n"tombstone"')
    assert b'"tombstone":"' not in line


@given(st.sets(st.integers(0, 60)))
def test_days_are_told_in_spans_that_hold_each_once(numbers):
    days = [f"{date(2026, 11, 1) + timedelta(days=n):%Y%m%d}" for n in sorted(numbers)]
    told = []
    for span in spans(days).split():
        first, _, last = span.partition("-")
        told.append(first)
        while told[-1] < (last or first):
            told.append(day_after(told[-1]))
    assert told == days
    assert len(spans(days).split()) == sum(n - 1 not in numbers for n in numbers)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_a_log_that_root_begins_belongs_to_who_seals(tmp_path):
    root = tmp_path / "evidence"
    root.mkdir()
    os.chown(root, 12345, 12346)
    write_line(root, {"a": 1})
    found = log_path(root).stat()
    assert (found.st_uid, found.st_gid) == (12345, 12346)
