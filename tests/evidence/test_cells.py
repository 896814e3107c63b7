"""Every control and day has exactly one state, and `operated` has to be said by a whole day."""

from __future__ import annotations

import json
from typing import NamedTuple

from hypothesis import given
from hypothesis import strategies as st

from tocsin.control import State
from tocsin.evidence import cells_of, decide, plan_of

CONTROLS = ("a", "b", "c")
line = st.fixed_dictionaries(
    {},
    optional={
        "control": st.sampled_from([*CONTROLS, "other", None, 3]),
        "state": st.sampled_from([*map(str, State), "passed", "", None, 1]),
        "whole_day": st.sampled_from([True, False, None, "true", 1]),
        "collected": st.sampled_from(["2026-11-21T00:01:00Z", "2026-11-21T00:02:00Z", ""]),
    },
)
lines = st.lists(line, max_size=6)


class Told(NamedTuple):
    """A record of one control and day."""

    state: str
    whole_day: bool = True
    collected: str = "1"
    late: bool = False


told = st.builds(
    Told, st.sampled_from([*map(str, State), "passed", ""]), st.booleans(),
    st.sampled_from(["1", "2", "3"]), st.booleans(),
)  # fmt: skip


@given(st.sets(st.sampled_from(CONTROLS)), lines)
def test_each_expected_cell_has_one_state_and_none_operated_unsaid(expected, records):
    cells = cells_of(expected, records)
    assert set(cells) == expected
    assert set(cells.values()) <= {"operated", "exception", "no-data", "not-run"}
    for control, state in cells.items():
        own = [each for each in records if each.get("control") == control]
        if state == "operated":
            whole = [each for each in own if each.get("whole_day") is True]
            assert "operated" in {each.get("state") for each in whole}
            assert "exception" not in {each.get("state") for each in own}
        if any(each.get("state") == "exception" for each in own):
            assert state == "exception"
        if not own:
            assert state == "not-run"


@given(st.lists(told, max_size=6))
def test_late_records_mend_nothing_and_hide_nothing(records):
    state, made = decide(records)
    timely = [each for each in records if not each.late]
    assert set(made) <= set(records)
    assert (state == "exception") is any(each.state == "exception" for each in records)
    if state == "operated":
        assert decide(timely)[0] == "operated"
    if state == "late":
        assert all(each.late for each in made)
        assert not any(each.whole_day for each in timely)
    if len(timely) == len(records):
        assert state != "late"


@given(lines)
def test_a_record_that_is_taken_away_makes_nothing_operate(records):
    for position in range(len(records)):
        fewer = records[:position] + records[position + 1 :]
        before, after = cells_of(CONTROLS, records), cells_of(CONTROLS, fewer)
        for control in CONTROLS:
            mine = [each for each in fewer if each.get("control") == control]
            if after[control] == "operated" and before[control] != "operated":
                assert any(each.get("state") == "operated" for each in mine)


def record(state, *, whole=True, at="1"):
    return {"control": "a", "state": state, "whole_day": whole, "collected": at}


def test_the_cells_of_some_days():
    def cell(*records, late=()):
        if not late:
            return cells_of(["a"], records)["a"]
        own = [Told(r["state"], r["whole_day"], r["collected"]) for r in records]
        return decide([*own, *(Told(each["state"], late=True) for each in late)])[0]

    assert cell() == "not-run"
    assert cell(record("operated", whole=False)) == "not-run"
    assert cell(record("operated")) == "operated"
    assert cell(record("not-run", at="1"), record("operated", at="2")) == "operated"
    assert cell(record("operated", at="1"), record("no-data", at="2")) == "no-data"
    assert cell(record("exception", at="1"), record("operated", at="2")) == "exception"
    assert cell(record("exception", whole=False), record("operated", at="2")) == "exception"
    assert cell(late=[record("operated")]) == "late"
    assert cell(record("operated", whole=False), late=[record("operated")]) == "late"
    assert cell(record("no-data"), late=[record("operated")]) == "no-data"
    assert cell(record("operated"), late=[record("exception")]) == "exception"
    assert cell(late=[record("exception")]) == "exception"
    assert cell(record("not-run"), late=[record("operated")]) == "not-run"
    # A record can't call itself late.
    assert cell(record("late")) == "not-run"


def test_a_catalogue_is_told_with_the_day_of_its_signature():
    def after(day, versions, signed, before=b""):
        return plan_of(day, versions, signed, before)

    def text(plan):
        return json.dumps({"plan": [
            {"sha256": p.sha256, "version": p.version, "since": p.since, "signed": p.signed} for p in plan
        ]}).encode()  # fmt: skip

    first = after("20261101", {"aa": "1"}, [])
    assert [(p.since, p.signed) for p in first] == [("20261101", "")]
    second = after("20261102", {"aa": "1"}, ["aa"], text(first))
    assert [(p.since, p.signed) for p in second] == [("20261101", "20261102")]
    third = after("20261103", {"aa": "1", "bb": "2"}, ["aa", "bb"], text(second))
    assert [(p.since, p.signed) for p in third] == [
        ("20261101", "20261102"), ("20261103", "20261103"),
    ]  # fmt: skip
    assert after("20261104", {"aa": "1"}, [], b"\xff")[0].since == "20261104"
