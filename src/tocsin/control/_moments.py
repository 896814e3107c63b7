"""Judging answers that speak of the moment at which they were asked for."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from tocsin.control._model import CloudWatchAlarms, Finding, Kind
from tocsin.control._period import utc
from tocsin.control._steps import shown_labels
from tocsin.durations import DAY, HOUR, MINUTE, SECOND, format_duration
from tocsin.printable import printable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tocsin.control._model import (
        AlarmsNow,
        AlertsNow,
        DaysSealed,
        LogGroupsNow,
        Need,
        RulesInForce,
        Silences,
        Source,
        SourceFlags,
        TargetsNow,
    )
    from tocsin.control._observed import (
        AlarmsSeen,
        AlertsSeen,
        BuildSeen,
        FlagsSeen,
        LogGroupsSeen,
        RuleSeen,
        RulesSeen,
        SealedSeen,
        SilencesSeen,
        TargetsSeen,
    )
    from tocsin.control._period import Period

__all__ = [
    "alarms_now",
    "alerts_now",
    "days_sealed",
    "log_groups_now",
    "rules_in_force",
    "silences",
    "source",
    "source_flags",
    "targets_now",
]

_GRACE = HOUR
"""How long after the period an answer still speaks of it: time for a nightly job."""
_SLACK = MINUTE
_KEPT = 4 * DAY
"""An Alertmanager forgets silences five days after their end, if nothing else is set."""
_BEHIND = 15 * MINUTE
"""How far reading and evaluating logs may be behind: lateness, a long period, and some more."""


def rules_in_force(need: RulesInForce, seen: RulesSeen, period: Period) -> Iterator[Finding]:
    """All rules healthy and lately evaluated, the required ones among them."""
    against = list(_other_time(need, seen.asked, period))
    names = {rule.name for rule in seen.rules if rule.type == "alerting"}
    against += (_lacks(need, f"rule {n} is not loaded") for n in need.required if n not in names)
    for rule in seen.rules:
        why = _ailing(rule, seen.asked)
        if why:
            text = f"rule {printable(rule.name)} {why}"
            against.append(_lacks(need, text))
    if not seen.rules:
        against.append(_lacks(need, "no rules are loaded"))
    yield from against or [_met(need, f"{len(seen.rules)} rules loaded, healthy, evaluated")]


def _ailing(rule: RuleSeen, asked: int) -> str:
    if rule.health != "ok":
        error = f": {printable(rule.last_error)}" if rule.last_error else ""
        return f"has health {printable(rule.health) or 'unknown'}{error}"
    age = asked - rule.last_evaluation
    allowed = 2 * rule.interval + _SLACK
    if rule.last_evaluation <= 0:
        return "was never evaluated"
    if not -_SLACK <= age <= allowed:
        last = utc(rule.last_evaluation // SECOND * SECOND)
        every = format_duration(rule.interval)
        return f"was last evaluated at {last}, though its interval is {every}"
    return ""


def alerts_now(need: AlertsNow, seen: AlertsSeen, period: Period) -> Iterator[Finding]:
    """What fires now is part of the day; of a day long past it says nothing."""
    against = list(_other_time(need, seen.asked, period))
    if not against:
        against = [
            Finding(
                need.name,
                Kind.CROSSED,
                f"alert {printable(dict(alert.labels).get('alertname', ''))} is firing"
                f", active since {utc(alert.active_at // SECOND * SECOND)}",
                alert.active_at,
            )
            for alert in seen.alerts
            if alert.state == "firing"
        ]
        against += [
            Finding(
                need.name,
                Kind.LACKING,
                f"an alert is in the unknown state {printable(alert.state)!r}"
                f" {shown_labels(alert.labels)}",
            )
            for alert in seen.alerts
            if alert.state not in {"firing", "pending", "inactive"}
        ]
    yield from against or [_met(need, "no alert is firing")]


def targets_now(need: TargetsNow, seen: TargetsSeen, period: Period) -> Iterator[Finding]:
    """At least one target, and all of them up."""
    against = list(_other_time(need, seen.asked, period))
    if not seen.targets:
        against.append(_lacks(need, "there is no target"))
    for target in seen.targets:
        if target.health != "up":
            error = f": {printable(target.last_error)}" if target.last_error else ""
            what = printable(f"{target.job} {target.instance}")
            text = f"target {what} is {printable(target.health) or 'unknown'}{error}"
            against.append(_lacks(need, text))
    count = len(seen.targets)
    yield from against or [_met(need, f"{count} target{'' if count == 1 else 's'} up now")]


def source(need: Source, seen: BuildSeen) -> Finding:
    """A source that does not say what it is proves nothing."""
    if not seen.version:
        return _lacks(need, "the source does not say which version it is")
    return Finding(
        need.name, Kind.MET, f"answered by {printable(seen.name)} {printable(seen.version)}"
    )


def source_flags(need: SourceFlags, seen: FlagsSeen) -> Finding:
    """Whoever reaches the admin API can take series away before anybody asks for them."""
    flags = dict(seen.flags)
    admin = flags.get("web.enable-admin-api", "")
    if admin == "true":
        text = "the source's admin API is on: whoever reaches it can delete series"
        return Finding(need.name, Kind.CROSSED, text)
    if admin != "false":
        return _lacks(need, "the source does not say whether its admin API is on")
    kept = printable(flags.get("storage.tsdb.retention.time", "")) or "unknown"
    return _met(need, f"admin API off, samples kept {kept}")


def alarms_now(need: AlarmsNow, seen: AlarmsSeen, period: Period) -> Iterator[Finding]:
    """The alarms are there, fed and evaluated; what is in ALARM now is part of the day."""
    against = list(_other_time(need, seen.asked, period))
    names = {alarm.name for alarm in seen.alarms}
    against += (_lacks(need, f"alarm {n} is not there") for n in need.required if n not in names)
    if not seen.alarms:
        against.append(_lacks(need, "there is no alarm"))
    for alarm in seen.alarms:
        if need.required and alarm.name not in need.required:
            continue
        name = printable(alarm.name)
        if not alarm.fed:
            text = f"alarm {name} is not evaluated: no log group here feeds it"
            if isinstance(need, CloudWatchAlarms):
                text = f"alarm {name} tells nobody: its actions are switched off"
            against.append(_lacks(need, text))
        elif not -_SLACK <= seen.asked - alarm.evaluated <= HOUR + _BEHIND:
            last = utc(alarm.evaluated // SECOND * SECOND)
            text = f"alarm {name} was last evaluated at {last}"
            against.append(_lacks(need, text))
        elif alarm.state == "ALARM":
            against.append(Finding(need.name, Kind.CROSSED, f"alarm {name} is in ALARM"))
        elif alarm.state != "OK":
            text = f"alarm {name} is in the state {printable(alarm.state)}"
            against.append(_lacks(need, text))
    count = len(need.required) or len(seen.alarms)
    yield from against or [_met(need, f"{count} alarms evaluated, all OK")]


def log_groups_now(need: LogGroupsNow, seen: LogGroupsSeen, period: Period) -> Iterator[Finding]:
    """The log groups are read up to now, and every line was counted or has a reason."""
    against = list(_other_time(need, seen.asked, period))
    names = {group.name for group in seen.groups}
    against += (_lacks(need, f"log group {n} is not read") for n in need.required if n not in names)
    if not seen.groups:
        against.append(_lacks(need, "no log group is read"))
    chosen = [g for g in seen.groups if not need.required or g.name in need.required]
    for group in chosen:
        name = f"log group {printable(group.name)}"
        for problem in group.problems[:3]:
            text = f"{name}: {printable(problem)}"
            against.append(_lacks(need, text))
        if not -_SLACK <= seen.asked - group.through <= _BEHIND:
            text = f"{name} is read up to {utc(group.through // SECOND * SECOND)} only"
            against.append(_lacks(need, text))
        if group.read != group.counted + group.dropped:
            text = f"{name}: of {group.read:,} lines {group.counted + group.dropped:,} are known"
            against.append(_lacks(need, text))
    read, dropped = sum(g.read for g in chosen), sum(g.dropped for g in chosen)
    text = f"{len(chosen)} log groups read, {read:,} lines, {dropped:,} of them not counted"
    yield from against or [_met(need, text)]


def days_sealed(need: DaysSealed, seen: SealedSeen, period: Period) -> Iterator[Finding]:
    """Of a day that is collected after its end, the day before must be sealed; none is missing."""
    against = [_lacks(need, f"day {day} is not sealed") for day in seen.gaps]
    before = f"{period.day - timedelta(days=1):%Y%m%d}"
    if not seen.days:
        against.append(_lacks(need, "no day is sealed"))
    elif seen.last < before:
        text = f"the last sealed day is {seen.last}, not {before}"
        against.append(_lacks(need, text))
    yield from against or [_met(need, f"{seen.days} days sealed, up to {seen.last}")]


def silences(need: Silences, seen: SilencesSeen, period: Period) -> Iterator[Finding]:
    """Each silence of the period: who kept which alerts from people, and when."""
    against = []
    if not period.end <= seen.asked <= period.end + _KEPT:
        text = f"{need.name}: asked at another time, when silences of the period may be forgotten"
        against.append(_lacks(need, text))
    for each in seen.silences:
        start, end = max(each.start, period.start), min(each.end, period.end)
        if start < end:
            who, why = printable(each.author), printable(each.comment)
            text = f"{who} silenced {printable(each.matchers)}: {why}"
            against.append(Finding(need.name, Kind.CROSSED, text, start, end))
    yield from against or [_met(need, "no silence")]


def _other_time(need: Need, asked: int, period: Period) -> Iterator[Finding]:
    if not period.start <= asked <= period.end + _GRACE:
        when = utc(asked // SECOND * SECOND)
        text = (
            f"{need.name}: asked at {when}, which says nothing of {period.day};"
            " collect on the day or within an hour after it"
        )
        yield _lacks(need, text)


def _lacks(need: Need, text: str) -> Finding:
    return Finding(need.name, Kind.LACKING, text)


def _met(need: Need, text: str) -> Finding:
    return Finding(need.name, Kind.MET, text)
