"""From what was seen to a verdict. Nothing is `operated` unless every input says so itself."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from tocsin.control import _ledger
from tocsin.control._acknowledged import acknowledged
from tocsin.control._model import (
    Acknowledged,
    AlarmsHeld,
    AlarmsNow,
    AlertsFired,
    AlertsNow,
    Awake,
    Ceiling,
    ClockInStep,
    CloudWatchHistory,
    CloudWatchMetric,
    DaysSealed,
    Delivered,
    Evaluations,
    Finding,
    Kind,
    LedgerNeed,
    LogGroupsNow,
    LogsRead,
    RulesHeld,
    RulesInForce,
    RulesUnchanged,
    Samples,
    Scrapes,
    Silences,
    Source,
    SourceFlags,
    State,
    TargetsNow,
    TargetsUp,
    Total,
    Verdict,
)
from tocsin.control._moments import (
    alarms_now,
    alerts_now,
    days_sealed,
    log_groups_now,
    rules_in_force,
    silences,
    source,
    source_flags,
    targets_now,
)
from tocsin.control._observed import (
    AlarmsSeen,
    AlertsSeen,
    BuildSeen,
    FlagsSeen,
    LedgerSeen,
    LogGroupsSeen,
    RulesSeen,
    SealedSeen,
    SeriesSeen,
    SilencesSeen,
    TargetsSeen,
    Unanswered,
)
from tocsin.control._steps import alerts_fired, ceiling, samples, targets_up
from tocsin.printable import printable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from tocsin.control._model import Control, Need
    from tocsin.control._observed import Observation
    from tocsin.control._period import Period

__all__ = ["judge"]

_MOST = 12
"""Findings of one kind that an input may bring; a hostile answer may hold thousands."""


_OF_LEDGER: dict[type[Need], Callable[..., Iterator[Finding]]] = {
    AlarmsHeld: _ledger.alarms_held,
    CloudWatchHistory: _ledger.alarms_held,
    Awake: _ledger.awake,
    ClockInStep: _ledger.clock_in_step,
    Acknowledged: acknowledged,
    Delivered: _ledger.delivered,
    Evaluations: _ledger.evaluations,
    LogsRead: _ledger.logs_read,
    RulesHeld: _ledger.rules_held,
    RulesUnchanged: _ledger.rules_unchanged,
    Scrapes: _ledger.scrapes,
}


def judge(control: Control, period: Period, observations: Mapping[str, Observation]) -> Verdict:
    """What `observations`, by the name of the need, say of `control` in `period`."""
    findings: list[Finding] = []
    for need in control.needs:
        seen = observations.get(need.name, Unanswered("it was not asked"))
        findings += _bounded(need, [*_of_answer(need, seen), *_of_need(need, seen, period)])
    return Verdict(_state(control, findings), tuple(findings))


def _state(control: Control, findings: Sequence[Finding]) -> State:
    kinds = {finding.kind for finding in findings}
    if Kind.CROSSED in kinds:
        return State.EXCEPTION
    if Kind.UNANSWERED in kinds:
        return State.NOT_RUN
    if Kind.LACKING in kinds:
        return State.NO_DATA
    met = {finding.need for finding in findings if finding.kind is Kind.MET}
    if control.needs and all(need.name in met for need in control.needs):
        return State.OPERATED
    return State.NOT_RUN


def _of_answer(need: Need, seen: Observation) -> Iterator[Finding]:
    if isinstance(seen, Unanswered):
        text = f"{need.name}: no answer: {printable(seen.why)}"
        yield Finding(need.name, Kind.UNANSWERED, text)
        return
    for warning in seen.warnings:
        text = f"{need.name}: the answer is partial: {printable(warning)}"
        yield Finding(need.name, Kind.LACKING, text)


def _of_need(need: Need, seen: Observation, period: Period) -> Iterator[Finding]:
    match need, seen:
        case _, Unanswered():
            return
        case Samples(), SeriesSeen():
            yield from samples(need, seen, period)
        case TargetsUp(), SeriesSeen():
            yield from targets_up(need, seen, period)
        case Ceiling(), SeriesSeen():
            yield from ceiling(need, seen, period)
        case AlertsFired(), SeriesSeen():
            yield from alerts_fired(need, seen, period)
        case Total(), SeriesSeen():
            yield _total(need, seen)
        case RulesInForce(), RulesSeen():
            yield from rules_in_force(need, seen, period)
        case AlertsNow(), AlertsSeen():
            yield from alerts_now(need, seen, period)
        case TargetsNow(), TargetsSeen():
            yield from targets_now(need, seen, period)
        case Source(), BuildSeen():
            yield source(need, seen)
        case SourceFlags(), FlagsSeen():
            yield source_flags(need, seen)
        case AlarmsNow(), AlarmsSeen():
            yield from alarms_now(need, seen, period)
        case LogGroupsNow(), LogGroupsSeen():
            yield from log_groups_now(need, seen, period)
        case Silences(), SilencesSeen():
            yield from silences(need, seen, period)
        case CloudWatchMetric(), SeriesSeen():
            as_ceiling = Ceiling(need.name, need.metric, need.limit, need.what)
            yield from ceiling(as_ceiling, seen, period)
        case DaysSealed(), SealedSeen():
            yield from days_sealed(need, seen, period)
        case LedgerNeed(), LedgerSeen():
            yield from _OF_LEDGER[type(need)](need, seen, period)
        case _:
            text = f"{need.name}: an answer of another kind than was asked for"
            yield Finding(need.name, Kind.UNANSWERED, text)


def _total(need: Total, seen: SeriesSeen) -> Finding:
    values = [value for row in seen.rows for _, value in row.points]
    if not values or not all(math.isfinite(value) and value >= 0 for value in values):
        return Finding(need.name, Kind.LACKING, f"{need.name}: no count of {need.what}")
    return Finding(need.name, Kind.MET, f"{sum(values):,.0f} {need.what}")


def _bounded(need: Need, findings: Sequence[Finding]) -> Iterator[Finding]:
    for kind in Kind:
        same = [finding for finding in findings if finding.kind is kind]
        yield from same[:_MOST]
        if len(same) > _MOST:
            more = len(same) - _MOST
            yield Finding(need.name, kind, f"{need.name}: and {more:,} more of this kind")
