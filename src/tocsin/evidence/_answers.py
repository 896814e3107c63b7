"""Reading the Prometheus API's answers. What cannot be read in full is not read at all.

Source: Prometheus documentation, "HTTP API"; the fields are those of 2.42 and 3.5.
"""

from __future__ import annotations

import hashlib
import math
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import msgspec

from tocsin.control import (
    AlarmSeen,
    AlarmsNow,
    AlarmsSeen,
    AlertmanagerAlerts,
    AlertSeen,
    AlertsNow,
    AlertsSeen,
    BuildSeen,
    CloudWatchAlarms,
    CloudWatchHistory,
    CloudWatchMetric,
    DaysSealed,
    Entry,
    FlagsSeen,
    LedgerNeed,
    LedgerSeen,
    LogGroupSeen,
    LogGroupsNow,
    LogGroupsSeen,
    Row,
    RuleSeen,
    RulesInForce,
    RulesSeen,
    SealedSeen,
    SeriesSeen,
    Silences,
    Source,
    SourceFlags,
    TargetSeen,
    TargetsNow,
    TargetsSeen,
    Unanswered,
)
from tocsin.evidence._canonical import canonical_json
from tocsin.evidence._elsewhere import read_alertmanager, read_cloudwatch

if TYPE_CHECKING:
    from tocsin.control import Need, Observation
    from tocsin.evidence._record import Answer

