"""Whoever may append to the custody log stops neither sealing nor what its other lines say."""

from __future__ import annotations

import json
import shutil
import tracemalloc

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.seal.chains import OTHER, verify
from tests.seal.removals import DAYS, bury, keep, prune, stone
from tests.seal.test_forgeries import UNDER, both
from tocsin.bundle import survey
from tocsin.custody import add_hold, holds_in_force, holds_now, log_path
from tocsin.custody._log_part import open_log
from tocsin.errors import StoreError

MIB = 1 << 20
NOISE = b'{"by":"a stranger"}\n'


def begun(root):
    for day in DAYS[:4]:
        keep(root, day)


def flood(root, size, line=NOISE):
    with log_path(root).open("ab") as log:
        log.write(line * (size // len(line) + 1))


def holes(root, size):
    """So many bytes that cost their writer nothing, and an end of a line."""
    with log_path(root).open("ab") as log:
        log.truncate(log.tell() + size)
    with log_path(root).open("ab") as log:
        log.write(b"\n")


def sealed(root, day):
    facts = json.loads((root / day / "day.json").read_bytes())["custody"]
    return (root / day / "custody.jsonl").read_bytes(), facts


def test_orders_and_removals_behind_a_flood_count(tmp_path):
    root = tmp_path / "evidence"
    begun(root)
    flood(root, 6 * MIB)
    assert len(prune(root)) == 2
    add_hold(root, DAYS[2], "", "counsel", "a case", "2026-12-01T07:00:00Z")
    keep(root, DAYS[4])
    text, facts = sealed(root, DAYS[4])
    assert both(root, UNDER[:1]) == []
    assert [each.tombstone.day for each in verify(root).removed] == DAYS[:2]
    assert [each.number for each in holds_in_force(root, "2026-12-02T00:00:00Z")] == [1]
    # All of the log is on record by its hash, and what the day does not hold is told.
    assert len(text) < 5 * MIB
    assert facts["bytes"] == log_path(root).stat().st_size
    assert "lines, " in facts["left_out"]
    (note,) = verify(root).notes
    assert note == (f"{DAYS[4]}: sealed without a part of the custody log: {facts['left_out']}")
    # The next day is as ever, and no word of the flood can be changed.
    flood(root, 1)
    keep(root, DAYS[5])
    assert "left_out" not in sealed(root, DAYS[5])[1]
    assert sealed(root, DAYS[5])[0].splitlines(keepends=True) == [NOISE] * 1
    data = log_path(root).read_bytes()
    log_path(root).write_bytes(data.replace(b"stranger", b"strangex", 1))
    keep(root, DAYS[6])
    assert "restarted" in sealed(root, DAYS[6])[1]


def test_what_was_left_out_is_counted(tmp_path):
    root = tmp_path / "evidence"
    flood(root, 6 * MIB)
    keep(root, DAYS[0])
    text, facts = sealed(root, DAYS[0])
    lines, size = (int(part.split()[0].replace(",", "")) for part in facts["left_out"].split(", "))
    whole = log_path(root).read_bytes()
    assert whole.startswith(text)
    assert (len(text) + size, text.count(b"\n") + lines) == (len(whole), whole.count(b"\n"))


@settings(max_examples=60)
@given(
    st.lists(
        st.tuples(st.sampled_from(["order", "noise", "wide", "cut"]), st.integers(1, 3)),
        max_size=12,
    )
)
def test_every_order_of_the_log_is_read_wherever_it_stands(tmp_path_factory, parts):
    """Reading goes by blocks of a MiB: no order is lost or cut at their edges."""
    root = tmp_path_factory.mktemp("orders") / "evidence"
    many = {"noise": 260_000, "wide": 600_000, "cut": 1_500_000}
    asked = []
    with log_path(root).open("wb") as log:
        for kind, count in parts:
            if kind == "order":
                asked += range(len(asked), len(asked) + count)
                log.writelines(b'{"hold":%d}\n' % n for n in asked[-count:])
            elif kind == "noise":
                log.write(NOISE * (count * many[kind] // len(NOISE)))
            else:
                log.write(b'{"hold":"' + b"x" * (count * many[kind]) + b"\n")
    with open_log(root, b"") as part:
        assert [line["hold"] for line in part.orders()] == asked


@pytest.mark.parametrize("where", ["before", "after"])
def test_a_line_of_300_mib(tmp_path, where):
    root = tmp_path / "evidence"
    begun(root)
    if where == "before":
        holes(root, 300 * MIB)
    prune(root)
    add_hold(root, DAYS[2], "", "counsel", "a case", "2026-12-01T07:00:00Z")
    if where == "after":
        holes(root, 300 * MIB)
    tracemalloc.start()
    try:
        keep(root, DAYS[4])
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 64 * MIB
    assert both(root, UNDER[:1]) == []
    assert [each.number for each in holds_now(root)] == [1]
    assert len(verify(root).removed) == 2


def test_a_log_that_nobody_can_read_stops_what_rests_on_it_but_no_seal(tmp_path):
    root = tmp_path / "evidence"
    begun(root)
    keep_hold = add_hold(root, DAYS[2], "", "counsel", "a case", "2026-12-01T05:00:00Z")
    prune(root)
    mine = log_path(root).read_bytes()
    holes(root, 2 << 30)
    for asked in (lambda: holds_now(root), lambda: prune(root),
                  lambda: add_hold(root, DAYS[1], "", "x", "y", "2026-12-01T08:00:00Z")):  # fmt: skip
        with pytest.raises(StoreError, match="larger than 1 GiB") as caught:
            asked()
        assert "Move it aside" in caught.value.hint
    keep(root, DAYS[4])
    assert both(root, UNDER[:1]) == []
    assert len(verify(root).removed) == 2
    assert verify(root).notes == [
        f"{DAYS[4]}: sealed without a part of the custody log: all of it: it is larger than 1 GiB"
    ]
    # The way out of the hint: the hold counts with the next day.
    log_path(root).rename(tmp_path / "aside")
    log_path(root).write_bytes(mine)
    assert holds_now(root) == (keep_hold,)
    keep(root, DAYS[5])
    assert both(root, UNDER[:1]) == []
    assert b"counsel" in sealed(root, DAYS[5])[0]


def test_a_removal_whose_record_was_taken_out_of_the_log_is_recorded_by_the_seal(tmp_path):
    root = tmp_path / "evidence"
    begun(root)
    prune(root)
    log_path(root).unlink()
    keep(root, DAYS[4])
    assert both(root) == []
    told = [json.loads(line) for line in sealed(root, DAYS[4])[0].splitlines()]
    assert [(each["days"], each["command"]) for each in told] == [
        (day, "evidence seal") for day in DAYS[:2]
    ]


def test_a_decoy_beside_the_record_of_a_removal_deceives_neither(tmp_path):
    """A line in which the digest stands, but which another tool reads as of another tombstone."""
    root = tmp_path / "evidence"
    begun(root)
    prune(root)
    lines = [json.loads(line) for line in log_path(root).read_bytes().splitlines()]
    decoys = (
        f'{{"tombstone":"{line["tombstone"]}","x":{{"tombstone":"{"0" * 64}"}}}}\n'
        for line in lines
        if "tombstone" in line
    )
    log_path(root).write_text("".join(decoys))
    keep(root, DAYS[4])
    assert both(root) == []
    assert len(verify(root).removed) == 2


def test_a_removal_by_a_stranger_is_not_recorded_by_the_seal(tmp_path):
    root = tmp_path / "evidence"
    begun(root)
    prune(root)
    bury(root, stone(root), OTHER)
    log_path(root).unlink()
    keep(root, DAYS[4])
    assert sealed(root, DAYS[4])[0].count(b"\n") == 1
    assert {fault.day for fault in both(root)} == {DAYS[0]}
    assert survey(root).days == tuple(DAYS[:5])
    shutil.rmtree(root)
