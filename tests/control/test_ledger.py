"""What the ledger says of a day: each fault in its span, nothing where there was none."""

from __future__ import annotations

import itertools
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.control.days import HOUR, START, period

from tocsin.control import (
    Acknowledged,
    AlarmsHeld,
    Awake,
    ClockInStep,
    Control,
    Delivered,
    Entry,
    Evaluations,
    Kind,
    LedgerSeen,
    LogsRead,
    PinnedRule,
    RulesHeld,
    RulesUnchanged,
    Scrapes,
    State,
    judge,
)
from tocsin.rules import rule_digest

DAY = period()
AGREED = rule_digest("A", "x > 15", 60_000_000, 0)
NEEDS = (
    Awake("awake"), Evaluations("evaluations"), Scrapes("scrapes"), LogsRead("logs-read"),
    RulesHeld("rules-held", (PinnedRule("A", AGREED),)), RulesUnchanged("rules-unchanged"),
    ClockInStep("clock"), Delivered("notifications"), AlarmsHeld("alarms-held"),
    Acknowledged("acknowledged"),
)  # fmt: skip
EMPTY = LedgerSeen(DAY.end + 1, (), (), ())
OF_SILENCE = (AlarmsHeld, Acknowledged)
"""They hold what happened only; `alarms-now` and `awake` say that something watched."""


def identity(digest=AGREED, sha="aa", names=("A",)):
    return {
        "configuration": {"path": "tocsin.yaml", "sha256": "cc"},
        "rules": [{"path": "r.yml", "sha256": sha, "alerts": {n: [digest] for n in names}}],
    }


def ledger(*entries, carried=(), after=(), asked=None):
    """`(hours, kind, body)` each; a daemon that started the day before is carried in."""
    count = itertools.count(1)
    make = lambda part: tuple(Entry(next(count), START + round(h * HOUR), k, b) for h, k, b in part)  # noqa: E731
    first = make(carried or [(-5, "start", identity())])
    return LedgerSeen(asked or DAY.end + 1, first, make(entries), make(after))


def judged(need, seen):
    return judge(Control("c", 1, "", "", "daily", (need,)), DAY, {need.name: seen})


def spans(verdict):
    return [
        ((f.start - START) / HOUR, (f.end - START) / HOUR)
        for f in verdict.findings if f.kind is not Kind.MET
    ]  # fmt: skip


@pytest.mark.parametrize("need", NEEDS, ids=lambda n: n.name)
def test_a_quiet_ledger_operated(need):
    verdict = judged(need, ledger())
    assert verdict.state is State.OPERATED, verdict.reasons


@pytest.mark.parametrize("need", NEEDS, ids=lambda n: n.name)
@pytest.mark.parametrize(
    "seen",
    [replace(ledger(), asked=DAY.end - 1), replace(ledger(), warnings=("cut",))],
    ids=["early", "partial"],
)
def test_a_ledger_that_is_not_whole_never_operated(need, seen):
    assert judged(need, seen).state is State.NO_DATA


@pytest.mark.parametrize(
    "need", [n for n in NEEDS if not isinstance(n, OF_SILENCE)], ids=lambda n: n.name
)
def test_a_ledger_that_says_nothing_never_operated(need):
    assert judged(need, EMPTY).state is State.NO_DATA


def gap(what, start, end, **more):
    return {"what": what, "state": "closed", "start": START + round(start * HOUR),
            "end": START + round(end * HOUR), **more}  # fmt: skip


