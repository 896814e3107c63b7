"""No default: whatever input of whatever control is taken away, the state is never `operated`."""

from __future__ import annotations

import dataclasses

import pytest
from tests.control.days import LAB_CONTROLS, STARTER_CONTROLS, clean, period

from tocsin.control import (
    INPUT_KINDS,
    AlarmSeen,
    AlarmsSeen,
    BuildSeen,
    FlagsSeen,
    LedgerSeen,
    LogGroupSeen,
    LogGroupsSeen,
    RulesSeen,
    SealedSeen,
    SeriesSeen,
    SilencesSeen,
    State,
    Unanswered,
    judge,
    load_catalogue,
)

LOGS = b"""
version: 1
controls:
  - id: logs
    title: Logs
    objective: Logs are read and alarms evaluated.
    owner: security
    inputs:
      - {kind: awake}
      - {kind: logs-read}
      - {kind: log-groups-now, log_groups: [web]}
      - {kind: alarms-now, alarms: [burst]}
      - {kind: alarms-held}
      - {kind: scrapes}
      - {kind: evaluations}
      - {kind: rules-held, rules: [{alert: ExcessiveLoginFailures}]}
      - {kind: rules-unchanged}
      - {kind: clock}
      - {kind: notifications}
      - {kind: days-sealed}
      - {kind: source-flags}
      - {kind: alertmanager-alerts}
      - {kind: alertmanager-silences}
      - {kind: cloudwatch-alarms, alarms: [burst]}
      - {kind: cloudwatch-history}
      - {kind: cloudwatch-metric, namespace: n, metric: m, stat: Sum, limit: 5, what: failures}
"""
CONTROLS = (*LAB_CONTROLS, *STARTER_CONTROLS, *load_catalogue(LOGS, "c").controls)
EMPTY = [
    SeriesSeen(()), RulesSeen(1, ()), AlarmsSeen(1, ()), LogGroupsSeen(1, ()),
    LedgerSeen(1, (), (), ()), SilencesSeen(1, ()), SealedSeen(0, "", ""), BuildSeen("", ""), FlagsSeen(()), Unanswered("?"), None,
]  # fmt: skip
ONE_OF_EACH = [(control, need) for control in CONTROLS for need in control.needs]
name_of = lambda value: getattr(value, "id", None) or getattr(value, "name", None)  # noqa: E731


def test_every_kind_of_input_is_among_them():
    assert {type(need) for _, need in ONE_OF_EACH} == {make for make, _, _ in INPUT_KINDS.values()}


@pytest.mark.parametrize("control", CONTROLS, ids=name_of)
def test_with_everything_it_operated(control):
    verdict = judge(control, period(), clean(control, period()))
    assert verdict.state is State.OPERATED, verdict.reasons


@pytest.mark.parametrize(("control", "need"), ONE_OF_EACH, ids=name_of)
def test_without_one_input_it_never_operated(control, need):
    day = period()
    whole = clean(control, day)
    for other in EMPTY:
        seen = {k: v for k, v in whole.items() if k != need.name}
        if other is not None:
            if type(other) is type(whole[need.name]) and need.name.startswith(
                ("alerts-", "alarms-held")
            ):
                continue  # That no alert fired is an answer; other inputs show that it was looked for.
            seen[need.name] = other
        assert judge(control, day, seen).state is not State.OPERATED, other


@pytest.mark.parametrize(("control", "need"), ONE_OF_EACH, ids=name_of)
def test_a_warning_never_operated(control, need):
    seen = clean(control, period())
    seen[need.name] = dataclasses.replace(seen[need.name], warnings=("cut",))
    assert judge(control, period(), seen).state is State.NO_DATA


def one(need):
    (control,) = (c for c in CONTROLS if c.id == "logs")
    seen, day = clean(control, period()), period()
    return lambda **changes: (
        judge(control, day, seen | {need: dataclasses.replace(seen[need], **changes)}).state
    )


def test_alarms_that_do_not_watch_are_no_data():
    state, now = one("alarms-now"), period().end
    good = AlarmSeen("burst", "OK", True, now)
    assert state(alarms=(good,)) is State.OPERATED
    for change, expected in [
        ({"fed": False}, State.NO_DATA), ({"evaluated": now - 3 * 3600 * 10**6}, State.NO_DATA),
        ({"state": "INSUFFICIENT_DATA"}, State.NO_DATA), ({"state": "ALARM"}, State.EXCEPTION),
        ({"name": "other"}, State.NO_DATA),
    ]:  # fmt: skip
        assert state(alarms=(dataclasses.replace(good, **change),)) is expected


def test_log_groups_that_are_not_read_are_no_data():
    state, now = one("log-groups-now"), period().end
    good = LogGroupSeen("web", 10, 8, 2, now)
    assert state(groups=(good,)) is State.OPERATED
    for change in [
        {"through": now - 3600 * 10**6},
        {"problems": ("Permission denied",)},
        {"counted": 7},
        {"name": "other"},
    ]:
        assert state(groups=(dataclasses.replace(good, **change),)) is State.NO_DATA


def test_days_that_are_not_sealed_are_no_data():
    state = one("days-sealed")
    assert state(last="20261119") is State.OPERATED
    assert state(last="20261118") is State.NO_DATA
    assert state(gaps=("20261110",)) is State.NO_DATA