__all__ = ["infos_of", "read_answer", "why_not"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_FARTHEST = 10**12
"""Seconds; a time beyond is no time."""
_MOST_SERIES = 2_000
"""The controls ask for few; judging each one takes time."""

Point = tuple[float, str]


class _Series(msgspec.Struct):
    metric: dict[str, str]
    value: Point | None = None
    values: list[Point] | None = None


class _Query(msgspec.Struct):
    resultType: str  # noqa: N815 - the API's name, as the others below
    result: list[_Series]


class _Alert(msgspec.Struct):
    labels: dict[str, str]
    state: str
    activeAt: str  # noqa: N815


class _Alerts(msgspec.Struct):
    alerts: list[_Alert]


class _Rule(msgspec.Struct):
    name: str
    query: str
    health: str
    type: str
    lastEvaluation: str  # noqa: N815
    lastError: str = ""  # noqa: N815
    duration: float = 0.0
    keepFiringFor: float = 0.0  # noqa: N815
    labels: dict[str, str] = {}
    annotations: dict[str, str] = {}


class _Group(msgspec.Struct):
    name: str
    file: str
    interval: float
    rules: list[_Rule]
    limit: int = 0


class _Groups(msgspec.Struct):
    groups: list[_Group]


class _Target(msgspec.Struct):
    labels: dict[str, str]
    health: str
    lastError: str = ""  # noqa: N815


class _Targets(msgspec.Struct):
    activeTargets: list[_Target]  # noqa: N815


class _Build(msgspec.Struct):
    version: str
    application: str = "Prometheus"
    """Prometheus itself does not say; those who speak its language do."""


class _Alarm(msgspec.Struct):
    name: str
    state: str
    fed: bool
    evaluated: str


class _Alarms(msgspec.Struct):
    alarms: list[_Alarm]


class _LogGroup(msgspec.Struct):
    name: str
    read: int
    counted: int
    dropped: dict[str, int]
    through: str
    problems: list[str]


class _LogGroups(msgspec.Struct):
    logGroups: list[_LogGroup]  # noqa: N815


class _Entry(msgspec.Struct):
    seq: int
    time: int
    kind: str
    body: dict[str, Any]


class _Ledger(msgspec.Struct):
    asked: int
    carried: list[_Entry]
    entries: list[_Entry]
    after: list[_Entry]


class _Sealed(msgspec.Struct):
    days: int
    last: str
    checkpoint: str
    gaps: list[str]


class _Envelope(msgspec.Struct):
    status: str
    data: msgspec.Raw
    warnings: list[str] = []


def read_answer(need: Need, answer: Answer) -> Observation:
    """What `answer` says to `need`, or why it says nothing."""
    why = why_not(answer)
    if why:
        return Unanswered(why)
    try:
        if isinstance(need, AlertmanagerAlerts | Silences):
            return read_alertmanager(need, answer)
        envelope = msgspec.json.decode(answer.body, type=_Envelope)
        if envelope.status != "success":
            return Unanswered(f"status {envelope.status!r}{_told(answer.body)}")
        if isinstance(need, CloudWatchAlarms | CloudWatchHistory | CloudWatchMetric):
            return read_cloudwatch(need, envelope.data, answer)
        return _read(need, envelope.data, tuple(envelope.warnings), answer.started)
    except (
        msgspec.MsgspecError,
        UnicodeDecodeError,
        ValueError,
        OverflowError,
        RecursionError,
    ) as error:
        return Unanswered(f"the answer can't be read: {error}")


def why_not(answer: Answer) -> str:
    """Why it is not an answer to be read; empty where it is."""
    if answer.failure:
        return answer.failure
    return "" if answer.status == 200 else f"HTTP status {answer.status}{_told(answer.body)}"


class _Remarks(msgspec.Struct):
    infos: list[str] = []


def infos_of(body: bytes) -> list[str]:
    """What an answer of the API remarks without doubting itself."""
    try:
        return msgspec.json.decode(body, type=_Remarks).infos
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return []


def _told(body: bytes) -> str:
    """What an error answer says of itself."""
    try:
        error = msgspec.json.decode(body)["error"]
    except (msgspec.MsgspecError, UnicodeDecodeError, LookupError, TypeError, RecursionError):
        return ""
    return f": {error}"


def _read(need: Need, data: msgspec.Raw, warnings: tuple[str, ...], asked: int) -> Observation:
    if isinstance(need, RulesInForce):
        groups = msgspec.json.decode(data, type=_Groups).groups
        rules = tuple(_rule(group, rule) for group in groups for rule in group.rules)
        return RulesSeen(asked, rules, warnings)
    if isinstance(need, AlertsNow):
        alerts = msgspec.json.decode(data, type=_Alerts).alerts
        seen = tuple(AlertSeen(_pairs(a.labels), a.state, _time(a.activeAt)) for a in alerts)
        return AlertsSeen(asked, seen, warnings)
    if isinstance(need, TargetsNow):
        targets = msgspec.json.decode(data, type=_Targets).activeTargets
        return TargetsSeen(asked, tuple(_target(target) for target in targets), warnings)
    if isinstance(need, Source):
        build = msgspec.json.decode(data, type=_Build)
        return BuildSeen(build.application, build.version, warnings)
    if isinstance(need, SourceFlags):
        flags = msgspec.json.decode(data, type=dict[str, str])
        return FlagsSeen(tuple(sorted(flags.items())), warnings)
    if isinstance(need, LedgerNeed):
        return _ledger(msgspec.json.decode(data, type=_Ledger), need, warnings)
    if isinstance(need, AlarmsNow):
        alarms = msgspec.json.decode(data, type=_Alarms).alarms
        known = tuple(AlarmSeen(a.name, a.state, a.fed, _time(a.evaluated)) for a in alarms)
        return AlarmsSeen(asked, known, warnings)
    if isinstance(need, LogGroupsNow):
        log_groups = msgspec.json.decode(data, type=_LogGroups).logGroups
        return LogGroupsSeen(asked, tuple(_log_group(each) for each in log_groups), warnings)
    if isinstance(need, DaysSealed):
        sealed = msgspec.json.decode(data, type=_Sealed)
        return SealedSeen(sealed.days, sealed.last, sealed.checkpoint, tuple(sealed.gaps), warnings)
    query = msgspec.json.decode(data, type=_Query)
    wanted = "matrix" if need.path == "query_range" else "vector"
    if query.resultType != wanted:
        raise ValueError(f"result of type {query.resultType!r}, not {wanted}")
    if len(query.result) > _MOST_SERIES:
        raise ValueError(f"{len(query.result):,} series, more than {_MOST_SERIES:,}")
    return SeriesSeen(tuple(_row(each, wanted) for each in query.result), warnings)


def _ledger(ledger: _Ledger, need: LedgerNeed, warnings: tuple[str, ...]) -> LedgerSeen:
    """Entries in order and of the kinds that were asked for; else it is another ledger."""
    carried, entries, after = (
        tuple(Entry(e.seq, e.time, e.kind, e.body) for e in part)
        for part in (ledger.carried, ledger.entries, ledger.after)
    )
    found = (*carried, *entries, *after)
    numbers = [entry.seq for entry in found]
    kinds = set(need.kinds.split(","))
    if numbers != sorted(set(numbers)):
        raise ValueError("the ledger's entries are not in order")
    if not {entry.kind for entry in found} <= kinds:
        raise ValueError("the ledger holds kinds that were not asked for")
    return LedgerSeen(ledger.asked, carried, entries, after, warnings)


def _log_group(group: _LogGroup) -> LogGroupSeen:
    return LogGroupSeen(
        group.name, group.read, group.counted, sum(group.dropped.values()),
        _time(group.through), tuple(group.problems),
    )  # fmt: skip


def _row(series: _Series, wanted: str) -> Row:
    points = series.values if wanted == "matrix" else series.value and [series.value]
    if points is None:
        raise ValueError("a series without values")
    return Row(_pairs(series.metric), tuple((_micros(at), float(text)) for at, text in points))


def _rule(group: _Group, rule: _Rule) -> RuleSeen:
    definition: dict[str, Any] = {
        "group": group.name, "file": group.file, "interval": _micros(group.interval),
        "limit": group.limit, "type": rule.type, "name": rule.name, "query": rule.query,
        "for": _micros(rule.duration), "keep_firing_for": _micros(rule.keepFiringFor),
        "labels": rule.labels, "annotations": rule.annotations,
    }  # fmt: skip
    return RuleSeen(
        group.name,
        group.file,
        definition["interval"],
        rule.type,
        rule.name,
        hashlib.sha256(canonical_json(definition)).hexdigest(),
        rule.health,
        _time(rule.lastEvaluation),
        rule.lastError,
    )


def _target(target: _Target) -> TargetSeen:
    labels = target.labels
    return TargetSeen(
        labels.get("job", ""), labels.get("instance", ""), target.health, target.lastError
    )


def _pairs(labels: dict[str, str]) -> tuple[tuple[str, str], ...]:
    return tuple(sorted(labels.items()))


def _micros(seconds: float) -> int:
    if not math.isfinite(seconds) or abs(seconds) > _FARTHEST:
        raise ValueError(f"{seconds} is not a time")
    return round(seconds * 1_000_000)


def _time(text: str) -> int:
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"a time without a zone: {text[:40]!r}")
    return (moment - _EPOCH) // _MICROSECOND
