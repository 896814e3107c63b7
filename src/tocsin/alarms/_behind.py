"""Which metric alarms are behind a composite alarm that went off."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tocsin.alarms._definition import CompositeAlarm
from tocsin.alarms._rule import alarm_name, compile_rule

if TYPE_CHECKING:
    from collections.abc import Container, Mapping

    from tocsin.alarms._definition import MetricAlarm

__all__ = ["alarms_behind"]


def alarms_behind(
    alarm: CompositeAlarm,
    alarms: Mapping[str, MetricAlarm | CompositeAlarm],
    in_alarm: Container[str],
) -> list[MetricAlarm]:
    """The metric alarms in ALARM that speak for it, each once, through other composites.

    `in_alarm` has the names of all that are. `NOT ALARM("maintenance")` does not make the alarm
    it names one of those behind, in whatever state it is; `NOT OK("errors")` does.
    """
    found: dict[str, MetricAlarm] = {}
    waiting, seen = [alarm], {alarm.alarm_name}
    while waiting:
        for name in _wanted(waiting.pop().alarm_rule):
            if name in seen or name not in in_alarm:
                continue
            seen.add(name)
            each = alarms.get(name)
            if isinstance(each, CompositeAlarm):
                waiting.append(each)
            elif each is not None:
                found[name] = each
    return list(found.values())


def _wanted(rule: str) -> list[str]:
    """The alarms whose being in ALARM makes a rule true rather than untrue."""
    stack: list[tuple[list[str], list[str]]] = []
    for kind, child in compile_rule(rule).steps:
        name = [alarm_name(child)]
        if child:
            stack.append((name, []) if kind == "ALARM" else ([], name))
        elif kind == "NOT":
            speaks_for, against = stack.pop()
            stack.append((against, speaks_for))
        elif kind in ("AND", "OR"):
            right, left = stack.pop(), stack.pop()
            stack.append((left[0] + right[0], left[1] + right[1]))
        else:
            stack.append(([], []))
    return stack[0][0]