@pytest.mark.parametrize(
    ("need", "seen", "expected", "state"),
    [
        (Awake("n"), ledger((3.5, "start", identity()), (3.5, "gap", gap("daemon", 3, 3.5))),
         [(3, 3.5)], State.NO_DATA),
        (Awake("n"), ledger((20, "stop", {})), [(20, 24)], State.NO_DATA),
        (Awake("n"), ledger((20, "stop", {}), after=[(26, "gap", gap("daemon", 20, 26))]),
         [(20, 24)], State.NO_DATA),
        (Awake("n"), ledger(after=[(26, "gap", gap("daemon", 22, 26))]), [(22, 24)], State.NO_DATA),
        (Awake("n"), ledger((20, "stop", {}), (20.01, "start", identity())), [],
         State.OPERATED),
        (Awake("n"), LedgerSeen(DAY.end, (), (Entry(1, START + 2 * HOUR, "start", identity()),), ()),
         [(0, 2)], State.NO_DATA),
        (Evaluations("n"), ledger((6, "gap", gap("evaluation", 5, 6, group="f;g", missed=3))),
         [(5, 6)], State.NO_DATA),
        (Evaluations("n"),
         ledger((1, "gap", {"what": "evaluation", "group": "f;g", "rule": "A", "state": "open"}),
                (2, "gap", {"what": "evaluation", "group": "f;g", "rule": "A", "state": "closed"})),
         [(1, 2)], State.NO_DATA),
        (Scrapes("n"),
         ledger((7, "gap", {"what": "scrape", "job": "j", "instance": "i", "state": "open"})),
         [(7, 24)], State.NO_DATA),
        (Scrapes("n"),
         ledger((7, "gap", gap("scrape", -1, 7, job="j", instance="i")),
                carried=[(-5, "start", identity()),
                         (-1, "gap", {"what": "scrape", "job": "j", "instance": "i", "state": "open"})]),
         [(0, 7)], State.NO_DATA),
        (LogsRead("n"), ledger((7, "gap", gap("log", 6, 7, log_group="web", path="p", detail="d"))),
         [(6, 7)], State.NO_DATA),
        (LogsRead("n"),
         ledger((7, "gap", {"what": "log", "log_group": "web", "state": "open", "detail": "d"}),
                (8, "gap", {"what": "log", "log_group": "web", "state": "closed", "detail": ""})),
         [(7, 8)], State.NO_DATA),
        (ClockInStep("n"), ledger((4, "state", {"clock": "set back", "ahead": 9}),
                                  (5, "state", {"clock": "in step"})), [(4, 5)], State.NO_DATA),
        (RulesHeld("n", (PinnedRule("A", AGREED),)),
         ledger((22, "configuration", identity(names=("B",)))), [(22, 24)], State.NO_DATA),
        (RulesHeld("n", (PinnedRule("A", AGREED),)),
         ledger((3, "configuration", identity("1500")), (6, "configuration", identity())),
         [(3, 6)], State.EXCEPTION),
        (RulesHeld("n", (PinnedRule("A", AGREED),)),
         ledger((6, "configuration", identity()), carried=[(-9, "start", identity("1500"))]),
         [(0, 6)], State.EXCEPTION),
        (RulesHeld("n", (PinnedRule("A"),)), ledger((3, "configuration", identity("1500"))), [],
         State.OPERATED),
        (RulesUnchanged("n"), ledger((3, "configuration", identity("1500", "bb"))), [(3, 24)],
         State.EXCEPTION),
        (RulesUnchanged("n"), ledger((3, "start", identity())), [], State.OPERATED),
        (RulesUnchanged("n"), ledger((3, "configuration", {"refused": "bad"})), [], State.OPERATED),
        (AlarmsHeld("n"),
         ledger((2, "transition", {"alarm": "a", "before": "OK", "after": "ALARM"}),
                (3, "transition", {"alarm": "a", "before": "ALARM", "after": "OK"})),
         [(2, 3)], State.EXCEPTION),
        (AlarmsHeld("n"),
         ledger((3, "transition", {"alarm": "a", "before": "ALARM", "after": "OK"})),
         [(0, 3)], State.EXCEPTION),
        (AlarmsHeld("n"), ledger(after=[(30, "transition",
                                         {"alarm": "a", "before": "ALARM", "after": "OK"})]),
         [(0, 24)], State.EXCEPTION),
        (AlarmsHeld("n", ("b",)),
         ledger((3, "transition", {"alarm": "a", "before": "ALARM", "after": "OK"})),
         [], State.OPERATED),
    ],
)  # fmt: skip
def test_a_fault_has_its_state_and_its_span(need, seen, expected, state):
    verdict = judged(need, seen)
    assert verdict.state is state, verdict.reasons
    assert spans(verdict) == expected


def note(hours, result, created, **more):
    return (hours, "notification", {"receiver": "team", "key": "k", "result": result,
                                    "created": START + round(created * HOUR), **more})  # fmt: skip


@pytest.mark.parametrize(
    ("entries", "state"),
    [
        ([note(1, "sent", 1)], State.OPERATED),
        ([note(2, "sent", 1)], State.EXCEPTION),
        ([note(1, "refused", 1, why="HTTP 400")], State.EXCEPTION),
        ([note(1, "retry", 1)], State.EXCEPTION),
        ([note(1, "retry", 1), note(1.01, "sent", 1)], State.OPERATED),
    ],
)
def test_notifications_are_taken_in_time(entries, state):
    assert judged(Delivered("n"), ledger(*entries)).state is state


bodies = st.dictionaries(
    st.sampled_from(["what", "state", "start", "end", "rules", "alarm", "before", "after", "clock",
                     "created", "key", "result", "configuration", "group", "refused", "missed"]),
    st.one_of(
        st.none(), st.integers(), st.text(max_size=5), st.lists(st.integers(), max_size=2),
        st.sampled_from(["daemon", "scrape", "evaluation", "log", "open", "closed", "set back", "OK"]),
        st.just([{"alerts": {"A": ["x"]}}]), st.just([{"alerts": [1]}, 3]), st.floats(),
    ), max_size=6,
)  # fmt: skip
kinds = st.sampled_from(
    [
        "start",
        "stop",
        "gap",
        "state",
        "configuration",
        "transition",
        "notification",
        "acknowledgement",
    ]
)


@settings(max_examples=300)
@given(
    st.sampled_from(NEEDS),
    st.lists(st.tuples(st.floats(0, 23.9), kinds, bodies), max_size=8),
    st.lists(st.tuples(st.floats(-9, -0.1), kinds, bodies), max_size=4),
)
def test_no_ledger_breaks_the_judge_and_every_span_lies_in_the_day(need, entries, carried):
    entries, carried = (sorted(part, key=lambda e: e[0]) for part in (entries, carried))
    verdict = judged(need, ledger(*entries, carried=carried))
    assert verdict.findings
    for finding in verdict.findings:
        if finding.start is not None and finding.end is not None:
            assert finding.start <= finding.end
