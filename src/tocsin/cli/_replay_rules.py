"""What Sigma rules found in old logs, for people and for programs."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import click

from tocsin.cli._replay_behind import offender_json, offender_lines
from tocsin.printable import printable

if TYPE_CHECKING:
    from tocsin.correlation import Alert, Offender
    from tocsin.replay import Correlated

__all__ = ["busiest", "measured", "not_named", "print_correlated", "rules_json"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def print_correlated(found: Correlated) -> None:
    """The alerts in the order of their times, then the busiest of each correlation."""
    for alert, behind in zip(found.alerts, found.behind, strict=True):
        group = ", ".join(f"{name} {value}" for name, value in alert.group)
        about = f": {group}" if group else ""
        level = f" ({alert.level})" if alert.level else ""
        click.echo(printable(f"{_moment(alert.time)}  {alert.title}{level}{about}", 500))
        click.echo(printable(f"    {measured(alert)}; {alert.reference}", 500))
        for one in behind:
            for line in offender_lines(one):
                click.echo(f"    {line}")
    if found.more:
        click.echo(f"{found.more} more alerts, not shown")
    if told := not_named(found):
        click.echo(told)
    for rules, offenders in busiest(found):
        click.echo(f"\nbusiest of {printable(', '.join(rules), 500)}:")
        for each in offenders:
            group = ", ".join(value for _, value in each.group)
            error = f" (up to {each.error} more)" if each.error else ""
            when = f"{_moment(each.first)} to {_moment(each.last)}"
            click.echo(f"    {each.events:>9}{error}  {printable(group, 100)}  {when}")
    for rule, count in found.unkeyed.items():
        click.echo(f"{count} events of {printable(rule, 100)} lack a field that it groups by")
    if found.late:
        click.echo(f"{found.late} events stand more than a minute behind later ones: not looked at")


def not_named(found: Correlated) -> str:
    """Of how many alerts it was not looked who was behind them; empty if of none."""
    count = found.unnamed
    return f"{count} alert{'' if count == 1 else 's'} without who it was: too many" if count else ""


def busiest(found: Correlated) -> list[tuple[list[str], list[Offender]]]:
    """The offenders of correlations; those that have the same ones, of the same events, are one."""
    together: dict[tuple[Offender, ...], list[str]] = {}
    for rule, offenders in found.offenders.items():
        if offenders and offenders[0].group:
            together.setdefault(tuple(offenders), []).append(rule)
    return [(rules, list(offenders)) for offenders, rules in together.items()]


def rules_json(found: Correlated) -> dict[str, Any]:
    """The same for programs."""
    return {
        "alerts": [
            {
                "time": _moment(each.time), "rule": each.rule, "title": each.title,
                "level": each.level, "group": dict(each.group), "measure": each.measure,
                "error": each.error, "first": _moment(each.first), "reference": each.reference,
                "tags": list(each.tags), "offenders": [offender_json(one) for one in behind],
            }
            for each, behind in zip(found.alerts, found.behind, strict=True)
        ],
        "alerts_not_listed": found.more,
        "alerts_without_offenders": found.unnamed,
        "alerts_by_rule": dict(found.by_rule),
        "offenders": {
            rule: [_offender(each) for each in offenders]
            for rule, offenders in found.offenders.items()
        },
        "without_group_field": found.unkeyed,
        "too_late": found.late,
    }  # fmt: skip


def _offender(each: Offender) -> dict[str, Any]:
    return {
        "group": dict(each.group), "events": each.events, "error": each.error,
        "first": _moment(each.first), "last": _moment(each.last),
    }  # fmt: skip


def measured(alert: Alert) -> str:
    """What an alert counted, how exactly, and since when."""
    error = f", off by at most {alert.error}" if alert.error else ""
    return f"{alert.measure:g}{error} since {_moment(alert.first)}"


def _moment(micros: int) -> str:
    form = "%Y-%m-%dT%H:%M:%S.%fZ" if micros % 1_000_000 else "%Y-%m-%dT%H:%M:%SZ"
    return (_EPOCH + timedelta(microseconds=micros)).strftime(form)
