"""Judging answers that speak of the moment at which they were asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tocsin.control._model import Finding, Kind
from tocsin.control._period import utc
from tocsin.control._steps import shown_labels
from tocsin.durations import HOUR, MINUTE, SECOND, format_duration
from tocsin.printable import printable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tocsin.control._model import AlertsNow, Need, RulesInForce, Source, TargetsNow
    from tocsin.control._observed import AlertsSeen, BuildSeen, RuleSeen, RulesSeen, TargetsSeen
    from tocsin.control._period import Period

__all__ = ["alerts_now", "rules_in_force", "source", "targets_now"]

_GRACE = HOUR
"""How long after the period an answer still speaks of it: time for a nightly job."""
_SLACK = MINUTE


def rules_in_force(need: RulesInForce, seen: RulesSeen, period: Period) -> Iterator[Finding]:
    """All rules healthy and lately evaluated, the required ones among them."""
    against = list(_other_time(need, seen.asked, period))
    names = {rule.name for rule in seen.rules if rule.type == "alerting"}
    against += [
        Finding(need.name, Kind.LACKING, f"rule {name} is not loaded")
        for name in need.required
        if name not in names
    ]
    for rule in seen.rules:
        why = _ailing(rule, seen.asked)
        if why:
            text = f"rule {printable(rule.name)} {why}"
            against.append(Finding(need.name, Kind.LACKING, text))
    if not seen.rules:
        against.append(Finding(need.name, Kind.LACKING, "no rules are loaded"))
    yield from against
    if not against:
        yield Finding(need.name, Kind.MET, f"{len(seen.rules)} rules loaded, healthy, evaluated")


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
    yield from against
    if not against:
        yield Finding(need.name, Kind.MET, "no alert is firing")


def targets_now(need: TargetsNow, seen: TargetsSeen, period: Period) -> Iterator[Finding]:
    """At least one target, and all of them up."""
    against = list(_other_time(need, seen.asked, period))
    if not seen.targets:
        against.append(Finding(need.name, Kind.LACKING, "there is no target"))
    for target in seen.targets:
        if target.health != "up":
            error = f": {printable(target.last_error)}" if target.last_error else ""
            what = printable(f"{target.job} {target.instance}")
            text = f"target {what} is {printable(target.health) or 'unknown'}{error}"
            against.append(Finding(need.name, Kind.LACKING, text))
    yield from against
    if not against:
        count = len(seen.targets)
        yield Finding(need.name, Kind.MET, f"{count} target{'' if count == 1 else 's'} up now")


def source(need: Source, seen: BuildSeen) -> Finding:
    """A source that does not say what it is proves nothing."""
    if not seen.version:
        return Finding(need.name, Kind.LACKING, "the source does not say which version it is")
    return Finding(
        need.name, Kind.MET, f"answered by {printable(seen.name)} {printable(seen.version)}"
    )


def _other_time(need: Need, asked: int, period: Period) -> Iterator[Finding]:
    if not period.start <= asked <= period.end + _GRACE:
        when = utc(asked // SECOND * SECOND)
        text = (
            f"{need.name}: asked at {when}, which says nothing of {period.day};"
            " collect on the day or within an hour after it"
        )
        yield Finding(need.name, Kind.LACKING, text)
